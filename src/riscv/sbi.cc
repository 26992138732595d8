#include "riscv/sbi.h"

#include <algorithm>
#include <string_view>

namespace vm::riscv {

using frontend::riscv64::x_offset;

namespace {

/// "SBI Implementation IDs": 0 to 11 belong to others; this is "vm" in ASCII.
constexpr u64 kImplementation = 0x766d, kImplementationVersion = 1;
constexpr u64 kSpecification = 2 << 24 | 0;

constexpr u64 kAllOnes = ~u64{0};

/// Ids of extensions are their names, the last letter in the lowest byte.
constexpr u64 id_of(std::string_view name) {
    u64 id = 0;
    for (const char c : name) id = id << 8 | static_cast<u8>(c);
    return id;
}

/// DBCN may write less than it is told to; this bounds how long a hart stays in a call.
constexpr u64 kConsoleChunk = 64 << 10;

}  // namespace

struct Sbi::Call {
    u64 extension = 0, function = 0;
    u64 a[6] = {};
};

struct Sbi::Return {
    i64 error = kSuccess;
    u64 value = 0;
    SbiAction action = SbiAction::Continue;
    u64 entry = 0, argument = 0;  ///< Suspend
};

/// The harts that a mask means.
struct Sbi::Targets {
    std::array<u64, 64> of_mask{};
    unsigned count = 0;
    std::span<const u64> all{};  ///< in place of those
    bool valid = true;
    std::span<const u64> ids() const { return all.empty() ? std::span(of_mask).first(count) : all; }
};

struct Sbi::Extension {
    u64 id;
    Return (Sbi::*handle)(Hart&, const Call&);
    bool legacy = false;  ///< the result is in a0, and a1 stays as it was
};

const Sbi::Extension Sbi::kExtensions[] = {
    {0x00, &Sbi::legacy_set_timer, true},
    {0x01, &Sbi::legacy_putchar, true},
    {0x02, &Sbi::legacy_getchar, true},
    {0x08, &Sbi::legacy_shutdown, true},
    {0x10, &Sbi::base},
    {id_of("TIME"), &Sbi::timer},
    {id_of("sPI"), &Sbi::ipi},
    {id_of("RFNC"), &Sbi::fences},
    {id_of("HSM"), &Sbi::hart_state},
    {id_of("SRST"), &Sbi::reset},
    {id_of("DBCN"), &Sbi::console},
    {id_of("PMU"), &Sbi::counters},
    {id_of("SUSP"), &Sbi::suspend_system},
};

const Sbi::Extension* Sbi::find(u64 id) {
    const auto* e = std::ranges::find(kExtensions, id, &Extension::id);
    return e == std::end(kExtensions) ? nullptr : e;
}

SbiOutcome Sbi::handle(Hart& hart, u8* guest_regs) {
    const auto a = [&](unsigned n) { return load_raw<u64>(guest_regs + x_offset(10 + n)); };
    const Call call{a(7), a(6), {a(0), a(1), a(2), a(3), a(4), a(5)}};
    const Extension* extension = find(call.extension);

    const Return r = extension ? (this->*extension->handle)(hart, call) : Return{kNotSupported};
    if (r.action == SbiAction::Suspend) {  // it does not return
        hart.wake_kernel(r.argument, guest_regs);
        return {r.action, r.entry};
    }

    store_raw(guest_regs + x_offset(10), r.error);
    if (!extension || !extension->legacy) store_raw(guest_regs + x_offset(11), r.value);
    return {r.action};
}

bool Sbi::exists(u64 hart) const {
    const std::span<const u64> all = machine_.harts();
    return std::ranges::find(all, hart) != all.end();
}

// "Hart List Parameter"
Sbi::Targets Sbi::targets(u64 mask, u64 base) const {
    Targets t;
    if (base == kAllOnes) {
        t.all = machine_.harts();
        return t;
    }
    for (; mask != 0; mask &= mask - 1) {
        const u64 n = static_cast<u64>(std::countr_zero(mask));
        if (base + n < base || !exists(base + n)) return {.valid = false};
        t.of_mask[t.count++] = base + n;
    }
    return t;
}

void Sbi::count(const Hart& hart, std::span<const u64> ids, FirmwareEvent sent, FirmwareEvent received) {
    for (const u64 id : ids) {
        if (id == hart.options().hart_id || machine_.hart_status(id) == HartStatus::Stopped) continue;
        pmu_.count(machine_.harts(), hart.options().hart_id, sent);
        pmu_.count(machine_.harts(), id, received);
    }
}

// --- "Base Extension"
Sbi::Return Sbi::base(Hart& hart, const Call& call) {
    const HartOptions& o = hart.options();
    switch (call.function) {
        case 0: return {.value = kSpecification};
        case 1: return {.value = kImplementation};
        case 2: return {.value = kImplementationVersion};
        case 3: return {.value = find(call.a[0]) ? u64{1} : u64{0}};
        case 4: return {.value = o.mvendorid};
        case 5: return {.value = o.marchid};
        case 6: return {.value = o.mimpid};
        default: return {kNotSupported};
    }
}

// --- "Legacy Extensions"
Sbi::Return Sbi::legacy_set_timer(Hart& hart, const Call& call) {
    return timer(hart, {.extension = call.extension, .function = 0, .a = {call.a[0]}});
}
Sbi::Return Sbi::legacy_putchar(Hart&, const Call& call) {
    const u8 c = static_cast<u8>(call.a[0]);
    return {machine_.console_write({&c, 1}) == 1 ? kSuccess : kFailed};
}
Sbi::Return Sbi::legacy_getchar(Hart&, const Call&) {
    u8 c = 0;
    return machine_.console_read({&c, 1}) == 1 ? Return{c} : Return{kFailed};
}
Sbi::Return Sbi::legacy_shutdown(Hart& hart, const Call& call) {
    return reset(hart, {.extension = call.extension, .function = 0, .a = {}});
}

// --- "Timer Extension". With stimecmp the call is a write of it.
Sbi::Return Sbi::timer(Hart& hart, const Call& call) {
    if (call.function != 0) return {kNotSupported};
    pmu_.count(machine_.harts(), hart.options().hart_id, FirmwareEvent::SetTimer);
    if (hart.stce()) {
        hart.set_stimecmp(call.a[0]);
        return {};
    }
    hart.set_line(kIrqSti, false);
    machine_.set_timer(hart.options().hart_id, call.a[0]);
    return {};
}

// --- "IPI Extension"
Sbi::Return Sbi::ipi(Hart& hart, const Call& call) {
    if (call.function != 0) return {kNotSupported};
    const Targets t = targets(call.a[0], call.a[1]);
    if (!t.valid) return {kInvalidParam};
    count(hart, t.ids(), FirmwareEvent::IpiSent, FirmwareEvent::IpiReceived);
    for (const u64 id : t.ids()) machine_.send_ipi(id);
    return {};
}

// --- "RFENCE Extension". Functions 3 to 6 are those of the hypervisor extension.
Sbi::Return Sbi::fences(Hart& hart, const Call& call) {
    if (call.function > 2) return {kNotSupported};
    const Targets t = targets(call.a[0], call.a[1]);
    if (!t.valid) return {kInvalidParam};

    const u64 start = call.a[2], size = call.a[3];
    const bool by_asid = call.function == 2;
    // All is what these say: 0 and 0, a size of all ones; and what wraps around is not worth more thought.
    const bool everything = (start == 0 && size == 0) || size == kAllOnes || start + size < start;
    RemoteFence fence;
    if (call.function == 0)
        fence.code = true;
    else if (everything)
        fence.flush = by_asid ? Flush::Asid : Flush::All;
    else
        fence = {.flush = by_asid ? Flush::AddressAsid : Flush::Address, .start = start, .size = size};
    if (by_asid) fence.asid = static_cast<u16>(call.a[4]);
    using enum FirmwareEvent;
    constexpr std::pair<FirmwareEvent, FirmwareEvent> events[] = {{FenceISent, FenceIReceived},
                                                                  {SfenceVmaSent, SfenceVmaReceived},
                                                                  {SfenceVmaAsidSent, SfenceVmaAsidReceived}};
    count(hart, t.ids(), events[call.function].first, events[call.function].second);
    machine_.remote_fence(t.ids(), fence);
    return {};
}

// --- "Hart State Management Extension"
Sbi::Return Sbi::hart_state(Hart& hart, const Call& call) {
    switch (call.function) {
        case 0: return start(call);
        case 1:
            pmu_.reset(hart, machine_.harts());
            machine_.stop_hart(hart.options().hart_id);
            return {.action = SbiAction::Stop};
        case 2:
            if (!exists(call.a[0])) return {kInvalidParam};
            return {.value = static_cast<u64>(machine_.hart_status(call.a[0]))};
        case 3: return suspend(call);
        default: return {kNotSupported};
    }
}
Sbi::Return Sbi::start(const Call& call) {
    const u64 id = call.a[0], entry = call.a[1], argument = call.a[2];
    if (!exists(id)) return {kInvalidParam};
    if (!may_begin_at(entry)) return {kInvalidAddress};
    return machine_.start_hart(id, entry, argument) ? Return{} : Return{kAlreadyAvailable};
}
Sbi::Return Sbi::suspend(const Call& call) {
    switch (static_cast<u32>(call.a[0])) {
        case 0: return {.action = SbiAction::Wait};  // default retentive
        case 0x8000'0000:                            // default non-retentive
            if (!may_begin_at(call.a[1])) return {kInvalidAddress};
            return {.action = SbiAction::Suspend, .entry = call.a[1], .argument = call.a[2]};
        default: return {kInvalidParam};  // reserved, or a platform's own
    }
}

// --- "System Suspend Extension": RAM and devices stay as they are, so that any interrupt that the kernel has
// enabled can wake it.
Sbi::Return Sbi::suspend_system(Hart& hart, const Call& call) {
    if (call.function != 0) return {kNotSupported};
    constexpr u32 kToRam = 0;
    if (static_cast<u32>(call.a[0]) != kToRam) return {kInvalidParam};
    if (!may_begin_at(call.a[1])) return {kInvalidAddress};
    for (const u64 id : machine_.harts())
        if (id != hart.options().hart_id && machine_.hart_status(id) != HartStatus::Stopped) return {kDenied};
    return {.action = SbiAction::Suspend, .entry = call.a[1], .argument = call.a[2]};
}

// --- "System Reset Extension"
Sbi::Return Sbi::reset(Hart&, const Call& call) {
    if (call.function != 0) return {kNotSupported};
    const u32 type = static_cast<u32>(call.a[0]), reason = static_cast<u32>(call.a[1]);
    if (type > static_cast<u32>(ResetType::WarmReboot) ||
        reason > static_cast<u32>(ResetReason::SystemFailure))
        return {kInvalidParam};
    if (!machine_.reset(static_cast<ResetType>(type), static_cast<ResetReason>(reason)))
        return {kNotSupported};
    return {.action = SbiAction::Stop};
}

// --- "Debug Console Extension"
Sbi::Return Sbi::console(Hart&, const Call& call) {
    if (call.function == 2) {
        const u8 c = static_cast<u8>(call.a[0]);
        return {machine_.console_write({&c, 1}) == 1 ? kSuccess : kFailed};
    }
    if (call.function > 2) return {kNotSupported};

    const u64 bytes = call.a[0], low = call.a[1], high = call.a[2];
    u8* memory = high == 0 ? ram_.at(low, bytes) : nullptr;
    if (memory == nullptr) return bytes == 0 ? Return{} : Return{kInvalidParam};
    const std::span<u8> part(memory, std::min(bytes, kConsoleChunk));
    if (call.function == 1) return {.value = machine_.console_read(part)};
    const u64 written = machine_.console_write(part);
    return written == 0 && bytes != 0 ? Return{kFailed} : Return{.value = written};
}

// --- "Performance Monitoring Unit Extension"
Sbi::Return Sbi::counters(Hart& hart, const Call& call) {
    const SbiResult r = pmu_.call(hart, machine_.harts(), call.function, call.a);
    return {r.error, r.value};
}

}  // namespace vm::riscv
