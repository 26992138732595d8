// Flags whose making is known. Only rules with the operands that are there already; what takes several
// instructions is in builder_flags.cc.
#include "ir/simplify.h"

namespace vm::ir {
namespace {

bool is_const(const Inst& in) { return in.op == Op::Const; }

/// A condition on flags that are N and Z with C = V = 0, where it does not depend on the value.
std::optional<bool> after_logic(FlagCond c) {
    switch (c) {
        case FlagCond::Cs:
        case FlagCond::Vs:
        case FlagCond::Hi: return false;
        case FlagCond::Cc:
        case FlagCond::Vc:
        case FlagCond::Ls: return true;
        default: return std::nullopt;
    }
}

void become_truth(Inst& in, bool truth) { in = {.op = Op::Const, .type = Type::I1, .imm = u64{truth}}; }

Value flags_test(const Inst* insts, Inst& in) {
    const Inst& f = insts[in.args[0]];
    const auto c = static_cast<FlagCond>(in.aux);
    if (const auto known = known_flags(insts, f)) {
        become_truth(in, flag_cond(c, *known));
        return kNone;
    }
    if (f.op == Op::FlagsLogic) {
        if (const auto truth = after_logic(c)) become_truth(in, *truth);
        return kNone;
    }
    if (f.op != Op::FlagsSub || !is_const(insts[f.args[2]]) || insts[f.args[2]].imm != 0) return kNone;
    auto cond = compared_by(c, static_cast<CarrySem>(f.aux));
    const Inst& y = insts[f.args[1]];
    if (is_const(y) && y.imm == 0) {  // x - 0 has the sign of x and cannot overflow
        if (c == FlagCond::Mi) cond = Cond::LtS;
        if (c == FlagCond::Pl) cond = Cond::GeS;
        if (c == FlagCond::Vs || c == FlagCond::Vc) {
            become_truth(in, c == FlagCond::Vc);
            return kNone;
        }
    }
    if (!cond) return kNone;
    in = {.op = Op::Icmp,
          .type = Type::I1,
          .args = {f.args[0], f.args[1], kNone},
          .aux = static_cast<u32>(*cond)};
    return simplify(insts, in);
}

}  // namespace

std::optional<Nzcv> known_flags(const Inst* insts, const Inst& in) {
    if (in.op < Op::FlagsAdd || in.op > Op::FlagsPack || in.op == Op::FlagsFCmp) return std::nullopt;
    u64 v[3] = {0, 0, 0};
    for (unsigned k = 0; k < arg_count(in.op); ++k) {
        if (!is_const(insts[in.args[k]])) return std::nullopt;
        v[k] = insts[in.args[k]].imm;
    }
    return eval_flags(in, width(insts[in.args[0]].type), v[0], v[1], v[2]);
}

std::optional<Cond> compared_by(FlagCond c, CarrySem sem) {
    const bool borrow = sem == CarrySem::Borrow;
    switch (c) {
        case FlagCond::Eq: return Cond::Eq;
        case FlagCond::Ne: return Cond::Ne;
        case FlagCond::Cs: return borrow ? Cond::LtU : Cond::GeU;
        case FlagCond::Cc: return borrow ? Cond::GeU : Cond::LtU;
        case FlagCond::Hi: return borrow ? Cond::LtU : Cond::GtU;  // what borrowed is not zero
        case FlagCond::Ls: return borrow ? Cond::GeU : Cond::LeU;
        case FlagCond::Ge: return Cond::GeS;
        case FlagCond::Lt: return Cond::LtS;
        case FlagCond::Gt: return Cond::GtS;
        case FlagCond::Le: return Cond::LeS;
        default: return std::nullopt;
    }
}

Value simplify_flags(const Inst* insts, Inst& in) {
    const Inst& x = insts[in.args[0]];
    if (in.op == Op::FlagsTest) return flags_test(insts, in);
    if (in.op == Op::FlagsPack) return x.op == Op::FlagsUnpack ? x.args[0] : kNone;
    if (const auto known = known_flags(insts, x))
        in = {.op = Op::Const, .type = Type::I32, .imm = u64{known->bits} << 28};
    return kNone;
}

}  // namespace vm::ir
