// Scalar floating-point arithmetic: operand order, signs, NaNs, rounding, flushing and flags of every
// encoding, in each precision. That the arithmetic itself is right is tested with the IR's floating point
// (base, ir).
#include "frontend/arm64/fp_values_test.h"

namespace vm::frontend::arm64::test {
namespace {

/// Vd = v0, Vn = v1, Vm = v2, Va = v3.
u32 with_registers(u32 w, unsigned operands) {
    return w | rd(0) | rn(1) | (operands > 1 ? rm(2) : 0) | (operands > 2 ? ra(3) : 0);
}

struct Result {
    Vector value;
    u8 flags;
    bool input_denormal;
};
Result run_bits(const Precision& p, std::string_view name, unsigned operands, u64 n, u64 m = 0, u64 a = 0,
                u64 fpcr = 0) {
    Machine machine;
    machine.set_fpcr(fpcr);
    machine.set_v(1, operand(p, n));
    machine.set_v(2, operand(p, m));
    machine.set_v(3, operand(p, a));
    machine.run({with_registers(p.word(name), operands)});
    return {machine.v(0), machine.fp.flags, machine.fp.input_denormal != 0};
}

struct Case {
    std::string_view name;
    unsigned operands;
    double n, m, a, result;
    u8 flags = 0;
};
constexpr Case kCases[] = {
    {"FADD", 2, 1.5, 2.25, 0, 3.75},
    {"FADD", 2, kInf, -kInf, 0, kNaN, kNV},
    {"FADD", 2, 1, -1, 0, 0.0},
    {"FSUB", 2, 1.5, 2.25, 0, -0.75},
    {"FMUL", 2, 1.5, -2.5, 0, -3.75},
    {"FMUL", 2, 0, kInf, 0, kNaN, kNV},
    {"FNMUL", 2, 1.5, -2.5, 0, 3.75},
    {"FNMUL", 2, 0.0, 1, 0, -0.0},
    {"FDIV", 2, 3, -2, 0, -1.5},
    {"FDIV", 2, -1, 0, 0, -kInf, kDZ},
    {"FDIV", 2, 0, 0, 0, kNaN, kNV},
    {"FMADD", 3, 2, 3, 10, 16},
    {"FMSUB", 3, 2, 3, 10, 4},
    {"FNMADD", 3, 2, 3, 10, -16},
    {"FNMSUB", 3, 2, 3, 10, -4},
    {"FMADD", 3, 0, kInf, 1, kNaN, kNV},
    {"FMADD", 3, 1, -1, 1, 0.0},
    {"FNMADD", 3, 1, -1, 1, 0.0},  // 1 - 1: the sign of a sum of opposites
    {"FMAX", 2, 1, 2, 0, 2},
    {"FMAX", 2, -0.0, 0.0, 0, 0.0},
    {"FMAX", 2, 1, kNaN, 0, kNaN},
    {"FMIN", 2, 1, 2, 0, 1},
    {"FMIN", 2, 0.0, -0.0, 0, -0.0},
    {"FMIN", 2, kNaN, 1, 0, kNaN},
    {"FMAXNM", 2, -kInf, 2, 0, 2},
    {"FMAXNM", 2, kNaN, -3, 0, -3},
    {"FMAXNM", 2, -0.0, 0.0, 0, 0.0},
    {"FMINNM", 2, 1, 2, 0, 1},
    {"FMINNM", 2, 1, kNaN, 0, 1},
    {"FMINNM", 2, kNaN, kNaN, 0, kNaN},
    {"FSQRT", 1, 6.25, 0, 0, 2.5},
    {"FSQRT", 1, -0.0, 0, 0, -0.0},
    {"FSQRT", 1, -1, 0, 0, kNaN, kNV},
    {"FABS", 1, -2.5, 0, 0, 2.5},
    {"FNEG", 1, 2.5, 0, 0, -2.5},
    {"FNEG", 1, -0.0, 0, 0, 0.0},
    {"FMOV_reg", 1, -1.25, 0, 0, -1.25},
    // N: nearest, ties to even; P up; M down; Z to zero; A nearest, ties away; I, X as FPCR says
    {"FRINTN", 1, 2.5, 0, 0, 2},
    {"FRINTN", 1, -3.5, 0, 0, -4},
    {"FRINTP", 1, 2.25, 0, 0, 3},
    {"FRINTP", 1, -0.5, 0, 0, -0.0},
    {"FRINTM", 1, -2.25, 0, 0, -3},
    {"FRINTZ", 1, -2.75, 0, 0, -2},
    {"FRINTA", 1, 2.5, 0, 0, 3},
    {"FRINTA", 1, -2.5, 0, 0, -3},
    {"FRINTI", 1, 2.5, 0, 0, 2},
    {"FRINTX", 1, 2.5, 0, 0, 2, kNX},
    {"FRINTX", 1, 7, 0, 0, 7},
    {"FRINTX", 1, kInf, 0, 0, kInf},
};

TEST(Fp, ArithmeticInEachPrecision) {
    for (const Precision& p : kPrecisions)
        for (const Case& c : kCases) {
            const Result r = run_bits(p, c.name, c.operands, p.bits(c.n), p.bits(c.m), p.bits(c.a));
            EXPECT_EQ(r.value, (Vector{p.bits(c.result), 0}))
                << c.name << p.letter << " " << c.n << " " << c.m;
            EXPECT_EQ(r.flags, c.flags) << c.name << p.letter << " " << c.n << " " << c.m;
        }
}

// --- NaNs: the first signaling operand, else the first quiet one, quieted
TEST(Fp, NanOperands) {
    for (const Precision& p : kPrecisions) {
        const u64 one = p.bits(1), q1 = p.quiet() | p.sign() | 5, q2 = p.quiet() | 9;
        const u64 s1 = p.signaling() | p.sign(), s2 = p.infinity() | 3, quieted1 = s1 | p.quiet(),
                  quieted2 = s2 | p.quiet();
        for (const char* name : {"FADD", "FSUB", "FMUL", "FDIV", "FMAX", "FMIN"}) {
            const auto run = [&](u64 n, u64 m, u64 fpcr = 0) { return run_bits(p, name, 2, n, m, 0, fpcr); };
            EXPECT_EQ(run(q1, one).value.low, q1) << name << p.letter;
            EXPECT_EQ(run(one, q2).value.low, q2) << name << p.letter;
            EXPECT_EQ(run(q1, q2).value.low, q1) << name << p.letter;
            EXPECT_EQ(run(q1, s2).value.low, quieted2) << name << p.letter;
            EXPECT_EQ(run(s1, s2).value.low, quieted1) << name << p.letter;
            EXPECT_EQ(run(q1, q2).flags, 0) << name << p.letter;
            EXPECT_EQ(run(q1, s2).flags, kNV) << name << p.letter;
            EXPECT_EQ(run(q1, one, kFpcrDn).value.low, p.quiet()) << name << p.letter;
        }
        EXPECT_EQ(run_bits(p, "FMAXNM", 2, s1, one).value.low, quieted1);
        EXPECT_EQ(run_bits(p, "FMAXNM", 2, s1, one).flags, kNV);
        EXPECT_EQ(run_bits(p, "FMINNM", 2, q1, q2).value.low, q1);
        EXPECT_EQ(run_bits(p, "FSQRT", 1, s2).value.low, quieted2);
        EXPECT_EQ(run_bits(p, "FRINTN", 1, s2).value.low, quieted2);
        EXPECT_EQ(run_bits(p, "FRINTN", 1, s2).flags, kNV);
        // Signs of NaNs: FABS and FNEG change them in silence; FNMUL negates what the product gave.
        EXPECT_EQ(run_bits(p, "FABS", 1, s1).value.low, s1 & ~p.sign());
        EXPECT_EQ(run_bits(p, "FNEG", 1, s2).value.low, s2 | p.sign());
        EXPECT_EQ(run_bits(p, "FNEG", 1, s2).flags, 0);
        EXPECT_EQ(run_bits(p, "FNMUL", 2, q2, one).value.low, q2 | p.sign());
        EXPECT_EQ(run_bits(p, "FNMUL", 2, q2, one, 0, kFpcrDn).value.low, p.quiet() | p.sign());
    }
}

// The addend comes first, and the negated operands lose their sign before.
TEST(Fp, NansOfMultiplyAdd) {
    for (const Precision& p : kPrecisions) {
        const u64 one = p.bits(1), zero = 0, inf = p.infinity(), q1 = p.quiet() | 1, q2 = p.quiet() | 2,
                  q3 = p.quiet() | 4;
        const auto run = [&](const char* name, u64 n, u64 m, u64 a) { return run_bits(p, name, 3, n, m, a); };
        EXPECT_EQ(run("FMADD", q1, q2, q3).value.low, q3);
        EXPECT_EQ(run("FMADD", q1, q2, one).value.low, q1);
        EXPECT_EQ(run("FMADD", q1, p.signaling(), q3).value.low, p.quiet() | 1);
        EXPECT_EQ(run("FMSUB", q1, q2, one).value.low, q1 | p.sign());
        EXPECT_EQ(run("FMSUB", one, q2, one).value.low, q2);
        EXPECT_EQ(run("FMSUB", one, one, q3).value.low, q3);
        EXPECT_EQ(run("FNMADD", one, one, q3).value.low, q3 | p.sign());
        EXPECT_EQ(run("FNMADD", q1, one, one).value.low, q1 | p.sign());
        EXPECT_EQ(run("FNMSUB", q1, one, one).value.low, q1);
        EXPECT_EQ(run("FNMSUB", one, one, q3).value.low, q3 | p.sign());
        // An invalid product hides a quiet addend.
        EXPECT_EQ(run("FMADD", zero, inf, q3).value.low, p.quiet());
        EXPECT_EQ(run("FMADD", zero, inf, q3).flags, kNV);
    }
}

// --- FPCR
TEST(Fp, RoundingModeOfFpcr) {
    constexpr u64 kUp = 1 << 22, kDown = 2 << 22, kToZero = 3 << 22;
    for (const Precision& p : kPrecisions) {
        const u64 one = p.bits(1), tiny = p.least_normal();
        const auto add = [&](u64 fpcr, u64 n, u64 m) { return run_bits(p, "FADD", 2, n, m, 0, fpcr); };
        EXPECT_EQ(add(0, one, tiny).value.low, one);
        EXPECT_EQ(add(kUp, one, tiny).value.low, one + 1);
        EXPECT_EQ(add(kDown, one | p.sign(), tiny | p.sign()).value.low, (one | p.sign()) + 1);
        EXPECT_EQ(add(kToZero, one, tiny | p.sign()).value.low, one - 1);
        EXPECT_EQ(add(kToZero, one, tiny | p.sign()).flags, kNX);
        EXPECT_EQ(add(kDown, one, one | p.sign()).value.low, p.sign());  // 1 - 1 = -0
        const u64 x = p.bits(2.5);
        EXPECT_EQ(run_bits(p, "FRINTI", 1, x, 0, 0, kUp).value.low, p.bits(3));
        EXPECT_EQ(run_bits(p, "FRINTX", 1, x, 0, 0, kToZero).value.low, p.bits(2));
        EXPECT_EQ(run_bits(p, "FRINTN", 1, x, 0, 0, kUp).value.low, p.bits(2));
        EXPECT_EQ(run_bits(p, "FMUL", 2, p.largest(), p.bits(2), 0, kToZero).value.low, p.largest());
        EXPECT_EQ(run_bits(p, "FMUL", 2, p.largest(), p.bits(2), 0, kUp).value.low, p.infinity());
        EXPECT_EQ(run_bits(p, "FMUL", 2, p.largest(), p.bits(2)).flags, kOF | kNX);
    }
}

// Subnormal operands count as zero (input denormal, but not in half precision), subnormal results become
// zero.
TEST(Fp, FlushToZero) {
    for (const Precision& p : kPrecisions) {
        const bool is_half = p.width == 16;
        const u64 fz = is_half ? kFpcrFz16 : kFpcrFz, other = is_half ? kFpcrFz : kFpcrFz16;
        const u64 subnormal = 3, half = p.bits(0.5);
        Result r = run_bits(p, "FADD", 2, subnormal, subnormal, 0, fz);
        EXPECT_EQ(r.value.low, 0u) << p.letter;
        EXPECT_EQ(r.input_denormal, !is_half) << p.letter;
        r = run_bits(p, "FADD", 2, subnormal, subnormal, 0, other);
        EXPECT_EQ(r.value.low, 6u) << p.letter;
        EXPECT_FALSE(r.input_denormal) << p.letter;
        r = run_bits(p, "FMUL", 2, p.least_normal() | p.sign(), half, 0, fz);
        EXPECT_EQ(r.value.low, p.sign()) << p.letter;
        EXPECT_EQ(r.flags, kUF) << p.letter;
        r = run_bits(p, "FMUL", 2, p.least_normal(), half);
        EXPECT_EQ(r.value.low, p.least_normal() / 2) << p.letter;
        EXPECT_EQ(r.flags, 0) << p.letter;
        // Underflow is judged before rounding: this becomes the least normal number.
        r = run_bits(p, "FMUL", 2, p.least_normal() + 1, p.bits(1) - 2);
        EXPECT_EQ(r.value.low, p.least_normal()) << p.letter;
        EXPECT_EQ(r.flags, kUF | kNX) << p.letter;
    }
}

// --- FRINT32, FRINT64: what does not fit becomes the smallest integer
struct RoundInt {
    const char* name;
    double n, result;
    u8 flags;
};
constexpr RoundInt kRoundInts[] = {
    {"FRINT32Z", -2.75, -2, kNX},       {"FRINT32Z", 5, 5, 0},
    {"FRINT32Z", -0.5, -0.0, kNX},      {"FRINT32X", 2.5, 2, kNX},
    {"FRINT32X", 3.5, 4, kNX},          {"FRINT32Z", 0x1p31, -0x1p31, kNV},
    {"FRINT32Z", -0x1p31, -0x1p31, 0},  {"FRINT32X", -0x1p40, -0x1p31, kNV},
    {"FRINT32Z", kNaN, -0x1p31, kNV},   {"FRINT64Z", 0x1p40, 0x1p40, 0},
    {"FRINT64Z", 7.75, 7, kNX},         {"FRINT64X", 7.75, 8, kNX},
    {"FRINT64X", 0x1p63, -0x1p63, kNV}, {"FRINT64Z", -kInf, -0x1p63, kNV},
};
TEST(Fp, RoundToIntegerThatFits) {
    for (const Precision& p : {kSingle, kDoubleP})
        for (const RoundInt& c : kRoundInts) {
            const Result r = run_bits(p, c.name, 1, p.bits(c.n));
            EXPECT_EQ(r.value, (Vector{p.bits(c.result), 0})) << c.name << p.letter << " " << c.n;
            EXPECT_EQ(r.flags, c.flags) << c.name << p.letter << " " << c.n;
        }
}

// --- comparisons
struct Compare {
    double n, m;
    unsigned nzcv;
    u8 flags, flags_e;  ///< of FCMP and FCMPE
};
constexpr Compare kCompares[] = {
    {1, 2, 0b1000, 0, 0},    {2, 2, 0b0110, 0, 0},        {-0.0, 0.0, 0b0110, 0, 0},
    {3, 2, 0b0010, 0, 0},    {kNaN, 1, 0b0011, 0, kNV},   {1, kNaN, 0b0011, 0, kNV},
    {kInf, 1, 0b0010, 0, 0}, {-kInf, kInf, 0b1000, 0, 0},
};
TEST(Fp, Comparisons) {
    for (const Precision& p : kPrecisions)
        for (const Compare& c : kCompares)
            for (const bool e : {false, true}) {
                Machine m;
                m.set_nzcv(0b1111);
                m.set_v(1, operand(p, p.bits(c.n)));
                m.set_v(2, operand(p, p.bits(c.m)));
                m.run({p.word(e ? "FCMPE" : "FCMP") | rn(1) | rm(2)});
                EXPECT_EQ(m.nzcv(), c.nzcv) << p.letter << e << " " << c.n << " " << c.m;
                EXPECT_EQ(m.fp.flags, e ? c.flags_e : c.flags) << p.letter << e << " " << c.n << " " << c.m;
            }
}

TEST(Fp, ComparisonsWithZero) {
    for (const Precision& p : kPrecisions)
        for (const char* name : {"FCMP_zero", "FCMPE_zero"})
            for (const auto& [n, nzcv] :
                 {std::pair{-1.0, 0b1000u}, {-0.0, 0b0110u}, {2.0, 0b0010u}, {kNaN, 0b0011u}}) {
                Machine m;
                m.set_v(1, operand(p, p.bits(n)));
                m.run({p.word(name) | rn(1) | rm(7)});
                EXPECT_EQ(m.nzcv(), nzcv) << name << p.letter << n;
                EXPECT_EQ(m.fp.flags, std::isnan(n) && name[4] == 'E' ? kNV : 0) << name << p.letter << n;
            }
}

TEST(Fp, SignalingNansAreInvalidForBothComparisons) {
    for (const Precision& p : kPrecisions)
        for (const char* name : {"FCMP", "FCMPE"}) {
            Machine m;
            m.set_v(1, operand(p, p.bits(1)));
            m.set_v(2, operand(p, p.signaling()));
            m.run({p.word(name) | rn(1) | rm(2)});
            EXPECT_EQ(m.nzcv(), 0b0011u);
            EXPECT_EQ(m.fp.flags, kNV);
        }
}

// A comparison whose condition does not hold sees no NaN.
TEST(Fp, ConditionalComparisons) {
    constexpr unsigned kEq = 0, kNe = 1;
    for (const Precision& p : kPrecisions)
        for (const char* name : {"FCCMP", "FCCMPE"}) {
            const u32 w = p.word(name) | rn(1) | rm(2) | 0b1001;
            Machine m;
            m.set_v(1, operand(p, p.bits(2)));
            m.set_v(2, operand(p, p.bits(3)));
            m.set_nzcv(0b0100);
            m.run({w | cond(kEq)});
            EXPECT_EQ(m.nzcv(), 0b1000u) << name << p.letter;

            m.set_nzcv(0b0100);
            m.set_v(1, operand(p, p.signaling()));
            m.run({w | cond(kNe)});
            EXPECT_EQ(m.nzcv(), 0b1001u) << name << p.letter;
            EXPECT_EQ(m.fp.flags, 0) << name << p.letter;

            m.set_nzcv(0);
            m.set_v(1, operand(p, p.quiet()));
            m.run({w | cond(kNe)});
            EXPECT_EQ(m.nzcv(), 0b0011u) << name << p.letter;
            EXPECT_EQ(m.fp.flags, name[5] == 'E' ? kNV : 0) << name << p.letter;
        }
}

TEST(Fp, ComparisonsFlushToo) {
    Machine m;
    m.set_fpcr(kFpcrFz);
    m.set_v(1, {1, 0});
    m.run({kDoubleP.word("FCMP_zero") | rn(1)});
    EXPECT_EQ(m.nzcv(), 0b0110u);
    EXPECT_TRUE(m.fp.input_denormal);
}

TEST(Fp, Select) {
    for (const Precision& p : kPrecisions)
        for (const bool holds : {false, true}) {
            Machine m;
            m.set_nzcv(holds ? 0b0100 : 0);
            m.set_v(1, operand(p, p.signaling()));
            m.set_v(2, operand(p, p.bits(-2)));
            m.run({p.word("FCSEL") | rd(0) | rn(1) | rm(2) | cond(0)});
            EXPECT_EQ(m.v(0), (Vector{holds ? p.signaling() : p.bits(-2), 0})) << p.letter;
            EXPECT_EQ(m.fp.flags, 0);
        }
}

}  // namespace
}  // namespace vm::frontend::arm64::test
