#include "gc/collector.h"

#include <algorithm>

namespace vm::gc {
namespace {

using State = Area::State;

/// Shares of all areas. Measured with bench/cache.py, see docs/engine.md.
constexpr u32 kProbationShare = 16, kReserveShare = 32, kMarkShare = 16;
/// How much longer an area of the old space stays than one of the young.
constexpr u64 kOldAge = 8;

}  // namespace

void Collector::manage(std::vector<Area*> areas) {
    areas_ = std::move(areas);
    const u32 n = static_cast<u32>(areas_.size());
    for (u32 i = 0; i < n; i++) areas_[i]->number = i;
    reserve_ = std::max(1u, n / kReserveShare);
    probation_ = std::max(1u, n / kProbationShare);
    mark_every_ = std::max(1u, n / kMarkShare);
}

u32 Collector::count(State state) const {
    return static_cast<u32>(std::ranges::count_if(areas_, [&](const Area* a) { return a->state == state; }));
}

Area* Collector::oldest(State state) const {
    Area* best = nullptr;
    for (Area* a : areas_)
        if (a->state == state && (best == nullptr || a->opened < best->opened)) best = a;
    return best;
}

Area* Collector::open(Space space, Area* open) {
    const auto free = std::ranges::find_if(areas_, [](const Area* a) { return a->state == State::Free; });
    if (free == areas_.end()) return nullptr;
    if (open != nullptr && open->state == State::Open) open->state = State::Full;
    Area& a = **free;
    a.state = State::Open;
    a.space = space;
    a.opened = ++opened_;
    a.cycle = 0;
    a.marked = 0;
    a.filled = 0;
    a.reached = Area::kUnknown;
    old_opened_ += space == Space::Old;
    // The last free one was taken: the oldest is emptied, so that it is ready when this one is full.
    if (policy_ == Policy::Fifo && count(State::Free) == 0)
        if (Area* o = oldest(State::Full)) evict(*o);
    plan();
    return &a;
}

void Collector::add(Node& n) {
    areas_[n.area]->filled += n.bytes;
    if (!marker_.running()) return;
    marker_.born(n);
    areas_[n.area]->marked += n.bytes;
}

u32 Collector::trace(Node& n, Marker& marker) {
    areas_[n.area]->marked += n.bytes;
    return heap_.trace(n, marker);
}

void Collector::reclaim(u64 safe_epoch) {
    for (Area* a : areas_)
        if (a->state == State::Retired && a->epoch <= safe_epoch) {
            heap_.release(*a);
            a->state = State::Free;
        }
}

// ---------------------------------------------------------------------------------------------- what to do
// next

/// Of the young space the oldest full area. One of the old space in its place, if that is so much older, or
/// if less than a quarter of it was reached when marking ended last.
Area* Collector::victim() {
    Area *young = nullptr, *old = nullptr, *unused = nullptr;
    for (Area* a : areas_) {
        if (a->state != State::Full) continue;
        Area*& oldest = a->space == Space::Young ? young : old;
        if (oldest == nullptr || a->opened < oldest->opened) oldest = a;
        if (a->space == Space::Old && a->reached < a->filled / 4 &&
            (unused == nullptr || a->reached < unused->reached))
            unused = a;
    }
    if (unused != nullptr) return unused;
    if (young == nullptr || old == nullptr) return old != nullptr ? old : young;
    return opened_ - old->opened > kOldAge * (opened_ - young->opened) ? old : young;
}

void Collector::plan() {
    if (policy_ != Policy::Generations) return;
    const u32 probation = count(State::Probation);
    const u32 coming = count(State::Free) + count(State::Retired) + (sweeping_ != nullptr);
    if (sweeping_ == nullptr && coming < reserve_ && probation != 0) {
        sweeping_ = oldest(State::Probation);
        sweeping_->state = State::Sweeping;
        sweeping_->next = 0;
    }
    if (condemned_ == nullptr && coming + probation < reserve_ + probation_)
        if (Area* a = victim()) condemn(*a);
    plan_marking();
}

void Collector::condemn(Area& a) {
    a.state = State::Condemned;
    a.next = 0;
    condemned_ = &a;
    stats_.collections++;
}

/// A cycle for each sixteenth of all areas that the old space grew by, while there is something to condemn.
void Collector::plan_marking() {
    if (marker_.running() || old_opened_ - old_marked_ < mark_every_ ||
        count(State::Free) > reserve_ + probation_)
        return;
    old_marked_ = old_opened_;
    marker_.begin();
    phase_ = Phase::Roots;
    root_area_ = root_node_ = 0;
    period_.fetch_add(1, std::memory_order_relaxed);
    for (Area* a : areas_) {
        a->cycle = marker_.cycle();
        a->marked = 0;
    }
    heap_.ask_for_roots();
}

// ---------------------------------------------------------------------------------------------- slices

void Collector::step(u32 budget) {
    if (condemned_ != nullptr) suspend_some(budget);
    if (sweeping_ != nullptr) sweep_some(budget);
    if (marker_.running()) mark_some(budget);
}

void Collector::suspend_some(u32 budget) {
    Area& a = *condemned_;
    const u32 n = heap_.node_count(a), end = std::min(n, a.next + budget);
    stats_.suspended += end - a.next;
    for (; a.next < end; a.next++) heap_.suspend(heap_.node(a, a.next));
    if (a.next < n) return;
    a.epoch = heap_.announce();
    a.state = State::Probation;
    condemned_ = nullptr;
    plan();
}

void Collector::sweep_some(u32 budget) {
    Area& a = *sweeping_;
    const u32 n = heap_.node_count(a), end = std::min(n, a.next + budget);
    for (; a.next < end; a.next++) {
        Node& x = heap_.node(a, a.next);
        marker_.forget(x);
        heap_.finalize(x);
        stats_.swept++;
        stats_.swept_bytes += x.bytes;
    }
    if (a.next < n) return;
    a.state = State::Retired;
    sweeping_ = nullptr;
    plan();
}

/// Roots are looked for twice: what was entered while marking went on is found the second time.
void Collector::mark_some(u32 budget) {
    switch (phase_) {
        case Phase::Roots:
        case Phase::LateRoots:
            if (scan_roots(budget)) phase_ = phase_ == Phase::Roots ? Phase::Trace : Phase::LateTrace;
            break;
        case Phase::Trace:
            if (marker_.step(*this, budget)) {
                phase_ = Phase::LateRoots;
                root_area_ = root_node_ = 0;
            }
            break;
        case Phase::LateTrace:
            if (marker_.step(*this, budget)) {
                marker_.end();
                stats_.cycles++;
                for (Area* a : areas_)
                    if (a->cycle == marker_.cycle()) a->reached = a->marked;
                plan();
            }
            break;
    }
}

bool Collector::scan_roots(u32 budget) {
    const u32 lately = period() - 1;
    for (; root_area_ < areas_.size(); root_area_++, root_node_ = 0) {
        const Area& a = *areas_[root_area_];
        if (a.state != State::Open && a.state != State::Full) continue;  // who is on probation is on trial
        for (const u32 n = heap_.node_count(a); root_node_ < n; root_node_++) {
            if (budget-- == 0) return false;
            Node& x = heap_.node(a, root_node_);
            if (!marker_.marked(x) && (x.used.load(std::memory_order_relaxed) >= lately || heap_.is_root(x)))
                marker_.reach(x);
        }
    }
    return heap_.reach_roots(marker_, budget);
}

bool Collector::force(u32 budget) {
    if (policy_ == Policy::Generations) {
        if (sweeping_ == nullptr && count(State::Retired) == 0) {
            if (Area* a = oldest(State::Probation)) {
                sweeping_ = a;
                a->state = State::Sweeping;
                a->next = 0;
            }
        }
        if (sweeping_ != nullptr) {
            sweep_some(budget);
            return true;
        }
    }
    if (count(State::Retired) != 0) return false;
    if (policy_ == Policy::Flush) {
        evict_all();
        return true;
    }
    Area* a = policy_ == Policy::Generations ? victim() : oldest(State::Full);
    if (condemned_ == nullptr && a == nullptr) a = oldest(State::Open);
    if (policy_ == Policy::Fifo) {
        evict(*a);
    } else {
        if (condemned_ == nullptr) condemn(*a);
        suspend_some(budget);
    }
    return true;
}

// ---------------------------------------------------------------------------------------------- at once

void Collector::evict(Area& a) {
    const u32 n = heap_.node_count(a);
    if (a.state != State::Condemned) stats_.collections++;
    for (u32 i = a.state == State::Sweeping ? a.next : 0; i < n; i++) {
        Node& x = heap_.node(a, i);
        marker_.forget(x);
        heap_.finalize(x);
        stats_.swept++;
        stats_.swept_bytes += x.bytes;
    }
    if (condemned_ == &a) condemned_ = nullptr;
    if (sweeping_ == &a) sweeping_ = nullptr;
    a.state = State::Retired;
    a.epoch = heap_.announce();
}

void Collector::evict_all() {
    for (Area* a : areas_)
        if (a->state != State::Free && a->state != State::Retired && heap_.node_count(*a) != 0) evict(*a);
    plan();
}

}  // namespace vm::gc
