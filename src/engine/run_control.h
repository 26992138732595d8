// Stops and resumes the vCPUs of one guest as a debugger asks: all stop when one has something to tell. One
// side is for the threads that run vCPUs, the other for the debugger's thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/points.h"
#include "engine/vcpu.h"

namespace vm::engine {

/// Lives longer than the engine and the vCPUs that are given to it. Thread-safe.
class RunControl {
  public:
    enum class Go : u8 { Stop, Continue, Step };
    enum class Why : u8 { Asked, Step, Break, Watch, Signal };
    /// Why a vCPU stands.
    struct Stop {
        Why why = Why::Asked;
        u64 address = 0;     ///< Break: the pc; Watch: of the access
        bool write = false;  ///< Watch: it was a store
        int signal = 0;      ///< Signal: the guest's number
        bool operator==(const Stop&) const = default;
    };
    struct Event {
        u64 id = 0;
        Stop stop;
    };
    struct Action {
        Go go = Go::Stop;
        u64 begin = 0, end = 0;  ///< Step: on and on while the pc is in [begin, end)
        int signal = 0;          ///< for a vCPU that stands by a signal: what it gets; 0: none
    };
    /// The guest ended by itself.
    struct Ended {
        bool by_signal = false;
        int code = 0;  ///< exit status or signal
    };

    struct Options {
        /// Nothing runs before resume().
        bool wait = true;
        bool watch_after = true;  ///< see set_watch_after()
    };
    explicit RunControl(const Options& options);
    /// A watched access is done before it is told of. Else the vCPU stands at its instruction, as debuggers
    /// expect of some ISAs. Before any vCPU runs.
    void set_watch_after(bool after) { options_.watch_after = after; }
    ~RunControl();

    /// One vCPU. Made and dropped by its owner, which calls run() in place of Vcpu::run().
    class Member {
      public:
        /// `wake`: makes the thread come to run() or back() soon, wherever it is; called under the
        /// RunControl's lock. `idle`: called on the vCPU's thread while it stands and after poke(); false:
        /// it is to leave run().
        Member(RunControl& control, u64 id, std::function<void()> wake, std::function<bool()> idle = {});
        ~Member();
        Member(const Member&) = delete;
        Member& operator=(const Member&) = delete;
        u64 id() const { return id_; }

      private:
        friend class RunControl;
        enum class State : u8 { NotYet, Away, Running, Standing };
        RunControl& control_;
        const u64 id_;
        const std::function<void()> wake_;
        const std::function<bool()> idle_;
        Vcpu* vcpu_ = nullptr;
        State state_ = State::NotYet;
        Action action_;
        bool stepped_ = false;  ///< the step of action_ is done but for what its owner does of it
        bool poked_ = false;
        bool at_signal_ = false;
        u64 pass_once_ = 0;  ///< signals that come from the debugger
        int signal_result_ = 0;
        std::optional<Stop> pending_;  ///< not told yet
    };

    // --- for the vCPU's thread
    /// The vCPU is there; until run() it counts as standing.
    void enter(Member& m, Vcpu& vcpu);
    /// As Vcpu::run(), but stands while the debugger wants it to, and steps if that is asked for. Safepoint
    /// after each of both.
    Exit run(Member& m);
    /// The vCPU is about to go; it counts as standing and has no registers.
    void leave(Member& m);
    /// From any thread: a member that is away is about to run.
    void arrives(Member& m);
    /// The thread does something that may take long and leaves the vCPU alone: it counts as standing. back()
    /// returns when the vCPU may be touched again.
    void away(Member& m);
    void back(Member& m);
    /// The guest is about to get a signal: stands, if anybody debugs. What it gets instead, 0: nothing.
    int signal(Member& m, int number);
    /// Interrupts are to wait: the vCPU executes one instruction for the debugger.
    bool masks_interrupts(const Member& m) const;
    /// From any thread: Member's idle() is to be called if it stands.
    void poke(Member& m);
    /// The guest ends. Returns when the debugger has been told, if there is one. Everybody runs afterwards.
    void ended(const Ended& how);
    /// Around fork(2). In the child nobody debugs.
    void fork_prepare() { mutex_.lock(); }
    void fork_parent() { mutex_.unlock(); }
    void fork_child(Member* survivor);

    // --- for the engine
    u64 points_version() const { return version_.load(std::memory_order_acquire); }
    std::shared_ptr<const Points> points(u64* version) const;

    // --- for the debugger's thread
    /// Called from any thread, without locks, when event() or ended_as() may have something.
    void set_listener(std::function<void()> listener);
    /// Somebody debugs from now on: all are to stop.
    void attach();
    /// Nobody does: points are dropped and all run.
    void detach();
    bool attached() const;
    void stop();
    /// What happened, once all stand: the vCPU to tell of. Nothing else is told before resume().
    std::optional<Event> event();
    std::optional<Ended> ended_as() const;
    /// It was told: the guest may go.
    void ended_was_told();
    /// All stand, and event() has said so. `actions`: by id; `rest` for all others and those that come.
    void resume(const std::map<u64, Action>& actions, const Action& rest);
    /// For the vCPUs that run from now on.
    void set_points(Points points);
    std::vector<u64> ids() const;
    /// Calls `use` with a vCPU that stands. False: there is none of this id.
    bool with(u64 id, const std::function<void(Vcpu&)>& use) const;
    /// In a call of the host.
    bool is_away(u64 id) const;
    /// It stands where it is about to get a signal.
    bool at_signal(u64 id) const;
    /// The next signal `number` of this vCPU is not to be told: the debugger sends it.
    void pass_once(u64 id, int number);
    /// Signals (1 << (number - 1)) that the guest gets without a stop.
    std::atomic<u64> passed_signals{0};
    /// Stepped vCPUs take interrupts, too.
    std::atomic<bool> step_interrupts{false};

  private:
    using Lock = std::unique_lock<std::mutex>;
    bool all_stand() const;
    Action action_of(u64 id) const;
    void stop_all();
    void report(Lock& lock, Member& m, const Stop& stop);
    bool stand(Lock& lock, Member& m);
    Exit step(Member& m);
    bool watched(Lock& lock, Member& m, Exit& e);
    void notify(Lock& lock);
    bool still_watched(const Stop& stop) const;
    Member* find(u64 id) const;

    Options options_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Member*> members_;
    std::function<void()> listener_;
    bool attached_;
    bool stopping_;                  ///< all are to stand, and nobody was told that they do
    std::map<u64, Action> actions_;  ///< of the last resume(), for members that come, too
    Action rest_;                    ///< of those that are not there
    std::deque<u64> order_;          ///< members with something pending, first come
    std::optional<Ended> ended_;
    bool ended_told_ = false;
    std::shared_ptr<const Points> points_ = std::make_shared<Points>();
    std::atomic<u64> version_{1};
};

}  // namespace vm::engine
