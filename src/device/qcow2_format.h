// What lies in a qcow2 image, versions 2 and 3 (QEMU's docs/interop/qcow2.txt): its header, its snapshots,
// and the bits of its entries. Everything in the file is big-endian.
#pragma once

#include <string>
#include <vector>

#include "device/image_file.h"

namespace vm::device {

template <class T>
T load_be(const void* p) {
    const T v = load_raw<T>(p);
    if constexpr (sizeof(T) == 8) return __builtin_bswap64(v);
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(v);
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(v);
}
template <class T>
void store_be(void* p, T v) {
    store_raw<T>(p, load_be<T>(&v));
}

struct Qcow2Header {
    // Where fields lie that we write.
    static constexpr u64 kRefcountTableAt = 48, kAutoclearAt = 88;
    // incompatible features that we know
    static constexpr u64 kDirty = 1 << 0, kCorrupt = 1 << 1, kCompressionType = 1 << 3;

    u32 version = 0, cluster_bits = 0, l1_size = 0, refcount_order = 4;
    u64 size = 0;  ///< of the disk, in bytes
    u64 l1_offset = 0, refcount_table_offset = 0, snapshots_offset = 0;
    u32 refcount_table_clusters = 0, snapshots = 0;
    u64 incompatible = 0, autoclear = 0;
    u8 compression = 0;  ///< 0: zlib's deflate, 1: zstd
    std::string backing, backing_format;

    u64 cluster() const { return u64{1} << cluster_bits; }
    /// Entries of an L2 table, which fills a cluster.
    u64 l2_entries() const { return cluster() / 8; }
    /// Entries of the L1 table that a disk of this size needs.
    u64 l1_entries(u64 bytes) const {
        return (bytes + cluster() * l2_entries() - 1) / (cluster() * l2_entries());
    }
};

/// Fails (InvalidArgument, Unsupported) if the header makes no sense or asks for what we cannot do.
Result<Qcow2Header> read_qcow2_header(const ImageFile& file);

struct Qcow2Snapshot {
    std::string id, name;
    u64 l1_offset = 0, size = 0;
};
Result<std::vector<Qcow2Snapshot>> read_qcow2_snapshots(const ImageFile& file, const Qcow2Header& header);
/// The first entries of an L1 table, as many as a disk of `size` bytes needs.
Result<std::vector<u64>> read_qcow2_l1(const ImageFile& file, const Qcow2Header& header, u64 offset,
                                       u64 size);

/// Entries of L1 and L2 tables.
inline constexpr u64 kQcow2Copied = u64{1} << 63;      ///< nothing else refers to it
inline constexpr u64 kQcow2Compressed = u64{1} << 62;  ///< L2
inline constexpr u64 kQcow2Zero = 1;                   ///< L2, version 3
inline constexpr u64 kQcow2Offset = 0x00fffffffffffe00;

/// An L2 entry, taken apart.
struct Qcow2Cluster {
    enum class Kind { Unallocated, Zero, Data, Compressed, Invalid };
    Kind kind = Kind::Unallocated;
    bool own = false;  ///< may be written in place
    u64 host = 0;      ///< offset in the file; of Zero: 0 if it has none
    u64 bytes = 0;     ///< there
};
Qcow2Cluster decode_qcow2_entry(const Qcow2Header& header, u64 entry);

/// The contents of a compressed cluster. False: they are not what they should be.
bool decompress_qcow2(u8 compression, const std::vector<u8>& from, std::vector<u8>& to);

}  // namespace vm::device
