#include "osal/event_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/format.h"
#include "osal/file.h"
#include "osal/host.h"

namespace vm::osal {
namespace {

constexpr u64 kNever = ~u64{0};
constexpr size_t kNowhere = ~size_t{0};
/// epoll_event::data of the loop's own descriptors; watches count from kFirstWatch.
constexpr u64 kEventToken = 0, kTimerToken = 1, kFirstWatch = 2;

thread_local const void* t_core = nullptr;  ///< of the loop whose thread this is

u32 events_of(bool read, bool write) { return (read ? u32{EPOLLIN} : 0) | (write ? u32{EPOLLOUT} : 0); }

void drain(int fd) {
    u64 count;
    [[maybe_unused]] const ssize_t n = ::read(fd, &count, sizeof count);
}

}  // namespace

struct EventLoop::WatchEntry {
    int fd;
    u64 token;
    std::function<void(Ready)> callback;
    u32 wanted = 0;  ///< 0: not in the epoll set, or EPOLLHUP would wake the loop for ever
};

struct EventLoop::TimerEntry {
    std::function<void()> callback;
    u64 deadline = kNever;
    size_t place = kNowhere;  ///< in Core::heap
    bool gone = false;        ///< its timer is being destroyed: a callback that still runs arms it in vain
};

struct EventLoop::Core {
    Fd epoll, event, timer;
    std::thread thread;

    std::mutex mutex;  ///< of all below
    std::condition_variable returned;
    const void* current = nullptr;  ///< the entry whose callback runs
    std::vector<std::function<void()>> posted;
    bool stopping = false;
    std::map<u64, std::shared_ptr<WatchEntry>> watches;  ///< by token
    u64 next_token = kFirstWatch;
    std::vector<std::shared_ptr<TimerEntry>> heap;  ///< the earliest in front
    u64 programmed = kNever;                        ///< what `timer` wakes the loop for; 0: the loop is awake

    Result<void> open();
    void run();
    void wake() const;
    bool run_posted();
    void run_timers();
    void run_watch(u64 token, u32 events);
    void call(std::unique_lock<std::mutex>& lock, const void* entry, const std::function<void()>& function);
    void wait_for_return(std::unique_lock<std::mutex>& lock, const void* entry);
    Result<void> set_wanted(WatchEntry& entry, u32 wanted);
    void program();
    void put(size_t place, std::shared_ptr<TimerEntry> entry);
    void sift(size_t place, std::shared_ptr<TimerEntry> entry);
    void arm(const std::shared_ptr<TimerEntry>& entry, u64 deadline);
    void take_out(TimerEntry& entry);
};

// ---- the thread

Result<void> EventLoop::Core::open() {
    epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
    event = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    timer = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    const std::pair<int, u64> own[] = {{event.get(), kEventToken}, {timer.get(), kTimerToken}};
    for (const auto& [fd, token] : own) {
        epoll_event e{};
        e.events = EPOLLIN;
        e.data.u64 = token;
        if (epoll.get() < 0 || fd < 0 || ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &e) != 0)
            return fail_errno("an event loop cannot be made");
    }
    return {};
}

void EventLoop::Core::run() {
    t_core = this;
    do {
        epoll_event events[16];
        const int n = ::epoll_wait(epoll.get(), events, 16, -1);
        for (int i = 0; i < n; i++) {
            const u64 token = events[i].data.u64;
            if (token == kEventToken)
                drain(event.get());
            else if (token == kTimerToken)
                run_timers();
            else
                run_watch(token, events[i].events);
        }
    } while (run_posted());
}

void EventLoop::Core::wake() const {
    const u64 one = 1;
    [[maybe_unused]] const ssize_t n = ::write(event.get(), &one, sizeof one);
}

/// False: the loop is to end.
bool EventLoop::Core::run_posted() {
    std::vector<std::function<void()>> now;
    bool end;
    {
        const std::lock_guard lock(mutex);
        now.swap(posted);
        end = stopping;
    }
    for (const auto& f : now) f();
    return !end;
}

/// Calls without the lock. The caller holds a reference to what has the function.
void EventLoop::Core::call(std::unique_lock<std::mutex>& lock, const void* entry,
                           const std::function<void()>& function) {
    current = entry;
    lock.unlock();
    function();
    lock.lock();
    current = nullptr;
    returned.notify_all();
}

void EventLoop::Core::wait_for_return(std::unique_lock<std::mutex>& lock, const void* entry) {
    if (t_core == this) return;  // its own callback, or another's and then it does not run
    returned.wait(lock, [&] { return current != entry; });
}

EventLoop::~EventLoop() { stop(); }

Result<std::unique_ptr<EventLoop>> EventLoop::start(const std::string& name) {
    auto core = std::make_shared<Core>();
    if (auto r = core->open(); !r) return std::unexpected(r.error());
    // Signals are for other threads, but those of faults: the loop's callbacks use guarded accesses, too.
    sigset_t all, before;
    sigfillset(&all);
    for (const int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP}) sigdelset(&all, s);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    try {
        core->thread = std::thread([c = core.get()] { c->run(); });
    } catch (const std::system_error& e) {
        error = e.code().value();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != 0)
        return fail(ErrorKind::Resource, "the host refuses a thread for an event loop (RLIMIT_NPROC?)",
                    error);
    pthread_setname_np(core->thread.native_handle(), name.substr(0, 15).c_str());
    return std::unique_ptr<EventLoop>(new EventLoop(std::move(core)));
}

void EventLoop::stop() {
    assert(!on_its_thread());
    if (!core_->thread.joinable()) return;
    {
        const std::lock_guard lock(core_->mutex);
        core_->stopping = true;
    }
    core_->wake();
    core_->thread.join();
}

void EventLoop::post(std::function<void()> function) {
    const std::lock_guard lock(core_->mutex);
    if (core_->stopping) return;
    core_->posted.push_back(std::move(function));
    if (core_->posted.size() == 1) core_->wake();
}

bool EventLoop::on_its_thread() const { return t_core == core_.get(); }
u64 EventLoop::now_ns() const { return monotonic_ns(); }

// ---- descriptors

void EventLoop::Core::run_watch(u64 token, u32 events) {
    std::unique_lock lock(mutex);
    const auto it = watches.find(token);
    if (it == watches.end()) return;  // gone since epoll_wait returned
    const auto entry = it->second;
    const Ready ready{.read = (events & entry->wanted & EPOLLIN) != 0,
                      .write = (events & entry->wanted & EPOLLOUT) != 0,
                      .hangup = entry->wanted != 0 && (events & (EPOLLHUP | EPOLLERR)) != 0};
    if (!ready.read && !ready.write && !ready.hangup) return;  // no longer wanted
    call(lock, entry.get(), [&] { entry->callback(ready); });
}

Result<void> EventLoop::Core::set_wanted(WatchEntry& entry, u32 wanted) {
    if (wanted == entry.wanted) return {};
    epoll_event e{};
    e.events = wanted;
    e.data.u64 = entry.token;
    const int op = wanted == 0 ? EPOLL_CTL_DEL : entry.wanted == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (::epoll_ctl(epoll.get(), op, entry.fd, &e) != 0) {
        if (errno == EPERM)
            return fail(ErrorKind::InvalidArgument,
                        fmt::format("descriptor {} is a plain file, which cannot be waited for", entry.fd),
                        EPERM);
        return fail_errno(fmt::format("descriptor {} cannot be watched", entry.fd));
    }
    entry.wanted = wanted;
    return {};
}

Result<std::unique_ptr<EventLoop::Watch>> EventLoop::watch(int fd, bool read, bool write,
                                                           std::function<void(Ready)> callback) {
    const std::lock_guard lock(core_->mutex);
    auto entry = std::make_shared<WatchEntry>(fd, core_->next_token++, std::move(callback));
    if (auto r = core_->set_wanted(*entry, events_of(read, write)); !r) return std::unexpected(r.error());
    core_->watches[entry->token] = entry;
    return std::unique_ptr<Watch>(new Watch(core_, std::move(entry)));
}

EventLoop::Watch::Watch(std::shared_ptr<Core> core, std::shared_ptr<WatchEntry> entry)
    : core_(std::move(core)), entry_(std::move(entry)) {}

EventLoop::Watch::~Watch() {
    std::unique_lock lock(core_->mutex);
    (void)core_->set_wanted(*entry_, 0);
    core_->watches.erase(entry_->token);
    core_->wait_for_return(lock, entry_.get());
}

Result<void> EventLoop::Watch::want(bool read, bool write, bool hangup) {
    const std::lock_guard lock(core_->mutex);
    return core_->set_wanted(*entry_, events_of(read, write) | (hangup ? EPOLLHUP | EPOLLERR : 0u));
}

// ---- deadlines: a binary heap, whose first deadline a timerfd is set to unless that wakes earlier anyway

class EventLoop::LoopTimer final : public Timer {
  public:
    LoopTimer(std::shared_ptr<Core> core, std::function<void()> callback)
        : core_(std::move(core)), entry_(std::make_shared<TimerEntry>(std::move(callback))) {}
    ~LoopTimer() override {
        std::unique_lock lock(core_->mutex);
        entry_->gone = true;
        core_->take_out(*entry_);
        core_->wait_for_return(lock, entry_.get());
    }
    void arm(u64 deadline_ns) override {
        const std::lock_guard lock(core_->mutex);
        core_->arm(entry_, deadline_ns);
    }
    void disarm() override {
        const std::lock_guard lock(core_->mutex);
        core_->take_out(*entry_);
    }

  private:
    std::shared_ptr<Core> core_;
    std::shared_ptr<TimerEntry> entry_;
};

std::unique_ptr<Timer> EventLoop::timer(std::function<void()> callback) {
    return std::make_unique<LoopTimer>(core_, std::move(callback));
}

void EventLoop::Core::put(size_t place, std::shared_ptr<TimerEntry> entry) {
    entry->place = place;
    heap[place] = std::move(entry);
}

/// Puts `entry` at `place`, which is free, or up or down from there, where it belongs.
void EventLoop::Core::sift(size_t place, std::shared_ptr<TimerEntry> entry) {
    while (place > 0 && heap[(place - 1) / 2]->deadline > entry->deadline) {
        put(place, std::move(heap[(place - 1) / 2]));
        place = (place - 1) / 2;
    }
    for (size_t child = 2 * place + 1; child < heap.size(); child = 2 * place + 1) {
        if (child + 1 < heap.size() && heap[child + 1]->deadline < heap[child]->deadline) child++;
        if (heap[child]->deadline >= entry->deadline) break;
        put(place, std::move(heap[child]));
        place = child;
    }
    put(place, std::move(entry));
}

void EventLoop::Core::take_out(TimerEntry& entry) {
    if (entry.place == kNowhere) return;
    const size_t place = std::exchange(entry.place, kNowhere);
    auto last = std::move(heap.back());
    heap.pop_back();
    if (last.get() != &entry) sift(place, std::move(last));
}

void EventLoop::Core::arm(const std::shared_ptr<TimerEntry>& entry, u64 deadline) {
    take_out(*entry);
    if (deadline == kNever || entry->gone) return;
    entry->deadline = deadline;
    heap.emplace_back();
    sift(heap.size() - 1, entry);
    program();
}

void EventLoop::Core::program() {
    if (heap.empty() || heap.front()->deadline >= programmed) return;
    programmed = std::max<u64>(heap.front()->deadline, 1);  // 0 would disarm
    itimerspec t{};
    t.it_value.tv_sec = static_cast<time_t>(programmed / 1'000'000'000);
    t.it_value.tv_nsec = static_cast<long>(programmed % 1'000'000'000);
    ::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &t, nullptr);
}

/// At most as many as there are: callbacks that arm their timers for the past leave descriptors a turn.
void EventLoop::Core::run_timers() {
    drain(timer.get());
    const u64 now = monotonic_ns();
    std::unique_lock lock(mutex);
    programmed = 0;
    for (size_t left = heap.size(); left != 0 && !heap.empty() && heap.front()->deadline <= now; left--) {
        const auto entry = heap.front();
        take_out(*entry);
        call(lock, entry.get(), entry->callback);
    }
    programmed = kNever;
    program();
}

}  // namespace vm::osal
