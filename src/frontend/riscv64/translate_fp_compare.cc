// F, D, Zfh, Zfa: comparison, classification and sign injection. Manual: "Single-Precision Floating-Point
// Compare Instructions", "… Classify Instruction", "… Conversion and Move Instructions" (FSGNJ).
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

using ir::FpCond;

bool Translator::fp_compare(const Decoded& d, Type t, FpCond c, bool signaling) {
    return set_i1(d.rd, b.binary(Op::FCmp, f(t, d.rs1), f(t, d.rs2), ir::fcmp_aux(c, signaling)));
}

bool Translator::fp_class(const Decoded& d, Type t) {
    const Value classes = b.convert(Op::FClass, Type::I64, f(t, d.rs1));
    return set_x(d.rd, classes);
}

// Unlike the moves, sign injection sees an improperly boxed operand as the canonical NaN.
bool Translator::fp_sign(const Decoded& d, Type t, Sign s) {
    const Value magnitude = f(t, d.rs1);

    if (d.rs1 == d.rs2) {  // fmv, fneg, fabs
        const Op op = s == Sign::Negate ? Op::FNeg : Op::FAbs;
        return set_f(t, d.rd, s == Sign::Copy ? magnitude : b.unary(op, magnitude));
    }

    const Value sign = f(t, d.rs2);
    if (s == Sign::Copy) return set_f(t, d.rd, b.binary(Op::FCopySign, magnitude, sign));
    if (s == Sign::Negate) return set_f(t, d.rd, b.binary(Op::FCopySign, magnitude, b.unary(Op::FNeg, sign)));

    const Type same_width = t == Type::F64 ? Type::I64 : t == Type::F32 ? Type::I32 : Type::I16;
    const Value sign_bit = b.constant(same_width, u64{1} << (ir::width(t) - 1));
    const Value flip = b.and_(b.bitcast(same_width, sign), sign_bit);
    return set_f(t, d.rd, b.bitcast(t, b.xor_(b.bitcast(same_width, magnitude), flip)));
}

// --- half precision
bool Translator::FEQ_H(const Decoded& d) { return fp_compare(d, Type::F16, FpCond::Eq, false); }
bool Translator::FLT_H(const Decoded& d) { return fp_compare(d, Type::F16, FpCond::Lt, true); }
bool Translator::FLE_H(const Decoded& d) { return fp_compare(d, Type::F16, FpCond::Le, true); }
bool Translator::FLTQ_H(const Decoded& d) { return fp_compare(d, Type::F16, FpCond::Lt, false); }
bool Translator::FLEQ_H(const Decoded& d) { return fp_compare(d, Type::F16, FpCond::Le, false); }
bool Translator::FCLASS_H(const Decoded& d) { return fp_class(d, Type::F16); }
bool Translator::FSGNJ_H(const Decoded& d) { return fp_sign(d, Type::F16, Sign::Copy); }
bool Translator::FSGNJN_H(const Decoded& d) { return fp_sign(d, Type::F16, Sign::Negate); }
bool Translator::FSGNJX_H(const Decoded& d) { return fp_sign(d, Type::F16, Sign::Xor); }

// --- single precision
bool Translator::FEQ_S(const Decoded& d) { return fp_compare(d, Type::F32, FpCond::Eq, false); }
bool Translator::FLT_S(const Decoded& d) { return fp_compare(d, Type::F32, FpCond::Lt, true); }
bool Translator::FLE_S(const Decoded& d) { return fp_compare(d, Type::F32, FpCond::Le, true); }
bool Translator::FLTQ_S(const Decoded& d) { return fp_compare(d, Type::F32, FpCond::Lt, false); }
bool Translator::FLEQ_S(const Decoded& d) { return fp_compare(d, Type::F32, FpCond::Le, false); }
bool Translator::FCLASS_S(const Decoded& d) { return fp_class(d, Type::F32); }
bool Translator::FSGNJ_S(const Decoded& d) { return fp_sign(d, Type::F32, Sign::Copy); }
bool Translator::FSGNJN_S(const Decoded& d) { return fp_sign(d, Type::F32, Sign::Negate); }
bool Translator::FSGNJX_S(const Decoded& d) { return fp_sign(d, Type::F32, Sign::Xor); }

// --- double precision
bool Translator::FEQ_D(const Decoded& d) { return fp_compare(d, Type::F64, FpCond::Eq, false); }
bool Translator::FLT_D(const Decoded& d) { return fp_compare(d, Type::F64, FpCond::Lt, true); }
bool Translator::FLE_D(const Decoded& d) { return fp_compare(d, Type::F64, FpCond::Le, true); }
bool Translator::FLTQ_D(const Decoded& d) { return fp_compare(d, Type::F64, FpCond::Lt, false); }
bool Translator::FLEQ_D(const Decoded& d) { return fp_compare(d, Type::F64, FpCond::Le, false); }
bool Translator::FCLASS_D(const Decoded& d) { return fp_class(d, Type::F64); }
bool Translator::FSGNJ_D(const Decoded& d) { return fp_sign(d, Type::F64, Sign::Copy); }
bool Translator::FSGNJN_D(const Decoded& d) { return fp_sign(d, Type::F64, Sign::Negate); }
bool Translator::FSGNJX_D(const Decoded& d) { return fp_sign(d, Type::F64, Sign::Xor); }

}  // namespace vm::frontend::riscv64
