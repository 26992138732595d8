// Traps and interrupts. Manual, volume II: "Machine Trap Delegation", "Privilege and Global Interrupt-Enable
// Stack", "Machine Interrupt (mip and mie)".
#include "riscv/counters.h"

namespace vm::riscv {

namespace {

/// Highest priority first, at either privilege.
constexpr unsigned kPriority[] = {kIrqMei, kIrqMsi, kIrqMti, kIrqSei, kIrqSsi, kIrqSti, kIrqLcofi};

std::optional<u64> first_of(u64 pending) {
    for (const unsigned irq : kPriority)
        if (bit(pending, irq)) return kInterrupt | irq;
    return std::nullopt;
}

/// `status` with its bit `to` as its bit `from`.
u64 copy_bit(u64 status, u64 from, u64 to) { return (status & from) ? status | to : status & ~to; }

u64 handler(u64 tvec, u64 cause) {
    const bool vectored = (tvec & 3) == 1 && (cause & kInterrupt);
    return (tvec & ~u64{3}) + (vectored ? 4 * (cause & ~kInterrupt) : 0);
}

}  // namespace

u64 Hart::take_trap(u64 cause, u64 tval, u64 pc) {
    HartState& s = *state_;
    const Counting counting(*this);
    if (!(cause & kInterrupt)) exceptions_[cause % exceptions_.size()]++;
    const u64 delegated = (cause & kInterrupt) ? s.mideleg : s.medeleg;
    const bool to_supervisor = s.privilege != Privilege::Machine && bit(delegated, cause & 63);
    if (to_supervisor) {
        s.mstatus = copy_bit(s.mstatus, kStatusSie, kStatusSpie) & ~(kStatusSie | kStatusSpp);
        if (s.privilege == Privilege::Supervisor) s.mstatus |= kStatusSpp;
        s.privilege = Privilege::Supervisor;
        s.scause = cause;
        s.sepc = pc;
        s.stval = tval;
        return handler(s.stvec, cause);
    }
    s.mstatus = copy_bit(s.mstatus, kStatusMie, kStatusMpie) & ~(kStatusMie | kStatusMpp);
    s.mstatus |= static_cast<u64>(s.privilege) << kStatusMppShift;
    s.privilege = Privilege::Machine;
    s.mcause = cause;
    s.mepc = pc;
    s.mtval = tval;
    return handler(s.mtvec, cause);
}

u64 Hart::return_from_machine() {
    HartState& s = *state_;
    const Counting counting(*this);
    const u64 to = bits(s.mstatus, 12, 11);
    s.privilege = static_cast<Privilege>(to);
    s.mstatus = (copy_bit(s.mstatus, kStatusMpie, kStatusMie) | kStatusMpie) & ~kStatusMpp;
    if (s.privilege != Privilege::Machine) s.mstatus &= ~kStatusMprv;
    return s.mepc;
}

u64 Hart::return_from_supervisor() {
    HartState& s = *state_;
    const Counting counting(*this);
    s.privilege = (s.mstatus & kStatusSpp) ? Privilege::Supervisor : Privilege::User;
    s.mstatus = (copy_bit(s.mstatus, kStatusSpie, kStatusSie) | kStatusSpie) & ~(kStatusSpp | kStatusMprv);
    return s.sepc;
}

bool Hart::set_line(unsigned irq, bool high) {
    const u64 line = u64{1} << irq & kIrqMask;
    if (!high) {
        lines_.fetch_and(~line);
        return false;
    }
    return (lines_.fetch_or(line) & line) != line;
}

u64 Hart::mip(u64 of) const {
    constexpr u64 sti = u64{1} << kIrqSti;
    u64 v = lines_.load(std::memory_order_acquire) | state_->mip_software;
    if (stce() && (of & sti)) v = (v & ~sti) | (clocks_.time() >= state_->stimecmp ? sti : 0);
    return v;
}

std::optional<u64> Hart::pending_interrupt() const {
    const HartState& s = *state_;
    // Enabled are those of a higher privilege, and of this one if its global bit is set.
    const bool machine = s.privilege != Privilege::Machine || (s.mstatus & kStatusMie);
    const bool supervisor =
        s.privilege == Privilege::User || (s.privilege == Privilege::Supervisor && (s.mstatus & kStatusSie));
    const u64 enabled = s.mie & ((machine ? ~s.mideleg : 0) | (supervisor ? s.mideleg : 0));
    if (enabled == 0) return std::nullopt;

    const u64 pending = mip(enabled) & enabled;
    // What goes to M-mode comes before all that goes to S-mode.
    if (const u64 to_machine = pending & ~s.mideleg) return first_of(to_machine);
    return first_of(pending);
}

void Hart::set_stimecmp(u64 ticks) {
    state_->stimecmp = ticks;
    clocks_.timer_changed();
}

}  // namespace vm::riscv
