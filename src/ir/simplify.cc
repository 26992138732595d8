#include "ir/simplify.h"

#include <utility>

namespace vm::ir {
namespace {

constexpr u64 kPageOffset = 0xfff;

bool is_const(const Inst& i) { return i.op == Op::Const; }
u64 ones(Type t) { return zext(~u64{0}, width(t)); }

void become_const(Inst& in, u64 imm) {
    const Type t = in.type;
    in = Inst{.op = t == Type::I128 || t == Type::V128 ? Op::Const128 : Op::Const, .type = t, .imm = imm};
    if (in.op == Op::Const128) in.args = {0, 0, kNone};
}

void become_unary(Inst& in, Op op, Value x) {
    in = Inst{.op = op, .type = in.type, .args = {x, kNone, kNone}};
}

bool commutes(Op op) {
    switch (op) {
        case Op::Add:
        case Op::Mul:
        case Op::MulHiS:
        case Op::MulHiU:
        case Op::And:
        case Op::Or:
        case Op::Xor: return true;
        default: return false;
    }
}

/// Comparison of a widened truth value with 0: the value itself or its opposite.
Value compare_with_zero(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    const auto cond = static_cast<Cond>(in.aux);
    const bool truth = x.op == Op::Zext && insts[x.args[0]].type == Type::I1;
    if (!truth || (cond != Cond::Eq && cond != Cond::Ne)) return kNone;
    if (cond == Cond::Ne) return x.args[0];
    become_unary(in, Op::Not, x.args[0]);
    return kNone;
}

/// x OP c with a constant right operand of an op with result type A.
Value with_constant(const Inst* insts, Inst& in, u64 c) {
    const Value x = in.args[0];
    const u64 all = ones(in.type);
    switch (in.op) {
        case Op::Add:
            if (c == 0) return x;
            if (insts[x].op == Op::GuestAddr)
                in = Inst{.op = Op::GuestAddr, .type = in.type, .imm = insts[x].imm + c};
            return kNone;
        case Op::Sub:
        case Op::AndNot:
            if (c == 0) return x;
            if (in.op == Op::AndNot && c == all) become_const(in, 0);
            return kNone;
        case Op::Shl:
        case Op::Lshr:
        case Op::Ashr:
        case Op::Rotr: return (c & (width(in.type) - 1)) == 0 ? x : kNone;
        case Op::Mul:
            if (c == 1) return x;
            if (c == 0) become_const(in, 0);
            return kNone;
        case Op::MulHiU:
            if (c <= 1) become_const(in, 0);
            return kNone;
        case Op::DivU: return c == 1 ? x : kNone;
        case Op::And:
            if (c == all) return x;
            if (c == 0) become_const(in, 0);
            if (insts[x].op == Op::GuestAddr && (c | kPageOffset) == all)  // images move by whole pages
                in = Inst{.op = Op::GuestAddr, .type = in.type, .imm = insts[x].imm & c};
            return kNone;
        case Op::Or:
            if (c == 0) return x;
            if (c == all) become_const(in, all);
            return kNone;
        case Op::Xor:
            if (c == 0) return x;
            if (c == all) become_unary(in, Op::Not, x);
            return kNone;
        default: return kNone;
    }
}

/// Both operands are the same value.
Value with_itself(Inst& in) {
    switch (in.op) {
        case Op::And:
        case Op::Or: return in.args[0];
        case Op::Xor:
        case Op::Sub:
        case Op::AndNot: become_const(in, 0); return kNone;
        case Op::Icmp: {
            const auto c = static_cast<Cond>(in.aux);
            become_const(
                in, c == Cond::Eq || c == Cond::GeS || c == Cond::LeS || c == Cond::GeU || c == Cond::LeU);
            return kNone;
        }
        default: return kNone;
    }
}

Value binary(const Inst* insts, Inst& in) {
    const Inst &x = insts[in.args[0]], &y = insts[in.args[1]];
    if (is_const(x)) {
        if (is_const(y)) {
            become_const(in, eval_int(in, width(x.type), x.imm, y.imm, 0));
            return kNone;
        }
        if (in.op == Op::Icmp) {
            in.aux = static_cast<u32>(swapped(static_cast<Cond>(in.aux)));
            std::swap(in.args[0], in.args[1]);
        } else if (commutes(in.op)) {
            std::swap(in.args[0], in.args[1]);
            return with_constant(insts, in, x.imm);
        } else if (in.op == Op::Sub && x.imm == 0) {
            become_unary(in, Op::Neg, in.args[1]);
        }
        return kNone;
    }
    if (is_const(y)) {
        if (in.op == Op::Icmp) return y.imm == 0 ? compare_with_zero(insts, in) : kNone;
        return with_constant(insts, in, y.imm);
    }
    return in.args[0] == in.args[1] ? with_itself(in) : kNone;
}

Value unary(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    if (is_const(x)) {
        become_const(in, eval_int(in, width(x.type), x.imm, 0, 0));
        return kNone;
    }
    // Zeros at the other end of the reversed bits.
    if (x.op == Op::Bitrev && (in.op == Op::Clz || in.op == Op::Ctz)) {
        become_unary(in, in.op == Op::Clz ? Op::Ctz : Op::Clz, x.args[0]);
        return kNone;
    }
    const bool involution = in.op == Op::Not || in.op == Op::Neg || in.op == Op::Bswap || in.op == Op::Bitrev;
    return involution && x.op == in.op ? x.args[0] : kNone;
}

/// Zext, Sext, Trunc of a conversion.
Value convert(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    if (x.type == in.type) return in.args[0];
    if (is_const(x)) {
        if (in.type != Type::I128) {
            become_const(in, eval_int(in, width(x.type), x.imm, 0, 0));
        } else {
            const bool negative = in.op == Op::Sext && bit(x.imm, width(x.type) - 1);
            in = Inst{.op = Op::Const128,
                      .type = in.type,
                      .imm = negative ? static_cast<u64>(sext(x.imm, width(x.type))) : x.imm};
            in.args = negative ? std::array<Value, 3>{~0u, ~0u, kNone} : std::array<Value, 3>{0, 0, kNone};
        }
        return kNone;
    }
    const bool extension = x.op == Op::Zext || x.op == Op::Sext;
    if (in.op == Op::Trunc) {
        if (x.op == Op::Trunc) in.args[0] = x.args[0];
        if (!extension) return kNone;
        const Type inner = insts[x.args[0]].type;
        if (inner == in.type) return x.args[0];
        in.args[0] = x.args[0];
        if (width(inner) < width(in.type)) in.op = x.op;
        return kNone;
    }
    if (x.op == Op::Zext ||
        (x.op == Op::Sext && in.op == Op::Sext)) {  // the inner extension decides the upper bits
        in.op = x.op;
        in.args[0] = x.args[0];
    }
    return kNone;
}

Value bitcast(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    if (x.type == in.type) return in.args[0];
    if (is_const(x)) {
        become_const(in, x.imm);
        return kNone;
    }
    if (x.op != Op::Bitcast) return kNone;
    if (insts[x.args[0]].type == in.type) return x.args[0];
    in.args[0] = x.args[0];
    return kNone;
}

Value select(const Inst* insts, const Inst& in) {
    const Inst& c = insts[in.args[0]];
    if (is_const(c)) return in.args[c.imm ? 1 : 2];
    return in.args[1] == in.args[2] ? in.args[1] : kNone;
}

Value nan_box(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    if (is_const(x)) become_const(in, x.imm | ~ones(x.type));
    return kNone;
}

Value nan_unbox(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    if (x.op == Op::NanBox && insts[x.args[0]].type == in.type) return x.args[0];
    if (!is_const(x)) return kNone;
    const u64 low = ones(in.type), canonical = in.type == Type::F16 ? 0x7e00 : 0x7fc00000;
    become_const(in, (x.imm | low) == ~u64{0} ? x.imm & low : canonical);
    return kNone;
}

}  // namespace

Value simplify(const Inst* insts, Inst& in) {
    switch (in.op) {
        case Op::Add:
        case Op::Sub:
        case Op::Mul:
        case Op::MulHiS:
        case Op::MulHiU:
        case Op::MulHiSU:
        case Op::DivS:
        case Op::DivU:
        case Op::RemS:
        case Op::RemU:
        case Op::And:
        case Op::Or:
        case Op::Xor:
        case Op::AndNot:
        case Op::Shl:
        case Op::Lshr:
        case Op::Ashr:
        case Op::Rotr:
        case Op::ClmulLo:
        case Op::ClmulHi:
        case Op::Pdep:
        case Op::Pext:
        case Op::Icmp: return binary(insts, in);
        case Op::Neg:
        case Op::Not:
        case Op::Clz:
        case Op::Ctz:
        case Op::Popcnt:
        case Op::Bswap:
        case Op::Bitrev:
        case Op::OrcB: return unary(insts, in);
        case Op::Zext:
        case Op::Sext:
        case Op::Trunc: return convert(insts, in);
        case Op::Bitcast: return bitcast(insts, in);
        case Op::Select: return select(insts, in);
        case Op::FlagsPack:
        case Op::FlagsUnpack:
        case Op::FlagsTest: return simplify_flags(insts, in);
        case Op::Lo128:
        case Op::Hi128:
        case Op::VSplat:
        case Op::VScalar:
        case Op::VDup:
        case Op::VInsert:
        case Op::VExtract:
        case Op::VLow64:
        case Op::VExt:
        case Op::VShlImm:
        case Op::VLshrImm:
        case Op::VAshrImm: return simplify_vec(insts, in);
        case Op::NanBox: return nan_box(insts, in);
        case Op::NanUnbox: return nan_unbox(insts, in);
        default: return kNone;
    }
}

/// One value, or the same low bits of one.
static bool same_value(const Inst* insts, Value x, Value y) {
    const Inst &a = insts[x], &b = insts[y];
    return x == y || (a.op == Op::Trunc && b.op == Op::Trunc && a.type == b.type && a.args[0] == b.args[0]);
}

Inst rotation(const Inst* insts, const Inst& in, Op* widen) {
    const Inst none{.op = Op::Nop};
    if (in.type != Type::I32 && in.type != Type::I64) return none;
    Value left = in.args[0], right = in.args[1];
    const auto narrow = [&](Value v) {
        const Inst& x = insts[v];
        const bool widened = (x.op == Op::Sext || x.op == Op::Zext) && insts[x.args[0]].type == Type::I32;
        return in.type == Type::I64 && widened ? x.args[0] : v;
    };
    if (insts[narrow(left)].op != Op::Shl) std::swap(left, right);
    const Inst& l = insts[narrow(left)];
    const Inst& r = insts[narrow(right)];
    if (l.op != Op::Shl || r.op != Op::Lshr || l.type != r.type) return none;
    if (!same_value(insts, l.args[0], r.args[0])) return none;
    const Inst &up = insts[l.args[1]], &down = insts[r.args[1]];
    if (!is_const(up) || !is_const(down)) return none;
    const unsigned w = width(l.type), n = up.imm & (w - 1), m = down.imm & (w - 1);
    if (n == 0 || n + m != w) return none;
    *widen = insts[left].op;  // the right half has a zero above it either way
    return {.op = Op::Rotr, .type = l.type, .args = {l.args[0], r.args[1], kNone}};
}

}  // namespace vm::ir
