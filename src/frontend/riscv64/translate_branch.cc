// Branches, jumps, calls and returns. Manual: "Control Transfer Instructions".
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {
namespace {
using ir::Cond;
/// Registers that the return-address-stack hints treat as link registers: ra (x1) and t0 (x5).
bool is_link(unsigned r) { return r == 1 || r == 5; }
}  // namespace

// A direct jump. The block goes on at a forward target; a backward one ends it, so that every loop of the
// guest has an edge with a safepoint and the ranges of a block never overlap.
bool Translator::go(u64 target) {
    if (may_follow(target)) {
        pc_ = target;
    } else {
        b.jump(target);
    }
    return true;
}

// A branch over one or two register instructions becomes selects: nothing in there can fault, and where the
// branch goes either way the host predicts nothing. False, with nothing done: it is not such a branch.
bool Translator::predicate(u64 target, Value taken) {
    constexpr u64 kMostBytes = 8;
    const u64 begin = pc_;
    if (!request_.if_convert || request_.count_instructions || target <= begin || target - begin > kMostBytes)
        return false;
    struct Skipped {
        u32 bits;
        unsigned length;
    } skipped[kMostBytes / 2];
    unsigned n = 0;
    u64 fault = 0;
    for (; pc_ < target; n++) {
        skipped[n].length = fetch(&skipped[n].bits, &fault);
        const Decoded s = decode(skipped[n].bits, features_);
        const bool plain = (s.base >= Insn::ADDI && s.base <= Insn::SRAW) || s.base == Insn::LUI;
        if (skipped[n].length == 0 || s.id == Insn::Invalid || !plain) break;
        pc_ += skipped[n].length;
    }
    const bool fits = pc_ == target && n <= 2 && out_.guest_insns + n <= request_.max_insns;
    pc_ = begin;
    if (!fits) return false;
    skip_ = taken;
    for (unsigned k = 0; k < n; k++) translate_one(skipped[k].bits, skipped[k].length);
    skip_ = ir::kNone;
    return true;
}

bool Translator::branch(const Decoded& d, Cond c) {
    const u64 target = b.pc() + static_cast<u64>(d.imm);

    const Value taken = b.icmp(c, x(d.rs1), x(d.rs2));

    if (b.is_const(taken, 0) || target == next(d)) return true;
    if (b.is_const(taken, 1)) return go(target);
    if (predicate(target, taken)) return true;
    b.exit_if(taken, target);
    return true;
}

bool Translator::BEQ(const Decoded& d) { return branch(d, Cond::Eq); }
bool Translator::BNE(const Decoded& d) { return branch(d, Cond::Ne); }
bool Translator::BLT(const Decoded& d) { return branch(d, Cond::LtS); }
bool Translator::BGE(const Decoded& d) { return branch(d, Cond::GeS); }
bool Translator::BLTU(const Decoded& d) { return branch(d, Cond::LtU); }
bool Translator::BGEU(const Decoded& d) { return branch(d, Cond::GeU); }

bool Translator::JAL(const Decoded& d) {
    const u64 target = b.pc() + static_cast<u64>(d.imm);
    const u64 link = next(d);

    if (d.rd != 0) set_x(d.rd, b.guest_addr(link));

    if (!is_link(d.rd) || target == link) return go(target);
    b.call(target, link);
    return true;
}

// Which kind of jump it is: manual, "Return-address stack prediction hints encoded in the register operands
// of a JALR instruction". The coroutine swap (both link registers, different) is a pop and a push; it goes
// without the stack.
bool Translator::JALR(const Decoded& d) {
    const u64 link = next(d);
    const bool push = is_link(d.rd) && (!is_link(d.rs1) || d.rs1 == d.rd);
    const bool pop = !is_link(d.rd) && is_link(d.rs1);

    // auipc + jalr: a direct jump or call too far for jal.
    const bool direct = d.rs1 != 0 && d.rs1 == known_reg_;
    const u64 direct_target = (known_value_ + static_cast<u64>(d.imm)) & ~u64{1};
    const Value target = direct ? ir::kNone : b.and_(b.add(x(d.rs1), imm(d)), b.c64(~u64{1}));

    if (d.rd != 0) set_x(d.rd, b.guest_addr(link));

    if (direct && push) {
        b.call(direct_target, link);
    } else if (direct) {
        return go(direct_target);
    } else if (push) {
        b.call_ind(target, link);
    } else if (pop) {
        b.ret(target);
    } else {
        b.jump_ind(target);
    }
    return true;
}

}  // namespace vm::frontend::riscv64
