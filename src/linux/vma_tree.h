// The VMA tree of an address space, without host effects: who has what where. Not thread-safe.
#pragma once

#include <map>
#include <vector>

#include "linux/address_space.h"

namespace vm::linux {

class VmaTree {
  public:
    explicit VmaTree(u64 low, u64 top) : low_(low), top_(top), cursor_(top) {}

    using Map = std::map<u64, Vma>;
    const Map& all() const { return map_; }
    u64 bytes() const { return bytes_; }
    u64 peak_bytes() const { return peak_; }

    /// The mapping that contains addr, or nullptr.
    Vma* find(u64 addr);
    const Vma* find(u64 addr) const { return const_cast<VmaTree*>(this)->find(addr); }
    /// First mapping that ends beyond addr.
    Map::iterator first_after(u64 addr);
    Map::iterator end() { return map_.end(); }
    bool any_in(u64 begin, u64 end) {
        auto it = first_after(begin);
        return it != map_.end() && it->second.begin < end;
    }
    /// First address of [begin, end) that is not mapped, or end.
    u64 first_hole(u64 begin, u64 end);
    /// Bytes of [begin, end) that are mapped.
    u64 covered(u64 begin, u64 end);

    /// Makes addr a border between mappings.
    void split(u64 addr);
    /// Removes [begin, end). True if any of it had translations.
    bool erase(u64 begin, u64 end);
    /// Adds a mapping to a hole and merges it with equal neighbours.
    void insert(Vma v);
    /// Merges what can be merged around [begin, end).
    void merge(u64 begin, u64 end);

    /// Highest free place of `len` bytes below the mmap top, aligned, not in a reserved range; 0 = none.
    u64 choose(u64 len, u64 align);
    /// The host uses something in [begin, end): never choose it.
    void reserve(u64 begin, u64 end) { reserved_.push_back({begin, end}); }
    bool reserved(u64 begin, u64 end) const;

  private:
    struct Range {
        u64 begin, end;
    };
    static bool mergeable(const Vma& a, const Vma& b);

    Map map_;
    std::vector<Range> reserved_;
    u64 bytes_ = 0, peak_ = 0;
    u64 low_, top_;
    u64 cursor_;  ///< no hole of more than cached_hole_ bytes lies in [cursor_, top_)
    u64 cached_hole_ = 0;
};

}  // namespace vm::linux
