// Zba, Zbb, Zbc, Zbs. Manual: "B Extension for Bit Manipulation".
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

using ir::Cond;

// --- Zba
bool Translator::shift_add(const Decoded& d, unsigned n, bool uw) {
    const Value index = uw ? b.zext(Type::I64, w(d.rs1)) : x(d.rs1);

    return set_x(d.rd, b.add(b.shl(index, b.c64(n)), x(d.rs2)));
}

bool Translator::ADD_UW(const Decoded& d) { return shift_add(d, 0, true); }
bool Translator::SH1ADD(const Decoded& d) { return shift_add(d, 1, false); }
bool Translator::SH2ADD(const Decoded& d) { return shift_add(d, 2, false); }
bool Translator::SH3ADD(const Decoded& d) { return shift_add(d, 3, false); }
bool Translator::SH1ADD_UW(const Decoded& d) { return shift_add(d, 1, true); }
bool Translator::SH2ADD_UW(const Decoded& d) { return shift_add(d, 2, true); }
bool Translator::SH3ADD_UW(const Decoded& d) { return shift_add(d, 3, true); }
bool Translator::SLLI_UW(const Decoded& d) { return set_x(d.rd, b.shl(b.zext(Type::I64, w(d.rs1)), imm(d))); }

// --- Zbb
bool Translator::ANDN(const Decoded& d) { return set_x(d.rd, b.binary(Op::AndNot, x(d.rs1), x(d.rs2))); }
bool Translator::ORN(const Decoded& d) { return set_x(d.rd, b.or_(x(d.rs1), b.not_(x(d.rs2)))); }
bool Translator::XNOR(const Decoded& d) { return set_x(d.rd, b.not_(b.xor_(x(d.rs1), x(d.rs2)))); }

bool Translator::CLZ(const Decoded& d) { return set_x(d.rd, b.unary(Op::Clz, x(d.rs1))); }
bool Translator::CTZ(const Decoded& d) { return set_x(d.rd, b.unary(Op::Ctz, x(d.rs1))); }
bool Translator::CPOP(const Decoded& d) { return set_x(d.rd, b.unary(Op::Popcnt, x(d.rs1))); }
bool Translator::CLZW(const Decoded& d) { return set_w(d.rd, b.unary(Op::Clz, w(d.rs1))); }
bool Translator::CTZW(const Decoded& d) { return set_w(d.rd, b.unary(Op::Ctz, w(d.rs1))); }
bool Translator::CPOPW(const Decoded& d) { return set_w(d.rd, b.unary(Op::Popcnt, w(d.rs1))); }

bool Translator::min_max(const Decoded& d, Cond c) {
    const Value p = x(d.rs1);
    const Value q = x(d.rs2);

    return set_x(d.rd, b.select(b.icmp(c, p, q), p, q));
}

bool Translator::MAX(const Decoded& d) { return min_max(d, Cond::GtS); }
bool Translator::MAXU(const Decoded& d) { return min_max(d, Cond::GtU); }
bool Translator::MIN(const Decoded& d) { return min_max(d, Cond::LtS); }
bool Translator::MINU(const Decoded& d) { return min_max(d, Cond::LtU); }

bool Translator::SEXT_B(const Decoded& d) { return set_w(d.rd, b.trunc(Type::I8, x(d.rs1))); }
bool Translator::SEXT_H(const Decoded& d) { return set_w(d.rd, b.trunc(Type::I16, x(d.rs1))); }
bool Translator::ZEXT_H(const Decoded& d) {
    return set_x(d.rd, b.zext(Type::I64, b.trunc(Type::I16, x(d.rs1))));
}

bool Translator::ROR(const Decoded& d) { return set_x(d.rd, b.binary(Op::Rotr, x(d.rs1), x(d.rs2))); }
bool Translator::RORI(const Decoded& d) { return set_x(d.rd, b.binary(Op::Rotr, x(d.rs1), imm(d))); }
bool Translator::RORW(const Decoded& d) { return binary_w(d, Op::Rotr); }
bool Translator::RORIW(const Decoded& d) { return set_w(d.rd, b.binary(Op::Rotr, w(d.rs1), sh_amount(d))); }
bool Translator::ROL(const Decoded& d) {
    return set_x(d.rd, b.binary(Op::Rotr, x(d.rs1), b.unary(Op::Neg, x(d.rs2))));
}
bool Translator::ROLW(const Decoded& d) {
    return set_w(d.rd, b.binary(Op::Rotr, w(d.rs1), b.unary(Op::Neg, w(d.rs2))));
}

bool Translator::ORC_B(const Decoded& d) { return set_x(d.rd, b.unary(Op::OrcB, x(d.rs1))); }
bool Translator::REV8(const Decoded& d) { return set_x(d.rd, b.unary(Op::Bswap, x(d.rs1))); }

// --- Zbc
bool Translator::CLMUL(const Decoded& d) { return set_x(d.rd, b.binary(Op::ClmulLo, x(d.rs1), x(d.rs2))); }
bool Translator::CLMULH(const Decoded& d) { return set_x(d.rd, b.binary(Op::ClmulHi, x(d.rs1), x(d.rs2))); }

// Bits 126:63 of the product: clmulh moved up by one, with the top bit of clmul below.
bool Translator::CLMULR(const Decoded& d) {
    const Value p = x(d.rs1);
    const Value q = x(d.rs2);

    const Value high = b.shl(b.binary(Op::ClmulHi, p, q), b.c64(1));
    const Value low = b.lshr(b.binary(Op::ClmulLo, p, q), b.c64(63));

    return set_x(d.rd, b.or_(high, low));
}

// --- Zbs. one_at() takes the bit number modulo 64.
bool Translator::BCLR(const Decoded& d) {
    return set_x(d.rd, b.binary(Op::AndNot, x(d.rs1), one_at(x(d.rs2))));
}
bool Translator::BCLRI(const Decoded& d) {
    return set_x(d.rd, b.binary(Op::AndNot, x(d.rs1), one_at(imm(d))));
}
bool Translator::BEXT(const Decoded& d) { return set_x(d.rd, b.and_(b.lshr(x(d.rs1), x(d.rs2)), b.c64(1))); }
bool Translator::BEXTI(const Decoded& d) { return set_x(d.rd, b.and_(b.lshr(x(d.rs1), imm(d)), b.c64(1))); }
bool Translator::BINV(const Decoded& d) { return set_x(d.rd, b.xor_(x(d.rs1), one_at(x(d.rs2)))); }
bool Translator::BINVI(const Decoded& d) { return set_x(d.rd, b.xor_(x(d.rs1), one_at(imm(d)))); }
bool Translator::BSET(const Decoded& d) { return set_x(d.rd, b.or_(x(d.rs1), one_at(x(d.rs2)))); }
bool Translator::BSETI(const Decoded& d) { return set_x(d.rd, b.or_(x(d.rs1), one_at(imm(d)))); }

}  // namespace vm::frontend::riscv64
