// F, D, Zfh arithmetic; Zfa minimum, maximum and rounding. Manual: "Single-Precision Floating-Point
// Computational Instructions" and the chapters that take over from it.
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

using ir::fp_aux;
using ir::FpSem;
using ir::Round;

std::optional<Round> Translator::rounding(const Decoded& d) const {
    if (d.rm < 5) return static_cast<Round>(d.rm);
    if (d.rm != 7 || rounding_mode() == kModeInvalid) return std::nullopt;
    return rounding_mode() == kModeRmm ? Round::Rmm : Round::Dyn;
}

bool Translator::fp_unary(const Decoded& d, Op op, Type t, u32 extra) {
    const auto round = rounding(d);
    if (!round) return false;

    return set_f(t, d.rd, b.unary(op, f(t, d.rs1), fp_aux(*round, FpSem::RiscV, extra)));
}

bool Translator::fp_binary(const Decoded& d, Op op, Type t) {
    const auto round = rounding(d);
    if (!round) return false;

    return set_f(t, d.rd, b.binary(op, f(t, d.rs1), f(t, d.rs2), fp_aux(*round, FpSem::RiscV)));
}

bool Translator::fp_fma(const Decoded& d, Type t, u32 signs) {
    const auto round = rounding(d);
    if (!round) return false;

    const Value factor = f(t, d.rs1);
    const Value factor2 = f(t, d.rs2);
    const Value addend = f(t, d.rs3);

    return set_f(t, d.rd, b.ternary(Op::Fma, factor, factor2, addend, fp_aux(*round, FpSem::RiscV, signs)));
}

bool Translator::fp_min_max(const Decoded& d, Op op, Type t) {
    return set_f(t, d.rd, b.binary(op, f(t, d.rs1), f(t, d.rs2), fp_aux(Round::Dyn, FpSem::RiscV)));
}

// --- half precision
bool Translator::FADD_H(const Decoded& d) { return fp_binary(d, Op::FAdd, Type::F16); }
bool Translator::FSUB_H(const Decoded& d) { return fp_binary(d, Op::FSub, Type::F16); }
bool Translator::FMUL_H(const Decoded& d) { return fp_binary(d, Op::FMul, Type::F16); }
bool Translator::FDIV_H(const Decoded& d) { return fp_binary(d, Op::FDiv, Type::F16); }
bool Translator::FSQRT_H(const Decoded& d) { return fp_unary(d, Op::FSqrt, Type::F16); }
bool Translator::FMADD_H(const Decoded& d) { return fp_fma(d, Type::F16, 0); }
bool Translator::FMSUB_H(const Decoded& d) { return fp_fma(d, Type::F16, ir::kFmaNegAddend); }
bool Translator::FNMSUB_H(const Decoded& d) { return fp_fma(d, Type::F16, ir::kFmaNegProduct); }
bool Translator::FNMADD_H(const Decoded& d) {
    return fp_fma(d, Type::F16, ir::kFmaNegProduct | ir::kFmaNegAddend);
}
bool Translator::FMIN_H(const Decoded& d) { return fp_min_max(d, Op::FMinNum, Type::F16); }
bool Translator::FMAX_H(const Decoded& d) { return fp_min_max(d, Op::FMaxNum, Type::F16); }
bool Translator::FMINM_H(const Decoded& d) { return fp_min_max(d, Op::FMin, Type::F16); }
bool Translator::FMAXM_H(const Decoded& d) { return fp_min_max(d, Op::FMax, Type::F16); }
bool Translator::FROUND_H(const Decoded& d) { return fp_unary(d, Op::FRound, Type::F16); }
bool Translator::FROUNDNX_H(const Decoded& d) { return fp_unary(d, Op::FRound, Type::F16, ir::kFpExact); }

// --- single precision
bool Translator::FADD_S(const Decoded& d) { return fp_binary(d, Op::FAdd, Type::F32); }
bool Translator::FSUB_S(const Decoded& d) { return fp_binary(d, Op::FSub, Type::F32); }
bool Translator::FMUL_S(const Decoded& d) { return fp_binary(d, Op::FMul, Type::F32); }
bool Translator::FDIV_S(const Decoded& d) { return fp_binary(d, Op::FDiv, Type::F32); }
bool Translator::FSQRT_S(const Decoded& d) { return fp_unary(d, Op::FSqrt, Type::F32); }
bool Translator::FMADD_S(const Decoded& d) { return fp_fma(d, Type::F32, 0); }
bool Translator::FMSUB_S(const Decoded& d) { return fp_fma(d, Type::F32, ir::kFmaNegAddend); }
bool Translator::FNMSUB_S(const Decoded& d) { return fp_fma(d, Type::F32, ir::kFmaNegProduct); }
bool Translator::FNMADD_S(const Decoded& d) {
    return fp_fma(d, Type::F32, ir::kFmaNegProduct | ir::kFmaNegAddend);
}
bool Translator::FMIN_S(const Decoded& d) { return fp_min_max(d, Op::FMinNum, Type::F32); }
bool Translator::FMAX_S(const Decoded& d) { return fp_min_max(d, Op::FMaxNum, Type::F32); }
bool Translator::FMINM_S(const Decoded& d) { return fp_min_max(d, Op::FMin, Type::F32); }
bool Translator::FMAXM_S(const Decoded& d) { return fp_min_max(d, Op::FMax, Type::F32); }
bool Translator::FROUND_S(const Decoded& d) { return fp_unary(d, Op::FRound, Type::F32); }
bool Translator::FROUNDNX_S(const Decoded& d) { return fp_unary(d, Op::FRound, Type::F32, ir::kFpExact); }

// --- double precision
bool Translator::FADD_D(const Decoded& d) { return fp_binary(d, Op::FAdd, Type::F64); }
bool Translator::FSUB_D(const Decoded& d) { return fp_binary(d, Op::FSub, Type::F64); }
bool Translator::FMUL_D(const Decoded& d) { return fp_binary(d, Op::FMul, Type::F64); }
bool Translator::FDIV_D(const Decoded& d) { return fp_binary(d, Op::FDiv, Type::F64); }
bool Translator::FSQRT_D(const Decoded& d) { return fp_unary(d, Op::FSqrt, Type::F64); }
bool Translator::FMADD_D(const Decoded& d) { return fp_fma(d, Type::F64, 0); }
bool Translator::FMSUB_D(const Decoded& d) { return fp_fma(d, Type::F64, ir::kFmaNegAddend); }
bool Translator::FNMSUB_D(const Decoded& d) { return fp_fma(d, Type::F64, ir::kFmaNegProduct); }
bool Translator::FNMADD_D(const Decoded& d) {
    return fp_fma(d, Type::F64, ir::kFmaNegProduct | ir::kFmaNegAddend);
}
bool Translator::FMIN_D(const Decoded& d) { return fp_min_max(d, Op::FMinNum, Type::F64); }
bool Translator::FMAX_D(const Decoded& d) { return fp_min_max(d, Op::FMaxNum, Type::F64); }
bool Translator::FMINM_D(const Decoded& d) { return fp_min_max(d, Op::FMin, Type::F64); }
bool Translator::FMAXM_D(const Decoded& d) { return fp_min_max(d, Op::FMax, Type::F64); }
bool Translator::FROUND_D(const Decoded& d) { return fp_unary(d, Op::FRound, Type::F64); }
bool Translator::FROUNDNX_D(const Decoded& d) { return fp_unary(d, Op::FRound, Type::F64, ir::kFpExact); }

}  // namespace vm::frontend::riscv64
