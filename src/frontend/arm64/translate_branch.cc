// Branches, calls, returns, exceptions. Manual: "Branches, Exception Generating and System instructions".
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::Cond;
using ir::ExitReason;

// A direct jump. The block goes on at a forward target; a backward one ends it, so that every loop of the
// guest has an edge with a safepoint and the ranges of a block never overlap.
bool Translator::go(u64 target) {
    if (request_.follow_jumps && target > b.pc()) {
        pc_ = target;
    } else {
        b.jump(target);
    }
    return true;
}

bool Translator::branch_if(u64 target, Value taken) {
    if (b.is_const(taken, 0) || target == next()) return true;
    if (b.is_const(taken, 1)) return go(target);
    b.exit_if(taken, target);
    return true;
}

bool Translator::B(const Decoded& d) { return go(b.pc() + static_cast<u64>(d.imm)); }
bool Translator::B_cond(const Decoded& d) {
    return branch_if(b.pc() + static_cast<u64>(d.imm), condition(d.cond));
}
bool Translator::CBZ(const Decoded& d) {
    return branch_if(b.pc() + static_cast<u64>(d.imm), b.icmp(Cond::Eq, reg(d.sf, d.rt), constant(d.sf, 0)));
}
bool Translator::CBNZ(const Decoded& d) {
    return branch_if(b.pc() + static_cast<u64>(d.imm), b.icmp(Cond::Ne, reg(d.sf, d.rt), constant(d.sf, 0)));
}

bool Translator::test_branch(const Decoded& d, bool if_set) {
    const unsigned wide = d.amount >> 5;
    const Value tested = b.and_(reg(wide, d.rt), constant(wide, u64{1} << d.amount));
    return branch_if(b.pc() + static_cast<u64>(d.imm),
                     b.icmp(if_set ? Cond::Ne : Cond::Eq, tested, constant(wide, 0)));
}
bool Translator::TBZ(const Decoded& d) { return test_branch(d, false); }
bool Translator::TBNZ(const Decoded& d) { return test_branch(d, true); }

bool Translator::BL(const Decoded& d) {
    const u64 target = b.pc() + static_cast<u64>(d.imm);
    set_reg(30, b.guest_addr(next()));
    if (target == next()) return go(target);
    b.call(target, next());
    return true;
}

// --- indirect branches. Manual: "Branch Target Identification". BTYPE travels in the pc, so that only the
// search for the target's translation, which is remembered, looks at it.
Value Translator::marked(Value target, unsigned btype) {
    const Value address = untagged(target);
    return has(Ext::BTI) ? b.or_(address, b.c64(branch_mark(btype))) : address;
}

unsigned Translator::jump_btype(const Decoded& d) const {
    const bool trampoline = d.rn == 16 || d.rn == 17;
    return !trampoline && request_.guarded != nullptr && request_.guarded(request_.fetch_ctx, b.pc())
               ? kBtypeGuardedJump
               : kBtypeJump;
}

bool Translator::branch_indirect(Value target, unsigned btype) {
    b.jump_ind(marked(target, btype));
    return true;
}
bool Translator::call_indirect(Value target) {
    const Value to = marked(target, kBtypeCall);
    set_reg(30, b.guest_addr(next()));
    b.call_ind(to, next());
    return true;
}

bool Translator::BR(const Decoded& d) { return branch_indirect(x(d.rn), jump_btype(d)); }
bool Translator::BLR(const Decoded& d) { return call_indirect(x(d.rn)); }
bool Translator::RET(const Decoded& d) {
    b.ret(untagged(x(d.rn)));
    return true;
}

bool Translator::SVC(const Decoded&) {
    b.exit(ExitReason::Syscall, next());
    return true;
}
bool Translator::BRK(const Decoded&) {
    b.exit(ExitReason::Breakpoint, b.pc());
    return true;
}

}  // namespace vm::frontend::arm64
