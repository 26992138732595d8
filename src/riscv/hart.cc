#include "riscv/hart.h"

#include <new>
#include <utility>

#include "riscv/csr.h"

namespace vm::riscv {

using frontend::riscv64::x_offset;

Hart::Hart(const HartOptions& options, HartClocks clocks) : options_(options), clocks_(std::move(clocks)) {}

// "Memory Privilege in mstatus Register". What plays no part is left out: M-mode does not translate, and SUM
// is about S-mode only.
u32 Hart::context_of(u64 mstatus, Privilege privilege) {
    u32 context =
        (mstatus & kStatusMprv) ? static_cast<u32>(bits(mstatus, 12, 11)) : static_cast<u32>(privilege);
    const Privilege p = context_privilege(context);
    if (p == Privilege::Supervisor && (mstatus & kStatusSum)) context |= kContextSum;
    if (p != Privilege::Machine && (mstatus & kStatusMxr)) context |= kContextMxr;
    return context;
}

u32 Hart::context() const { return context_of(state_->mstatus, state_->privilege); }

u32 Hart::fetch_context() const { return static_cast<u32>(state_->privilege); }

// "Machine Environment Configuration", "Supervisor Environment Configuration"
CacheOpRule Hart::cache_op(CacheOp op, Privilege p) const {
    if (p == Privilege::Machine) return CacheOpRule::Allowed;
    const u64 m = state_->menvcfg;
    const u64 s = p == Privilege::User ? state_->senvcfg : ~u64{0};
    if (op == CacheOp::Zero) return (m & s & kEnvCbze) ? CacheOpRule::Allowed : CacheOpRule::Illegal;
    if (op != CacheOp::Inval) return (m & s & kEnvCbcfe) ? CacheOpRule::Allowed : CacheOpRule::Illegal;
    // CBIE: 0 illegal, 1 flush, 3 invalidate
    if (!(m & kEnvCbie) || !(s & kEnvCbie)) return CacheOpRule::Illegal;
    return (m & s & kEnvCbie) == kEnvCbie ? CacheOpRule::Allowed : CacheOpRule::AsFlush;
}

u64 Hart::cache_rights(Privilege p) const {
    const auto may = [&](CacheOp op, u64 right) {
        return cache_op(op, p) != CacheOpRule::Illegal ? right : 0;
    };
    return may(CacheOp::Clean, frontend::riscv64::kMayClean) |
           may(CacheOp::Inval, frontend::riscv64::kMayInval) |
           may(CacheOp::Zero, frontend::riscv64::kMayZero);
}

std::optional<u64> Hart::read_csr(u16 number, ir::FpEnv& fp) {
    const CsrRow* row = find_csr(number);
    if (row == nullptr || (row->exists && !row->exists(options_))) return std::nullopt;
    const bool wanted = state_->instret_wanted;
    const u64 value = riscv::read_csr(*row, {*this, fp, number});
    state_->instret_wanted = wanted;  // who shows all registers does not want the guest to be slower
    return value;
}

void Hart::live_in(u8* guest_area) {
    const HartState s = *state_;
    state_ = guest_area == nullptr ? &own_ : new (guest_area + frontend::riscv64::kHartStateOffset) HartState;
    *state_ = s;
}

bool Hart::write_csr(u16 number, u64 value, ir::FpEnv& fp) {
    const CsrRow* row = find_csr(number);
    if (row == nullptr || (row->exists && !row->exists(options_)) || number >> 10 == 3) return false;
    const CsrAccess access{*this, fp, number};
    if (row->change)
        row->change(access, value, ~value);
    else
        riscv::write_csr(*row, access, value);
    return true;
}

HartState Hart::save() const {
    HartState s = *state_;
    s.lines = lines_.load(std::memory_order_acquire);
    if (!(s.mcountinhibit & kCounterCycle)) s.mcycle += clocks_.cycle();
    if (!(s.mcountinhibit & kCounterInstret)) s.minstret += clocks_.instret();
    for (unsigned n = 0; n < kHpmCounters; ++n)
        if (counts(n)) s.mhpmcounter[n] += tally(s.mhpmevent[n]) - tally_at_[n];
    return s;
}

void Hart::load(const HartState& state) {
    *state_ = state;
    lines_.store(state.lines & kIrqMask, std::memory_order_release);
    state_->lines = 0;
    resume();
}

void Hart::resume() {
    if (!(state_->mcountinhibit & kCounterCycle)) state_->mcycle -= clocks_.cycle();
    if (!(state_->mcountinhibit & kCounterInstret)) state_->minstret -= clocks_.instret();
    pmp_ = Pmp(*state_);
    restart(kCounterHpm >> kFirstHpm);
    clocks_.timer_changed();
}

// What the specification leaves open is 0. Lines are their devices' business; SSI and LCOFI are the hart's
// own.
void Hart::reset(u64 argument, u8* guest_regs, ir::FpEnv& fp) {
    *state_ = {};
    set_line(kIrqSsi, false);
    set_line(kIrqLcofi, false);
    std::memset(guest_regs, 0, frontend::riscv64::kHartArea);
    fp = {};
    store_raw(guest_regs + x_offset(10), options_.hart_id);
    store_raw(guest_regs + x_offset(11), argument);
}

u64 Hart::reset_for_firmware(u64 entry, const std::array<u64, 2>& arguments, u8* guest_regs, ir::FpEnv& fp) {
    reset(arguments[0], guest_regs, fp);
    store_raw(guest_regs + x_offset(12), arguments[1]);
    // The manual leaves these open. Firmware that does not know them must not take away what the device tree
    // promises to the kernel: "svadu" without "svade" there means that hardware sets A and D.
    if (options_.svadu) state_->menvcfg |= kEnvAdue;
    if (options_.svpbmt) state_->menvcfg |= kEnvPbmte;
    resume();
    return entry;
}

// SBI 2.0, "Hart State Management Extension": S-mode, satp = 0, sstatus.SIE = 0, a0, a1. All that M-mode
// software could emulate goes to the kernel; SBI calls do not trap.
u64 Hart::reset_for_kernel(u64 entry, u64 argument, u8* guest_regs, ir::FpEnv& fp) {
    reset(argument, guest_regs, fp);
    HartState& s = *state_;
    s.privilege = Privilege::Supervisor;
    const auto set = [&](u16 number, u64 value) {
        const CsrRow& row = *find_csr(number);
        if (!row.exists || row.exists(options_)) riscv::write_csr(row, {*this, fp, number}, value);
    };
    set(kCsrMstatus, kStatusFs);
    set(kCsrMedeleg, ~(u64{1} << kCauseSupervisorEcall));
    set(kCsrMideleg, ~u64{0});
    set(kCsrMcounteren, ~u64{0});
    set(kCsrScounteren, kCounterCycle | kCounterTime | kCounterInstret);
    set(kCsrMenvcfg, ~u64{0});
    set(kCsrMstateen0, ~u64{0});
    set(kCsrPmpaddr0, ~u64{0});
    set(kCsrPmpcfg0, kPmpNapot | kPmpRead | kPmpWrite | kPmpExecute);
    resume();
    return entry;
}

// SBI 2.0, "Hart State Management Extension" and "System Suspend Extension"
void Hart::wake_kernel(u64 argument, u8* guest_regs) {
    state_->satp = 0;
    state_->mstatus &= ~kStatusSie;
    store_raw(guest_regs + x_offset(10), options_.hart_id);
    store_raw(guest_regs + x_offset(11), argument);
}

}  // namespace vm::riscv
