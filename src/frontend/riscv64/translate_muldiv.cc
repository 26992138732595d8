// M: multiplication and division. No case traps; results for zero and overflow are DivSem::RiscV.
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

bool Translator::divide(const Decoded& d, Op op, Type t) {
    constexpr u32 sem = static_cast<u32>(ir::DivSem::RiscV);

    if (t == Type::I32) return set_w(d.rd, b.binary(op, w(d.rs1), w(d.rs2), sem));
    return set_x(d.rd, b.binary(op, x(d.rs1), x(d.rs2), sem));
}

bool Translator::MUL(const Decoded& d) { return set_x(d.rd, b.mul(x(d.rs1), x(d.rs2))); }
bool Translator::MULH(const Decoded& d) { return set_x(d.rd, b.binary(Op::MulHiS, x(d.rs1), x(d.rs2))); }
bool Translator::MULHU(const Decoded& d) { return set_x(d.rd, b.binary(Op::MulHiU, x(d.rs1), x(d.rs2))); }
bool Translator::MULHSU(const Decoded& d) { return set_x(d.rd, b.binary(Op::MulHiSU, x(d.rs1), x(d.rs2))); }
bool Translator::MULW(const Decoded& d) { return binary_w(d, Op::Mul); }

bool Translator::DIV(const Decoded& d) { return divide(d, Op::DivS, Type::I64); }
bool Translator::DIVU(const Decoded& d) { return divide(d, Op::DivU, Type::I64); }
bool Translator::REM(const Decoded& d) { return divide(d, Op::RemS, Type::I64); }
bool Translator::REMU(const Decoded& d) { return divide(d, Op::RemU, Type::I64); }
bool Translator::DIVW(const Decoded& d) { return divide(d, Op::DivS, Type::I32); }
bool Translator::DIVUW(const Decoded& d) { return divide(d, Op::DivU, Type::I32); }
bool Translator::REMW(const Decoded& d) { return divide(d, Op::RemS, Type::I32); }
bool Translator::REMUW(const Decoded& d) { return divide(d, Op::RemU, Type::I32); }

}  // namespace vm::frontend::riscv64
