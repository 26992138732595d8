// Conditions on flags as comparisons of what the flags were made of. That is what lets the flags themselves
// die, or be made out of the way, in nearly all code.
#include "ir/builder.h"
#include "ir/simplify.h"

namespace vm::ir {

Value Builder::test(FlagCond c, Value f, unsigned depth) {
    const Inst def = at(f);  // a copy: what follows moves the instructions
    Value made = kNone;
    switch (def.op) {
        case Op::FlagsLogic: made = test_of_result(c, def.args[0]); break;
        case Op::FlagsSub:
            if ((c == FlagCond::Mi || c == FlagCond::Pl) && is_const(def.args[2], 0))
                made = test_of_result(c, sub(def.args[0], def.args[1]));
            break;
        case Op::FlagsAdd: made = test_of_add(c, def); break;
        case Op::FlagsFCmp: made = f >= sticky_written_ ? test_of_fcmp(c, def) : kNone; break;
        case Op::Select: made = depth > 0 ? test_of_select(c, def, depth - 1) : kNone; break;
        default: break;
    }
    return made != kNone ? made : plain_test(c, f);
}

/// Conditions that N and Z of x decide where V is 0. Those on C and V are constants: simplify() knows.
Value Builder::test_of_result(FlagCond c, Value x) {
    const auto against_zero = [&](Cond cond) { return icmp(cond, x, constant(type(x), 0)); };
    switch (c) {
        case FlagCond::Eq: return against_zero(Cond::Eq);
        case FlagCond::Ne: return against_zero(Cond::Ne);
        case FlagCond::Mi:
        case FlagCond::Lt: return against_zero(Cond::LtS);
        case FlagCond::Pl:
        case FlagCond::Ge: return against_zero(Cond::GeS);
        case FlagCond::Gt: return against_zero(Cond::GtS);
        case FlagCond::Le: return against_zero(Cond::LeS);
        default: return kNone;
    }
}

Value Builder::test_of_add(FlagCond c, const Inst& f) {
    if (!is_const(f.args[2], 0)) return kNone;
    Value x = f.args[0], y = f.args[1];
    if (at(x).op == Op::Const) std::swap(x, y);
    const Type t = type(x);
    const u64 top = u64{1} << (width(t) - 1);
    // x + n has the flags of x - -n unless n is 0 (carry) or its own opposite (overflow).
    if (at(y).op == Op::Const && at(y).imm != 0 && at(y).imm != top) {
        if (const auto cond = compared_by(c, CarrySem::NotBorrow))
            return icmp(*cond, x, constant(t, 0 - at(y).imm));
    }
    switch (c) {
        case FlagCond::Eq:
        case FlagCond::Ne:
        case FlagCond::Mi:
        case FlagCond::Pl: return test_of_result(c, add(x, y));
        case FlagCond::Cs: return icmp(Cond::LtU, add(x, y), x);
        case FlagCond::Cc: return icmp(Cond::GeU, add(x, y), x);
        default: return kNone;
    }
}

/// The flags stay for the exceptions that the comparison raises. A quiet one raises none but for signaling
/// NaNs and flushed operands, and for those the flags' own comparison did so already, unless the sticky flags
/// were written since.
Value Builder::test_of_fcmp(FlagCond c, const Inst& f) {
    const Value x = f.args[0], y = f.args[1];
    const auto compare = [&](FpCond cond, Value left, Value right) {
        return binary(Op::FCmp, left, right, fcmp_aux(cond, false) | (f.aux & kFpFlush));
    };
    switch (c) {
        case FlagCond::Eq: return compare(FpCond::Eq, x, y);
        case FlagCond::Ne: return not_(compare(FpCond::Eq, x, y));
        case FlagCond::Mi:
        case FlagCond::Cc: return compare(FpCond::Lt, x, y);
        case FlagCond::Pl:
        case FlagCond::Cs: return not_(compare(FpCond::Lt, x, y));
        case FlagCond::Vs: return compare(FpCond::Unordered, x, y);
        case FlagCond::Vc: return not_(compare(FpCond::Unordered, x, y));
        case FlagCond::Ls: return compare(FpCond::Le, x, y);
        case FlagCond::Hi: return not_(compare(FpCond::Le, x, y));
        case FlagCond::Ge: return compare(FpCond::Le, y, x);
        case FlagCond::Lt: return not_(compare(FpCond::Le, y, x));
        case FlagCond::Gt: return compare(FpCond::Lt, y, x);
        case FlagCond::Le: return not_(compare(FpCond::Lt, y, x));
    }
    return kNone;
}

/// Conditional compare: (p & first) | (~p & second), one of which is mostly a constant.
Value Builder::test_of_select(FlagCond c, const Inst& f, unsigned depth) {
    const Value p = f.args[0];
    const Value first = test(c, f.args[1], depth), second = test(c, f.args[2], depth);
    if (is_const(second, 0)) return and_(p, first);
    if (is_const(second, 1)) return or_(not_(p), first);
    if (is_const(first, 1)) return or_(p, second);
    return or_(and_(p, first), binary(Op::AndNot, second, p));
}

}  // namespace vm::ir
