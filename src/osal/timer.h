// Alarms at times of CLOCK_MONOTONIC, as an interface: an event loop's, or a test's with a clock of its own.
#pragma once

#include <functional>
#include <memory>

#include "base/bits.h"

namespace vm::osal {

/// A one-shot alarm. Its callback runs on a thread of whoever made it, never two at a time. Every function
/// may be called from any thread, also from the callback.
class Timer {
  public:
    /// The callback does not run any more when this returns, and never will: so the caller holds no lock that
    /// the callback takes. The callback itself may destroy its timer; one that runs meanwhile may still arm
    /// it, in vain.
    virtual ~Timer() = default;
    /// In nanoseconds; replaces an earlier deadline. The past: as soon as possible. ~0: never.
    virtual void arm(u64 deadline_ns) = 0;
    /// A callback that has begun goes on.
    virtual void disarm() = 0;
};

/// Who makes them.
class Timers {
  public:
    virtual ~Timers() = default;
    /// The clock of the deadlines.
    virtual u64 now_ns() const = 0;
    /// Disarmed.
    virtual std::unique_ptr<Timer> timer(std::function<void()> callback) = 0;
};

}  // namespace vm::osal
