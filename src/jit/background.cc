#include "jit/background.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "jit/jit.h"
#include "jit/worker.h"

namespace vm::jit {
namespace {

using namespace std::chrono_literals;
/// Between two samples. A tick costs some 50 us of processor time, most of it the host's: so they are rare,
/// but for a few in a row where a place was met again.
constexpr auto kTick = 6ms, kUrgentTick = 1ms, kCalmTick = 25ms;
constexpr u32 kUrgentTicks = 6;
/// Samples, each worth kOne, that make a loop hot. Every kDecayTicks ticks that are not urgent all counts
/// lose an eighth.
constexpr u32 kOne = kSampleWeight, kAgain = kOne + kOne / 2, kHot = 4 * kOne;
constexpr u64 kDecayTicks = 8;
/// A region that was dropped (its code changed, memory became shared) is made again so often.
constexpr u32 kMaxCompiles = 16;
/// And one that guessed wrong where a call leads.
constexpr u32 kMaxRemakes = 4;
/// Ticks in which no place was met again after which a look every kCalmTick is enough.
constexpr u64 kCalmTicks = 10;
/// Ticks in which nobody ran after which the thread sleeps.
constexpr u64 kIdleTicks = 4;
constexpr size_t kMaxCounts = 4096;

struct Place {
    u64 pc;
    u32 mode;
    bool operator==(const Place&) const = default;
};
struct Count {
    u32 weight = 0, samples = 0;
    u32 before = 0;     ///< of its weight, what the profile has already
    u32 taken = 0;      ///< of its samples, those that the profile has
    u32 compiled = 0;   ///< how often its loop was
    bool done = false;  ///< was compiled, or cannot be
    bool anew = false;  ///< its region is to be made although there is one
    u32 remade = 0;     ///< how often it was, for a call that led elsewhere
    u64 head = 0;       ///< of its loop, once that was looked for
};
/// Where a call through a register was seen to lead.
struct IndirectCall {
    u64 target = 0;            ///< the usual one
    u32 hits = 0, others = 0;  ///< samples that went there, and elsewhere
    bool inside = false;       ///< of the region at `head`, made for `made`
    u64 head = 0;
    CallTarget made;

    void add(u64 to) {
        if (hits + others == kSeenMost) hits /= 2, others /= 2;
        if (to == target) {
            hits++;
        } else if (others++ >= hits) {
            target = to;
            std::swap(hits, others);
        }
    }
    /// Where it nearly always leads; 0: there is no such place.
    u64 usual() const { return hits >= kSeenLeast && hits >= 8 * others ? target : 0; }
    bool settled() const { return usual() == 0 && hits + others >= kSeenEnough; }
    /// A region was made for something else.
    bool wrong() const {
        if (!inside) return false;
        if (usual() != made.target) return usual() != 0 || others >= kSeenLeast;
        return settled() && !made.settled;
    }

    static constexpr u32 kSeenLeast = 5, kSeenEnough = 12, kSeenMost = 64;
};
struct PlaceHash {
    size_t operator()(const Place& p) const { return p.pc * 0x9e3779b97f4a7c15u ^ p.mode; }
};

}  // namespace

struct Background::Impl {
    Impl(Jit& j, HotPlaces& p) : jit(j), places(p) {}

    Jit& jit;
    HotPlaces& places;
    std::atomic<bool> awake{false};  ///< the thread runs, and will look at the executors before it sleeps
    std::mutex mutex;
    std::condition_variable changed;
    std::thread thread;
    std::atomic<int> tid{0};
    const pid_t owner = ::getpid();  ///< others that share this memory start no thread
    bool ends = false;
    bool refused = false;  ///< the host gave no thread, or there shall be none
    u32 urgent = 0;        ///< so many of the next ticks are
    std::deque<Place> queue;
    std::unordered_map<Place, Count, PlaceHash> counts;
    std::unordered_map<Place, IndirectCall, PlaceHash> calls;  ///< by CallTarget::site
    std::unique_ptr<Worker> worker;

    void run();
    void decay();
    void show(BackgroundState state);
    bool work(std::unique_lock<std::mutex>& lock);
    void called(u64 target, const Place& from);
    std::vector<CallTarget> call_targets(u32 mode) const;
};

Background::Background(Jit& jit) : jit_(jit), impl_(std::make_unique<Impl>(jit, places_)) {}
Background::~Background() { stop(); }

void Background::wake() {
    if (impl_->awake.load(std::memory_order_relaxed)) [[likely]]
        return;
    const std::lock_guard lock(impl_->mutex);
    if (impl_->awake || impl_->refused) return;
    const bool there = impl_->thread.joinable();
    if (!there && ::getpid() != impl_->owner) return;
    impl_->awake = true;
    if (there) return impl_->changed.notify_one();
    // The guest's signals are for its own threads.
    sigset_t all, before;
    sigfillset(&all);
    for (const int s : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP}) sigdelset(&all, s);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        impl_->tid = 0;
        impl_->thread = std::thread([impl = impl_.get()] {
            impl->tid = static_cast<int>(::syscall(SYS_gettid));
            impl->tid.notify_all();
            impl->run();
        });
        impl_->tid.wait(0);               // who lists threads must know it
    } catch (const std::system_error&) {  // RLIMIT_NPROC: the program goes on without tier 2
        impl_->refused = true;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Background::sampled(u64 pc, u32 mode, const CallTarget& call) {
    std::unique_lock lock(impl_->mutex);
    if (call.site != 0) impl_->called(call.target, {call.site, mode});
    if (!impl_->counts.contains({pc, mode})) {
        lock.unlock();
        const u32 before = jit_.profiled_weight(pc, mode);
        lock.lock();
        impl_->counts.try_emplace({pc, mode}, Count{.weight = before, .before = before});
    }
    Count& n = impl_->counts[{pc, mode}];
    const Translation* t = jit_.lookup(n.head != 0 ? n.head : pc, mode);
    const bool region = t != nullptr && t->region;
    HotPlacesEdit(places_).sample({pc, n.samples, mode, n.weight, region});
    n.samples++;
    n.weight += kOne;
    if (!region && n.compiled != 0 && n.compiled < kMaxCompiles) n.done = false;
    if (n.done) return;
    if (n.weight > kAgain && impl_->urgent == 0) {
        impl_->urgent = kUrgentTicks;
        impl_->changed.notify_one();
    }
    if (n.weight < kHot) return;
    n.done = true;
    impl_->queue.push_back({pc, mode});
    HotPlacesEdit(places_).thread(places_.state, places_.tid, impl_->queue.size());
    impl_->changed.notify_one();
}

/// A region whose guess was wrong is made anew, a few times.
void Background::Impl::called(u64 target, const Place& from) {
    if (calls.size() > kMaxCounts) calls.clear();
    IndirectCall& c = calls[from];
    c.add(target);
    if (!c.wrong()) return;
    c.inside = false;  // until it was made
    if (c.made.target != 0) c.target = 0, c.hits = c.others = 0;
    Count& n = counts[{c.head, from.mode}];
    if (n.remade == kMaxRemakes) return;
    n.remade++;
    n.anew = true;
    queue.push_back({c.head, from.mode});
    changed.notify_one();
}

std::vector<CallTarget> Background::Impl::call_targets(u32 mode) const {
    std::vector<CallTarget> all;
    for (const auto& [from, c] : calls)
        if (from.mode == mode && (c.usual() != 0 || c.settled()))
            all.push_back({static_cast<u32>(from.pc), c.usual(), c.settled()});
    return all;
}

std::vector<SampledPlace> Background::take_samples() {
    const std::lock_guard lock(impl_->mutex);
    std::vector<SampledPlace> all;
    for (auto& [place, n] : impl_->counts) {
        if (n.samples == n.taken) continue;
        all.push_back({.pc = place.pc,
                       .mode = place.mode,
                       .samples = n.samples - n.taken,
                       .gained = n.weight - std::min(n.weight, n.before),
                       .cold = n.done && n.compiled == 0});
        n.taken = n.samples;
        n.before = n.weight;
    }
    return all;
}

int Background::tid() const { return impl_->tid.load(std::memory_order_relaxed); }

void Background::stop(bool for_good) {
    std::thread thread;
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->refused |= for_good;
        if (::getpid() != impl_->owner) return;
        impl_->ends = true;
        thread = std::move(impl_->thread);
        impl_->changed.notify_one();
    }
    if (thread.joinable()) {
        const int id = impl_->tid;
        thread.join();
        // The kernel counts it for a moment more.
        while (id != 0 && ::syscall(SYS_tgkill, impl_->owner, id, 0) == 0) ::sched_yield();
    }
    impl_->tid = 0;
    const std::lock_guard lock(impl_->mutex);
    impl_->ends = false;
    impl_->awake = false;
    impl_->show(BackgroundState::None);
}

void Background::forked() {
    // The thread may have been anywhere in its work: nothing of it can be used or freed.
    (void)impl_.release();
    impl_ = std::make_unique<Impl>(jit_, places_);
    HotPlacesEdit(places_).clear();
}

void Background::Impl::decay() {
    for (auto& [place, n] : counts) {
        n.weight -= n.weight / 8;
        n.before -= n.before / 8;
    }
    if (counts.size() > kMaxCounts)
        std::erase_if(counts, [](const auto& c) { return !c.second.done && c.second.weight < kOne / 4; });
    if (counts.size() > kMaxCounts) counts.clear();
    HotPlacesEdit(places).decay();
}

/// For those who look from outside.
void Background::Impl::show(BackgroundState state) { HotPlacesEdit(places).thread(state, tid, queue.size()); }

bool Background::Impl::work(std::unique_lock<std::mutex>& lock) {
    if (queue.empty()) return false;
    const Place p = queue.front();
    queue.pop_front();
    show(BackgroundState::Compiling);
    const u32 made_before = counts[p].compiled;
    const bool anew = std::exchange(counts[p].anew, false);
    const std::vector<CallTarget> targets = call_targets(p.mode);
    lock.unlock();
    if (!worker) worker = std::make_unique<Worker>(jit);
    const u64 head = anew ? p.pc : worker->back_edge_target(p.pc, p.mode);
    const bool made = jit.optimize(*worker, head, p.mode, true, made_before, targets, anew);
    lock.lock();
    if (made)
        for (const CallTarget& call : worker->indirect_calls()) {
            if (call.target == 0 && !call.settled) urgent = kUrgentTicks;  // to see where it leads
            IndirectCall& c = calls[{call.site, p.mode}];
            c.inside = true;
            c.head = head;
            c.made = call;
        }
    for (const u64 pc : {p.pc, head}) {
        Count& n = counts[{pc, p.mode}];
        n.done = true;
        n.head = head;
        n.compiled += made;
        if (made) HotPlacesEdit(places).compiled(pc, p.mode);
    }
    show(BackgroundState::Watching);
    return true;
}

void Background::Impl::run() {
    ::pthread_setname_np(::pthread_self(), "vm-tier2");
    std::unique_lock lock(mutex);
    show(BackgroundState::Watching);
    u64 idle = 0, calm = 0, ticks = 0;
    while (!ends) {
        if (work(lock)) {
            calm = 0;
            continue;
        }
        if (idle >= kIdleTicks) {
            awake = false;
            if (!jit.ask_for_samples()) {
                show(BackgroundState::Asleep);
                changed.wait(lock, [&] { return awake || ends || !queue.empty(); });
                show(BackgroundState::Watching);
            }
            awake = true;
            idle = calm = 0;
            continue;
        }
        changed.wait_for(lock, urgent != 0 ? kUrgentTick : calm < kCalmTicks ? kTick : kCalmTick);
        idle = jit.ask_for_samples() ? 0 : idle + 1;
        if (urgent != 0) {
            urgent--;
            calm = 0;
            continue;
        }
        calm++;
        if (++ticks % kDecayTicks == 0) decay();
    }
}

}  // namespace vm::jit
