// Integer computation: every register and immediate form against values that follow from the manual's
// definitions.
#include "frontend/riscv64/machine_test.h"

namespace vm::frontend::riscv64::test {
namespace {

constexpr u64 kMin = u64{1} << 63;

/// rd = rs1 OP rs2.
struct Binary {
    std::string_view name;
    u64 a, b, result;
};
constexpr Binary kBinary[] = {
    {"ADD", 5, neg(7), neg(2)},
    {"ADD", kOnes, 1, 0},
    {"SUB", 5, 7, neg(2)},
    {"SLL", 1, 63, kMin},
    {"SLL", 3, 65, 6},
    {"SLT", neg(1), 0, 1},
    {"SLT", 1, 1, 0},
    {"SLTU", neg(1), 0, 0},
    {"SLTU", 0, 1, 1},
    {"XOR", 0b1100, 0b1010, 0b0110},
    {"SRL", kMin, 63, 1},
    {"SRL", 8, 64 + 2, 2},
    {"SRA", kMin, 63, kOnes},
    {"OR", 0b1100, 0b1010, 0b1110},
    {"AND", 0b1100, 0b1010, 0b1000},
    {"ADDW", 0x7fffffff, 1, 0xffffffff80000000},
    {"ADDW", 0x1'00000002, 3, 5},
    {"SUBW", 0, 1, kOnes},
    {"SUBW", 0x80000000, 1, 0x7fffffff},
    {"SLLW", 1, 31, 0xffffffff80000000},
    {"SLLW", 1, 33, 2},
    {"SRLW", 0xffffffff80000000, 4, 0x08000000},
    {"SRLW", 0x80000000, 32, 0xffffffff80000000},
    {"SRAW", 0x80000000, 4, 0xfffffffff8000000},
    {"CZERO_EQZ", 42, 0, 0},
    {"CZERO_EQZ", 42, kMin, 42},
    {"CZERO_NEZ", 42, 0, 42},
    {"CZERO_NEZ", 42, 1, 0},
    // M
    {"MUL", 0x1'00000001, 0x1'00000001, 0x2'00000001},
    {"MUL", 6, neg(7), neg(42)},
    {"MULH", neg(1), neg(1), 0},
    {"MULH", kMin, 2, neg(1)},
    {"MULHSU", neg(1), kOnes, neg(1)},
    {"MULHSU", 2, kOnes, 1},
    {"MULHU", kOnes, kOnes, kOnes - 1},
    {"MULHU", kOnes, 2, 1},
    {"MULHU", 2, kMin, 1},
    {"DIV", neg(7), 2, neg(3)},
    {"DIV", 7, 0, kOnes},
    {"DIV", kMin, kOnes, kMin},
    {"DIVU", neg(8), 2, (kOnes - 7) / 2},
    {"DIVU", 7, 0, kOnes},
    {"REM", neg(7), 2, neg(1)},
    {"REM", neg(7), 0, neg(7)},
    {"REM", kMin, kOnes, 0},
    {"REMU", 7, 4, 3},
    {"REMU", kOnes, 0, kOnes},
    {"MULW", 0x10000, 0x8000, 0xffffffff80000000},
    {"DIVW", 0xdead0000'fffffff9, 2, neg(3)},
    {"DIVW", 7, 0x5'00000000, kOnes},
    {"DIVW", 0x80000000, 0xffffffff, 0xffffffff80000000},
    {"DIVUW", 0xffffffff, 1, kOnes},
    {"DIVUW", 9, 0, kOnes},
    {"REMW", neg(7), 2, neg(1)},
    {"REMW", 0x80000000, 0xffffffff, 0},
    {"REMW", 0x80000001, 0, 0xffffffff80000001},
    {"REMUW", 0x80000001, 0, 0xffffffff80000001},
    {"REMUW", 0x1'00000007, 4, 3},
    // Zba
    {"ADD_UW", 0xffffffff'80000000, 1, 0x80000001},
    {"SH1ADD", 3, 100, 106},
    {"SH1ADD", 0x1'00000001, 1, 0x2'00000003},
    {"SH2ADD", 0x1'00000001, 1, 0x4'00000005},
    {"SH3ADD", 0x1'00000001, 1, 0x8'00000009},
    {"SH2ADD", 3, 100, 112},
    {"SH3ADD", 3, 100, 124},
    {"SH1ADD_UW", 0xffffffff'80000000, 1, 0x1'00000001},
    {"SH2ADD_UW", 0xffffffff'80000000, 1, 0x2'00000001},
    {"SH3ADD_UW", 0xffffffff'80000000, 1, 0x4'00000001},
    // Zbb
    {"ANDN", 0b1100, 0b1010, 0b0100},
    {"ORN", 0b1100, 0b1010, ~u64{0b0010}},
    {"XNOR", 0b1100, 0b1010, ~u64{0b0110}},
    {"MAX", neg(1), 1, 1},
    {"MAXU", neg(1), 1, neg(1)},
    {"MIN", neg(1), 1, neg(1)},
    {"MINU", neg(1), 1, 1},
    {"ROL", kMin | 2, 1, 5},
    {"ROL", 3, 64, 3},
    {"ROR", 5, 1, kMin | 2},
    {"ROLW", 0xabcd'80000001, 1, 3},
    {"ROLW", 0x40000000, 1, 0xffffffff80000000},
    {"RORW", 0x7'00000001, 1, 0xffffffff80000000},
    // Zbc: x * (x + 1) carry-less; 2^63 * 2^63 = 2^126; (2^64 - 1)^2 = alternating bits.
    {"CLMUL", 0b101, 0b11, 0b1111},
    {"CLMUL", kOnes, kOnes, 0x5555555555555555},
    {"CLMULH", kMin, kMin, u64{1} << 62},
    {"CLMULH", kOnes, kOnes, 0x5555555555555555},
    {"CLMULR", kMin, kMin, kMin},
    {"CLMULR", kMin, 1, 1},
    {"CLMULR", kOnes, kOnes, 0xaaaaaaaaaaaaaaaa},
    // Zbs
    {"BCLR", 0xff, 64 + 3, 0xf7},
    {"BEXT", kMin, 63, 1},
    {"BEXT", 0b101, 1, 0},
    {"BINV", 0xff, 8, 0x1ff},
    {"BSET", 0, 63, kMin},
    {"BSET", 9, 3, 9},
    // Zimop
    {"MOP_RR", 5, 6, 0},
};

/// rd = rs1 OP imm (a shift amount where the encoding has one).
struct Immediate {
    std::string_view name;
    u64 a;
    i64 imm;
    u64 result;
};
constexpr Immediate kImmediate[] = {
    {"ADDI", 5, -7, neg(2)},
    {"SLTI", neg(5), -4, 1},
    {"SLTI", 3, -4, 0},
    {"SLTI", neg(5), 4, 1},
    {"SLTIU", 5, -1, 1},
    {"SLTIU", 5, 5, 0},
    {"XORI", 0xff, -1, ~u64{0xff}},
    {"ORI", 0x100, 0x7f, 0x17f},
    {"ANDI", kOnes, -16, ~u64{15}},
    {"SLLI", 1, 63, kMin},
    {"SRLI", kMin, 63, 1},
    {"SRAI", kMin, 62, neg(2)},
    {"ADDIW", 0x7fffffff, 1, 0xffffffff80000000},
    {"ADDIW", 0xabc'00000005, 0, 5},
    {"SLLIW", 1, 31, 0xffffffff80000000},
    {"SRLIW", 0xffffffff80000000, 31, 1},
    {"SRAIW", 0x80000000, 31, kOnes},
    {"SLLI_UW", 0xffffffff'80000001, 4, 0x8'00000010},
    {"RORI", 5, 1, kMin | 2},
    {"RORIW", 0x1'00000001, 1, 0xffffffff80000000},
    {"BCLRI", 0xff, 0, 0xfe},
    {"BEXTI", kMin, 63, 1},
    {"BINVI", 1, 63, kMin | 1},
    {"BSETI", 0, 40, u64{1} << 40},
    {"BSETI", 9, 3, 9},
};

/// rd = OP rs1.
struct Unary {
    std::string_view name;
    u64 a, result;
};
constexpr Unary kUnary[] = {
    {"CLZ", 1, 63},
    {"CLZ", 0, 64},
    {"CLZW", 0xffffffff'00000001, 31},
    {"CLZW", 0x1'00000000, 32},
    {"CTZ", kMin, 63},
    {"CTZ", 0, 64},
    {"CTZW", 0x1'00000000, 32},
    {"CTZW", 8, 3},
    {"CPOP", kOnes, 64},
    {"CPOPW", 0xf0'0000000f, 4},
    {"SEXT_B", 0x180, neg(0x80)},
    {"SEXT_H", 0x18000, neg(0x8000)},
    {"ZEXT_H", kOnes, 0xffff},
    {"ORC_B", 0x0100'0000'8000'0010, 0xff00'0000'ff00'00ff},
    {"REV8", 0x0102030405060708, 0x0807060504030201},
    {"MOP_R", 5, 0},
};

class Integer : public testing::Test {
  protected:
    /// Runs `w` alone; it must go on at the next instruction, change only rd, and give `result` there.
    void expect(std::string_view name, u32 w, u64 a, u64 b, unsigned d, u64 result) {
        Machine m;
        for (unsigned n = 1; n < 32; ++n) m.set_x(n, 0x1111 * n);
        m.set_x(kA, a);
        m.set_x(kB, b);
        auto want = m.guest;
        if (d != 0) store_raw(&want[x_offset(d)], result);
        const ir::InterpResult r = m.run({w});
        EXPECT_EQ(r.reason, ir::ExitReason::Next) << name;
        EXPECT_EQ(r.pc, kCode + 4) << name;
        EXPECT_EQ(r.insns, 1u) << name;
        if (d != 0) {
            EXPECT_EQ(m.x(d), result)
                << fmt::format("{} {:#x} {:#x}: {:#x}\n{}", name, a, b, m.x(d), m.text());
        }
        EXPECT_EQ(m.guest, want) << name << " changed another register\n" << m.text();
    }
};

TEST_F(Integer, TwoRegisters) {
    for (const Binary& c : kBinary)
        for (unsigned d : {kD, kA, kB, 0u}) {
            if (c.name == "ADD" && d == 0) continue;  // may be a hint with a name of its own
            expect(c.name, word(c.name) | rd(d) | rs1(kA) | rs2(kB), c.a, c.b, d, c.result);
        }
}

TEST_F(Integer, Immediates) {
    for (const Immediate& c : kImmediate)
        for (unsigned d : {kD, kA, 0u})
            expect(c.name, word(c.name) | rd(d) | rs1(kA) | imm_i(c.imm), c.a, 0, d, c.result);
}

TEST_F(Integer, OneRegister) {
    for (const Unary& c : kUnary)
        for (unsigned d : {kD, kA, 0u}) expect(c.name, word(c.name) | rd(d) | rs1(kA), c.a, 0, d, c.result);
}

TEST_F(Integer, X0ReadsAsZero) {
    expect("ADD", word("ADD") | rd(kD) | rs1(kA), 5, 6, kD, 5);
    expect("SUB", word("SUB") | rd(kD) | rs2(kB), 5, 6, kD, neg(6));
    expect("SUBW", word("SUBW") | rd(kD) | rs2(kB), 5, 6, kD, neg(6));
    expect("DIV", word("DIV") | rd(kD) | rs1(kA), 5, 6, kD, kOnes);
    expect("MAX", word("MAX") | rd(kD) | rs1(kA), neg(5), 6, kD, 0);
    expect("SH1ADD", word("SH1ADD") | rd(kD) | rs2(kB), 5, 6, kD, 6);
}

TEST_F(Integer, SameRegisterTwice) {
    expect("SUB", word("SUB") | rd(kA) | rs1(kA) | rs2(kA), 5, 0, kA, 0);
    expect("REMU", word("REMU") | rd(kA) | rs1(kA) | rs2(kA), 0, 0, kA, 0);
    expect("MUL", word("MUL") | rd(kA) | rs1(kA) | rs2(kA), 7, 0, kA, 49);
}

TEST_F(Integer, UpperImmediates) {
    expect("LUI", word("LUI") | rd(kD) | imm_u(0x12345), 0, 0, kD, 0x12345000);
    expect("LUI", word("LUI") | rd(kD) | imm_u(0x80000), 0, 0, kD, 0xffffffff80000000);
    expect("AUIPC", word("AUIPC") | rd(kD) | imm_u(1), 0, 0, kD, kCode + 0x1000);
    expect("AUIPC", word("AUIPC") | rd(kD) | imm_u(0xfffff), 0, 0, kD, kCode - 0x1000);
}

}  // namespace

Names integer_names() {
    Names n{"LUI", "AUIPC"};
    for (const auto& c : kBinary) n.emplace_back(c.name);
    for (const auto& c : kImmediate) n.emplace_back(c.name);
    for (const auto& c : kUnary) n.emplace_back(c.name);
    return n;
}

}  // namespace vm::frontend::riscv64::test
