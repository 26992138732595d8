// A thread that waits for descriptors and deadlines and calls back: what devices use of their host beside
// the harts.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bits.h"
#include "base/result.h"
#include "osal/timer.h"

namespace vm::osal {

/// Callbacks run one after the other on the loop's thread, without a lock of the loop. Signals are blocked
/// there, but those of faults. Functions may be called from any thread unless they say otherwise.
class EventLoop final : public Timers {
    struct Core;
    struct WatchEntry;
    struct TimerEntry;
    class LoopTimer;

  public:
    /// What a descriptor can do. `hangup`: also an error; reported whatever is wanted, again and again until
    /// nothing is wanted or the watch is gone.
    struct Ready {
        bool read = false, write = false, hangup = false;
    };

    /// A descriptor that is watched; does not own it.
    class Watch {
      public:
        /// As Timer's. Before the descriptor is closed.
        ~Watch();
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;
        /// `hangup`: that is reported even if nothing else is wanted.
        Result<void> want(bool read, bool write, bool hangup = false);

      private:
        friend class EventLoop;
        Watch(std::shared_ptr<Core> core, std::shared_ptr<WatchEntry> entry);
        std::shared_ptr<Core> core_;
        std::shared_ptr<WatchEntry> entry_;
    };

    /// `name`: the thread's, at most 15 bytes are shown.
    static Result<std::unique_ptr<EventLoop>> start(const std::string& name);
    /// Stops. Timers and watches may outlive the loop; they do nothing then.
    ~EventLoop() override;
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Runs what has been posted, ends the thread and returns when it has ended. Not on the loop's thread,
    /// and not on two at a time.
    void stop();
    /// To be run on the loop's thread, in order. Dropped once the loop stops.
    void post(std::function<void()> function);
    bool on_its_thread() const;

    /// monotonic_ns().
    u64 now_ns() const override;
    /// Arming for later than the loop next wakes makes no system call, for earlier one.
    std::unique_ptr<Timer> timer(std::function<void()> callback) override;
    /// Calls back while the descriptor is ready for what is wanted (level-triggered). Each descriptor can
    /// have one watch. Fails (InvalidArgument) for plain files, which are always ready.
    Result<std::unique_ptr<Watch>> watch(int fd, bool read, bool write, std::function<void(Ready)> callback);

  private:
    explicit EventLoop(std::shared_ptr<Core> core) : core_(std::move(core)) {}
    std::shared_ptr<Core> core_;
};

}  // namespace vm::osal
