// F, D, Zfh, Zfa: conversions between integers and floating-point formats. Manual: "Single-Precision
// Floating-Point Conversion and Move Instructions" and the chapters that take over from it.
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

using ir::fp_aux;
using ir::FpSem;
using ir::Round;

// 32-bit results are sign-extended, unsigned ones too.
bool Translator::fp_to_int(const Decoded& d, Type from, Type to, bool is_unsigned) {
    const auto round = rounding(d);
    if (!round) return false;

    const u32 aux = fp_aux(*round, FpSem::RiscV, is_unsigned ? ir::kFpUnsigned : 0);
    const Value v = b.convert(Op::FToInt, to, f(from, d.rs1), aux);

    return to == Type::I32 ? set_w(d.rd, v) : set_x(d.rd, v);
}

// Where the result is exact the rounding mode is checked, but not asked of the host.
bool Translator::int_to_fp(const Decoded& d, Type from, Type to, bool is_unsigned) {
    auto round = rounding(d);
    if (!round) return false;
    if (from == Type::I32 && to == Type::F64) round = Round::Dyn;

    const Value v = from == Type::I32 ? w(d.rs1) : x(d.rs1);

    const u32 aux = fp_aux(*round, FpSem::RiscV, is_unsigned ? ir::kFpUnsigned : 0);
    return set_f(to, d.rd, b.convert(Op::IntToF, to, v, aux));
}

bool Translator::fp_to_fp(const Decoded& d, Type from, Type to) {
    auto round = rounding(d);
    if (!round) return false;
    if (ir::width(to) > ir::width(from)) round = Round::Dyn;

    return set_f(to, d.rd, b.convert(Op::FToF, to, f(from, d.rs1), fp_aux(*round, FpSem::RiscV)));
}

bool Translator::FCVT_S_H(const Decoded& d) { return fp_to_fp(d, Type::F16, Type::F32); }
bool Translator::FCVT_H_S(const Decoded& d) { return fp_to_fp(d, Type::F32, Type::F16); }
bool Translator::FCVT_D_H(const Decoded& d) { return fp_to_fp(d, Type::F16, Type::F64); }
bool Translator::FCVT_H_D(const Decoded& d) { return fp_to_fp(d, Type::F64, Type::F16); }
bool Translator::FCVT_D_S(const Decoded& d) { return fp_to_fp(d, Type::F32, Type::F64); }
bool Translator::FCVT_S_D(const Decoded& d) { return fp_to_fp(d, Type::F64, Type::F32); }

// Zfa: truncates modulo 2^32, with the flags of fcvt.w.d.
bool Translator::FCVTMOD_W_D(const Decoded& d) {
    const u32 aux = fp_aux(Round::Rtz, FpSem::RiscV);
    return set_w(d.rd, b.convert(Op::FToIntMod, Type::I32, f(Type::F64, d.rs1), aux));
}

// --- half precision and integers
bool Translator::FCVT_W_H(const Decoded& d) { return fp_to_int(d, Type::F16, Type::I32, false); }
bool Translator::FCVT_WU_H(const Decoded& d) { return fp_to_int(d, Type::F16, Type::I32, true); }
bool Translator::FCVT_L_H(const Decoded& d) { return fp_to_int(d, Type::F16, Type::I64, false); }
bool Translator::FCVT_LU_H(const Decoded& d) { return fp_to_int(d, Type::F16, Type::I64, true); }
bool Translator::FCVT_H_W(const Decoded& d) { return int_to_fp(d, Type::I32, Type::F16, false); }
bool Translator::FCVT_H_WU(const Decoded& d) { return int_to_fp(d, Type::I32, Type::F16, true); }
bool Translator::FCVT_H_L(const Decoded& d) { return int_to_fp(d, Type::I64, Type::F16, false); }
bool Translator::FCVT_H_LU(const Decoded& d) { return int_to_fp(d, Type::I64, Type::F16, true); }

// --- single precision and integers
bool Translator::FCVT_W_S(const Decoded& d) { return fp_to_int(d, Type::F32, Type::I32, false); }
bool Translator::FCVT_WU_S(const Decoded& d) { return fp_to_int(d, Type::F32, Type::I32, true); }
bool Translator::FCVT_L_S(const Decoded& d) { return fp_to_int(d, Type::F32, Type::I64, false); }
bool Translator::FCVT_LU_S(const Decoded& d) { return fp_to_int(d, Type::F32, Type::I64, true); }
bool Translator::FCVT_S_W(const Decoded& d) { return int_to_fp(d, Type::I32, Type::F32, false); }
bool Translator::FCVT_S_WU(const Decoded& d) { return int_to_fp(d, Type::I32, Type::F32, true); }
bool Translator::FCVT_S_L(const Decoded& d) { return int_to_fp(d, Type::I64, Type::F32, false); }
bool Translator::FCVT_S_LU(const Decoded& d) { return int_to_fp(d, Type::I64, Type::F32, true); }

// --- double precision and integers
bool Translator::FCVT_W_D(const Decoded& d) { return fp_to_int(d, Type::F64, Type::I32, false); }
bool Translator::FCVT_WU_D(const Decoded& d) { return fp_to_int(d, Type::F64, Type::I32, true); }
bool Translator::FCVT_L_D(const Decoded& d) { return fp_to_int(d, Type::F64, Type::I64, false); }
bool Translator::FCVT_LU_D(const Decoded& d) { return fp_to_int(d, Type::F64, Type::I64, true); }
bool Translator::FCVT_D_W(const Decoded& d) { return int_to_fp(d, Type::I32, Type::F64, false); }
bool Translator::FCVT_D_WU(const Decoded& d) { return int_to_fp(d, Type::I32, Type::F64, true); }
bool Translator::FCVT_D_L(const Decoded& d) { return int_to_fp(d, Type::I64, Type::F64, false); }
bool Translator::FCVT_D_LU(const Decoded& d) { return int_to_fp(d, Type::I64, Type::F64, true); }

}  // namespace vm::frontend::riscv64
