// Tables of a qcow2 image that fill a cluster each (L2 tables, blocks of reference counts): a cache that
// writes through.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "device/qcow2_format.h"

namespace vm::device {

/// Not thread-safe.
class Qcow2Tables {
  public:
    static constexpr u64 kMaxBytes = 32 << 20;

    Qcow2Tables(ImageFile& file, const Qcow2Header& header) : file_(file), cluster_(header.cluster()) {}
    /// The table at this offset, as long as a cluster; valid until the next call.
    Result<const u8*> get(u64 offset);
    /// Changes part of a table.
    Result<void> write(u64 offset, u64 at, const u8* from, u64 bytes);
    /// A new table in a cluster that was free.
    Result<void> create(u64 offset, std::vector<u8> contents);
    /// The cluster is no table any more.
    void drop(u64 offset);

  private:
    struct Table {
        std::vector<u8> contents;
        std::list<u64>::iterator place;
    };
    void keep(u64 offset, std::vector<u8> contents);

    ImageFile& file_;
    const u64 cluster_;
    std::list<u64> recent_;  ///< offsets, the latest used first
    std::unordered_map<u64, Table> tables_;
};

/// Reads of a disk image end where the file does: zeroes behind that.
Result<void> read_padded(const ImageFile& file, u64 offset, Parts to);

}  // namespace vm::device
