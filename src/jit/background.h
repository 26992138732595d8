// Tier 2 in the background: where the vCPUs spend their time is sampled at their safepoints, and loops that
// are found hot are compiled on a thread of its own. The guest waits for none of it.
//
// Every few milliseconds the thread asks each active executor to leave at its next safepoint; where that is,
// is where its time goes: a loop's head, mostly. Code pays nothing for being watched. Counts decay, so that a
// loop is hot by what it does lately. While no executor runs, the thread sleeps until one does.
#pragma once

#include <memory>
#include <vector>

#include "base/bits.h"
#include "jit/call_target.h"
#include "jit/profile.h"

namespace vm::jit {

class Jit;

/// All functions are thread-safe. The thread is started by the first wake() and ends with the object.
class Background {
  public:
    explicit Background(Jit& jit);
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    /// An executor begins to run code. Cheap while the thread is awake.
    void wake();
    /// An executor that had been asked left at (pc, mode). `call`: the call through a register that it made
    /// last, if any.
    void sampled(u64 pc, u32 mode, const CallTarget& call = {});
    /// What was sampled since the last call, for the profiles.
    std::vector<SampledPlace> take_samples();
    /// Ends the thread, if there is one and it is this process's, until the next wake(): system calls that a
    /// process with several threads may not make. Waits for a compile that is under way. `for_good`: there
    /// will be none again.
    void stop(bool for_good = false);
    /// The thread's id on the host, 0 if there is none.
    int tid() const;
    /// In the child of a fork, which has no such thread.
    void forked();
    /// For another process to read.
    const HotPlaces& places() const { return places_; }

  private:
    struct Impl;
    Jit& jit_;
    HotPlaces places_;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vm::jit
