#include "engine/run_control.h"

#include <algorithm>
#include <chrono>

namespace vm::engine {

RunControl::RunControl(const Options& options)
    : options_(options), attached_(options.wait), stopping_(options.wait) {
    rest_.go = options.wait ? Go::Stop : Go::Continue;
}
RunControl::~RunControl() = default;

RunControl::Member::Member(RunControl& control, u64 id, std::function<void()> wake,
                           std::function<bool()> idle)
    : control_(control), id_(id), wake_(std::move(wake)), idle_(std::move(idle)) {
    const Lock lock(control_.mutex_);
    action_ = control_.action_of(id);
    control_.members_.push_back(this);
}

RunControl::Member::~Member() {
    Lock lock(control_.mutex_);
    std::erase(control_.members_, this);
    std::erase(control_.order_, id_);
    control_.notify(lock);
}

// ---------------------------------------------------------------------------------------------- inside

RunControl::Member* RunControl::find(u64 id) const {
    const auto it = std::ranges::find(members_, id, &Member::id_);
    return it == members_.end() ? nullptr : *it;
}

RunControl::Action RunControl::action_of(u64 id) const {
    const auto it = actions_.find(id);
    return it == actions_.end() ? rest_ : it->second;
}

bool RunControl::all_stand() const {
    using State = Member::State;
    return std::ranges::none_of(
        members_, [](const Member* m) { return m->state_ == State::Running || m->state_ == State::NotYet; });
}

/// Tells the debugger's thread, if it waits for just this.
void RunControl::notify(Lock& lock) {
    if (!listener_ || !stopping_ || !all_stand()) return;
    const auto listener = listener_;
    lock.unlock();
    listener();
    lock.lock();
}

void RunControl::stop_all() {
    rest_ = {};
    actions_.clear();
    for (Member* m : members_) {
        m->action_ = {};
        if (m->state_ == Member::State::Running) m->wake_();
    }
}

void RunControl::report(Lock&, Member& m, const Stop& stop) {
    if (!attached_) return;
    m.pending_ = stop;
    order_.push_back(m.id_);
    stopping_ = true;
    stop_all();
}

/// False: idle() wants the thread back.
bool RunControl::stand(Lock& lock, Member& m) {
    m.state_ = Member::State::Standing;
    notify(lock);
    while (m.action_.go == Go::Stop) {
        changed_.wait(lock, [&] { return m.poked_ || m.action_.go != Go::Stop; });
        if (!std::exchange(m.poked_, false) || !m.idle_) continue;
        lock.unlock();
        const bool stays = m.idle_();
        lock.lock();
        if (!stays) {
            m.state_ = Member::State::Running;
            return false;
        }
    }
    m.state_ = Member::State::Running;
    return true;
}

bool RunControl::still_watched(const Stop& stop) const {
    return std::ranges::any_of(points_->watches, [&](const Watch& w) {
        return (stop.write ? w.store : w.load) && stop.address >= w.begin && stop.address < w.end;
    });
}

// ---------------------------------------------------------------------------------------------- vCPUs

void RunControl::enter(Member& m, Vcpu& vcpu) {
    Lock lock(mutex_);
    m.vcpu_ = &vcpu;
    if (m.state_ == Member::State::NotYet) m.state_ = Member::State::Away;
    notify(lock);
}

void RunControl::leave(Member& m) {
    Lock lock(mutex_);
    m.vcpu_ = nullptr;
    m.state_ = Member::State::Away;
    notify(lock);
}

void RunControl::arrives(Member& m) {
    const Lock lock(mutex_);
    // Who says so may be late: it may have run, and stand by now.
    if (m.state_ == Member::State::Away) m.state_ = Member::State::Running;
}

void RunControl::away(Member& m) {
    Lock lock(mutex_);
    m.state_ = Member::State::Away;
    notify(lock);
}

void RunControl::back(Member& m) {
    Lock lock(mutex_);
    changed_.wait(lock, [&] { return m.action_.go != Go::Stop; });
    m.state_ = Member::State::Running;
}

/// The access that `e` tells of is done, if that is the way. False: it was none; the owner is to see `e`.
bool RunControl::watched(Lock& lock, Member& m, Exit& e) {
    const Stop stop{.why = Why::Watch, .address = e.value, .write = e.write};
    if (options_.watch_after) {
        lock.unlock();
        e = m.vcpu_->step(false);
        lock.lock();
        if (e.reason != ir::ExitReason::Next) return false;
    }
    report(lock, m, stop);
    return true;
}

Exit RunControl::run(Member& m) {
    Lock lock(mutex_);
    Vcpu& vcpu = *m.vcpu_;
    const auto in_range = [&] { return vcpu.pc() >= m.action_.begin && vcpu.pc() < m.action_.end; };
    const auto stands = [&] {
        stand(lock, m);
        return Exit{ir::ExitReason::Safepoint, vcpu.pc()};
    };
    const auto step_done = [&] {
        if (points_->breaks_at(vcpu.pc()))
            report(lock, m, {.why = Why::Break, .address = vcpu.pc()});
        else if (!in_range())
            report(lock, m, {.why = Why::Step});
    };
    if (std::exchange(m.stepped_, false) && m.action_.go == Go::Step) step_done();
    if (m.action_.go == Go::Stop) return stands();
    m.state_ = Member::State::Running;
    const bool steps = m.action_.go == Go::Step;
    lock.unlock();
    Exit e = steps ? vcpu.step(true) : vcpu.run();
    const bool debug = e.reason == ir::ExitReason::DebugBreak || e.reason == ir::ExitReason::DebugWatch;
    if (!debug && !steps) return e;
    lock.lock();
    if (e.reason == ir::ExitReason::DebugBreak) {
        report(lock, m, {.why = Why::Break, .address = e.pc});
    } else if (e.reason == ir::ExitReason::DebugWatch) {
        if (!watched(lock, m, e)) return e;
    } else if (e.reason == ir::ExitReason::Next) {
        if (m.action_.go == Go::Step) step_done();
    } else {
        m.stepped_ = true;
        return e;
    }
    if (m.action_.go == Go::Stop) return stands();
    return Exit{ir::ExitReason::Safepoint, vcpu.pc()};
}

int RunControl::signal(Member& m, int number) {
    Lock lock(mutex_);
    const u64 mask = u64{1} << ((number - 1) & 63);
    if (!attached_ || (passed_signals & mask)) return number;
    if (m.pass_once_ & mask) {
        m.pass_once_ &= ~mask;
        return number;
    }
    m.at_signal_ = true;
    m.signal_result_ = number;
    report(lock, m, {.why = Why::Signal, .signal = number});
    stand(lock, m);
    m.at_signal_ = false;
    if (m.action_.go == Go::Step && m.signal_result_ != 0) m.stepped_ = true;  // stands in the handler
    return m.signal_result_;
}

bool RunControl::masks_interrupts(const Member& m) const {
    const Lock lock(mutex_);
    return m.action_.go == Go::Step && !step_interrupts;
}

void RunControl::poke(Member& m) {
    const Lock lock(mutex_);
    m.poked_ = true;
    changed_.notify_all();
}

void RunControl::ended(const Ended& how) {
    Lock lock(mutex_);
    if (attached_ && listener_) {
        ended_ = how;
        const auto listener = listener_;
        lock.unlock();
        listener();
        lock.lock();
        // A debugger that does not read holds nobody up for long.
        changed_.wait_for(lock, std::chrono::seconds(2), [&] { return ended_told_; });
    }
    lock.unlock();
    detach();
}

void RunControl::fork_child(Member* survivor) {
    members_.clear();
    if (survivor != nullptr) members_.push_back(survivor);
    listener_ = nullptr;
    mutex_.unlock();
    detach();
}

// ---------------------------------------------------------------------------------------------- debugger

std::shared_ptr<const Points> RunControl::points(u64* version) const {
    const Lock lock(mutex_);
    *version = version_.load(std::memory_order_relaxed);
    return points_;
}

void RunControl::set_points(Points points) {
    std::ranges::sort(points.breaks);
    points.breaks.erase(std::ranges::unique(points.breaks).begin(), points.breaks.end());
    const Lock lock(mutex_);
    if (points == *points_) return;
    points_ = std::make_shared<Points>(std::move(points));
    version_.fetch_add(1, std::memory_order_release);
}

void RunControl::set_listener(std::function<void()> listener) {
    Lock lock(mutex_);
    listener_ = std::move(listener);
    notify(lock);
}

bool RunControl::attached() const {
    const Lock lock(mutex_);
    return attached_;
}

void RunControl::attach() {
    {
        const Lock lock(mutex_);
        attached_ = true;
    }
    stop();
}

void RunControl::detach() {
    {
        const Lock lock(mutex_);
        attached_ = stopping_ = false;
        order_.clear();
        rest_ = {.go = Go::Continue};
        actions_.clear();
        for (Member* m : members_) {
            m->pending_.reset();
            m->stepped_ = false;
            m->action_ = rest_;
        }
        changed_.notify_all();
    }
    set_points({.breaks = {}, .watches = {}, .forget = true});
}

void RunControl::stop() {
    Lock lock(mutex_);
    stopping_ = true;
    stop_all();
    notify(lock);
}

std::optional<RunControl::Event> RunControl::event() {
    const Lock lock(mutex_);
    if (!stopping_ || !all_stand() || members_.empty()) return std::nullopt;
    stopping_ = false;
    std::optional<Event> first;
    std::deque<u64> later;
    for (const u64 id : order_) {
        Member* const m = find(id);
        if (m == nullptr || !m->pending_) continue;
        const Stop stop = *m->pending_;
        if (!first) {
            first = Event{id, stop};
            m->pending_.reset();
        } else if (stop.why == Why::Watch || stop.why == Why::Signal) {
            later.push_back(id);
        } else {
            m->pending_.reset();  // it comes there again when it is resumed
        }
    }
    order_.swap(later);
    if (first) return first;
    const auto m = std::ranges::find(members_, Member::State::Standing, &Member::state_);
    return Event{(m != members_.end() ? *m : members_.front())->id_, {}};
}

std::optional<RunControl::Ended> RunControl::ended_as() const {
    const Lock lock(mutex_);
    return ended_told_ ? std::nullopt : ended_;
}

void RunControl::ended_was_told() {
    const Lock lock(mutex_);
    ended_told_ = true;
    changed_.notify_all();
}

void RunControl::resume(const std::map<u64, Action>& actions, const Action& rest) {
    Lock lock(mutex_);
    actions_ = actions;
    rest_ = rest;
    for (const u64 id : std::deque<u64>(order_)) {
        Member* const m = find(id);
        if (m == nullptr || !m->pending_ || action_of(id).go == Go::Stop) continue;
        if (m->pending_->why == Why::Watch && !still_watched(*m->pending_)) {
            m->pending_.reset();
            std::erase(order_, id);
            continue;
        }
        // What it has to tell comes before it runs on.
        std::erase(order_, id);
        order_.push_front(id);
        stopping_ = true;
        stop_all();
        return notify(lock);
    }
    stopping_ = false;
    for (Member* m : members_) {
        m->action_ = action_of(m->id_);
        m->stepped_ = false;
        if (m->at_signal_ && m->action_.go != Go::Stop) m->signal_result_ = m->action_.signal;
    }
    changed_.notify_all();
}

void RunControl::pass_once(u64 id, int number) {
    const Lock lock(mutex_);
    if (Member* const m = find(id)) m->pass_once_ |= u64{1} << ((number - 1) & 63);
}

std::vector<u64> RunControl::ids() const {
    const Lock lock(mutex_);
    std::vector<u64> out;
    for (const Member* m : members_) out.push_back(m->id_);
    return out;
}

bool RunControl::with(u64 id, const std::function<void(Vcpu&)>& use) const {
    const Lock lock(mutex_);
    const Member* const m = find(id);
    if (m == nullptr || m->vcpu_ == nullptr || m->state_ == Member::State::Running) return false;
    use(*m->vcpu_);
    return true;
}

bool RunControl::is_away(u64 id) const {
    const Lock lock(mutex_);
    const Member* const m = find(id);
    return m != nullptr && m->state_ == Member::State::Away;
}

bool RunControl::at_signal(u64 id) const {
    const Lock lock(mutex_);
    const Member* const m = find(id);
    return m != nullptr && m->at_signal_;
}

}  // namespace vm::engine
