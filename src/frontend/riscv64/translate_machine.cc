// Of machines: CSRs that kernels use at every trap, in generated code; floating point and cache block
// operations that may be off. Volume II: "Supervisor Status (sstatus)", "Supervisor Trap Vector Base
// Address", "Supervisor Scratch", "Supervisor Exception Program Counter", "Supervisor Cause", "Supervisor
// Trap Value", "Counter-Enable". All else that is privileged the machine executes: it gets an Illegal exit at
// the instruction.
#include "frontend/riscv64/hart_area.h"
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

using ir::Cond;
using ir::ExitReason;

void Translator::need_fp() {
    if (fp_is_on_) return;
    fp_is_on_ = true;
    const Value fs = b.and_(b.get(hart_slot(HartField::Mstatus)), b.c64(kStatusFs));
    b.trap_if(b.icmp(Cond::Eq, fs, b.c64(0)), ExitReason::Illegal, b.c64(0));
}

void Translator::need_cache_right(u64 right) {
    if (!request_.system) return;
    const Value has = b.and_(b.get(hart_slot(HartField::CacheRights)), b.c64(right));
    b.trap_if(b.icmp(Cond::Eq, has, b.c64(0)), ExitReason::Illegal, b.c64(0));
}

bool Translator::supervisor_csr(const Decoded& d, Value operand, bool writes, CsrOp op) {
    if (d.csr == kCsrTime && !writes) return machine_time(d);
    if (!(request_.mode & kModeSupervisor)) return false;
    if (d.csr == kCsrSstatus) return sstatus(d, operand, writes, op);
    HartField field{};
    u64 writable = ~u64{0};
    switch (d.csr) {
        case kCsrStvec:
            field = HartField::Stvec;
            writable = kVectorBits;
            break;
        case kCsrSepc:
            field = HartField::Sepc;
            writable = bit(features_, C) ? ~u64{1} : ~u64{3};
            break;
        case kCsrSscratch: field = HartField::Sscratch; break;
        case kCsrScause: field = HartField::Scause; break;
        case kCsrStval: field = HartField::Stval; break;
        default: return false;
    }
    const Value old = b.get(hart_slot(field));

    Value value = operand;
    if (op == CsrOp::Set) value = b.or_(old, operand);
    if (op == CsrOp::Clear) value = b.binary(Op::AndNot, old, operand);

    if (writes) b.set(hart_slot(field), b.and_(value, b.c64(writable)));
    return set_x(d.rd, old);
}

// What lets a pending interrupt in, or changes more than SUM does of how memory is seen, is the machine's.
bool Translator::sstatus(const Decoded& d, Value operand, bool writes, CsrOp op) {
    const Value status = b.get(hart_slot(HartField::Mstatus));
    // FS is 0 or 3: its upper bit says whether SD is set.
    const Value sd = b.and_(b.shl(status, b.c64(63 - 14)), b.c64(kStatusSd));
    const Value old = b.or_(b.or_(b.and_(status, b.c64(kSstatusWritable)), b.c64(kStatusUxl64)), sd);
    if (!writes) return set_x(d.rd, old);

    // Bits that may be others afterwards: the immediate forms are those that kernels use for SIE.
    const bool immediate = d.id == Insn::CSRRSI || d.id == Insn::CSRRCI;
    const u64 touched = kSstatusWritable & (immediate ? static_cast<u64>(d.imm) : ~u64{0});
    Value value = operand;
    if (op == CsrOp::Set) value = b.or_(status, operand);
    if (op == CsrOp::Clear) value = b.binary(Op::AndNot, status, operand);
    Value next = b.or_(b.and_(status, b.c64(~touched)), b.and_(value, b.c64(touched & ~kStatusFs)));
    if ((touched & kStatusFs) && bit(features_, F)) {
        const Value on = b.icmp(Cond::Ne, b.and_(value, b.c64(kStatusFs)), b.c64(0));
        next = b.or_(next, b.select(on, b.c64(kStatusFs), b.c64(0)));
    }
    Value others = b.c64(0);
    if (op != CsrOp::Clear && (touched & kStatusSie))
        others = b.and_(b.get(hart_slot(HartField::Interrupts)), b.and_(next, b.c64(kStatusSie)));
    if (touched & kStatusMxr) others = b.or_(others, b.and_(b.xor_(status, next), b.c64(kStatusMxr)));

    if (!b.is_const(others, 0)) b.trap_if(b.icmp(Cond::Ne, others, b.c64(0)), ExitReason::Illegal, b.c64(0));
    b.set(hart_slot(HartField::Mstatus), next);
    if (touched & kStatusSum) {
        const Value sum = b.icmp(Cond::Ne, b.and_(next, b.c64(kStatusSum)), b.c64(0));
        const Value seen = b.get(hart_slot(HartField::ContextSum));
        b.set(kTlbContextSlot, b.select(sum, seen, b.get(hart_slot(HartField::ContextNoSum))));
    }
    if (touched & kStatusFs) fp_is_on_ = false;
    return set_x(d.rd, old);
}

/// From one of U and S-mode to the other: it takes everything with it that depends on that.
void Translator::change_privilege(u64 to, Value status, Value target) {
    const bool user = to == kPrivilegeUser;
    const auto copy = [&](u16 slot, HartField from) { b.set(slot, b.get(hart_slot(from))); };
    b.set(hart_slot(HartField::Mstatus), status);
    b.set(hart_slot(HartField::Privilege), b.c64(to));
    copy(hart_slot(HartField::CacheRights), user ? HartField::RightsUser : HartField::RightsSupervisor);
    if (user) {
        copy(kTlbContextSlot, HartField::ContextUser);
    } else {
        const Value sum = b.icmp(Cond::Ne, b.and_(status, b.c64(kStatusSum)), b.c64(0));
        const Value seen = b.get(hart_slot(HartField::ContextSum));
        b.set(kTlbContextSlot, b.select(sum, seen, b.get(hart_slot(HartField::ContextNoSum))));
    }
    copy(kCodeContextSlot, user ? HartField::CodeUser : HartField::CodeSupervisor);
    b.jump_ind(target);
}

// What system calls do all the time, in U-mode if nothing is unusual: "Machine Trap Delegation", "Supervisor
// Trap Vector Base Address".
bool Translator::machine_ecall() {
    if (request_.mode & kModeSupervisor) return false;
    const Value slow = b.get(hart_slot(HartField::SlowTraps));
    b.trap_if(b.icmp(Cond::Ne, slow, b.c64(0)), ExitReason::Illegal, b.c64(0));

    b.set(hart_slot(HartField::Scause), b.c64(kCauseUserEcall));
    b.set(hart_slot(HartField::Stval), b.c64(0));
    b.set(hart_slot(HartField::Sepc), b.guest_addr(b.pc()));
    b.set(hart_slot(HartField::Traps), b.add(b.get(hart_slot(HartField::Traps)), b.c64(1)));
    const Value status = b.get(hart_slot(HartField::Mstatus));
    const Value enabled = b.and_(status, b.c64(kStatusSie));
    const Value kept = b.and_(status, b.c64(~(kStatusSie | kStatusSpie | kStatusSpp)));
    const Value target = b.and_(b.get(hart_slot(HartField::Stvec)), b.c64(~u64{3}));
    change_privilege(kPrivilegeSupervisor, b.or_(kept, b.shl(enabled, b.c64(5 - 1))), target);
    return true;
}

// To U-mode, with no interrupt waiting for that. "Privilege and Global Interrupt-Enable Stack".
bool Translator::machine_sret() {
    if (!(request_.mode & kModeSupervisor)) return false;
    const Value status = b.get(hart_slot(HartField::Mstatus));
    Value slow = b.or_(b.get(hart_slot(HartField::SlowTraps)), b.get(hart_slot(HartField::Interrupts)));
    slow = b.or_(slow, b.and_(status, b.c64(kStatusSpp)));
    b.trap_if(b.icmp(Cond::Ne, slow, b.c64(0)), ExitReason::Illegal, b.c64(0));

    const Value enabled = b.and_(b.lshr(status, b.c64(5 - 1)), b.c64(kStatusSie));
    const Value kept = b.and_(status, b.c64(~kStatusSie));
    const Value next = b.or_(b.or_(kept, enabled), b.c64(kStatusSpie));
    change_privilege(kPrivilegeUser, next, b.get(hart_slot(HartField::Sepc)));
    return true;
}

// For U-mode both counter-enables count, for S-mode the machine's. M-mode may always, but the block's mode
// does not tell it from U-mode.
bool Translator::machine_time(const Decoded& d) {
    if (!bit(features_, Zicntr)) return false;
    Value enabled = b.get(hart_slot(HartField::Mcounteren));
    if (!(request_.mode & kModeSupervisor))
        enabled = b.and_(enabled, b.get(hart_slot(HartField::Scounteren)));
    const Value closed = b.icmp(Cond::Eq, b.and_(enabled, b.c64(kCounterTime)), b.c64(0));
    b.trap_if(closed, ExitReason::Illegal, b.c64(0));
    return set_x(d.rd, b.nullary(Op::ReadTime, Type::I64, 2));
}

}  // namespace vm::frontend::riscv64
