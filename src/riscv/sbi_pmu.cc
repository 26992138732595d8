#include "riscv/sbi_pmu.h"

#include <algorithm>

#include "riscv/counters.h"

namespace vm::riscv {

namespace {

/// "Event Index": a type and a code.
enum EventType : u64 { kHardwareEvent = 0, kCacheEvent = 1, kRawEvent = 2, kFirmwareEvent = 15 };
constexpr u64 event_type(u64 index) { return index >> 16; }
constexpr u64 event_code(u64 index) { return index & 0xffff; }

/// Flags of sbi_pmu_counter_config_matching …
constexpr u64 kSkipMatch = 1, kClearValue = 2, kAutoStart = 4, kNotInUser = 0x20, kNotInSupervisor = 0x40,
              kNotInMachine = 0x80, kMatchFlags = 0xff;
/// … of sbi_pmu_counter_start and stop
constexpr u64 kSetValue = 1, kFromSnapshot = 2, kResetMapping = 1, kTakeSnapshot = 2, kStartFlags = 3;

constexpr u64 one(unsigned counter) { return u64{1} << counter; }
constexpr u64 kCycleAndInstret = kCounterCycle | kCounterInstret;
constexpr u64 kHardware = kCycleAndInstret | kCounterHpm;
constexpr u64 kOfFirmware = ((u64{1} << SbiPmu::kFirmwareCounters) - 1) << SbiPmu::kFirstFirmware;
constexpr u64 kThere = kHardware | kOfFirmware;

/// The counters that a base and a mask mean, 0: one of them is not there, or they are none.
u64 counters(u64 base, u64 mask) {
    if (base >= SbiPmu::kCounters || mask == 0) return 0;
    const u64 set = mask << base;
    return set >> base == mask && (set & ~kThere) == 0 ? set : 0;
}

template <class F>
void for_each(u64 set, F f) {
    for (; set != 0; set &= set - 1) f(static_cast<unsigned>(std::countr_zero(set)));
}

u64 read(Hart& hart, u16 csr) {
    ir::FpEnv none;
    return hart.read_csr(csr, none).value_or(0);
}
void write(Hart& hart, u16 csr, u64 value) {
    ir::FpEnv none;
    hart.write_csr(csr, value, none);
}
void inhibit(Hart& hart, u64 set, u64 clear) {
    write(hart, kCsrMcountinhibit, (hart.state().mcountinhibit & ~clear) | set);
}
u16 machine_csr(unsigned counter) { return static_cast<u16>(kCsrMcycle + counter); }
u16 event_csr(unsigned counter) { return static_cast<u16>(kCsrMhpmevent3 + counter - kFirstHpm); }

u64 tally(const Hart& hart, const std::atomic<u64>& counted, FirmwareEvent event) {
    switch (event) {
        case FirmwareEvent::MisalignedLoad: return hart.exceptions(kCauseLoadMisaligned);
        case FirmwareEvent::MisalignedStore: return hart.exceptions(kCauseStoreMisaligned);
        case FirmwareEvent::AccessLoad: return hart.exceptions(kCauseLoadAccess);
        case FirmwareEvent::AccessStore: return hart.exceptions(kCauseStoreAccess);
        case FirmwareEvent::IllegalInstruction: return hart.exceptions(kCauseIllegal);
        default: return counted.load(std::memory_order_relaxed);
    }
}

}  // namespace

/// What is to be counted, and which counters can.
struct SbiPmu::Wanted {
    u64 selector = 0;  ///< of mhpmevent
    FirmwareEvent firmware{};
    u64 able = 0;  ///< none: nobody counts that

    Wanted(u64 index, u64 data, u64 flags) {
        const u64 code = event_code(index);
        switch (event_type(index)) {
            case kFirmwareEvent:
                if (code >= static_cast<u64>(FirmwareEvent::Count_)) return;
                firmware = static_cast<FirmwareEvent>(code);
                able = kOfFirmware;
                return;
            case kHardwareEvent:
            case kCacheEvent: selector = index; break;
            case kRawEvent: selector = data; break;
            default: return;
        }
        if (!countable(selector)) return;
        able = kCounterHpm;
        if (flags & (kNotInUser | kNotInSupervisor)) return;
        if (selector == kEventCycles) able |= kCounterCycle;
        if (selector == kEventInstructions) able |= kCounterInstret;
    }
};

SbiPmu::Unit& SbiPmu::unit(std::span<const u64> ids, u64 id) {
    std::call_once(made_, [&] {
        for (size_t n = 0; n < ids.size(); ++n) units_.push_back(std::make_unique<Unit>());
    });
    return *units_[static_cast<size_t>(std::ranges::find(ids, id) - ids.begin())];
}

void SbiPmu::count(std::span<const u64> ids, u64 id, FirmwareEvent event) {
    unit(ids, id).tallies[static_cast<size_t>(event)].fetch_add(1, std::memory_order_relaxed);
}

void SbiPmu::reset(Hart& hart, std::span<const u64> ids) {
    Unit& u = unit(ids, hart.options().hart_id);
    u.firmware = {};
    u.claimed = 0;
}

SbiResult SbiPmu::call(Hart& hart, std::span<const u64> ids, u64 function, const u64 (&a)[6]) {
    Unit& u = unit(ids, hart.options().hart_id);
    switch (function) {
        case 0: return {.value = kCounters};
        case 1: return info(a[0]);
        case 2: return match(hart, u, a);
        case 3: return start(hart, u, a);
        case 4: return stop(hart, u, a);
        case 5: return firmware_value(hart, u, a[0]);
        case 6: {  // the upper half, of which XLEN = 64 leaves nothing
            const SbiResult r = firmware_value(hart, u, a[0]);
            return {r.error, 0};
        }
        default: return {kNotSupported};  // snapshots, which are optional
    }
}

// "Counter Information": CSR, its bits less one, and whether it is the firmware's.
SbiResult SbiPmu::info(u64 counter) const {
    if (counter >= kCounters || !bit(kThere, static_cast<unsigned>(counter))) return {kInvalidParam};
    constexpr u64 width = u64{63} << 12, firmware = u64{1} << 63;
    return {.value = width | (counter >= kFirstFirmware ? firmware : kCsrCycle + counter)};
}

SbiResult SbiPmu::match(Hart& hart, Unit& u, const u64 (&a)[6]) const {
    const u64 set = counters(a[0], a[1]), flags = a[2];
    if (set == 0 || (flags & ~kMatchFlags)) return {kInvalidParam};
    const Wanted wanted(a[3], a[4], flags);

    u64 able = set & wanted.able & ~u.claimed;
    if (able & ~kCycleAndInstret)
        able &= ~kCycleAndInstret;  // these can be read by everybody: the last to take
    if (flags & kSkipMatch) able = (set & -set) & wanted.able;
    if (able == 0) return {kNotSupported};

    const unsigned counter = static_cast<unsigned>(std::countr_zero(able));
    u.claimed |= one(counter);
    const bool clear = flags & kClearValue, starts = flags & kAutoStart;
    if (counter >= kFirstFirmware) {
        const std::atomic<u64>& counted = u.tallies[static_cast<size_t>(wanted.firmware)];
        Firmware& f = u.firmware[counter - kFirstFirmware];
        f = {wanted.firmware, starts, clear ? 0 : f.value, tally(hart, counted, wanted.firmware)};
        return {.value = counter};
    }
    inhibit(hart, one(counter), 0);
    if (counter >= kFirstHpm)
        write(hart, event_csr(counter),
              wanted.selector | (flags & kNotInUser ? kEventNotUser : 0) |
                  (flags & kNotInSupervisor ? kEventNotSupervisor : 0) |
                  (flags & kNotInMachine ? kEventNotMachine : 0));
    if (clear) write(hart, machine_csr(counter), 0);
    if (starts) inhibit(hart, 0, one(counter));
    return {.value = counter};
}

SbiResult SbiPmu::start(Hart& hart, Unit& u, const u64 (&a)[6]) const {
    const u64 set = counters(a[0], a[1]), flags = a[2], value = a[3];
    if (set == 0 || (flags & ~kStartFlags) || (set & ~u.claimed)) return {kInvalidParam};
    if (flags & kFromSnapshot) return {kNoSharedMemory};
    SbiResult r;
    for_each(set & kOfFirmware, [&](unsigned counter) {
        Firmware& f = u.firmware[counter - kFirstFirmware];
        if (f.runs) {
            r = {kAlreadyStarted};
            return;
        }
        f.runs = true;
        f.started = tally(hart, u.tallies[static_cast<size_t>(f.event)], f.event);
        if (flags & kSetValue) f.value = value;
    });
    for_each(set & kHardware, [&](unsigned counter) {
        if (!bit(hart.state().mcountinhibit, counter)) {
            r = {kAlreadyStarted};
            return;
        }
        if (flags & kSetValue) write(hart, machine_csr(counter), value);
        if (counter >= kFirstHpm)  // it may interrupt again
            write(hart, event_csr(counter), read(hart, event_csr(counter)) & ~kEventOverflow);
        inhibit(hart, 0, one(counter));
    });
    return r;
}

SbiResult SbiPmu::stop(Hart& hart, Unit& u, const u64 (&a)[6]) const {
    const u64 set = counters(a[0], a[1]), flags = a[2];
    if (set == 0 || (flags & ~kStartFlags)) return {kInvalidParam};
    if (flags & kTakeSnapshot) return {kNoSharedMemory};
    SbiResult r;
    for_each(set & kOfFirmware, [&](unsigned counter) {
        Firmware& f = u.firmware[counter - kFirstFirmware];
        if (!f.runs) r = {kAlreadyStopped};
        f.value = firmware_value(hart, u, counter).value;
        f.runs = false;
    });
    for_each(set & kHardware, [&](unsigned counter) {
        if (bit(hart.state().mcountinhibit, counter)) r = {kAlreadyStopped};
        inhibit(hart, one(counter), 0);
        if ((flags & kResetMapping) && counter >= kFirstHpm) write(hart, event_csr(counter), kEventNone);
    });
    if (flags & kResetMapping) u.claimed &= ~set;
    return r;
}

SbiResult SbiPmu::firmware_value(const Hart& hart, const Unit& u, u64 counter) const {
    if (counter < kFirstFirmware || counter >= kCounters) return {kInvalidParam};
    const Firmware& f = u.firmware[counter - kFirstFirmware];
    const u64 now = tally(hart, u.tallies[static_cast<size_t>(f.event)], f.event);
    return {.value = f.value + (f.runs ? now - f.started : 0)};
}

}  // namespace vm::riscv
