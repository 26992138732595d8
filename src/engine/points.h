// Where a debugger wants the guest to stop: breakpoints and watchpoints.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "base/bits.h"

namespace vm::engine {

/// A watchpoint: accesses of guest instructions to a byte of [begin, end).
struct Watch {
    u64 begin = 0, end = 0;
    bool load = false, store = false;  ///< which
    bool operator==(const Watch&) const = default;
};

/// All of them. A vCPU holds on to the ones that it runs with; others are another object.
struct Points {
    std::vector<u64> breaks;  ///< addresses, ascending
    std::vector<Watch> watches;
    bool forget = false;  ///< nobody debugs any more: what was done for earlier breakpoints may be undone

    bool breaks_at(u64 pc) const { return std::ranges::binary_search(breaks, pc); }
    bool operator==(const Points&) const = default;
};

/// Stands in front of the interpreter's memory: lets no watched access through.
class WatchGuard {
  public:
    struct Hit {
        u64 address = 0;
        bool write = false;
    };
    /// nullptr: none is watched.
    void set(const std::vector<Watch>* watches) { watches_ = watches; }
    bool active() const { return watches_ != nullptr; }
    /// May this access go on? False: it is watched, and hit() says so once.
    bool admits(u64 address, u64 bytes, bool load, bool store) {
        if (watches_ == nullptr) [[likely]]
            return true;
        return check(address, bytes, load, store);
    }
    /// Does an address of this page (of `page_bytes`, a power of two) belong to a watchpoint?
    bool on_page(u64 address, u64 page_bytes) const {
        if (watches_ == nullptr) [[likely]]
            return false;
        const u64 begin = address & ~(page_bytes - 1);
        return std::ranges::any_of(
            *watches_, [&](const Watch& w) { return w.begin <= begin + (page_bytes - 1) && begin < w.end; });
    }
    std::optional<Hit> take_hit() {
        const auto hit = hit_;
        hit_.reset();
        return hit;
    }

  private:
    bool check(u64 address, u64 bytes, bool load, bool store) {
        for (const Watch& w : *watches_) {
            if (!((w.load && load) || (w.store && store))) continue;
            if (address >= w.end || address + (bytes - 1) < w.begin) continue;
            hit_ = Hit{std::max(address, w.begin), store};
            return false;
        }
        return true;
    }
    const std::vector<Watch>* watches_ = nullptr;
    std::optional<Hit> hit_;
};

/// Where blocks end so that a breakpoint is their beginning, which is then never translated. Addresses stay
/// here when their breakpoints go: debuggers take them away at every stop and put them back.
class BlockLimits {
  public:
    /// Of a machine blocks are known by where they lie, breakpoints by virtual address: the place in a page
    /// is what both have in common.
    explicit BlockLimits(bool system) : mask_(system ? kPage - 1 : ~u64{0}) {}
    bool contains(u64 pc) const { return std::ranges::binary_search(at_, pc & mask_); }
    /// The next one behind `pc`, for code on its page; ~0: there is none.
    u64 next(u64 pc) const {
        const auto it = std::ranges::upper_bound(at_, pc & mask_);
        return it == at_.end() ? ~u64{0} : (pc & ~mask_) + *it;
    }
    /// False: it was here.
    bool add(u64 pc) {
        const auto it = std::ranges::lower_bound(at_, pc & mask_);
        if (it != at_.end() && *it == (pc & mask_)) return false;
        at_.insert(it, pc & mask_);
        return true;
    }
    bool empty() const { return at_.empty(); }

  private:
    static constexpr u64 kPage = 4096;
    u64 mask_;
    std::vector<u64> at_;
};

}  // namespace vm::engine
