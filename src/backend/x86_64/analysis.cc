#include "backend/x86_64/analysis.h"

namespace vm::backend::x86_64 {

using ir::Inst;
using ir::Op;
using ir::Type;
using ir::Value;

namespace {

// Result of a 32-bit host operation, or otherwise known to have zeros above its width.
bool makes_clean(const Inst& in, Type operand) {
    if (in.type == Type::I1) return true;
    switch (in.op) {
        case Op::Const: return true;
        case Op::Select: return in.type == Type::I32;
        case Op::Icmp:
        case Op::FCmp:
        case Op::StoreCond:
        case Op::FlagsTest:
        case Op::FlagsUnpack: return true;
        case Op::VExtract: return is_gpr_type(in.type);
        case Op::FToInt: return in.type == Type::I32;
        case Op::Load: return is_gpr_type(in.type) && !ir::mem_signed(in.aux);
        case Op::Zext: return true;
        case Op::Sext: return in.type == Type::I32 && operand != Type::I1;
        case Op::Trunc: return in.type == Type::I1;
        case Op::Add:
        case Op::Sub:
        case Op::Mul:
        case Op::Neg:
        case Op::And:
        case Op::Or:
        case Op::Xor:
        case Op::AndNot:
        case Op::Not:
        case Op::Shl:
        case Op::Lshr:
        case Op::Ashr:
        case Op::Rotr:
        case Op::Clz:
        case Op::Ctz:
        case Op::Popcnt:
        case Op::Bswap:
        case Op::MulHiS:
        case Op::MulHiU: return in.type == Type::I32;
        default: return false;
    }
}

// The value is an I64 that is its own low 32 bits sign-extended.
bool is_sign32(const Inst& in, Type operand) {
    if (in.type != Type::I64) return false;
    if (in.op == Op::Sext) return ir::width(operand) <= 32;
    if (in.op == Op::Load) return ir::mem_signed(in.aux) && ir::width(in.mtype) <= 32;
    return false;
}

// An extension that is its operand: what is in the register above it does not matter.
bool loose(const ir::Block& block, const Inst& in) {
    return (in.aux & ir::kLooseUpper) && is_gpr_type(in.type) && block.insts[in.args[0]].type != Type::I1;
}

// The result never goes to an operand's register: the cold path may want that.
bool keeps_operands(const Inst& in) {
    return (ir::effects(in.op) & ir::kEffectFP) && ir::fp_sem(in.aux) == ir::FpSem::Arm;
}

bool raw_args(Op op) { return op == Op::Const128; }

}  // namespace

void Analysis::run(const ir::Block& block) {
    info.assign(block.insts.size(), ValueInfo{});
    use_count.assign(block.insts.size(), 0);
    uses.clear();
    boxes = counts = flags = false;
    boxes_known_ = -1;
    v256 = ir::kNone;
    forward(block);
    backward(block);
}

bool Analysis::boxes_any(const ir::Block& block) {
    if (boxes_known_ < 0) {
        boxes_known_ = 0;
        for (const Inst& in : block.insts) boxes_known_ |= in.op == Op::NanBox || in.op == Op::NanUnbox;
    }
    return boxes_known_ != 0;
}

// The earlier value that instruction i is the same as, or i.
Value Analysis::same_as(const ir::Block& block, u32 i) {
    const Inst& in = block.insts[i];
    const auto arg = [&](unsigned k) { return info[in.args[k]].rep; };
    switch (in.op) {
        case Op::GetState: {
            Value& known = slot_[in.imm];
            // The low bits of a vector slot as an integer are another value than the slot's.
            const bool same_class = is_gpr_type(in.type) == is_gpr_type(layout_.slots[in.imm].type);
            if (!on(JitOpt::FoldState) || !same_class) return i;
            if (known != ir::kNone) return known;
            return known = i;
        }
        case Op::Trunc: {
            const Type from = block.insts[in.args[0]].type;
            return in.type != Type::I1 && is_gpr_type(from) ? arg(0) : i;
        }
        case Op::Zext: {
            if (loose(block, in)) return arg(0);
            const Value x = arg(0);
            const Type from = block.insts[in.args[0]].type;
            return is_gpr_type(in.type) && info[x].clean && block.insts[x].type == from ? x : i;
        }
        case Op::Sext: {
            if (loose(block, in)) return arg(0);
            const Value x = arg(0);
            const Inst& def = block.insts[x];
            const Type def_arg = def.op == Op::Sext ? block.insts[def.args[0]].type : Type::Void;
            return in.type == Type::I64 && block.insts[in.args[0]].type == Type::I32 &&
                           is_sign32(def, def_arg)
                       ? x
                       : i;
        }
        case Op::NanBox:
            if (block.insts[in.args[0]].type != Type::F32) return i;
            boxes = true;
            return arg(0);
        case Op::NanUnbox: {
            const Value x = arg(0);
            if (in.type != Type::F32 || !on(JitOpt::FoldState)) return i;
            boxes = true;
            if (block.insts[x].type == Type::F32) return x;
            if (info[x].unboxed != ir::kNone) return info[x].unboxed;
            return info[x].unboxed = i;
        }
        case Op::VExtract: {  // a scalar is the low part of its register
            const bool low = in.imm == 0 && (in.type == Type::F64 || in.type == Type::F32);
            return low && !boxes_any(block) ? arg(0) : i;
        }
        case Op::Add:
        case Op::Sub: {  // conditions on flags compute again what the flags are of
            const Value same = flags ? repeated(block, i, in.op) : ir::kNone;
            return same != ir::kNone ? same : i;
        }
        default: return i;
    }
}

// x `op` y, made shortly before i, which has the same operands.
Value Analysis::repeated(const ir::Block& block, u32 i, Op op) const {
    constexpr u32 kFar = 12;
    const Inst& in = block.insts[i];
    const Type t = block.insts[in.args[0]].type;
    for (u32 j = i; j-- > 0 && i - j < kFar;) {
        const Inst& d = block.insts[j];
        if (d.op == op && d.type == t && info[j].rep == j && rep(d.args[0]) == rep(in.args[0]) &&
            rep(d.args[1]) == rep(in.args[1]))
            return j;
    }
    return ir::kNone;
}

// The difference of what i compares: x itself is often overwritten by then.
Value Analysis::difference(const ir::Block& block, u32 i) const {
    const Inst& in = block.insts[i];
    const auto c = static_cast<ir::Cond>(in.aux);
    const Type t = block.insts[in.args[0]].type;
    const bool equality = c == ir::Cond::Eq || c == ir::Cond::Ne;
    return equality && (t == Type::I32 || t == Type::I64) ? repeated(block, i, Op::Sub) : ir::kNone;
}

// The flags whose C, perhaps `inverted`, truth value v is.
Value Analysis::carry_source(const ir::Block& block, Value v, bool* inverted) const {
    *inverted = false;
    if (block.insts[v].type != Type::I1) return ir::kNone;
    while (block.insts[v].op == Op::Not) {
        *inverted = !*inverted;
        v = rep(block.insts[v].args[0]);
    }
    const Inst& in = block.insts[v];
    if (in.op != Op::FlagsTest) return ir::kNone;
    const auto c = static_cast<ir::FlagCond>(in.aux);
    if (c != ir::FlagCond::Cs && c != ir::FlagCond::Cc) return ir::kNone;
    if (c == ir::FlagCond::Cc) *inverted = !*inverted;
    return rep(in.args[0]);
}

void Analysis::find_instead(const ir::Block& block, u32 i) {
    const Inst& in = block.insts[i];
    ValueInfo& me = info[i];
    const auto carry = [&](u8 k) {
        if (me.instead != ir::kNone) return;
        me.instead = carry_source(block, rep(in.args[k]), &me.carry_inverted);
        if (me.instead != ir::kNone) me.carry_arg = k;
    };
    switch (in.op) {
        case Op::Icmp: me.instead = difference(block, i); break;
        case Op::Add:
        case Op::Sub:
            if (in.type != Type::I32 && in.type != Type::I64) break;
            carry(1);
            if (in.op == Op::Add) carry(0);
            break;
        case Op::FlagsAdd:
        case Op::FlagsSub: carry(2); break;
        default: break;
    }
}

void Analysis::forward(const ir::Block& block) {
    const u32 n = static_cast<u32>(block.insts.size());
    total_.assign(n, 0);
    slot_.assign(layout_.slots.size(), ir::kNone);
    for (u32 i = 0; i < n; i++) {
        const Inst& in = block.insts[i];
        if (in.op == Op::Insn || in.op == Op::Nop) {
            info[i].rep = i;
            continue;
        }
        const Value r = same_as(block, i);
        info[i].rep = r;
        if (r != i) {
            info[r].aliased = true;
            continue;
        }
        if (in.type == Type::V256) v256 = i;
        if (in.type == Type::Flags) flags = true;
        if (in.op == Op::Icount) counts = true;
        if ((in.op == Op::ExitIf || in.op == Op::TrapIf) && on(JitOpt::FuseCompare)) {
            bool& known = info[info[in.args[0]].rep].known_false;
            if (known) {  // it cannot be taken: the same condition was false before
                info[i].rep = info[in.args[0]].rep;
                continue;
            }
            known = true;
        }
        const unsigned nargs = raw_args(in.op) ? 0 : ir::arg_count(in.op);
        info[i].clean = makes_clean(in, nargs ? block.insts[in.args[0]].type : Type::Void);
        if (flags && on(JitOpt::FuseCompare)) {
            find_instead(block, i);
            if (info[i].instead != ir::kNone) total_[info[i].instead]++;
            if (info[i].instead != ir::kNone && in.op == Op::Icmp) continue;
        }
        for (unsigned k = 0; k < nargs; k++)
            if (k != info[i].carry_arg) total_[info[in.args[k]].rep]++;
        if (in.op == Op::DeferFlags) slot_[ir::DeferredFlags::of(in).flags] = ir::kNone;
        if (in.op == Op::SetState) slot_[in.imm] = info[in.args[0]].rep;
    }
}

void Analysis::backward(const ir::Block& block) {
    // slot_gen() of a slot differs from a remembered one if a barrier or a read of the slot's home came in
    // between: barrier_ and reads_ only grow.
    barrier_ = 1;
    reads_.assign(layout_.slots.size(), 0);
    dead_gen_.assign(layout_.slots.size(), 0);
    for (u32 i = static_cast<u32>(block.insts.size()); i-- > 0;) visit(block, i);
}

void Analysis::use(Value v, u32 at) {
    ValueInfo& x = info[v];
    uses.push_back({v, x.next});
    x.next = at;
    x.uses++;
    use_count[at]++;
}

void Analysis::hint(Value v, u8 reg, u32 gen) {
    info[v].hint = reg;
    info[v].hint_gen = gen;
}

// Whether `def`, operand `arg` of `consumer` and used only there, is better emitted together with it.
bool Analysis::may_defer(const Inst& consumer, unsigned arg, const Inst& def) const {
    const bool wide = def.type == Type::I64;
    switch (consumer.op) {
        case Op::ExitIf:
        case Op::TrapIf:
            return arg == 0 && on(JitOpt::FuseCompare) &&
                   (def.op == Op::Icmp || def.op == Op::FlagsTest || def.op == Op::FCmp || def.op == Op::Not);
        case Op::Select:
            return arg == 0 && on(JitOpt::FuseCompare) &&
                   (def.op == Op::Icmp || def.op == Op::FlagsTest || def.op == Op::FCmp ||
                    def.op == Op::Not) &&
                   (is_gpr_type(consumer.type) || is_xmm_type(consumer.type) ||
                    consumer.type == Type::Flags || consumer.type == Type::V128);
        case Op::FlagsTest:
            return on(JitOpt::FuseCompare) && (def.op == Op::FlagsAdd || def.op == Op::FlagsSub ||
                                               def.op == Op::FlagsLogic || def.op == Op::FlagsFCmp);
        case Op::FlagsLogic:
            return on(JitOpt::FuseCompare) && def.op == Op::And && (wide || def.type == Type::I32);
        case Op::Icmp:
            return arg == 0 && on(JitOpt::FuseCompare) && def.op == Op::And &&
                   (wide || def.type == Type::I32);
        case Op::Load:
        case Op::Store:
        case Op::HostBase:
        case Op::Prefetch: return arg == 0 && on(JitOpt::FoldAddress) && def.op == Op::Add && wide;
        case Op::Ret:
        case Op::JumpInd:
        case Op::CallInd: return arg == 0 && on(JitOpt::FuseCompare) && def.op == Op::And && wide;
        case Op::Add:
            return on(JitOpt::FoldAddress) && def.op == Op::Shl && consumer.type == def.type &&
                   (wide || def.type == Type::I32);
        case Op::VAesMc: return on(JitOpt::FuseCrypto) && def.op == Op::VAesE;
        case Op::VAesImc: return on(JitOpt::FuseCrypto) && def.op == Op::VAesD;
        default: return false;
    }
}

// Whether scalar x has zeros above it from the start: then its vector is the same register.
bool Analysis::taken_over(const ir::Block& block, Value x) {
    const Inst& in = block.insts[x];
    if ((in.type != Type::F64 && in.type != Type::F32) || info[x].aliased || boxes_any(block)) return false;
    switch (in.op) {
        case Op::Load:
        case Op::IntToF: return true;
        case Op::FSqrt:
        case Op::FRound:
        case Op::FToF: return ir::fp_sem(in.aux) == ir::FpSem::Arm || ir::fp_sem(in.aux) == ir::FpSem::ArmDn;
        default: return false;
    }
}

// Whether nothing between `v` and `at` sees or changes the sticky flags or the rounding mode.
bool Analysis::quiet_until(const ir::Block& block, Value v, u32 at) const {
    constexpr u32 kFar = 16;
    if (at - v > kFar) return false;
    for (u32 i = v + 1; i < at; i++) {
        const Op op = block.insts[i].op;
        if (is_barrier(op) || ((ir::effects(op) & ir::kEffectS) && op != Op::Insn)) return false;
    }
    return true;
}

// Operand `arg` of instruction `consumer`, read when `at` is emitted.
void Analysis::operand(const ir::Block& block, u32 at, u32 consumer, unsigned arg) {
    const Inst& in = block.insts[consumer];
    const Value v = info[in.args[arg]].rep;
    const Inst& def = block.insts[v];
    const bool wide_compare = def.op == Op::Icmp && ir::width(block.insts[def.args[0]].type) > 64;
    const bool inner = at != consumer && (block.insts[at].op == Op::Add || block.insts[at].op == Op::Sub);
    const bool fits = info[consumer].carry_arg == kNoReg ? !inner && may_defer(in, arg, def)
                                                         : def.op == in.op && info[v].instead == ir::kNone;
    bool defer = total_[v] == 1 && !wide_compare && fits && info[v].carry_arg == kNoReg &&
                 block.insts[in.args[arg]].type == def.type;
    if (defer && in.op == Op::Icmp) {  // test x,y; jz
        const Inst& zero = block.insts[info[in.args[1]].rep];
        const auto c = static_cast<ir::Cond>(in.aux);
        defer = (c == ir::Cond::Eq || c == ir::Cond::Ne) && zero.op == Op::Const && zero.imm == 0;
    }
    if (defer && def.op == Op::Shl) {
        const Inst& amount = block.insts[info[def.args[1]].rep];
        const Value other = info[in.args[1 - arg]].rep;
        defer = amount.op == Op::Const && amount.imm >= 1 && amount.imm <= 3 && other != v &&
                block.insts[other].op != Op::Const && !info[other].deferred;
    }
    if (defer && def.op == Op::And && in.op != Op::Icmp) {  // clears bits that no instruction address has
        const Inst& mask = block.insts[info[def.args[1]].rep];
        defer = mask.op == Op::Const && mask.imm == ~u64{0} - (layout_.pc_alignment - 1u) &&
                layout_.pc_alignment > 1;
    }
    if (defer && (def.op == Op::FCmp || def.op == Op::FlagsFCmp)) {  // half precision is compared by a helper
        const Type t = block.insts[def.args[0]].type;
        defer = (t == Type::F32 || t == Type::F64) && !(def.aux & ir::kFpFlush) && quiet_until(block, v, at);
    }
    if (defer && (def.op == Op::FlagsAdd || def.op == Op::FlagsSub)) {  // no register left for a carry
        const Inst& carry = block.insts[info[def.args[2]].rep];
        defer = carry.op == Op::Const && carry.imm == 0;
    }
    if (!defer) return use(v, at);
    info[v].deferred = true;
    operands(block, at, v);
}

void Analysis::operands(const ir::Block& block, u32 at, u32 consumer) {
    const ValueInfo& me = info[consumer];
    const Op op = block.insts[consumer].op;
    if (me.instead != ir::kNone && op == Op::Icmp) return use(me.instead, at);
    for (unsigned k = raw_args(op) ? 0 : ir::arg_count(op); k-- > 0;)
        k == me.carry_arg ? use(me.instead, at) : operand(block, at, consumer, k);
}

void Analysis::visit(const ir::Block& block, u32 i) {
    const Inst& in = block.insts[i];
    ValueInfo& me = info[i];
    if (me.rep != i || me.deferred) return;
    const bool barrier = is_barrier(in.op);
    if (in.op == Op::SetState) {
        const unsigned slot = static_cast<unsigned>(in.imm);
        if (on(JitOpt::FoldState) && dead_gen_[slot] == slot_gen(slot)) return;
        dead_gen_[slot] = slot_gen(slot);
        me.live = true;
        const Value v = info[in.args[0]].rep;
        const bool whole = block.insts[v].type != Type::V128 || layout_.slots[slot].type == Type::V128;
        if (pins_.reg_of[slot] >= 0 && on(JitOpt::HomeHint) && whole)
            hint(v, static_cast<u8>(pins_.reg_of[slot]), slot_gen(slot));
        return use(v, i);
    }
    if (in.op == Op::DeferFlags) {
        const unsigned slot = ir::DeferredFlags::of(in).flags;
        me.live = !on(JitOpt::FoldState) || dead_gen_[slot] != slot_gen(slot);
        dead_gen_[slot] = slot_gen(slot);
        return;
    }
    if (in.op == Op::Nop || (me.uses == 0 && ir::removable(in))) return;
    me.live = true;
    if (in.op == Op::Insn || in.op == Op::Const) return;
    if (me.hint != kNoReg)
        me.hint_ok = me.hint_gen == slot_gen(static_cast<unsigned>(pins_.slot_of[me.hint]));
    if (in.op == Op::GetState) {
        // While its slot's register still holds it, nothing is to be copied.
        me.hint_ok = false;
        reads_[in.imm]++;
    }
    if (barrier) barrier_++;
    operands(block, i, i);
    const unsigned nargs = raw_args(in.op) || me.instead != ir::kNone ? 0 : ir::arg_count(in.op);
    // What becomes the first operand may as well be computed in the same register.
    if (!barrier && nargs && me.hint_ok) {
        const Value x = info[in.args[0]].rep;
        const Type type = block.insts[x].type;
        const bool same_class = in_gpr_class(type) == (me.hint < kXmm0);
        // Around a call of C++ a pinned register keeps what its slot has, not more.
        const unsigned slot = static_cast<unsigned>(pins_.slot_of[me.hint]);
        const bool fits = ir::width(type) <= ir::width(layout_.slots[slot].type);
        const bool only_here = info[x].uses == 1 || (in.op == Op::VScalar && taken_over(block, x));
        if (only_here && info[x].hint == kNoReg && x != i && same_class && fits && !keeps_operands(in))
            hint(x, me.hint, me.hint_gen);
    }
}

}  // namespace vm::backend::x86_64
