// RV64I integer computation and Zicond. Manual: "RV32I/RV64I Base Integer Instruction Set"; "Zicond".
#include "frontend/riscv64/translator.h"

namespace vm::frontend::riscv64 {

using ir::Cond;

// A shift amount of an immediate form or of rs2; the IR takes it modulo the width as the manual does.
Value Translator::sh_amount(const Decoded& d) { return b.c32(static_cast<u32>(d.imm)); }

bool Translator::LUI(const Decoded& d) { return set_x(d.rd, imm(d)); }

bool Translator::AUIPC(const Decoded& d) {
    const u64 value = b.pc() + static_cast<u64>(d.imm);

    set_x(d.rd, b.guest_addr(value));
    known_reg_ = d.rd;
    known_value_ = value;
    return true;
}

// --- register and immediate
bool Translator::ADDI(const Decoded& d) { return set_x(d.rd, b.add(x(d.rs1), imm(d))); }
bool Translator::SLTI(const Decoded& d) { return set_i1(d.rd, b.icmp(Cond::LtS, x(d.rs1), imm(d))); }
bool Translator::SLTIU(const Decoded& d) { return set_i1(d.rd, b.icmp(Cond::LtU, x(d.rs1), imm(d))); }
bool Translator::XORI(const Decoded& d) { return set_x(d.rd, b.xor_(x(d.rs1), imm(d))); }
bool Translator::ORI(const Decoded& d) { return set_x(d.rd, b.or_(x(d.rs1), imm(d))); }
bool Translator::ANDI(const Decoded& d) { return set_x(d.rd, b.and_(x(d.rs1), imm(d))); }
bool Translator::SLLI(const Decoded& d) { return set_x(d.rd, b.shl(x(d.rs1), imm(d))); }
bool Translator::SRLI(const Decoded& d) { return set_x(d.rd, b.lshr(x(d.rs1), imm(d))); }
bool Translator::SRAI(const Decoded& d) { return set_x(d.rd, b.ashr(x(d.rs1), imm(d))); }

// --- two registers
bool Translator::ADD(const Decoded& d) { return set_x(d.rd, b.add(x(d.rs1), x(d.rs2))); }
bool Translator::SUB(const Decoded& d) { return set_x(d.rd, b.sub(x(d.rs1), x(d.rs2))); }
bool Translator::SLL(const Decoded& d) { return set_x(d.rd, b.shl(x(d.rs1), x(d.rs2))); }
bool Translator::SLT(const Decoded& d) { return set_i1(d.rd, b.icmp(Cond::LtS, x(d.rs1), x(d.rs2))); }
bool Translator::SLTU(const Decoded& d) { return set_i1(d.rd, b.icmp(Cond::LtU, x(d.rs1), x(d.rs2))); }
bool Translator::XOR(const Decoded& d) { return set_x(d.rd, b.xor_(x(d.rs1), x(d.rs2))); }
bool Translator::SRL(const Decoded& d) { return set_x(d.rd, b.lshr(x(d.rs1), x(d.rs2))); }
bool Translator::SRA(const Decoded& d) { return set_x(d.rd, b.ashr(x(d.rs1), x(d.rs2))); }
bool Translator::OR(const Decoded& d) { return set_x(d.rd, b.or_(x(d.rs1), x(d.rs2))); }
bool Translator::AND(const Decoded& d) { return set_x(d.rd, b.and_(x(d.rs1), x(d.rs2))); }

// --- 32 bits wide, result sign-extended
bool Translator::binary_w(const Decoded& d, Op op) { return set_w(d.rd, b.binary(op, w(d.rs1), w(d.rs2))); }

bool Translator::ADDIW(const Decoded& d) {
    return set_w(d.rd, b.add(w(d.rs1), b.c32(static_cast<u32>(d.imm))));
}
bool Translator::SLLIW(const Decoded& d) { return set_w(d.rd, b.shl(w(d.rs1), sh_amount(d))); }
bool Translator::SRLIW(const Decoded& d) { return set_w(d.rd, b.lshr(w(d.rs1), sh_amount(d))); }
bool Translator::SRAIW(const Decoded& d) { return set_w(d.rd, b.ashr(w(d.rs1), sh_amount(d))); }
bool Translator::ADDW(const Decoded& d) { return binary_w(d, Op::Add); }
bool Translator::SUBW(const Decoded& d) { return binary_w(d, Op::Sub); }
bool Translator::SLLW(const Decoded& d) { return binary_w(d, Op::Shl); }
bool Translator::SRLW(const Decoded& d) { return binary_w(d, Op::Lshr); }
bool Translator::SRAW(const Decoded& d) { return binary_w(d, Op::Ashr); }

// --- Zicond
bool Translator::CZERO_EQZ(const Decoded& d) {
    const Value zero = b.c64(0);
    return set_x(d.rd, b.select(b.icmp(Cond::Eq, x(d.rs2), zero), zero, x(d.rs1)));
}
bool Translator::CZERO_NEZ(const Decoded& d) {
    const Value zero = b.c64(0);
    return set_x(d.rd, b.select(b.icmp(Cond::Ne, x(d.rs2), zero), zero, x(d.rs1)));
}

}  // namespace vm::frontend::riscv64
