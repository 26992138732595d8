#include "device/qcow2_refcounts.h"

#include <algorithm>

#include "base/format.h"

namespace vm::device {
namespace {

constexpr u64 kBlockOffset = ~u64{0x1ff};        // of an entry of the refcount table
constexpr u64 kMaxClusterOffset = u64{1} << 56;  // what L1 and L2 entries can name
constexpr u64 kMaxRefcountTable = 8 << 20;

}  // namespace

Qcow2Refcounts::Qcow2Refcounts(ImageFile& file, Qcow2Header& header, Qcow2Tables& tables)
    : file_(file),
      header_(header),
      cache_(tables),
      block_entries_((header.cluster() * 8) >> header.refcount_order) {}

std::unexpected<Error> Qcow2Refcounts::damaged(const char* why) const {
    return fail(
        ErrorKind::InvalidArgument,
        fmt::format("{}: the qcow2 image is damaged: {}; qemu-img check tells more", file_.path(), why));
}

Result<void> Qcow2Refcounts::load(const std::vector<u64>& l1) {
    std::vector<u64> table(header_.refcount_table_clusters * header_.cluster() / 8);
    const iovec part{table.data(), table.size() * 8};
    if (auto r = read_padded(file_, header_.refcount_table_offset, Parts(&part, 1)); !r) return r;
    for (u64& e : table) {
        e = load_be<u64>(&e) & kBlockOffset;
        if (e != 0) add_table(e);
    }
    table_ = std::move(table);
    for (const u64 e : l1)
        if ((e & kQcow2Offset) != 0) add_table(e & kQcow2Offset);
    return {};
}

bool Qcow2Refcounts::is_data(u64 offset) const {
    const auto in = [&](u64 from, u64 bytes) { return offset >= from && offset - from < bytes; };
    return offset >= header_.cluster() && !in(header_.l1_offset, u64{header_.l1_size} * 8) &&
           !in(header_.refcount_table_offset, header_.refcount_table_clusters * header_.cluster()) &&
           !tables_in_use_.contains(offset);
}

// ---- one count

u64 Qcow2Refcounts::get(const u8* block, u64 index) const {
    switch (header_.refcount_order) {
        case 3: return block[index];
        case 4: return load_be<u16>(block + 2 * index);
        case 5: return load_be<u32>(block + 4 * index);
        case 6: return load_be<u64>(block + 8 * index);
        default: {
            const unsigned width = 1u << header_.refcount_order;
            return zext(block[index * width / 8] >> (index * width % 8), width);
        }
    }
}

void Qcow2Refcounts::encode(u8* block, u64 index, u64 count) const {
    switch (header_.refcount_order) {
        case 3: block[index] = static_cast<u8>(count); return;
        case 4: store_be<u16>(block + 2 * index, static_cast<u16>(count)); return;
        case 5: store_be<u32>(block + 4 * index, static_cast<u32>(count)); return;
        case 6: store_be<u64>(block + 8 * index, count); return;
        default: {
            const unsigned width = 1u << header_.refcount_order, shift = index * width % 8;
            u8& byte = block[index * width / 8];
            byte = static_cast<u8>((byte & ~(((1u << width) - 1) << shift)) | count << shift);
        }
    }
}

Result<void> Qcow2Refcounts::set(u64 block, u64 index, u64 count) {
    auto old = cache_.get(block);
    if (!old) return std::unexpected(old.error());
    const u64 width = u64{1} << header_.refcount_order;
    const u64 at = index * width / 8, bytes = std::max<u64>(width / 8, 1);
    u8 changed[8];
    std::copy_n(*old + at, bytes, changed);
    encode(changed, width >= 8 ? 0 : index % (8 / width), count);
    return cache_.write(block, at, changed, bytes);
}

// ---- blocks of counts

/// The offset of the block that counts this cluster; made if there is none yet.
Result<u64> Qcow2Refcounts::block_of(u64 cluster) {
    const u64 index = cluster / block_entries_;
    if (index < table_.size() && table_[index] != 0) return table_[index];
    return make_block(index);
}

/// All clusters that a missing block would count are free: it takes the first of them, and counts itself.
Result<u64> Qcow2Refcounts::make_block(u64 index) {
    const u64 offset = index * block_entries_ * header_.cluster();
    if (offset >= kMaxClusterOffset) return fail(ErrorKind::Resource, file_.path() + ": the image is full");
    if (!is_data(offset)) return damaged("clusters in use are not counted");
    if (index >= table_.size()) {
        if (auto r = grow(index); !r) return std::unexpected(r.error());
        return table_[index];
    }
    std::vector<u8> block(header_.cluster());
    encode(block.data(), 0, 1);
    if (auto r = cache_.create(offset, std::move(block)); !r) return std::unexpected(r.error());
    if (auto r = file_.flush(); !r) return std::unexpected(r.error());
    if (auto r = write_table_entry(index, offset); !r) return std::unexpected(r.error());
    return offset;
}

Result<void> Qcow2Refcounts::write_table_entry(u64 index, u64 block) {
    u64 raw = 0;
    store_be<u64>(&raw, block);
    if (auto r = file_.write(header_.refcount_table_offset + 8 * index, &raw, 8); !r) return r;
    table_[index] = block;
    add_table(block);
    return {};
}

/// A longer refcount table, behind the block that counts it; the header names it when both are durable.
Result<void> Qcow2Refcounts::grow(u64 index) {
    const u64 cluster = header_.cluster();
    const u64 entries = align_up(std::max<u64>(2 * table_.size(), index + 1), cluster / 8);
    const u64 clusters = entries * 8 / cluster;
    if (entries * 8 > kMaxRefcountTable || clusters + 1 > block_entries_)
        return fail(ErrorKind::Unsupported,
                    fmt::format("{}: the image cannot grow any more; qemu-img convert makes one "
                                "with larger clusters",
                                file_.path()));
    const u64 offset = index * block_entries_ * cluster;
    std::vector<u8> block(cluster), raw(entries * 8);
    for (u64 n = 0; n <= clusters; ++n) encode(block.data(), n, 1);
    for (u64 n = 0; n < table_.size(); ++n) store_be<u64>(&raw[8 * n], table_[n]);
    store_be<u64>(&raw[8 * index], offset);
    if (auto r = cache_.create(offset, std::move(block)); !r) return r;
    if (auto r = file_.write(offset + cluster, raw.data(), raw.size()); !r) return r;
    if (auto r = file_.flush(); !r) return r;
    u8 fields[12];
    store_be<u64>(fields, offset + cluster);
    store_be<u32>(fields + 8, static_cast<u32>(clusters));
    if (auto r = file_.write(Qcow2Header::kRefcountTableAt, fields, sizeof fields); !r) return r;
    if (auto r = file_.flush(); !r) return r;
    const u64 old = header_.refcount_table_offset, old_bytes = header_.refcount_table_clusters * cluster;
    header_.refcount_table_offset = offset + cluster;
    header_.refcount_table_clusters = static_cast<u32>(clusters);
    table_.resize(entries);
    table_[index] = offset;
    add_table(offset);
    return release(old, old_bytes);
}

// ---- clusters

Result<u64> Qcow2Refcounts::allocate() {
    for (;;) {
        const u64 from = next_;
        auto block = block_of(from);
        if (!block) return block;
        if (next_ != from) continue;  // a new table freed the old one
        auto counts = cache_.get(*block);
        if (!counts) return std::unexpected(counts.error());
        u64 index = next_ % block_entries_;
        while (index < block_entries_ && get(*counts, index) != 0) ++index;
        next_ = align_down(next_, block_entries_) + index;
        if (index == block_entries_) continue;
        const u64 offset = next_ * header_.cluster();
        if (offset >= kMaxClusterOffset)
            return fail(ErrorKind::Resource, file_.path() + ": the image is full");
        if (!is_data(offset)) return damaged("a table counts as free");
        if (auto r = set(*block, index, 1); !r) return std::unexpected(r.error());
        ++next_;
        return offset;
    }
}

Result<void> Qcow2Refcounts::release(u64 offset, u64 bytes) {
    const u64 last = (offset + bytes - 1) / header_.cluster();
    for (u64 cluster = offset / header_.cluster(); cluster <= last; ++cluster) {
        const u64 at = cluster / block_entries_, index = cluster % block_entries_;
        if (at >= table_.size() || table_[at] == 0) return damaged("a cluster in use is not counted");
        const u64 block = table_[at];
        auto counts = cache_.get(block);
        if (!counts) return std::unexpected(counts.error());
        const u64 count = get(*counts, index);
        if (count == 0) return damaged("a cluster in use counts as free");
        if (auto r = set(block, index, count - 1); !r) return r;
        if (count != 1) continue;
        cache_.drop(cluster * header_.cluster());
        tables_in_use_.erase(cluster * header_.cluster());
        file_.punch(cluster * header_.cluster(), header_.cluster());
        next_ = std::min(next_, cluster);
    }
    return {};
}

}  // namespace vm::device
