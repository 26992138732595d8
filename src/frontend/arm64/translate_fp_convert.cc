// Scalar floating point: conversions to and from integers, fixed point and other formats. Manual: "Conversion
// between floating-point and integer", "… and fixed-point", FCVT and BFCVT.
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::Round;

namespace {
constexpr u32 fraction(unsigned bits) { return bits << 9; }
constexpr u32 sign_of(bool is_unsigned) { return is_unsigned ? ir::kFpUnsigned : 0; }
}  // namespace

/// `fraction_bits` 0: integers.
bool Translator::fp_to_int(const Decoded& d, Round rounding, bool is_unsigned, unsigned fraction_bits) {
    const Type t = fp_type(d.size);
    const u32 aux = fp(t, rounding, sign_of(is_unsigned) | fraction(fraction_bits));
    return set_reg(d.rd, b.convert(Op::FToInt, int_type(d.sf), scalar(t, d.rn), aux));
}

bool Translator::int_to_fp(const Decoded& d, bool is_unsigned, unsigned fraction_bits) {
    const Type t = fp_type(d.size);
    const u32 aux = fp(t, Round::Dyn, sign_of(is_unsigned) | fraction(fraction_bits));
    return set_scalar(d.rd, b.convert(Op::IntToF, t, reg(d.sf, d.rn), aux));
}

bool Translator::FCVTNS(const Decoded& d) { return fp_to_int(d, Round::Rne, false, 0); }
bool Translator::FCVTNU(const Decoded& d) { return fp_to_int(d, Round::Rne, true, 0); }
bool Translator::FCVTPS(const Decoded& d) { return fp_to_int(d, Round::Rup, false, 0); }
bool Translator::FCVTPU(const Decoded& d) { return fp_to_int(d, Round::Rup, true, 0); }
bool Translator::FCVTMS(const Decoded& d) { return fp_to_int(d, Round::Rdn, false, 0); }
bool Translator::FCVTMU(const Decoded& d) { return fp_to_int(d, Round::Rdn, true, 0); }
bool Translator::FCVTZS(const Decoded& d) { return fp_to_int(d, Round::Rtz, false, 0); }
bool Translator::FCVTZU(const Decoded& d) { return fp_to_int(d, Round::Rtz, true, 0); }
bool Translator::FCVTAS(const Decoded& d) { return fp_to_int(d, Round::Rmm, false, 0); }
bool Translator::FCVTAU(const Decoded& d) { return fp_to_int(d, Round::Rmm, true, 0); }
bool Translator::SCVTF(const Decoded& d) { return int_to_fp(d, false, 0); }
bool Translator::UCVTF(const Decoded& d) { return int_to_fp(d, true, 0); }

// --- fixed point: amount is 64 - fraction bits
bool Translator::FCVTZS_fix(const Decoded& d) { return fp_to_int(d, Round::Rtz, false, 64u - d.amount); }
bool Translator::FCVTZU_fix(const Decoded& d) { return fp_to_int(d, Round::Rtz, true, 64u - d.amount); }
bool Translator::SCVTF_fix(const Decoded& d) { return int_to_fp(d, false, 64u - d.amount); }
bool Translator::UCVTF_fix(const Decoded& d) { return int_to_fp(d, true, 64u - d.amount); }

/// JavaScript's ToInt32. Z: the result is the operand, which is not -0 (nor a subnormal that became zero).
bool Translator::FJCVTZS(const Decoded& d) {
    const Value n = scalar(Type::F64, d.rn);
    const Value result = b.convert(Op::FToIntMod, Type::I32, n, fp(Type::F64, Round::Rtz));

    const Value back = b.convert(Op::IntToF, Type::F64, result, fp(Type::F64, Round::Rtz));
    const Value exact = b.icmp(ir::Cond::Eq, b.bitcast(Type::I64, back), b.bitcast(Type::I64, n));

    set_flags(b.unary(Op::FlagsPack, b.shl(b.zext(Type::I32, exact), b.c32(30))));
    return set_reg(d.rd, result);
}

/// size, opt: `ptype` of source and destination. FZ16 has no part in conversions, and FZ none in halves:
/// those are never subnormal in a wider format.
bool Translator::FCVT(const Decoded& d) {
    constexpr Type by_ptype[] = {Type::F32, Type::F64, Type::Void, Type::F16};
    const Type from = by_ptype[d.size], to = by_ptype[d.opt];
    const bool half = from == Type::F16 || to == Type::F16;
    u32 aux = fp(from, Round::Dyn, half && request_.mode & kModeAhp ? ir::kFpAltHalf : 0);
    if (from == Type::F16) aux &= ~ir::kFpFlush;
    return set_scalar(d.rd, b.convert(Op::FToF, to, scalar(from, d.rn), aux));
}

bool Translator::BFCVT(const Decoded& d) {
    return set_scalar(d.rd, b.convert(Op::FToBf16, Type::I16, scalar(Type::F32, d.rn), fp(Type::F32)));
}

}  // namespace vm::frontend::arm64
