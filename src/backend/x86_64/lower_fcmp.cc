// Floating-point comparisons, as values, as conditions of branches and selects, and for flags.
//
// ucomis leaves carry, zero and parity: none for greater, carry for less, zero for equal, all for unordered.
// Quiet NaNs raise invalid with comis only.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

using ir::FlagCond;
using ir::FpCond;

bool Lowering::native_fcmp(const Inst& in) const {
    const Type t = arg_type(in, 0);
    return (t == Type::F32 || t == Type::F64) && !(in.aux & ir::kFpFlush);
}

// The host's comparison of x with y, or `swap`ped of y with x, its operands made available.
Lowering::FcmpOp Lowering::prepare_fcmp(const Inst& in, bool swap) {
    constexpr u32 kIds[2][2][2] = {
        {{HInst::kIdUcomisd, HInst::kIdVucomisd}, {HInst::kIdUcomiss, HInst::kIdVucomiss}},
        {{HInst::kIdComisd, HInst::kIdVcomisd}, {HInst::kIdComiss, HInst::kIdVcomiss}}};
    const bool single = arg_type(in, 0) == Type::F32, signaling = in.aux & 8;
    FcmpOp o{.id = kIds[signaling][single][cpu_.avx]};
    o.x = use_xmm(arg(in, swap));
    o.y = use_xsrc(arg(in, !swap), single ? 4 : 8);
    return o;
}

void Lowering::f_cmp(u32 i) {
    const Inst& in = inst(i);
    if (!native_fcmp(in)) return fp_helper(i);
    const auto c = static_cast<FpCond>(in.aux & 7);
    // y > x, y >= x are false when unordered
    const FcmpOp o = prepare_fcmp(in, c == FpCond::Lt || c == FpCond::Le);
    consume();
    const u8 d = define_gpr(i);
    a.xor_(r32(d), r32(d));
    u8 e = kNoReg;
    if (c == FpCond::Eq) {
        e = alloc_gpr(mask_of(d));
        a.xor_(r32(e), r32(e));
    }
    emit_fcmp(o);
    switch (c) {
        case FpCond::Lt: a.seta(r8(d)); break;
        case FpCond::Le: a.setae(r8(d)); break;
        case FpCond::Unordered: a.setp(r8(d)); break;
        case FpCond::Eq:
            a.setnp(r8(e));
            a.cmove(r32(d), r32(e));
            break;
    }
    defined(i, d);
}

// Zero without parity: for unordered, which is seldom, cold code clears zero.
Cc Lowering::ordered_equal(u32* start) {
    cold_jcc(Cc::P, {.kind = ColdKind::NotEqual});
    *start = a.pos();
    return Cc::E;
}

Cc Lowering::fcmp_condition(Value cmp, u32* start) {
    const Inst& in = inst(cmp);
    const auto c = static_cast<FpCond>(in.aux & 7);
    const FcmpOp o = prepare_fcmp(in, c == FpCond::Lt || c == FpCond::Le);
    *start = a.pos();
    emit_fcmp(o);
    switch (c) {
        case FpCond::Lt: return Cc::A;
        case FpCond::Le: return Cc::Ae;
        case FpCond::Unordered: return Cc::P;
        case FpCond::Eq: break;
    }
    return ordered_equal(start);
}

// Condition on the flags of comparison `f`, which nobody else wants.
Cc Lowering::fcmp_flag_condition(FlagCond c, Value f, u32* start) {
    struct Choice {
        bool swap;
        Cc cc;
    };
    constexpr Choice kChoices[] = {
        {false, Cc::E},   // Eq
        {false, Cc::Ne},  // Ne
        {true, Cc::Be},   // Cs: not less
        {true, Cc::A},    // Cc: less
        {true, Cc::A},    // Mi: less
        {true, Cc::Be},   // Pl: not less
        {false, Cc::P},   // Vs: unordered
        {false, Cc::Np},  // Vc: ordered
        {true, Cc::B},    // Hi: not less or equal
        {true, Cc::Ae},   // Ls: less or equal
        {false, Cc::Ae},  // Ge: greater or equal
        {false, Cc::B},   // Lt: not greater or equal
        {false, Cc::A},   // Gt: greater
        {false, Cc::Be},  // Le: not greater
    };
    const Choice& choice = kChoices[static_cast<u8>(c)];
    const FcmpOp o = prepare_fcmp(inst(f), choice.swap);
    *start = a.pos();
    emit_fcmp(o);
    if (c == FlagCond::Eq || c == FlagCond::Ne) ordered_equal(start);
    return choice.cc;
}

}  // namespace vm::backend::x86_64
