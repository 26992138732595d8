// Floating point: operand order, signs, rounding, boxing and flags of every encoding, in each precision. That
// the arithmetic itself is right is tested with the IR's floating point (base, ir).
#include <bit>
#include <cmath>
#include <limits>

#include "frontend/riscv64/machine_test.h"

namespace vm::frontend::riscv64::test {
namespace {

constexpr unsigned kC = 13;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr unsigned kRne = 0, kRtz = 1, kRdn = 2, kRup = 3, kRmm = 4, kDyn = 7;
constexpr u8 kNX = ir::kInexact, kDZ = ir::kDivByZero, kNV = ir::kInvalid, kOF = ir::kOverflow;

constexpr char kFormats[] = {'H', 'S', 'D'};

/// Half-precision bits of a number that has them exactly (normal, zero or special).
u64 half(double v) {
    const u64 sign = std::signbit(v) ? 0x8000 : 0;
    if (std::isnan(v)) return 0x7e00;
    if (std::isinf(v)) return sign | 0x7c00;
    if (v == 0) return sign;
    int exponent = 0;
    const double m = std::frexp(std::fabs(v), &exponent);  // 0.5 <= m < 1
    const double fraction = std::ldexp(m, 11) - 1024;
    EXPECT_EQ(fraction, std::floor(fraction)) << v;
    EXPECT_TRUE(exponent > -14 && exponent <= 16) << v;
    return sign | static_cast<u64>(exponent + 14) << 10 | static_cast<u64>(fraction);
}
/// Register contents for `v` in format 'H', 'S' or 'D'; NaN is the canonical one.
u64 reg(char format, double v) {
    if (format == 'H') return kBoxHalf | half(v);
    if (format == 'S')
        return kBoxSingle | (std::isnan(v) ? 0x7fc00000 : std::bit_cast<u32>(static_cast<float>(v)));
    return std::isnan(v) ? 0x7ff8000000000000 : std::bit_cast<u64>(v);
}
std::string named(std::string_view name, char format) { return fmt::format("{}_{}", name, format); }

struct Arith {
    std::string_view name;
    unsigned operands, rm;  ///< rm: kNoRm where the encoding has none
    double a, b, c, result;
    u8 flags = 0;
};
constexpr unsigned kNoRm = 8;
constexpr Arith kArith[] = {
    {"FADD", 2, kDyn, 1.5, 2.25, 0, 3.75},
    {"FADD", 2, kDyn, kInf, -kInf, 0, kNaN, kNV},
    {"FSUB", 2, kRne, 1.5, 2.25, 0, -0.75},
    {"FMUL", 2, kRtz, 1.5, -2.5, 0, -3.75},
    {"FDIV", 2, kDyn, 3, -2, 0, -1.5},
    {"FDIV", 2, kDyn, 1, 0, 0, kInf, kDZ},
    {"FSQRT", 1, kDyn, 6.25, 0, 0, 2.5},
    {"FSQRT", 1, kDyn, -1, 0, 0, kNaN, kNV},
    {"FMADD", 3, kDyn, 2, 3, 10, 16},
    {"FMSUB", 3, kDyn, 2, 3, 10, -4},
    {"FNMSUB", 3, kDyn, 2, 3, 10, 4},
    {"FNMADD", 3, kDyn, 2, 3, 10, -16},
    {"FMADD", 3, kDyn, kInf, 0, kNaN, kNaN, kNV},
    {"FMIN", 2, kNoRm, 1, 2, 0, 1},
    {"FMIN", 2, kNoRm, 0.0, -0.0, 0, -0.0},
    {"FMIN", 2, kNoRm, kNaN, 2, 0, 2},
    {"FMAX", 2, kNoRm, 1, 2, 0, 2},
    {"FMAX", 2, kNoRm, -0.0, 0.0, 0, 0.0},
    {"FMAX", 2, kNoRm, 1, kNaN, 0, 1},
    {"FMINM", 2, kNoRm, 1, 2, 0, 1},
    {"FMINM", 2, kNoRm, kNaN, 2, 0, kNaN},
    {"FMAXM", 2, kNoRm, 1, 2, 0, 2},
    {"FMAXM", 2, kNoRm, 1, kNaN, 0, kNaN},
    {"FROUND", 1, kRne, 2.5, 0, 0, 2},
    {"FROUND", 1, kRup, 2.25, 0, 0, 3},
    {"FROUND", 1, kRmm, 2.5, 0, 0, 3},
    {"FROUND", 1, kRtz, -2.5, 0, 0, -2},
    {"FROUND", 1, kRdn, -2.25, 0, 0, -3},
    {"FROUNDNX", 1, kRne, 2.5, 0, 0, 2, kNX},
    {"FROUNDNX", 1, kRne, 7, 0, 0, 7},
    {"FSGNJ", 2, kNoRm, 1.5, -2, 0, -1.5},
    {"FSGNJ", 2, kNoRm, -1.5, 2, 0, 1.5},
    {"FSGNJN", 2, kNoRm, 1.5, -2, 0, 1.5},
    {"FSGNJN", 2, kNoRm, 1.5, 2, 0, -1.5},
    {"FSGNJX", 2, kNoRm, -1.5, -2, 0, 1.5},
    {"FSGNJX", 2, kNoRm, -1.5, 2, 0, -1.5},
    {"FSGNJX", 2, kNoRm, 1.5, -2, 0, -1.5},
};

/// rd = a REL b, as integer; `quiet_flags` for a quiet NaN operand is 0 or kNV.
struct Compare {
    std::string_view name;
    bool less, equal, greater;
    u8 quiet_nan_flags;
};
constexpr Compare kCompares[] = {
    {"FEQ", false, true, false, 0},  {"FLT", true, false, false, kNV}, {"FLE", true, true, false, kNV},
    {"FLTQ", true, false, false, 0}, {"FLEQ", true, true, false, 0},
};

struct ToInt {
    std::string_view name;  ///< "FCVT_W"; the source format follows
    unsigned rm;
    double a;
    u64 result;
    u8 flags = 0;
};
constexpr ToInt kToInt[] = {
    {"FCVT_W", kRtz, -2.75, neg(2), kNX},
    {"FCVT_W", kRne, 2.5, 2, kNX},
    {"FCVT_W", kRmm, 2.5, 3, kNX},
    {"FCVT_W", kDyn, 100, 100},
    {"FCVT_W", kRtz, kInf, 0x7fffffff, kNV},
    {"FCVT_W", kRtz, -kInf, 0xffffffff80000000, kNV},
    {"FCVT_W", kRtz, kNaN, 0x7fffffff, kNV},
    {"FCVT_WU", kRtz, 3.5, 3, kNX},
    {"FCVT_WU", kRtz, -1, 0, kNV},
    {"FCVT_WU", kRtz, -0.5, 0, kNX},
    {"FCVT_WU", kRtz, kInf, ~u64{0}, kNV},
    {"FCVT_L", kRdn, -2.25, neg(3), kNX},
    {"FCVT_L", kRtz, kNaN, 0x7fffffffffffffff, kNV},
    {"FCVT_L", kRtz, -kInf, 0x8000000000000000, kNV},
    {"FCVT_LU", kRup, 2.25, 3, kNX},
    {"FCVT_LU", kRtz, -2, 0, kNV},
    {"FCVT_LU", kRtz, kNaN, ~u64{0}, kNV},
};

struct FromInt {
    std::string_view name;  ///< suffix: "FCVT_S_" + name
    u64 a;
    double result;
};
constexpr FromInt kFromInt[] = {
    {"W", 0xabcd'fffffff9, -7},
    {"WU", 0xffffffff'00000009, 9},
    {"L", neg(1000), -1000},
    {"LU", 1000, 1000},
};

class Fp : public testing::Test {
  protected:
    Machine m;

    void operands(char format, double a, double b, double c) {
        m.set_f(kA, reg(format, a));
        m.set_f(kB, reg(format, b));
        m.set_f(kC, reg(format, c));
        m.set_x(kA, 0x1234);
        m.fp = {};
    }
    ir::InterpResult run(std::string_view name, u32 fields) {
        const auto r = m.run({word(name) | fields});
        EXPECT_EQ(r.reason, ir::ExitReason::Next) << name;
        return r;
    }
};

TEST_F(Fp, ArithmeticInThreeFormats) {
    for (const Arith& c : kArith)
        for (char format : kFormats) {
            const u32 fields = rd(kD) | rs1(kA) | (c.operands > 1 ? rs2(kB) : 0) |
                               (c.operands > 2 ? rs3(kC) : 0) | (c.rm == kNoRm ? 0 : rm(c.rm));
            operands(format, c.a, c.b, c.c);
            run(named(c.name, format), fields);
            EXPECT_EQ(m.f(kD), reg(format, c.result)) << named(c.name, format) << "\n" << m.text();
            EXPECT_EQ(m.fp.flags, c.flags) << named(c.name, format);
        }
}

TEST_F(Fp, StaticAndDynamicRounding) {
    // 1 + 2^-30 (singles): exact in none of the modes.
    const auto sum = [&](unsigned static_rm, u8 frm) {
        m.set_f(kA, reg('S', 1));
        m.set_f(kB, reg('S', 0x1p-30));
        m.fp = {.flags = 0, .rounding = frm};
        run("FADD_S", rd(kD) | rs1(kA) | rs2(kB) | rm(static_rm));
        EXPECT_EQ(m.fp.flags, kNX);
        return m.f(kD) == reg('S', 1) ? 0 : 1;
    };
    EXPECT_EQ(sum(kRup, kRne), 1);
    EXPECT_EQ(sum(kRtz, kRup), 0);
    EXPECT_EQ(sum(kDyn, kRup), 1);
    EXPECT_EQ(sum(kDyn, kRdn), 0);
    EXPECT_EQ(sum(kDyn, kRmm), 0);
    EXPECT_EQ(sum(kRup, 6), 1);  // an invalid frm does not matter to static rounding
    // Ties to max magnitude is what frm = 4 changes: 1 + 2^-24 lies in the middle.
    m.set_f(kA, reg('S', 1));
    m.set_f(kB, reg('S', 0x1p-24));
    m.fp = {.flags = 0, .rounding = kRmm};
    run("FADD_S", rd(kD) | rs1(kA) | rs2(kB) | rm(kDyn));
    EXPECT_EQ(m.f(kD), reg('S', 1 + 0x1p-23));
    // Hosts do not have this mode: back ends must see it in the instruction.
    for (const ir::Inst& i : m.block.insts) {
        if (i.op == ir::Op::FAdd) {
            EXPECT_EQ(ir::fp_round(i.aux), ir::Round::Rmm);
        }
    }
    EXPECT_EQ(m.count(ir::Op::FAdd), 1u);
}

TEST_F(Fp, ReservedRoundingIsIllegal) {
    for (std::string_view name :
         {"FADD_S", "FSQRT_D", "FMADD_S", "FCVT_W_D", "FCVT_D_W", "FCVT_S_D", "FROUND_H"}) {
        for (unsigned reserved : {5u, 6u}) {
            m.fp = {};
            EXPECT_EQ(m.run({word(name) | rm(reserved)}).reason, ir::ExitReason::Illegal) << name;
        }
        for (u8 frm : {5, 6, 7}) {
            m.fp = {.flags = 0, .rounding = frm};
            EXPECT_EQ(m.run({word(name) | rm(kDyn)}).reason, ir::ExitReason::Illegal) << name;
        }
    }
}

TEST_F(Fp, ImproperlyBoxedOperandsAreNaN) {
    for (std::string_view name : {"FADD", "FMUL", "FSGNJ", "FMAXM"})
        for (char format : {'H', 'S'}) {
            operands(format, 1, 1, 1);
            m.set_f(kA, m.f(kA) & ~(u64{1} << 50));
            run(named(name, format),
                rd(kD) | rs1(kA) | rs2(kB) | (name == "FADD" || name == "FMUL" ? rm(kDyn) : 0));
            EXPECT_EQ(m.f(kD), reg(format, kNaN)) << named(name, format);
            EXPECT_EQ(m.fp.flags, 0);
        }
    // fmv.s, fneg.s and fabs.s are sign injections of a register with itself.
    m.set_f(kA, 5);
    for (std::string_view name : {"FSGNJ_S", "FSGNJX_S"}) {
        run(name, rd(kD) | rs1(kA) | rs2(kA));
        EXPECT_EQ(m.f(kD), reg('S', kNaN)) << name;
    }
    run("FSGNJN_S", rd(kD) | rs1(kA) | rs2(kA));
    EXPECT_EQ(m.f(kD), reg('S', kNaN) | 0x80000000);
}

TEST_F(Fp, SignInjectionOfOneRegister) {
    for (char format : kFormats) {
        operands(format, -1.5, 0, 0);
        run(named("FSGNJ", format), rd(kD) | rs1(kA) | rs2(kA));
        EXPECT_EQ(m.f(kD), reg(format, -1.5));
        run(named("FSGNJN", format), rd(kD) | rs1(kA) | rs2(kA));
        EXPECT_EQ(m.f(kD), reg(format, 1.5));
        run(named("FSGNJX", format), rd(kD) | rs1(kA) | rs2(kA));
        EXPECT_EQ(m.f(kD), reg(format, 1.5));
    }
}

TEST_F(Fp, Compare) {
    for (const Compare& c : kCompares)
        for (char format : kFormats) {
            const auto compare = [&](double a, double b) {
                operands(format, a, b, 0);
                m.set_x(kD, 77);
                run(named(c.name, format), rd(kD) | rs1(kA) | rs2(kB));
                return m.x(kD);
            };
            EXPECT_EQ(compare(1, 2), u64{c.less}) << named(c.name, format);
            EXPECT_EQ(compare(2, 2), u64{c.equal}) << named(c.name, format);
            EXPECT_EQ(compare(0.0, -0.0), u64{c.equal}) << named(c.name, format);
            EXPECT_EQ(compare(2, 1), u64{c.greater}) << named(c.name, format);
            EXPECT_EQ(m.fp.flags, 0);
            EXPECT_EQ(compare(kNaN, 1), 0u) << named(c.name, format);
            EXPECT_EQ(m.fp.flags, c.quiet_nan_flags) << named(c.name, format);
        }
}

TEST_F(Fp, Classify) {
    struct {
        double value;
        unsigned bit;
    } const cases[] = {{-kInf, 0}, {-1, 1}, {-0.0, 3}, {0.0, 4}, {1, 6}, {kInf, 7}, {kNaN, 9}};
    for (char format : kFormats) {
        for (const auto& c : cases) {
            operands(format, c.value, 0, 0);
            run(named("FCLASS", format), rd(kD) | rs1(kA));
            EXPECT_EQ(m.x(kD), u64{1} << c.bit) << format << c.value;
        }
        const u64 box = format == 'H' ? kBoxHalf : format == 'S' ? kBoxSingle : 0;
        const u64 signaling = format == 'H' ? 0x7c01 : format == 'S' ? 0x7f800001 : 0x7ff0000000000001;
        const u64 sign = format == 'H' ? 0x8000 : format == 'S' ? 0x80000000 : 0x8000000000000000;
        for (const auto& [value, n] : {std::pair{signaling, 8}, {u64{1}, 5}, {sign | 1, 2}}) {
            m.set_f(kA, box | value);
            run(named("FCLASS", format), rd(kD) | rs1(kA));
            EXPECT_EQ(m.x(kD), u64{1} << n) << format;
        }
    }
}

TEST_F(Fp, ToIntegers) {
    for (const ToInt& c : kToInt)
        for (char format : kFormats) {
            operands(format, c.a, 0, 0);
            run(named(c.name, format), rd(kD) | rs1(kA) | rm(c.rm));
            EXPECT_EQ(m.x(kD), c.result) << named(c.name, format) << " " << c.a;
            EXPECT_EQ(m.fp.flags, c.flags) << named(c.name, format) << " " << c.a;
        }
    m.set_f(kA, reg('D', 0x1p32 - 1));
    run("FCVT_WU_D", rd(kD) | rs1(kA) | rm(kRtz));
    EXPECT_EQ(m.x(kD), ~u64{0});  // sign-extended although unsigned
    m.set_f(kA, reg('D', 0x1p63));
    run("FCVT_LU_D", rd(kD) | rs1(kA) | rm(kRtz));
    EXPECT_EQ(m.x(kD), u64{1} << 63);
}

TEST_F(Fp, FromIntegers) {
    for (const FromInt& c : kFromInt)
        for (char format : kFormats) {
            operands(format, 0, 0, 0);
            m.set_x(kA, c.a);
            run(fmt::format("FCVT_{}_{}", format, c.name), rd(kD) | rs1(kA) | rm(kDyn));
            EXPECT_EQ(m.f(kD), reg(format, c.result)) << c.name << format;
            EXPECT_EQ(m.fp.flags, 0);
        }
    // The top bit is a sign only for signed sources. 2^63 is beyond halves.
    m.set_x(kA, u64{1} << 63);
    for (const auto& [name, format, result] : {std::tuple{"FCVT_S_LU", 'S', 0x1p63},
                                               {"FCVT_S_L", 'S', -0x1p63},
                                               {"FCVT_D_LU", 'D', 0x1p63},
                                               {"FCVT_D_L", 'D', -0x1p63},
                                               {"FCVT_H_LU", 'H', kInf},
                                               {"FCVT_H_L", 'H', -kInf}}) {
        run(name, rd(kD) | rs1(kA) | rm(kDyn));
        EXPECT_EQ(m.f(kD), reg(format, result)) << name;
    }
    m.set_x(kA, 0x80000000);
    for (const auto& [name, format, result] : {std::tuple{"FCVT_S_WU", 'S', 0x1p31},
                                               {"FCVT_S_W", 'S', -0x1p31},
                                               {"FCVT_D_WU", 'D', 0x1p31},
                                               {"FCVT_D_W", 'D', -0x1p31},
                                               {"FCVT_H_WU", 'H', kInf},
                                               {"FCVT_H_W", 'H', -kInf}}) {
        run(name, rd(kD) | rs1(kA) | rm(kDyn));
        EXPECT_EQ(m.f(kD), reg(format, result)) << name;
    }
    m.fp = {};
    m.set_x(kA, (u64{1} << 53) + 1);
    run("FCVT_D_L", rd(kD) | rs1(kA) | rm(kRup));
    EXPECT_EQ(m.f(kD), reg('D', 0x1p53 + 2));
    EXPECT_EQ(m.fp.flags, kNX);
}

TEST_F(Fp, BetweenFormats) {
    for (char from : kFormats)
        for (char to : kFormats) {
            if (from == to) continue;
            for (double v : {1.5, -0.0, kInf, kNaN}) {
                operands(from, v, 0, 0);
                run(fmt::format("FCVT_{}_{}", to, from), rd(kD) | rs1(kA) | rm(kDyn));
                EXPECT_EQ(m.f(kD), reg(to, v)) << from << to << v;
                EXPECT_EQ(m.fp.flags, 0) << from << to << v;
            }
        }
    operands('D', 1e300, 0, 0);
    run("FCVT_S_D", rd(kD) | rs1(kA) | rm(kRtz));
    EXPECT_EQ(m.f(kD), kBoxSingle | 0x7f7fffff);
    EXPECT_EQ(m.fp.flags, kOF | kNX);
}

TEST_F(Fp, ModularConversion) {
    struct {
        double a;
        u64 result;
        u8 flags;
    } const cases[] = {{0x1p32 + 5, 5, kNV}, {-3.5, neg(3), kNX}, {0x1p31, 0xffffffff80000000, kNV},
                       {kNaN, 0, kNV},       {kInf, 0, kNV},      {7, 7, 0}};
    for (const auto& c : cases) {
        operands('D', c.a, 0, 0);
        run("FCVTMOD_W_D", rd(kD) | rs1(kA));
        EXPECT_EQ(m.x(kD), c.result) << c.a;
        EXPECT_EQ(m.fp.flags, c.flags) << c.a;
    }
}

TEST_F(Fp, MovesOfBits) {
    constexpr u64 kBits = 0x0123456789abcdef;
    m.set_x(kA, kBits);
    m.set_f(kA, kBits);
    run("FMV_X_D", rd(kD) | rs1(kA));
    EXPECT_EQ(m.x(kD), kBits);
    run("FMV_X_W", rd(kD) | rs1(kA));
    EXPECT_EQ(m.x(kD), 0xffffffff89abcdef);
    run("FMV_X_H", rd(kD) | rs1(kA));
    EXPECT_EQ(m.x(kD), 0xffffffffffffcdef);
    run("FMV_D_X", rd(kD) | rs1(kA));
    EXPECT_EQ(m.f(kD), kBits);
    run("FMV_W_X", rd(kD) | rs1(kA));
    EXPECT_EQ(m.f(kD), kBoxSingle | 0x89abcdef);
    run("FMV_H_X", rd(kD) | rs1(kA));
    EXPECT_EQ(m.f(kD), kBoxHalf | 0xcdef);
    EXPECT_EQ(m.fp.flags, 0);
}

// Manual, "Zfa", table of the FLI values. 0x1p-16 and 0x1p-15 are subnormal halves, 65536 is beyond them.
TEST_F(Fp, Constants) {
    constexpr double kValues[32] = {-1,   0,      0x1p-16, 0x1p-15, 0.00390625, 0.0078125, 0.0625, 0.125,
                                    0.25, 0.3125, 0.375,   0.4375,  0.5,        0.625,     0.75,   0.875,
                                    1,    1.25,   1.5,     1.75,    2,          2.5,       3,      4,
                                    8,    16,     128,     256,     32768,      65536,     kInf,   kNaN};
    for (unsigned i = 0; i < 32; ++i) {
        const u32 fields = rd(kD) | i << 15;
        run("FLI_D", fields);
        EXPECT_EQ(m.f(kD), i == 1 ? u64{1} << 52 : reg('D', kValues[i])) << i;
        run("FLI_S", fields);
        EXPECT_EQ(m.f(kD), i == 1 ? kBoxSingle | 1 << 23 : reg('S', kValues[i])) << i;
        run("FLI_H", fields);
        const u64 want = i == 1    ? 1 << 10
                         : i == 2  ? 0x100
                         : i == 3  ? 0x200
                         : i == 29 ? 0x7c00
                                   : half(kValues[i]);
        EXPECT_EQ(m.f(kD), kBoxHalf | want) << i;
    }
}

}  // namespace

Names fp_names() {
    Names n{"FCVTMOD_W_D"};
    const auto each = [&](std::string_view name) {
        for (char format : kFormats) n.push_back(named(name, format));
    };
    for (const Arith& c : kArith) each(c.name);
    for (const Compare& c : kCompares) each(c.name);
    for (const ToInt& c : kToInt) each(c.name);
    for (const FromInt& c : kFromInt)
        for (char format : kFormats) n.push_back(fmt::format("FCVT_{}_{}", format, c.name));
    for (char from : kFormats)
        for (char to : kFormats)
            if (from != to) n.push_back(fmt::format("FCVT_{}_{}", to, from));
    for (std::string_view name : {"FCLASS", "FLI"}) each(name);
    for (std::string_view name : {"FMV_X_D", "FMV_X_W", "FMV_X_H", "FMV_D_X", "FMV_W_X", "FMV_H_X"})
        n.emplace_back(name);
    return n;
}

}  // namespace vm::frontend::riscv64::test
