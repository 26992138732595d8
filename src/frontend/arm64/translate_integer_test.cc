// Data processing of general registers: every form against values that follow from the manual's definitions.
#include "frontend/arm64/machine_test.h"

namespace vm::frontend::arm64::test {
namespace {

constexpr u64 kMin64 = u64{1} << 63, kOnes = ~u64{0};
/// Above a 32-bit operand, where nobody looks.
constexpr u64 kJunk = 0xdeadbeef'00000000;
/// NZCV
constexpr unsigned kN = 8, kZ = 4, kC = 2, kV = 1;

// --- x0 = x1 OP x2 (and x3), of 64 or 32 bits
struct Registers {
    std::string_view name;
    bool wide;
    u64 n, m, a, result;
};
constexpr Registers kRegisters[] = {
    {"ADD_shift", true, 5, neg(7), 0, neg(2)},
    {"ADD_shift", false, kJunk | 0xffffffff, kJunk | 2, 0, 1},
    {"SUB_shift", true, 5, 7, 0, neg(2)},
    {"SUB_shift", false, 5, 7, 0, 0xfffffffe},
    {"AND_shift", true, 0b1100, 0b1010, 0, 0b1000},
    {"BIC_shift", true, 0b1100, 0b1010, 0, 0b0100},
    {"ORR_shift", false, kJunk | 0b1100, kJunk | 0b1010, 0, 0b1110},
    {"ORN_shift", true, 0b1100, 0b1010, 0, ~u64{0b0010}},
    {"ORN_shift", false, 0, 1, 0, 0xfffffffe},
    {"EOR_shift", true, 0b1100, 0b1010, 0, 0b0110},
    {"EON_shift", false, 0b1100, 0b1010, 0, 0xfffffff9},
    {"LSLV", true, 3, 65, 0, 6},
    {"LSLV", false, 3, 33, 0, 6},
    {"LSRV", true, kMin64, 63, 0, 1},
    {"LSRV", false, kJunk | 0x80000000, 31, 0, 1},
    {"ASRV", true, kMin64, 63, 0, kOnes},
    {"ASRV", false, 0x80000000, 4, 0, 0xf8000000},
    {"RORV", true, 1, 1, 0, kMin64},
    {"RORV", false, 1, 33, 0, 0x80000000},
    {"UDIV", true, kOnes, 16, 0, kOnes >> 4},
    {"UDIV", true, 5, 0, 0, 0},
    {"UDIV", false, kJunk | 9, kJunk | 2, 0, 4},
    {"SDIV", true, neg(7), 2, 0, neg(3)},
    {"SDIV", true, kMin64, kOnes, 0, kMin64},
    {"SDIV", false, 0x80000000, 0xffffffff, 0, 0x80000000},
    {"SDIV", false, 7, kJunk, 0, 0},
    {"MADD", true, 6, neg(7), 100, 58},
    {"MADD", false, 0x10001, 0x10001, 1, 0x20002},
    {"MSUB", true, 6, 7, 100, 58},
    {"MSUB", false, 1, 2, 0, 0xfffffffe},
    {"SMADDL", true, kJunk | 0xffffffff, kJunk | 5, 1, neg(4)},
    {"SMSUBL", true, 0xffffffff, 5, 1, 6},
    {"UMADDL", true, kJunk | 0xffffffff, kJunk | 0xffffffff, 1, 0xfffffffe00000002},
    {"UMSUBL", true, 0xffffffff, 1, 0, neg(0xffffffff)},
    {"SMULH", true, kMin64, 2, 0, kOnes},
    {"SMULH", true, kOnes, kOnes, 0, 0},
    {"UMULH", true, kOnes, kOnes, 0, kOnes - 1},
    {"RBIT", true, 1, 0, 0, kMin64},
    {"RBIT", false, kJunk | 0b110, 0, 0, 0x60000000},
    {"REV16", true, 0x0123456789abcdef, 0, 0, 0x23016745ab89efcd},
    {"REV16", false, kJunk | 0x89abcdef, 0, 0, 0xab89efcd},
    {"REV_w", false, kJunk | 0x01234567, 0, 0, 0x67452301},
    {"REV32", true, 0x0123456789abcdef, 0, 0, 0x67452301efcdab89},
    {"REV_x", true, 0x0123456789abcdef, 0, 0, 0xefcdab8967452301},
    {"CLZ", true, 1, 0, 0, 63},
    {"CLZ", true, 0, 0, 0, 64},
    {"CLZ", false, kJunk, 0, 0, 32},
    {"CLS", true, 0, 0, 0, 63},
    {"CLS", true, kOnes << 60, 0, 0, 3},
    {"CLS", true, 1, 0, 0, 62},
    {"CLS", false, kJunk | 0xffffffff, 0, 0, 31},
};
TEST(Integer, Registers) {
    for (const Registers& c : kRegisters) {
        const InsnInfo& in = info(by_name(c.name));
        const bool has_m = !(in.mask >> 16 & 1), has_a = std::string_view(in.asm_template).ends_with("a}");
        const u32 w =
            in.match | (c.wide ? kX : 0) | rd(0) | rn(1) | (has_m ? rm(2) : 0) | (has_a ? ra(3) : 0);
        Machine m;
        m.set_x(0, kOnes);
        m.set_x(1, c.n);
        m.set_x(2, c.m);
        m.set_x(3, c.a);
        m.set_nzcv(kN | kC);
        m.run({w});
        EXPECT_EQ(m.x(0), c.result) << c.name << c.wide << "\n" << m.text();
        EXPECT_EQ(m.nzcv(), kN | kC) << c.name;
    }
}

TEST(Integer, Register31IsZero) {
    Machine m;
    m.set_x(31, 1000);  // the stack pointer
    m.set_x(1, 5);
    m.run({word("ADD_shift") | kX | rd(0) | rn(31) | rm(1), word("SUB_shift") | kX | rd(2) | rn(1) | rm(31),
           word("ADD_shift") | kX | rd(31) | rn(1) | rm(1)});
    EXPECT_EQ(m.x(0), 5u);
    EXPECT_EQ(m.x(2), 5u);
    EXPECT_EQ(m.sp(), 1000u);
}

// --- flags
struct Flags {
    std::string_view name;
    bool wide;
    unsigned nzcv_in;
    u64 n, m, result;
    unsigned nzcv;
};
constexpr Flags kFlags[] = {
    {"ADDS_shift", true, 0, 1, 2, 3, 0},
    {"ADDS_shift", true, 0, kOnes, 1, 0, kZ | kC},
    {"ADDS_shift", true, 0, kMin64 - 1, 1, kMin64, kN | kV},
    {"ADDS_shift", true, 0, kMin64, kMin64, 0, kZ | kC | kV},
    {"ADDS_shift", false, 0, kJunk | 0x7fffffff, 1, 0x80000000, kN | kV},
    {"ADDS_shift", false, 0, 0xffffffff, 1, 0, kZ | kC},
    {"SUBS_shift", true, 0, 5, 5, 0, kZ | kC},
    {"SUBS_shift", true, 0, 5, 6, kOnes, kN},
    {"SUBS_shift", true, 0, kMin64, 1, kMin64 - 1, kC | kV},
    {"SUBS_shift", true, 0, 0, kMin64, kMin64, kN | kV},
    {"SUBS_shift", false, 0, kJunk | 3, kJunk | 4, 0xffffffff, kN},
    {"SUBS_shift", false, 0, 0x80000000, 1, 0x7fffffff, kC | kV},
    {"ANDS_shift", true, kC | kV, 0b1100, 0b0011, 0, kZ},
    {"ANDS_shift", true, kC | kV, kMin64, kOnes, kMin64, kN},
    {"ANDS_shift", false, 0, 0x80000000, kOnes, 0x80000000, kN},
    {"BICS_shift", true, kC, 0b1100, 0b1100, 0, kZ},
    {"BICS_shift", false, 0, kOnes, 1, 0xfffffffe, kN},
    {"ADCS", true, kC, kOnes, 0, 0, kZ | kC},
    {"ADCS", true, 0, kOnes, 0, kOnes, kN},
    {"ADCS", true, kC, kMin64 - 1, 0, kMin64, kN | kV},
    {"ADCS", false, kC, 0xffffffff, 0xffffffff, 0xffffffff, kN | kC},
    {"SBCS", true, kC, 5, 5, 0, kZ | kC},
    {"SBCS", true, 0, 5, 5, kOnes, kN},
    {"SBCS", true, 0, 0, kOnes, 0, kZ},
    {"SBCS", false, 0, 0x80000000, 0, 0x7fffffff, kC | kV},
};
TEST(Integer, SetsFlags) {
    for (const Flags& c : kFlags) {
        Machine m;
        m.set_x(1, c.n);
        m.set_x(2, c.m);
        m.set_nzcv(c.nzcv_in);
        m.run({word(c.name) | (c.wide ? kX : 0) | rd(0) | rn(1) | rm(2)});
        EXPECT_EQ(m.x(0), c.result) << c.name << c.wide << " " << c.n << " " << c.m;
        EXPECT_EQ(m.nzcv(), c.nzcv) << c.name << c.wide << " " << c.n << " " << c.m;
    }
}

TEST(Integer, CarryWithoutFlags) {
    for (const unsigned carry : {0u, kC}) {
        Machine m;
        m.set_x(1, 10);
        m.set_x(2, 3);
        m.set_nzcv(carry);
        m.run({word("ADC") | kX | rd(3) | rn(1) | rm(2), word("SBC") | kX | rd(4) | rn(1) | rm(2),
               word("SBC") | rd(5) | rn(2) | rm(1)});
        EXPECT_EQ(m.x(3), carry ? 14u : 13u);
        EXPECT_EQ(m.x(4), carry ? 7u : 6u);
        EXPECT_EQ(m.x(5), carry ? 0xfffffff9 : 0xfffffff8);
        EXPECT_EQ(m.nzcv(), carry);
    }
}

// --- immediates
TEST(Integer, AddAndSubtractImmediates) {
    Machine m;
    m.set_x(31, 0x10000);
    m.set_x(1, 5);
    m.run({word("ADD_imm") | kX | rd(31) | rn(31) | imm12(16),
           word("SUB_imm") | kX | rd(2) | rn(31) | imm12(8),
           word("ADD_imm") | kX | 1u << 22 | rd(3) | rn(1) | imm12(2),
           word("SUBS_imm") | kX | rd(31) | rn(1) | imm12(6), word("SUB_imm") | rd(4) | rn(1) | imm12(6)});
    EXPECT_EQ(m.sp(), 0x10010u);
    EXPECT_EQ(m.x(2), 0x10008u);
    EXPECT_EQ(m.x(3), 0x2005u);
    EXPECT_EQ(m.nzcv(), kN);
    EXPECT_EQ(m.x(4), 0xffffffffu);
    m.run({word("ADDS_imm") | rd(0) | rn(4) | imm12(1)});
    EXPECT_EQ(m.x(0), 0u);
    EXPECT_EQ(m.nzcv(), kZ | kC);
    // To the stack pointer, 32 bits clear the rest.
    m.set_x(1, kJunk | 0xffffffff);
    m.run({word("ADD_imm") | rd(31) | rn(1) | imm12(2)});
    EXPECT_EQ(m.sp(), 1u);
}

struct Logical {
    std::string_view name;
    bool wide;
    u32 n_immr_imms;
    u64 n, result;
};
constexpr u32 field13(u32 n, u32 immr, u32 imms) { return n << 22 | immr << 16 | imms << 10; }
constexpr Logical kLogical[] = {
    {"AND_imm", true, field13(1, 0, 7), 0x1234, 0x34},                  // 0xff
    {"AND_imm", false, field13(0, 0, 15), kJunk | 0x12345678, 0x5678},  // 0xffff
    {"ORR_imm", true, field13(0, 0, 0b111100), 0, 0x5555555555555555},  // one of two bits
    {"ORR_imm", false, field13(0, 1, 0b111100), 0, 0xaaaaaaaa},         // rotated by one
    {"EOR_imm", true, field13(0, 4, 0b110011), 0, 0xf0f0f0f0f0f0f0f0},  // four of eight bits, by four
    {"EOR_imm", true, field13(1, 1, 0), 1, kMin64 | 1},                 // the top bit
    {"ANDS_imm", true, field13(1, 63, 62), kOnes, kOnes - 1},           // all but one
};
TEST(Integer, LogicalImmediates) {
    for (const Logical& c : kLogical) {
        Machine m;
        m.set_x(1, c.n);
        m.run({word(c.name) | (c.wide ? kX : 0) | c.n_immr_imms | rd(0) | rn(1)});
        EXPECT_EQ(m.x(0), c.result) << c.name << c.wide << " " << c.n_immr_imms;
    }
    Machine m;
    m.set_x(1, kMin64);
    m.set_nzcv(kC | kV);
    m.run({word("ANDS_imm") | kX | field13(1, 1, 0) | rd(31) | rn(1)});
    EXPECT_EQ(m.nzcv(), kN);
    m.run({word("ORR_imm") | kX | field13(1, 0, 3) | rd(31) | rn(31)});
    EXPECT_EQ(m.sp(), 15u);
    for (const u32 bad : {field13(1, 0, 63), field13(0, 0, 63), field13(0, 0, 0b111101)})
        EXPECT_TRUE(m.undefined(word("AND_imm") | kX | bad)) << bad;
    EXPECT_TRUE(m.undefined(word("AND_imm") | field13(1, 0, 0)));
}

TEST(Integer, MovesOfConstants) {
    const auto hw = [](unsigned n) { return n << 21; };
    Machine m;
    m.set_x(3, 0x1111222233334444);
    m.set_x(4, 0x1111222233334444);
    m.run({word("MOVZ") | kX | hw(3) | imm16(0x8000) | rd(0), word("MOVZ") | hw(1) | imm16(0xffff) | rd(1),
           word("MOVN") | kX | hw(1) | imm16(0x1234) | rd(2),
           word("MOVK") | kX | hw(2) | imm16(0xabcd) | rd(3), word("MOVK") | hw(1) | imm16(0xabcd) | rd(4),
           word("MOVN") | hw(0) | imm16(0) | rd(5)});
    EXPECT_EQ(m.x(0), kMin64);
    EXPECT_EQ(m.x(1), 0xffff0000u);
    EXPECT_EQ(m.x(2), 0xffffffffedcbffffu);
    EXPECT_EQ(m.x(3), 0x1111abcd33334444u);
    EXPECT_EQ(m.x(4), 0xabcd4444u);
    EXPECT_EQ(m.x(5), 0xffffffffu);
    for (const char* name : {"MOVZ", "MOVN", "MOVK"}) EXPECT_TRUE(m.undefined(word(name) | hw(2))) << name;
}

TEST(Integer, Addresses) {
    Machine m;
    const auto adr = [](u32 w, i64 imm) {
        return w | static_cast<u32>(imm & 3) << 29 | static_cast<u32>(imm >> 2 & 0x7ffff) << 5;
    };
    m.run({adr(word("ADR"), 9) | rd(0), adr(word("ADR"), -1) | rd(1), adr(word("ADRP"), 3) | rd(2),
           adr(word("ADRP"), -2) | rd(3)});
    EXPECT_EQ(m.x(0), kCode + 9);
    EXPECT_EQ(m.x(1), kCode + 3);
    EXPECT_EQ(m.x(2), kCode + 0x3000);
    EXPECT_EQ(m.x(3), kCode - 0x2000);
}

// --- shifted and extended operands
TEST(Integer, ShiftedOperands) {
    struct {
        unsigned kind, amount;
        bool wide;
        u64 m, result;
    } const cases[] = {
        {0, 4, true, 0x11, 0x110},    {0, 31, false, 3, 0x80000000},
        {1, 63, true, kMin64, 1},     {1, 4, false, kJunk | 0x80, 8},
        {2, 63, true, kMin64, kOnes}, {2, 4, false, 0x80000000, 0xf8000000},
        {3, 1, true, 1, kMin64},      {3, 4, false, kJunk | 0xf, 0xf0000000},
    };
    for (const auto& c : cases) {
        Machine m;
        m.set_x(2, c.m);
        m.run(
            {word("ORR_shift") | (c.wide ? kX : 0) | c.kind << 22 | c.amount << 10 | rd(0) | rn(31) | rm(2)});
        EXPECT_EQ(m.x(0), c.result) << c.kind << " " << c.amount << c.wide;
    }
    Machine m;
    m.set_x(1, 100);
    m.set_x(2, 3);
    m.run({word("ADD_shift") | kX | 4 << 10 | rd(0) | rn(1) | rm(2),
           word("SUBS_shift") | kX | 1u << 22 | 1 << 10 | rd(3) | rn(1) | rm(2)});
    EXPECT_EQ(m.x(0), 148u);
    EXPECT_EQ(m.x(3), 99u);
    EXPECT_TRUE(m.undefined(word("ADD_shift") | 32 << 10));
    EXPECT_TRUE(m.undefined(word("ORN_shift") | 32 << 10));
    EXPECT_TRUE(m.undefined(word("ADD_shift") | kX | 3u << 22));  // no rotation
}

TEST(Integer, ExtendedOperands) {
    constexpr u64 kM = 0x8899aabb'ccddeeff;
    const u64 extended[] = {0xff, 0xeeff, 0xccddeeff, kM, kOnes, 0xffffffff'ffffeeff, 0xffffffff'ccddeeff,
                            kM};
    for (unsigned option = 0; option < 8; ++option)
        for (unsigned amount = 0; amount < 5; ++amount) {
            const u32 fields = option << 13 | amount << 10 | rn(31) | rm(2);
            Machine m;
            m.set_x(31, 0x1000);
            m.set_x(2, kM);
            m.run({word("ADD_ext") | kX | fields | rd(0), word("SUB_ext") | fields | rd(1),
                   word("ADDS_ext") | kX | fields | rd(3), word("SUBS_ext") | kX | fields | rd(31)});
            const u64 operand = extended[option] << amount;
            EXPECT_EQ(m.x(0), 0x1000 + operand) << option << amount;
            EXPECT_EQ(m.x(1), zext(0x1000 - operand, 32)) << option << amount;
            EXPECT_EQ(m.x(3), 0x1000 + operand) << option << amount;
            EXPECT_EQ(m.nzcv() & kN, (0x1000 - operand) >> 63 ? kN : 0) << option << amount;
            EXPECT_EQ(m.sp(), 0x1000u);
        }
    Machine m;
    m.set_x(2, 8);
    m.set_x(31, 64);
    m.run({word("SUB_ext") | kX | 3 << 13 | rd(31) | rn(31) | rm(2)});  // sub sp, sp, x2
    EXPECT_EQ(m.sp(), 56u);
    EXPECT_TRUE(m.undefined(word("ADD_ext") | kX | 5 << 10));
}

// --- bit fields
struct BitField {
    std::string_view name;
    bool wide;
    unsigned immr, imms;
    u64 d, n, result;
};
constexpr u64 kBits = 0x8123456789abcdef;
constexpr BitField kBitFields[] = {
    {"UBFM", true, 8, 15, 0, kBits, 0xcd},         // ubfx #8, #8
    {"UBFM", true, 60, 59, 0, kBits, kBits << 4},  // lsl #4
    {"UBFM", true, 4, 63, 0, kBits, kBits >> 4},   // lsr #4
    {"UBFM", true, 60, 7, 0, kBits, 0xef0},        // ubfiz #4, #8
    {"UBFM", true, 0, 31, 0, kBits, 0x89abcdef},
    {"UBFM", true, 20, 59, 0, kBits, kBits << 4 >> 24},  // more than 32 bits
    {"UBFM", false, 4, 31, 0, kBits, 0x089abcde},
    {"UBFM", false, 28, 27, 0, kBits, 0x9abcdef0},
    {"UBFM", false, 0, 31, 0, kBits, 0x89abcdef},
    {"SBFM", true, 4, 63, 0, kBits, 0xf8123456789abcde},  // asr #4
    {"SBFM", true, 0, 7, 0, kBits, 0xffffffffffffffef},   // sxtb
    {"SBFM", true, 0, 15, 0, 0x7fff, 0x7fff},             // sxth
    {"SBFM", true, 0, 31, 0, kBits, 0xffffffff89abcdef},  // sxtw
    {"SBFM", true, 8, 14, 0, kBits, 0xffffffffffffffcd},  // sbfx #8, #7
    {"SBFM", true, 60, 7, 0, kBits, 0xfffffffffffffef0},  // sbfiz #4, #8
    {"SBFM", true, 0, 63, 0, kBits, kBits},
    {"SBFM", false, 0, 7, 0, 0x80, 0xffffff80},
    {"SBFM", false, 4, 31, 0, kBits, 0xf89abcde},
    {"SBFM", false, 24, 3, 0, 0xf, 0xffffff00},
    {"BFM", true, 8, 15, 0x1111111111111111, kBits, 0x11111111111111cd},  // bfxil #8, #8
    {"BFM", true, 60, 7, 0x1111111111111111, kBits, 0x1111111111111ef1},  // bfi #4, #8
    {"BFM", true, 0, 63, 1, kBits, kBits},
    {"BFM", false, 16, 15, kJunk | 0x1111, kBits, 0xcdef1111},
};
TEST(Integer, BitFields) {
    for (const BitField& c : kBitFields) {
        Machine m;
        m.set_x(0, c.d);
        m.set_x(1, c.n);
        const u32 fields = c.immr << 16 | c.imms << 10 | rd(0) | rn(1);
        m.run({word(c.name) | (c.wide ? kX | 1u << 22 : 0) | fields});
        EXPECT_EQ(m.x(0), c.result) << c.name << c.wide << " " << c.immr << " " << c.imms << "\n" << m.text();
    }
    Machine m;
    for (const char* name : {"UBFM", "SBFM", "BFM"}) {
        EXPECT_TRUE(m.undefined(word(name) | kX)) << name;
        EXPECT_TRUE(m.undefined(word(name) | 1u << 22)) << name;
        EXPECT_TRUE(m.undefined(word(name) | 32 << 16)) << name;
        EXPECT_TRUE(m.undefined(word(name) | 32 << 10)) << name;
    }
}

// Every position and length, against shifts.
TEST(Integer, AllBitFields) {
    for (const unsigned width : {32u, 64u})
        for (unsigned r = 0; r < width; ++r)
            for (unsigned s = 0; s < width; ++s) {
                const u64 n = zext(kBits, width), d = zext(0x5a5a5a5a5a5a5a5a, width);
                const unsigned length = s >= r ? s - r + 1 : s + 1, at = s >= r ? 0 : width - r;
                const u64 field = zext(s >= r ? n >> r : n, length);
                const u64 mask = zext(kOnes, length) << at;
                const u32 fields = (width == 64 ? kX | 1u << 22 : 0) | r << 16 | s << 10 | rn(1);
                Machine m;
                m.set_x(1, kBits);
                m.set_x(2, d);
                m.run({word("UBFM") | fields | rd(3), word("SBFM") | fields | rd(4),
                       word("BFM") | fields | rd(2)});
                ASSERT_EQ(m.x(3), zext(field << at, width)) << r << " " << s << " " << width;
                ASSERT_EQ(m.x(4), zext(static_cast<u64>(sext(field, length)) << at, width)) << r << " " << s;
                ASSERT_EQ(m.x(2), (d & ~mask) | (field << at)) << r << " " << s << " " << width;
            }
}

TEST(Integer, Extract) {
    Machine m;
    m.set_x(1, 0x1111222233334444);
    m.set_x(2, 0x5555666677778888);
    const u32 x_form = word("EXTR") | kX | 1u << 22 | rn(1), w_form = word("EXTR") | rn(1);
    m.run({x_form | rm(2) | 16 << 10 | rd(0), x_form | rm(1) | 4 << 10 | rd(3),
           w_form | rm(2) | 8 << 10 | rd(4), x_form | rm(2) | rd(5)});
    EXPECT_EQ(m.x(0), 0x4444555566667777u);
    EXPECT_EQ(m.x(3), 0x4111122223333444u);
    EXPECT_EQ(m.x(4), 0x44777788u);
    EXPECT_EQ(m.x(5), 0x5555666677778888u);
    EXPECT_TRUE(m.undefined(w_form | 32 << 10));
}

// --- conditions: what each of the sixteen says of each of the sixteen flag values
bool holds(unsigned c, unsigned f) {
    const bool n = f & kN, z = f & kZ, carry = f & kC, v = f & kV;
    const bool base[] = {z, carry, n, v, carry && !z, n == v, !z && n == v, true};
    return c >= 14 || base[c >> 1] != static_cast<bool>(c & 1);
}
TEST(Integer, Conditions) {
    for (unsigned c = 0; c < 16; ++c)
        for (unsigned f = 0; f < 16; ++f) {
            Machine m;
            m.set_x(1, 100);
            m.set_x(2, 7);
            m.set_nzcv(f);
            const u32 fields = cond(c) | rn(1) | rm(2);
            m.run({word("CSEL") | kX | fields | rd(3), word("CSINC") | kX | fields | rd(4),
                   word("CSINV") | fields | rd(5), word("CSNEG") | fields | rd(6),
                   word("CSINC") | kX | cond(c) | rn(31) | rm(31) | rd(7)});
            const bool yes = holds(c, f);
            EXPECT_EQ(m.x(3), yes ? 100u : 7u) << c << " " << f;
            EXPECT_EQ(m.x(4), yes ? 100u : 8u) << c << " " << f;
            EXPECT_EQ(m.x(5), yes ? 100u : 0xfffffff8) << c << " " << f;
            EXPECT_EQ(m.x(6), yes ? 100u : 0xfffffff9) << c << " " << f;
            EXPECT_EQ(m.x(7), yes ? 0u : 1u) << c << " " << f;
        }
}

TEST(Integer, ConditionalComparisons) {
    constexpr unsigned kEq = 0;
    const auto run = [](u32 w, unsigned before) {
        Machine m;
        m.set_x(1, 5);
        m.set_x(2, 6);
        m.set_nzcv(before);
        m.run({w | rn(1) | cond(kEq) | 0b1010});
        return m.nzcv();
    };
    for (const u32 wide : {u32{0}, kX}) {
        EXPECT_EQ(run(word("CCMP_reg") | wide | rm(2), kZ), kN);
        EXPECT_EQ(run(word("CCMP_reg") | wide | rm(2), 0), kN | kC);
        EXPECT_EQ(run(word("CCMP_imm") | wide | 5 << 16, kZ), kZ | kC);
        EXPECT_EQ(run(word("CCMP_imm") | wide | 31 << 16, kZ), kN);
        EXPECT_EQ(run(word("CCMN_reg") | wide | rm(2), kZ), 0u);
        EXPECT_EQ(run(word("CCMN_reg") | wide | rm(2), kC), kN | kC);
        EXPECT_EQ(run(word("CCMN_imm") | wide | 5 << 16, kZ), 0u);
    }
}

// --- FlagM, FlagM2
TEST(Integer, FlagManipulation) {
    Machine m;
    m.set_x(1, u64{0b1010} << 8);
    m.set_nzcv(0b0101);
    m.run({word("RMIF") | 8 << 15 | rn(1) | 0b1110});
    EXPECT_EQ(m.nzcv(), 0b1011u);
    m.run({word("RMIF") | 9 << 15 | rn(1) | 0b0001});
    EXPECT_EQ(m.nzcv(), 0b1011u);
    m.run({word("CFINV")});
    EXPECT_EQ(m.nzcv(), 0b1001u);
    struct {
        const char* name;
        u64 n;
        unsigned nzcv;
    } const cases[] = {{"SETF8", 0x80, kN | kV}, {"SETF8", 0x17f, kV},        {"SETF8", 0xfe00, kZ},
                       {"SETF8", 0x1ff, kN},     {"SETF16", 0x8000, kN | kV}, {"SETF16", 0x10000, kZ | kV},
                       {"SETF16", 0x1ffff, kN}};
    for (const auto& c : cases) {
        m.set_x(1, c.n);
        m.set_nzcv(kC);
        m.run({word(c.name) | rn(1)});
        EXPECT_EQ(m.nzcv(), c.nzcv | kC) << c.name << c.n;
    }
}

// Manual, XAFLAG and AXFLAG: the four results of a comparison, and back.
TEST(Integer, FlagsOfOtherMachines) {
    struct {
        unsigned arm, other;
    } const cases[] = {{0b1000, 0b0000}, {0b0110, 0b0110}, {0b0010, 0b0010}, {0b0011, 0b0100}};
    for (const auto& c : cases) {
        Machine m;
        m.set_nzcv(c.arm);
        m.run({word("AXFLAG")});
        EXPECT_EQ(m.nzcv(), c.other) << c.arm;
    }
    // N = !C & !Z, Z = Z & C, C = C | Z, V = !C & Z
    for (unsigned f = 0; f < 16; ++f) {
        Machine m;
        m.set_nzcv(f);
        m.run({word("XAFLAG")});
        const bool z = f & kZ, c = f & kC;
        EXPECT_EQ(m.nzcv(), (!c && !z ? kN : 0) | (z && c ? kZ : 0) | (c || z ? kC : 0) | (!c && z ? kV : 0))
            << f;
    }
}

// --- CRC: the check values of the catalogues, over "123456789"
TEST(Integer, Checksums) {
    for (const auto& [name, check] : {std::pair{"CRC32", 0xcbf43926u}, {"CRC32C", 0xe3069283u}}) {
        Machine m;
        m.set_x(0, 0xffffffff);
        m.set_x(1, 0x3837363534333231);
        m.set_x(2, 0x39);
        const u32 half = 1 << 10, whole = 2 << 10, twice = 3 << 10;
        m.run({word(std::string(name) + "X") | twice | rd(0) | rn(0) | rm(1),
               word(name) | rd(0) | rn(0) | rm(2)});
        EXPECT_EQ(static_cast<u32>(~m.x(0)), check) << name;
        m.set_x(0, 0xffffffff);
        m.set_x(3, 0x34333231);
        m.set_x(4, 0xabcd3635);
        m.set_x(5, 0x12'3837);
        m.run({word(name) | whole | rd(0) | rn(0) | rm(3), word(name) | half | rd(0) | rn(0) | rm(4),
               word(name) | half | rd(0) | rn(0) | rm(5), word(name) | rd(0) | rn(0) | rm(2)});
        EXPECT_EQ(static_cast<u32>(~m.x(0)), check) << name;
    }
}

}  // namespace
}  // namespace vm::frontend::arm64::test
