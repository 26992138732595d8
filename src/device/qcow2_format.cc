#include "device/qcow2_format.h"

#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <string_view>

#include "base/format.h"
#include "device/disk.h"

namespace vm::device {
namespace {

constexpr u32 kMagic = 0x514649fb;  // "QFI\xfb"
constexpr u64 kHeaderBytes2 = 72, kHeaderBytes3 = 104;
constexpr u32 kBackingFormatExtension = 0xe2792aca;
// Ours, and QEMU's: larger tables than this come from no sane image.
constexpr u32 kMinClusterBits = 9, kMaxClusterBits = 21;
constexpr u64 kMaxL1Bytes = 32 << 20, kMaxRefcountTableBytes = 8 << 20, kMaxSnapshotBytes = 16 << 20;
constexpr u64 kMaxBackingName = 1023, kMaxSnapshots = 65536, kMaxTableOffset = u64{1} << 56;

std::unexpected<Error> bad(const ImageFile& file, std::string_view why) {
    return fail(ErrorKind::InvalidArgument, fmt::format("{}: is no sound qcow2 image: {}", file.path(), why));
}

/// Version 3: which features the image asks for.
Result<void> check_features(const ImageFile& file, const Qcow2Header& h) {
    constexpr u64 kKnown = Qcow2Header::kDirty | Qcow2Header::kCorrupt | Qcow2Header::kCompressionType;
    if ((h.incompatible & ~kKnown) != 0)
        return fail(
            ErrorKind::Unsupported,
            fmt::format("{}: has features that we cannot read ({:#x}{}{}); qemu-img convert makes an image "
                        "without",
                        file.path(), h.incompatible & ~kKnown,
                        (h.incompatible & 4) != 0 ? ": external data file" : "",
                        (h.incompatible & 16) != 0 ? ": extended L2 entries" : ""));
    const bool typed = (h.incompatible & Qcow2Header::kCompressionType) != 0;
    if (h.compression > 1 || typed != (h.compression != 0))
        return bad(file, "its type of compression is unknown");
    if ((h.incompatible & (Qcow2Header::kDirty | Qcow2Header::kCorrupt)) != 0 && !file.read_only())
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format(
                "{}: was not closed properly or is damaged; qemu-img check -r all repairs it, or open "
                "it read-only",
                file.path()));
    return {};
}

/// The format of the backing file, from the extensions behind the header.
Result<void> read_extensions(const ImageFile& file, const std::vector<u8>& first, u64 at, u64 end,
                             Qcow2Header& h) {
    while (at + 8 <= end) {
        const u32 type = load_be<u32>(&first[at]), bytes = load_be<u32>(&first[at + 4]);
        at += 8;
        if (type == 0) return {};
        if (bytes > end - at) return bad(file, "a header extension is too long");
        if (type == kBackingFormatExtension)
            h.backing_format.assign(reinterpret_cast<const char*>(&first[at]), bytes);
        at = align_up(at + bytes, 8);
    }
    return {};
}

Result<void> read_backing(const ImageFile& file, const std::vector<u8>& first, u64 header_bytes,
                          Qcow2Header& h) {
    const u64 offset = load_be<u64>(&first[8]);
    const u32 bytes = load_be<u32>(&first[16]);
    if (offset != 0 && (offset < header_bytes || offset > first.size() || bytes == 0 ||
                        bytes > kMaxBackingName || bytes > first.size() - offset))
        return bad(file, "the name of its backing file lies nowhere");
    if (auto r = read_extensions(file, first, header_bytes, offset != 0 ? offset : first.size(), h); !r)
        return r;
    if (offset == 0) return {};
    h.backing.assign(reinterpret_cast<const char*>(&first[offset]), bytes);
    if (h.backing.find('\0') != std::string::npos)
        return bad(file, "the name of its backing file is no name");
    return {};
}

Result<void> check_tables(const ImageFile& file, const Qcow2Header& h) {
    const u64 in_cluster = h.cluster() - 1;
    if (h.size == 0 || h.size % kSector != 0 || h.size > kMaxTableOffset)
        return bad(file, fmt::format("its disk has {} bytes", h.size));
    if (h.refcount_order > 6) return bad(file, "its reference counts have more than 64 bits");
    if (h.l1_size < h.l1_entries(h.size) || h.l1_entries(h.size) * 8 > kMaxL1Bytes)
        return bad(file, "its L1 table is too small or too large");
    if ((h.l1_offset & in_cluster) != 0 || h.l1_offset == 0 || h.l1_offset >= file.size())
        return bad(file, "its L1 table lies nowhere");
    if ((h.refcount_table_offset & in_cluster) != 0 || h.refcount_table_offset == 0 ||
        h.refcount_table_offset >= file.size() || h.refcount_table_clusters == 0 ||
        h.refcount_table_clusters > kMaxRefcountTableBytes / h.cluster())
        return bad(file, "its refcount table lies nowhere or is too large");
    if (h.snapshots > kMaxSnapshots ||
        (h.snapshots != 0 && ((h.snapshots_offset & in_cluster) != 0 || h.snapshots_offset >= file.size())))
        return bad(file, "its snapshots lie nowhere or are too many");
    return {};
}

}  // namespace

Result<Qcow2Header> read_qcow2_header(const ImageFile& file) {
    std::vector<u8> first(std::min<u64>(file.size(), u64{1} << kMaxClusterBits));
    if (first.size() < kHeaderBytes2) return bad(file, "it is too short");
    if (auto r = file.read(0, first.data(), first.size()); !r) return std::unexpected(r.error());
    Qcow2Header h;
    h.version = load_be<u32>(&first[4]);
    if (load_be<u32>(first.data()) != kMagic) return bad(file, "it does not start as one");
    if (h.version != 2 && h.version != 3)
        return fail(ErrorKind::Unsupported,
                    fmt::format("{}: is qcow2 of version {}", file.path(), h.version));
    h.cluster_bits = load_be<u32>(&first[20]);
    if (h.cluster_bits < kMinClusterBits || h.cluster_bits > kMaxClusterBits)
        return bad(file, fmt::format("its clusters have 2^{} bytes", h.cluster_bits));
    first.resize(std::min<u64>(first.size(), h.cluster()));
    h.size = load_be<u64>(&first[24]);
    if (load_be<u32>(&first[32]) != 0)
        return fail(ErrorKind::Unsupported, fmt::format("{}: is encrypted", file.path()));
    h.l1_size = load_be<u32>(&first[36]);
    h.l1_offset = load_be<u64>(&first[40]);
    h.refcount_table_offset = load_be<u64>(&first[Qcow2Header::kRefcountTableAt]);
    h.refcount_table_clusters = load_be<u32>(&first[56]);
    h.snapshots = load_be<u32>(&first[60]);
    h.snapshots_offset = load_be<u64>(&first[64]);
    u64 header_bytes = kHeaderBytes2;
    if (h.version == 3) {
        if (first.size() < kHeaderBytes3) return bad(file, "it is too short");
        h.incompatible = load_be<u64>(&first[72]);
        h.autoclear = load_be<u64>(&first[Qcow2Header::kAutoclearAt]);
        h.refcount_order = load_be<u32>(&first[96]);
        header_bytes = load_be<u32>(&first[100]);
        if (header_bytes < kHeaderBytes3 || header_bytes > first.size() || header_bytes % 8 != 0)
            return bad(file, "its header has no sound length");
        if (header_bytes > kHeaderBytes3) h.compression = first[kHeaderBytes3];
        if (auto r = check_features(file, h); !r) return std::unexpected(r.error());
    }
    if (auto r = check_tables(file, h); !r) return std::unexpected(r.error());
    if (auto r = read_backing(file, first, header_bytes, h); !r) return std::unexpected(r.error());
    return h;
}

// ---- snapshots and tables

Result<std::vector<Qcow2Snapshot>> read_qcow2_snapshots(const ImageFile& file, const Qcow2Header& header) {
    constexpr u64 kFixed = 40, kSizeAt = 8;
    std::vector<Qcow2Snapshot> all;
    if (header.snapshots == 0) return all;
    std::vector<u8> table(std::min(file.size() - header.snapshots_offset, kMaxSnapshotBytes));
    if (auto r = file.read(header.snapshots_offset, table.data(), table.size()); !r)
        return std::unexpected(r.error());
    u64 at = 0;
    for (u32 n = 0; n < header.snapshots; ++n) {
        if (at + kFixed > table.size()) return bad(file, "its snapshots end early");
        const u8* p = &table[at];
        const u64 id = load_be<u16>(p + 12), name = load_be<u16>(p + 14), extra = load_be<u32>(p + 36);
        if (extra + id + name > table.size() - at - kFixed) return bad(file, "its snapshots end early");
        const char* text = reinterpret_cast<const char*>(p + kFixed + extra);
        const u64 size = extra >= kSizeAt + 8 ? load_be<u64>(p + kFixed + kSizeAt) : header.size;
        if (size == 0 || size % kSector != 0 || size > kMaxTableOffset ||
            load_be<u32>(p + 8) < header.l1_entries(size))
            return bad(file, "a snapshot has no sound size");
        all.push_back({std::string(text, id), std::string(text + id, name), load_be<u64>(p), size});
        at = align_up(at + kFixed + extra + id + name, 8);
    }
    return all;
}

Result<std::vector<u64>> read_qcow2_l1(const ImageFile& file, const Qcow2Header& header, u64 offset,
                                       u64 size) {
    const u64 entries = header.l1_entries(size);
    if (entries * 8 > kMaxL1Bytes || offset == 0 || offset % header.cluster() != 0 || offset > file.size() ||
        entries * 8 > file.size() - offset)
        return bad(file, "an L1 table lies nowhere");
    std::vector<u64> table(entries);
    if (auto r = file.read(offset, table.data(), 8 * entries); !r) return std::unexpected(r.error());
    for (u64& e : table) e = load_be<u64>(&e);
    return table;
}

Qcow2Cluster decode_qcow2_entry(const Qcow2Header& header, u64 entry) {
    using enum Qcow2Cluster::Kind;
    if ((entry & kQcow2Compressed) != 0) {
        const unsigned split = 62 - (header.cluster_bits - 8);
        const u64 host = bits(entry, split - 1, 0), sectors = bits(entry, 61, split) + 1;
        return {Compressed, false, host, sectors * kSector - host % kSector};
    }
    const u64 host = entry & kQcow2Offset;
    const bool own = (entry & kQcow2Copied) != 0;
    if (host % header.cluster() != 0 || (own && host == 0)) return {Invalid};
    if ((entry & kQcow2Zero) != 0) {
        if (header.version < 3) return {Invalid};
        return {Zero, own, host, header.cluster()};
    }
    return host == 0 ? Qcow2Cluster{} : Qcow2Cluster{Data, own, host, header.cluster()};
}

// ---- compressed clusters

namespace {

/// Deflate without zlib's header; the stream may be followed by anything.
bool inflate_all(const std::vector<u8>& from, std::vector<u8>& to) {
    z_stream s{};
    s.next_in = const_cast<u8*>(from.data());
    s.avail_in = static_cast<uInt>(from.size());
    s.next_out = to.data();
    s.avail_out = static_cast<uInt>(to.size());
    if (::inflateInit2(&s, -MAX_WBITS) != Z_OK) return false;
    const int r = ::inflate(&s, Z_FINISH);
    ::inflateEnd(&s);
    return (r == Z_STREAM_END || r == Z_BUF_ERROR) && s.avail_out == 0;
}

bool unzstd_all(const std::vector<u8>& from, std::vector<u8>& to) {
    const std::unique_ptr<ZSTD_DCtx, decltype(&::ZSTD_freeDCtx)> context(::ZSTD_createDCtx(),
                                                                         &::ZSTD_freeDCtx);
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    ZSTD_outBuffer out{to.data(), to.size(), 0};
    while (context != nullptr && out.pos < out.size) {
        const size_t in_before = in.pos, out_before = out.pos;
        if (::ZSTD_isError(::ZSTD_decompressStream(context.get(), &out, &in)) != 0) return false;
        if (in.pos == in_before && out.pos == out_before) return false;
    }
    return out.pos == out.size;
}

}  // namespace

bool decompress_qcow2(u8 compression, const std::vector<u8>& from, std::vector<u8>& to) {
    return compression == 0 ? inflate_all(from, to) : unzstd_all(from, to);
}

}  // namespace vm::device
