// Counters. Manual, volume II: "Hardware Performance Monitor", "Machine Counter-Inhibit"; "Sscofpmf".
#include "riscv/counters.h"

#include <algorithm>

#include "riscv/csr.h"

namespace vm::riscv {

namespace {

u64 counter_bit(const CsrAccess& a) { return u64{1} << (a.number & 31); }
bool is_cycle(u64 counter) { return counter == kCounterCycle; }
u64 source(const CsrAccess& a, u64 counter) {
    return is_cycle(counter) ? a.clocks().cycle() : a.clocks().instret();
}
u64& counter_field(const CsrAccess& a, u64 counter) {
    return is_cycle(counter) ? a.state().mcycle : a.state().minstret;
}

/// Which mhpmcounter or mhpmevent; kHpmCounters or more: one that is 0.
unsigned hpm_index(const CsrAccess& a) { return (a.number & 31) - kFirstHpm; }
constexpr u64 kAllHpm = kCounterHpm >> kFirstHpm;

u64 inhibiting(Privilege p) {
    return p == Privilege::Machine      ? kEventNotMachine
           : p == Privilege::Supervisor ? kEventNotSupervisor
                                        : kEventNotUser;
}

/// At least how long it takes to happen once, in 1/16 ns, and how soon it is worth a look.
u64 least_time(u64 event) { return event == kEventCycles ? 16 : event == kEventInstructions ? 1 : 160; }
constexpr u64 kSoonestLook = 20'000, kLatestLook = u64{1} << 50;

}  // namespace

bool countable(u64 event) {
    switch (event) {
        case kEventCycles:
        case kEventInstructions:
        case kEventLoadTlbMisses:
        case kEventStoreTlbMisses:
        case kEventFetchTlbMisses: return true;
        default: return false;
    }
}

// ------------------------------------------------------------------------------------------ a hart's part

u64 Hart::tally(u64 event) const {
    switch (event & kEventSelector) {
        case kEventCycles: return clocks_.cycle();
        case kEventInstructions: return clocks_.instret();
        case kEventLoadTlbMisses: return tlb_misses_[static_cast<size_t>(Access::Load)];
        case kEventStoreTlbMisses: return tlb_misses_[static_cast<size_t>(Access::Store)];
        case kEventFetchTlbMisses: return tlb_misses_[static_cast<size_t>(Access::Fetch)];
        default: return 0;
    }
}

bool Hart::counts(unsigned n) const {
    const HartState& s = *state_;
    return countable(s.mhpmevent[n] & kEventSelector) && !(s.mhpmevent[n] & inhibiting(s.privilege)) &&
           !bit(s.mcountinhibit, n + kFirstHpm);
}

bool Hart::counts_instructions() const {
    const HartState& s = *state_;
    if (s.instret_wanted && !(s.mcountinhibit & kCounterInstret)) return true;
    for (u64 left = of_instructions_; left != 0; left &= left - 1)
        if (counts(static_cast<unsigned>(std::countr_zero(left)))) return true;
    return false;
}

void Hart::settle(u64 which) {
    for (; which != 0; which &= which - 1) {
        const unsigned n = static_cast<unsigned>(std::countr_zero(which));
        if (!counts(n)) continue;
        const u64 now = tally(state_->mhpmevent[n]);
        if (static_cast<i64>(now - tally_at_[n]) < 0) continue;  // the instruction that wrote it
        const u64 old = state_->mhpmcounter[n];
        state_->mhpmcounter[n] += now - std::exchange(tally_at_[n], now);
        if (state_->mhpmcounter[n] < old) overflow(n);
    }
}

void Hart::restart(u64 which) {
    const HartState& s = *state_;
    for (unsigned n = 0; n < kHpmCounters; ++n) {
        const u64 one = u64{1} << n;
        if (which & one) tally_at_[n] = tally(s.mhpmevent[n]);
        const u64 event = s.mhpmevent[n] & kEventSelector;
        const bool runs = countable(event) && !bit(s.mcountinhibit, n + kFirstHpm);
        const auto keep = [&](u64& set, bool in) { set = in ? set | one : set & ~one; };
        keep(filtered_, runs && (s.mhpmevent[n] & kEventModes));
        keep(of_instructions_, runs && event == kEventInstructions);
    }
    plan_look();
}

// "Sscofpmf": the interrupt comes when OF becomes set; while it is set there is none.
void Hart::overflow(unsigned n) {
    if (!options_.sscofpmf || (state_->mhpmevent[n] & kEventOverflow)) return;
    state_->mhpmevent[n] |= kEventOverflow;
    lines_.fetch_or(u64{1} << kIrqLcofi);
}

// The next instruction reads what was written: this one is not counted on top of it.
void Hart::written(unsigned n) {
    if (counts(n) && (state_->mhpmevent[n] & kEventSelector) == kEventInstructions) tally_at_[n]++;
}

void Hart::check_counters() {
    settle(kAllHpm);
    plan_look();
}

// An overflow is not noticed by itself: somebody looks when the next one could be there, had the counter run
// all the time and as fast as it can.
void Hart::plan_look() const {
    if (!options_.sscofpmf) return;
    const HartState& s = *state_;
    u64 soonest = ~u64{0};
    for (unsigned n = 0; n < kHpmCounters; ++n) {
        const u64 event = s.mhpmevent[n] & kEventSelector;
        if (!countable(event) || (s.mhpmevent[n] & kEventOverflow) || bit(s.mcountinhibit, n + kFirstHpm))
            continue;
        const u64 to_go = -s.mhpmcounter[n] - 1;  // and one more
        soonest = std::min(soonest, to_go / 16 * least_time(event));
    }
    if (soonest != ~u64{0}) clocks_.look_at_counters(std::clamp(soonest, kSoonestLook, kLatestLook));
}

// ------------------------------------------------------------------------------------------ CSRs

u64 read_counter(const CsrAccess& a) {
    const u64 counter = counter_bit(a);
    if (!is_cycle(counter)) a.state().instret_wanted = true;
    const u64 v = counter_field(a, counter);
    return (a.state().mcountinhibit & counter) ? v : v + source(a, counter);
}
void write_counter(const CsrAccess& a, u64 v) {
    const u64 counter = counter_bit(a);
    if (!is_cycle(counter)) a.state().instret_wanted = true;
    // The next instruction reads what was written: this one is not counted on top of it.
    if (!(a.state().mcountinhibit & counter)) v -= source(a, counter) + (is_cycle(counter) ? 0 : 1);
    counter_field(a, counter) = v;
}
void write_mcountinhibit(const CsrAccess& a, u64 v) {
    const u64 next = v & (kCounterCycle | kCounterInstret | kCounterHpm);
    a.settle(kAllHpm);
    for (const u64 counter : {kCounterCycle, kCounterInstret}) {
        if (!((a.state().mcountinhibit ^ next) & counter)) continue;
        const u64 now = source(a, counter);
        counter_field(a, counter) += (next & counter) ? now : -now;
    }
    a.state().mcountinhibit = next;
    a.restart(kAllHpm);
}

u64 read_hpmcounter(const CsrAccess& a) {
    const unsigned n = hpm_index(a);
    if (n >= kHpmCounters) return 0;
    a.settle(u64{1} << n);
    return a.state().mhpmcounter[n];
}
void write_hpmcounter(const CsrAccess& a, u64 v) {
    const unsigned n = hpm_index(a);
    if (n >= kHpmCounters) return;
    a.state().mhpmcounter[n] = v;
    a.restart(u64{1} << n);
    a.written(n);
}

u64 read_mhpmevent(const CsrAccess& a) {
    const unsigned n = hpm_index(a);
    if (n >= kHpmCounters) return 0;
    a.settle(u64{1} << n);
    return a.state().mhpmevent[n];
}
// WARL: an event that cannot be counted becomes none.
void write_mhpmevent(const CsrAccess& a, u64 v) {
    const unsigned n = hpm_index(a);
    if (n >= kHpmCounters) return;
    a.settle(u64{1} << n);
    const u64 flags = a.hart.options().sscofpmf ? v & (kEventOverflow | kEventModes) : 0;
    a.state().mhpmevent[n] = flags | (countable(v & kEventSelector) ? v & kEventSelector : 0);
    a.restart(u64{1} << n);
}

u64 read_scountovf(const CsrAccess& a) {
    a.settle(kAllHpm);
    u64 v = 0;
    for (unsigned n = 0; n < kHpmCounters; ++n)
        if (a.state().mhpmevent[n] & kEventOverflow) v |= u64{1} << (n + kFirstHpm);
    return a.hart.privilege() == Privilege::Machine ? v : v & a.state().mcounteren;
}

}  // namespace vm::riscv
