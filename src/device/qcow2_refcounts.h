// Who uses which cluster of a qcow2 image: allocation and freeing of clusters by their reference counts.
//
// Counts go up before anything refers to a cluster and down after nothing does, so that a process that is
// killed leaves clusters that nobody uses, and never one in use that counts as free.
#pragma once

#include <unordered_set>
#include <vector>

#include "device/qcow2_tables.h"

namespace vm::device {

/// Not thread-safe.
class Qcow2Refcounts {
  public:
    Qcow2Refcounts(ImageFile& file, Qcow2Header& header, Qcow2Tables& tables);
    /// Reads the refcount table; `l1` is the image's.
    Result<void> load(const std::vector<u64>& l1);
    /// A free cluster, whose count is 1 from now on. Its contents: anything, zeroes from the file's end on.
    Result<u64> allocate();
    /// Takes the reference of each cluster that [offset, offset + bytes) touches, when nothing refers to them
    /// in the file any more.
    Result<void> release(u64 offset, u64 bytes);
    /// The cluster holds a table, which no data may overwrite.
    void add_table(u64 offset) { tables_in_use_.insert(offset); }
    /// [offset, offset + bytes) holds no header or table.
    bool is_data(u64 offset) const;

  private:
    struct Count {
        u64 block;  ///< offset of the block of counts
        u64 index;  ///< in it
    };
    Result<u64> block_of(u64 cluster);
    Result<u64> make_block(u64 index);
    Result<void> grow(u64 index);
    Result<void> write_table_entry(u64 index, u64 block);
    u64 get(const u8* block, u64 index) const;
    Result<void> set(u64 block, u64 index, u64 count);
    void encode(u8* block, u64 index, u64 count) const;
    std::unexpected<Error> damaged(const char* why) const;

    ImageFile& file_;
    Qcow2Header& header_;
    Qcow2Tables& cache_;
    std::vector<u64> table_;                 ///< offsets of blocks, 0: none
    std::unordered_set<u64> tables_in_use_;  ///< offsets of L2 tables and blocks of counts
    u64 next_ = 0;                           ///< no cluster before this one is free
    const u64 block_entries_;
};

}  // namespace vm::device
