// When memory that others may still look at can be used again.
//
// A participant is active while it may hold references. What was made unreachable before an epoch began is in
// nobody's hands once every active participant has seen that epoch: it passes a point where it holds none.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "base/bits.h"

namespace vm::gc {

/// One thread that may hold references. `epoch_seen` is written by its own thread only.
struct Participant {
    std::atomic<bool> active{false};
    std::atomic<u64> epoch_seen{0};
};

/// add, remove, only and safe are serialized by the owner's lock; everything else may be called at any time.
class Epochs {
  public:
    u64 now() const { return now_.load(); }
    /// What was unreachable before this call is free when safe() has come to the result.
    u64 advance() { return now_.fetch_add(1) + 1; }

    void add(Participant& p) { all_.push_back(&p); }
    void remove(Participant& p) { std::erase(all_, &p); }
    /// In the child of a fork: the other participants are gone.
    void only(Participant& p) { all_.assign(1, &p); }

    // The stores and loads of `active`, `epoch_seen` and the epoch are sequentially consistent: either safe()
    // sees a participant active with an old epoch, or the participant sees the new one.
    static void enter(Participant& p) { p.active.store(true); }
    static void leave(Participant& p) { p.active.store(false, std::memory_order_release); }
    /// `epoch` was read with now() before the participant dropped its references.
    static void saw(Participant& p, u64 epoch) { p.epoch_seen.store(epoch); }

    /// The newest epoch that every active participant has seen; all ones if none is active.
    u64 safe() const {
        u64 oldest = ~u64{0};
        for (const Participant* p : all_)
            if (p->active.load()) oldest = std::min(oldest, p->epoch_seen.load());
        return oldest;
    }

  private:
    std::atomic<u64> now_{1};
    std::vector<Participant*> all_;
};

}  // namespace vm::gc
