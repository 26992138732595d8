// Scalar floating point: arithmetic, rounding to integral values, minimum and maximum. Manual:
// "Floating-point data-processing (1 source)", "(2 source)", "(3 source)".
#include "frontend/arm64/translator.h"

namespace vm::frontend::arm64 {

using ir::Round;

bool Translator::fp_unary(const Decoded& d, Op op, Round rounding, u32 extra) {
    const Type t = fp_type(d.size);
    return set_scalar(d.rd, b.unary(op, scalar(t, d.rn), fp(t, rounding, extra)));
}

Value Translator::fp_binary(const Decoded& d, Op op) {
    const Type t = fp_type(d.size);
    return b.binary(op, scalar(t, d.rn), scalar(t, d.rm), fp(t));
}

/// Ra + Rn * Rm. Signs are changed before NaNs are looked at.
bool Translator::fp_fma(const Decoded& d, u32 signs) {
    const Type t = fp_type(d.size);
    return set_scalar(d.rd, b.ternary(Op::Fma, scalar(t, d.rn), scalar(t, d.rm), scalar(t, d.ra),
                                      fp(t, Round::Dyn, signs)));
}

// --- one source
bool Translator::FABS(const Decoded& d) {
    return set_scalar(d.rd, b.unary(Op::FAbs, scalar(fp_type(d.size), d.rn)));
}
bool Translator::FNEG(const Decoded& d) {
    return set_scalar(d.rd, b.unary(Op::FNeg, scalar(fp_type(d.size), d.rn)));
}
bool Translator::FSQRT(const Decoded& d) { return fp_unary(d, Op::FSqrt, Round::Dyn); }

bool Translator::FRINTN(const Decoded& d) { return fp_unary(d, Op::FRound, Round::Rne); }
bool Translator::FRINTP(const Decoded& d) { return fp_unary(d, Op::FRound, Round::Rup); }
bool Translator::FRINTM(const Decoded& d) { return fp_unary(d, Op::FRound, Round::Rdn); }
bool Translator::FRINTZ(const Decoded& d) { return fp_unary(d, Op::FRound, Round::Rtz); }
bool Translator::FRINTA(const Decoded& d) { return fp_unary(d, Op::FRound, Round::Rmm); }
bool Translator::FRINTX(const Decoded& d) { return fp_unary(d, Op::FRound, Round::Dyn, ir::kFpExact); }
bool Translator::FRINTI(const Decoded& d) { return fp_unary(d, Op::FRound, Round::Dyn); }

// FRINTTS: what does not fit into the integer becomes its smallest value.
namespace {
constexpr u32 kTo64 = 1u << 9;
}
bool Translator::FRINT32Z(const Decoded& d) { return fp_unary(d, Op::FRoundInt, Round::Rtz); }
bool Translator::FRINT32X(const Decoded& d) { return fp_unary(d, Op::FRoundInt, Round::Dyn); }
bool Translator::FRINT64Z(const Decoded& d) { return fp_unary(d, Op::FRoundInt, Round::Rtz, kTo64); }
bool Translator::FRINT64X(const Decoded& d) { return fp_unary(d, Op::FRoundInt, Round::Dyn, kTo64); }

// --- two sources
bool Translator::FMUL(const Decoded& d) { return set_scalar(d.rd, fp_binary(d, Op::FMul)); }
bool Translator::FDIV(const Decoded& d) { return set_scalar(d.rd, fp_binary(d, Op::FDiv)); }
bool Translator::FADD(const Decoded& d) { return set_scalar(d.rd, fp_binary(d, Op::FAdd)); }
bool Translator::FSUB(const Decoded& d) { return set_scalar(d.rd, fp_binary(d, Op::FSub)); }
bool Translator::FMAX(const Decoded& d) { return set_scalar(d.rd, fp_binary(d, Op::FMax)); }
bool Translator::FMIN(const Decoded& d) { return set_scalar(d.rd, fp_binary(d, Op::FMin)); }
bool Translator::FMAXNM(const Decoded& d) { return set_scalar(d.rd, fp_binary(d, Op::FMaxNum)); }
bool Translator::FMINNM(const Decoded& d) { return set_scalar(d.rd, fp_binary(d, Op::FMinNum)); }
/// The product's sign changes also where it is a NaN.
bool Translator::FNMUL(const Decoded& d) {
    return set_scalar(d.rd, b.unary(Op::FNeg, fp_binary(d, Op::FMul)));
}

// --- three sources
bool Translator::FMADD(const Decoded& d) { return fp_fma(d, 0); }
bool Translator::FMSUB(const Decoded& d) { return fp_fma(d, ir::kFmaNegProduct); }
bool Translator::FNMADD(const Decoded& d) { return fp_fma(d, ir::kFmaNegProduct | ir::kFmaNegAddend); }
bool Translator::FNMSUB(const Decoded& d) { return fp_fma(d, ir::kFmaNegAddend); }

}  // namespace vm::frontend::arm64
