// Scalar floating point: moves, and conversions to and from integers, fixed point and other formats.
#include "frontend/arm64/fp_values_test.h"

namespace vm::frontend::arm64::test {
namespace {

struct ToInt {
    const char* name;
    double n;
    u64 w, x;  ///< results of 32 and 64 bits
    u8 flags;
};
// N: nearest, ties to even; P up; M down; Z to zero; A nearest, ties away. Out of range: the nearest bound.
constexpr ToInt kToInt[] = {
    {"FCVTNS", 2.5, 2, 2, kNX},
    {"FCVTNS", -3.5, 0xfffffffc, neg(4), kNX},
    {"FCVTNU", 3.5, 4, 4, kNX},
    {"FCVTNU", -0.5, 0, 0, kNX},
    {"FCVTPS", 2.25, 3, 3, kNX},
    {"FCVTPS", -2.75, 0xfffffffe, neg(2), kNX},
    {"FCVTPU", 2.25, 3, 3, kNX},
    {"FCVTMS", -2.25, 0xfffffffd, neg(3), kNX},
    {"FCVTMU", 2.75, 2, 2, kNX},
    {"FCVTMU", -0.5, 0, 0, kNV},
    {"FCVTZS", -2.75, 0xfffffffe, neg(2), kNX},
    {"FCVTZS", 100, 100, 100, 0},
    {"FCVTZS", kNaN, 0, 0, kNV},
    {"FCVTZS", kInf, 0x7fffffff, 0x7fffffffffffffff, kNV},
    {"FCVTZS", -kInf, 0x80000000, 0x8000000000000000, kNV},
    {"FCVTZU", 3.5, 3, 3, kNX},
    {"FCVTZU", -1, 0, 0, kNV},
    {"FCVTZU", -0.75, 0, 0, kNX},
    {"FCVTZU", kInf, 0xffffffff, ~u64{0}, kNV},
    {"FCVTZU", kNaN, 0, 0, kNV},
    {"FCVTAS", 2.5, 3, 3, kNX},
    {"FCVTAS", -2.5, 0xfffffffd, neg(3), kNX},
    {"FCVTAU", 2.5, 3, 3, kNX},
};

TEST(FpConvert, ToInteger) {
    for (const Precision& p : kPrecisions)
        for (const ToInt& c : kToInt)
            for (const bool wide : {false, true}) {
                Machine m;
                m.set_fpcr(1 << 22);  // has no part in these
                m.set_x(0, ~u64{0});
                m.set_v(1, operand(p, p.bits(c.n)));
                m.run({p.word(c.name) | (wide ? kX : 0) | rd(0) | rn(1)});
                EXPECT_EQ(m.x(0), wide ? c.x : c.w) << c.name << p.letter << wide << " " << c.n;
                EXPECT_EQ(m.fp.flags, c.flags) << c.name << p.letter << wide << " " << c.n;
            }
}

TEST(FpConvert, ToIntegerAtTheBounds) {
    const auto run = [](u32 w, double n) {
        Machine m;
        m.set_v(1, {kDoubleP.bits(n), 0});
        m.run({w | kDouble | rd(0) | rn(1)});
        return std::pair{m.x(0), m.fp.flags};
    };
    EXPECT_EQ(run(word("FCVTZS"), 0x1p31 - 0.5), (std::pair{u64{0x7fffffff}, kNX}));
    EXPECT_EQ(run(word("FCVTZS"), 0x1p31), (std::pair{u64{0x7fffffff}, kNV}));
    EXPECT_EQ(run(word("FCVTZS"), -0x1p31 - 0.5), (std::pair{u64{0x80000000}, kNX}));
    EXPECT_EQ(run(word("FCVTZU"), 0x1p32 - 1), (std::pair{u64{0xffffffff}, u8{0}}));
    EXPECT_EQ(run(word("FCVTNU"), 0x1p32 - 0.5), (std::pair{u64{0xffffffff}, kNV}));
    EXPECT_EQ(run(word("FCVTZS") | kX, 0x1p63), (std::pair{u64{0x7fffffffffffffff}, kNV}));
    EXPECT_EQ(run(word("FCVTZS") | kX, -0x1p63), (std::pair{u64{0x8000000000000000}, u8{0}}));
    EXPECT_EQ(run(word("FCVTZU") | kX, 0x1p63), (std::pair{u64{0x8000000000000000}, u8{0}}));
}

struct FromInt {
    const char* name;
    bool wide;
    u64 n;
    double result;
};
constexpr FromInt kFromInt[] = {
    {"SCVTF", false, 0x12345678'fffffff9, -7}, {"SCVTF", true, neg(1000), -1000}, {"SCVTF", true, 0, 0.0},
    {"UCVTF", false, 0x12345678'00000009, 9},  {"UCVTF", true, 2000, 2000},
};
TEST(FpConvert, FromInteger) {
    for (const Precision& p : kPrecisions)
        for (const FromInt& c : kFromInt) {
            Machine m;
            m.set_x(1, c.n);
            m.run({p.word(c.name) | (c.wide ? kX : 0) | rd(0) | rn(1)});
            EXPECT_EQ(m.v(0), (Vector{p.bits(c.result), 0})) << c.name << p.letter << c.wide;
            EXPECT_EQ(m.fp.flags, 0) << c.name << p.letter;
        }
}

TEST(FpConvert, FromIntegerRoundsAsFpcrSays) {
    for (const auto& [fpcr, result] : {std::pair{u64{0}, 0x1p63},
                                       {u64{1} << 22, 0x1p63},
                                       {u64{2} << 22, 0x1.fffffep62},
                                       {u64{3} << 22, 0x1.fffffep62}}) {
        Machine m;
        m.set_fpcr(fpcr);
        m.set_x(1, 0x7fffffffffffffff);
        m.run({word("SCVTF") | kX | rd(0) | rn(1)});
        EXPECT_EQ(m.v(0).low, kSingle.bits(result)) << fpcr;
        EXPECT_EQ(m.fp.flags, kNX) << fpcr;
    }
    Machine m;
    m.set_x(1, 0xffffffff);
    m.run({word("UCVTF_h") | rd(0) | rn(1)});  // beyond the largest half
    EXPECT_EQ(m.v(0).low, kHalf.infinity());
    EXPECT_EQ(m.fp.flags, kOF | kNX);
}

// --- fixed point: `scale` is 64 - fraction bits
constexpr u32 fraction_bits(unsigned n) { return (64 - n) << 10; }
std::string suffixed(const char* name, const Precision& p, bool wide) {
    return std::string(name) + (wide ? "_fix" : "_fixw") + (p.width == 16 ? "h" : "");
}
TEST(FpConvert, FixedPoint) {
    for (const Precision& p : kPrecisions)
        for (const bool wide : {false, true}) {
            const u32 type = p.width == 64 ? kDouble : 0;
            const auto to = [&](const char* name, double n, unsigned bits) {
                Machine m;
                m.set_v(1, operand(p, p.bits(n)));
                m.run({word(suffixed(name, p, wide)) | type | fraction_bits(bits) | rd(0) | rn(1)});
                return std::pair{m.x(0), m.fp.flags};
            };
            const u64 minus_5 = wide ? neg(5) : 0xfffffffb;
            EXPECT_EQ(to("FCVTZS", -1.25, 2), (std::pair{minus_5, u8{0}})) << p.letter << wide;
            EXPECT_EQ(to("FCVTZS", -1.3125, 2), (std::pair{minus_5, kNX})) << p.letter << wide;
            EXPECT_EQ(to("FCVTZU", 0.5, 32), (std::pair{u64{0x80000000}, u8{0}})) << p.letter << wide;
            EXPECT_EQ(to("FCVTZU", 4, 31).first, wide ? 0x200000000 : 0xffffffff) << p.letter << wide;
            const auto from = [&](const char* name, u64 n, unsigned bits) {
                Machine m;
                m.set_x(1, n);
                m.run({word(suffixed(name, p, wide)) | type | fraction_bits(bits) | rd(0) | rn(1)});
                EXPECT_EQ(m.v(0).high, 0u);
                return m.v(0).low;
            };
            EXPECT_EQ(from("SCVTF", minus_5, 2), p.bits(-1.25)) << p.letter << wide;
            EXPECT_EQ(from("UCVTF", 3, 1), p.bits(1.5)) << p.letter << wide;
            EXPECT_EQ(from("UCVTF", 0x80000000, 32), p.bits(0.5)) << p.letter << wide;
            if (!wide) continue;
            EXPECT_EQ(from("UCVTF", u64{1} << 63, 64), p.bits(0.5)) << p.letter;
            EXPECT_EQ(to("FCVTZU", 0.5, 64).first, u64{1} << 63) << p.letter;
        }
    // With a W register there are at most 32 fraction bits.
    EXPECT_TRUE(Machine().undefined(word("SCVTF_fixw") & ~(u32{1} << 15)));
}

// --- JavaScript's conversion: modulo 2^32; Z says that nothing was lost
struct JavaScript {
    u64 n;
    u32 result;
    unsigned nzcv;
    u8 flags;
};
TEST(FpConvert, JavaScriptInteger) {
    const auto d = [](double v) { return kDoubleP.bits(v); };
    const JavaScript cases[] = {
        {d(0), 0, 0b0100, 0},
        {d(-0.0), 0, 0, 0},
        {d(5), 5, 0b0100, 0},
        {d(-7), 0xfffffff9, 0b0100, 0},
        {d(-2.5), 0xfffffffe, 0, kNX},
        {d(0x1p31), 0x80000000, 0, kNV},
        {d(-0x1p31), 0x80000000, 0b0100, 0},
        {d(0x1p32 + 3), 3, 0, kNV},
        {d(-0x1p33 - 5), 0xfffffffb, 0, kNV},
        {d(0x1p100), 0, 0, kNV},
        {d(kInf), 0, 0, kNV},
        {d(kNaN), 0, 0, kNV},
        {1, 0, 0, kNX},
    };
    for (const JavaScript& c : cases) {
        Machine m;
        m.set_nzcv(0b1011);
        m.set_v(1, {c.n, 0});
        m.run({word("FJCVTZS") | rd(0) | rn(1)});
        EXPECT_EQ(m.x(0), c.result) << c.n;
        EXPECT_EQ(m.nzcv(), c.nzcv) << c.n;
        EXPECT_EQ(m.fp.flags, c.flags) << c.n;
    }
    // A subnormal that counts as zero is not exact.
    Machine m;
    m.set_fpcr(kFpcrFz);
    m.set_v(1, {1, 0});
    m.run({word("FJCVTZS") | rd(0) | rn(1)});
    EXPECT_EQ(m.nzcv(), 0u);
    EXPECT_EQ(m.fp.flags, 0);
}

// --- between formats
u32 fcvt(const Precision& to, const Precision& from) {
    const auto ptype = [](const Precision& p) { return p.width == 16 ? 3u : p.width == 64 ? 1u : 0u; };
    return word("FCVT") | ptype(from) << 22 | ptype(to) << 15 | rd(0) | rn(1);
}
Machine converted(const Precision& to, const Precision& from, u64 n, u64 fpcr = 0) {
    Machine m;
    m.set_fpcr(fpcr);
    m.set_v(1, operand(from, n));
    m.run({fcvt(to, from)});
    EXPECT_EQ(m.v(0).high, 0u);
    EXPECT_EQ(zext(m.v(0).low, to.width), m.v(0).low);
    return m;
}
TEST(FpConvert, Formats) {
    for (const Precision& to : kPrecisions)
        for (const Precision& from : kPrecisions) {
            if (to.width == from.width) {
                EXPECT_TRUE(Machine().undefined(fcvt(to, from)));
                continue;
            }
            for (double v : {0.0, -0.0, 1.5, -2.25, kInf, -kInf, kNaN}) {
                const Machine m = converted(to, from, from.bits(v));
                EXPECT_EQ(m.v(0).low, to.bits(v)) << to.letter << from.letter << v;
                EXPECT_EQ(m.fp.flags, 0) << to.letter << from.letter << v;
            }
            const Machine m = converted(to, from, from.signaling() | from.sign());
            EXPECT_EQ(m.fp.flags, kNV);
            EXPECT_EQ(converted(to, from, from.signaling() | from.sign(), kFpcrDn).v(0).low, to.quiet());
        }
    // Payloads keep their high bits.
    EXPECT_EQ(converted(kSingle, kHalf, 0xfe01).v(0).low, 0xffc02000u);
    EXPECT_EQ(converted(kHalf, kDoubleP, 0x7ff8040000000001).v(0).low, 0x7e01u);
    EXPECT_EQ(converted(kSingle, kDoubleP, 0x7ff0000020000000).v(0).low, 0x7fc00001u);
    EXPECT_TRUE(Machine().undefined(fcvt(kDoubleP, kSingle) | 2u << 22));
}

TEST(FpConvert, FormatsRound) {
    const u64 third = std::bit_cast<u64>(1.0 / 3);
    EXPECT_EQ(converted(kSingle, kDoubleP, third).v(0).low, 0x3eaaaaabu);
    EXPECT_EQ(converted(kSingle, kDoubleP, third, 3 << 22).v(0).low, 0x3eaaaaaau);
    EXPECT_EQ(converted(kSingle, kDoubleP, third).fp.flags, kNX);
    EXPECT_EQ(converted(kHalf, kSingle, kSingle.bits(65520)).v(0).low, 0x7c00u);
    EXPECT_EQ(converted(kHalf, kSingle, kSingle.bits(65520)).fp.flags, kOF | kNX);
    EXPECT_EQ(converted(kHalf, kSingle, kSingle.bits(0x1p-24)).v(0).low, 1u);
    EXPECT_EQ(converted(kDoubleP, kHalf, 1).v(0).low, kDoubleP.bits(0x1p-24));
}

// FZ is of single and double precision; FZ16 has no part in conversions.
TEST(FpConvert, FormatsFlush) {
    const u64 both = kFpcrFz | kFpcrFz16;
    const Machine half = converted(kHalf, kSingle, kSingle.bits(0x1p-24), both);
    EXPECT_EQ(half.v(0).low, 1u);
    EXPECT_FALSE(half.fp.input_denormal);
    EXPECT_EQ(converted(kSingle, kHalf, 1, both).v(0).low, kSingle.bits(0x1p-24));
    const Machine from_subnormal = converted(kHalf, kSingle, 0x80000001, both | 2 << 22);
    EXPECT_EQ(from_subnormal.v(0).low, 0x8000u);
    EXPECT_TRUE(from_subnormal.fp.input_denormal);
    EXPECT_EQ(from_subnormal.fp.flags, 0);
    EXPECT_EQ(converted(kSingle, kDoubleP, kDoubleP.bits(0x1p-130), both).v(0).low, 0u);
    EXPECT_EQ(converted(kSingle, kDoubleP, kDoubleP.bits(0x1p-130)).v(0).low, 0x00080000u);
}

// Alternative half precision: no infinities, no NaNs, one binade more.
TEST(FpConvert, AlternativeHalf) {
    EXPECT_EQ(converted(kSingle, kHalf, 0x7c00, kFpcrAhp).v(0).low, kSingle.bits(65536));
    EXPECT_EQ(converted(kDoubleP, kHalf, 0xffff, kFpcrAhp).v(0).low, kDoubleP.bits(-131008));
    EXPECT_EQ(converted(kHalf, kSingle, kSingle.bits(65536), kFpcrAhp).v(0).low, 0x7c00u);
    EXPECT_EQ(converted(kHalf, kSingle, kSingle.bits(-kInf), kFpcrAhp).v(0).low, 0xffffu);
    EXPECT_EQ(converted(kHalf, kSingle, kSingle.bits(-kInf), kFpcrAhp).fp.flags, kNV);
    EXPECT_EQ(converted(kHalf, kDoubleP, kDoubleP.bits(kNaN) | kDoubleP.sign(), kFpcrAhp).v(0).low, 0x8000u);
    EXPECT_EQ(converted(kHalf, kDoubleP, kDoubleP.bits(kNaN), kFpcrAhp).fp.flags, kNV);
    // It is of conversions to and from half only.
    EXPECT_EQ(converted(kSingle, kDoubleP, kDoubleP.bits(kInf), kFpcrAhp).v(0).low, kSingle.infinity());
}

TEST(FpConvert, Bfloat16) {
    const auto run = [](u32 n, u64 fpcr = 0) {
        Machine m;
        m.set_fpcr(fpcr);
        m.set_v(1, operand(kSingle, n));
        m.run({word("BFCVT") | rd(0) | rn(1)});
        EXPECT_EQ(m.v(0).high, 0u);
        return std::pair{m.v(0).low, m.fp.flags};
    };
    EXPECT_EQ(run(0x3f800000), (std::pair{u64{0x3f80}, u8{0}}));
    EXPECT_EQ(run(0x3f808000), (std::pair{u64{0x3f80}, kNX}));  // ties to even
    EXPECT_EQ(run(0x3f818000), (std::pair{u64{0x3f82}, kNX}));
    EXPECT_EQ(run(0x3f808000, 1 << 22), (std::pair{u64{0x3f81}, kNX}));
    EXPECT_EQ(run(0x7f7fffff), (std::pair{u64{0x7f80}, static_cast<u8>(kOF | kNX)}));
    EXPECT_EQ(run(0xffa12345), (std::pair{u64{0xffe1}, kNV}));
    EXPECT_EQ(run(0xffa12345, kFpcrDn), (std::pair{u64{0x7fc0}, kNV}));
}

// --- moves
TEST(FpMove, GeneralRegisters) {
    Machine m;
    m.set_x(1, 0x0123456789abcdef);
    m.set_v(2, {0x1122334455667788, 0x99aabbccddeeff00});
    m.run({word("FMOV_from_general") | rd(3) | rn(1),
           word("FMOV_from_general") | kX | kDouble | rd(4) | rn(1),
           word("FMOV_from_general_h") | rd(5) | rn(1), word("FMOV_from_general_h") | kX | rd(6) | rn(1),
           word("FMOV_to_general") | rd(3) | rn(2), word("FMOV_to_general") | kX | kDouble | rd(4) | rn(2),
           word("FMOV_to_general_h") | rd(5) | rn(2), word("FMOV_to_general_h") | kX | rd(6) | rn(2),
           word("FMOV_top_to_general") | rd(7) | rn(2), word("FMOV_top_from_general") | rd(2) | rn(1)});
    EXPECT_EQ(m.v(3), (Vector{0x89abcdef, 0}));
    EXPECT_EQ(m.v(4), (Vector{0x0123456789abcdef, 0}));
    EXPECT_EQ(m.v(5), (Vector{0xcdef, 0}));
    EXPECT_EQ(m.v(6), (Vector{0xcdef, 0}));
    EXPECT_EQ(m.x(3), 0x55667788u);
    EXPECT_EQ(m.x(4), 0x1122334455667788u);
    EXPECT_EQ(m.x(5), 0x7788u);
    EXPECT_EQ(m.x(6), 0x7788u);
    EXPECT_EQ(m.x(7), 0x99aabbccddeeff00u);
    EXPECT_EQ(m.v(2), (Vector{0x1122334455667788, 0x0123456789abcdef}));
    // Widths must fit: a W register and a double, an X register and a single.
    EXPECT_TRUE(Machine().undefined(word("FMOV_to_general") | kX));
    EXPECT_TRUE(Machine().undefined(word("FMOV_to_general") | kDouble));
}

TEST(FpMove, ZeroRegister) {
    Machine m;
    m.set_x(31, 77);  // the stack pointer, which this is not
    m.set_v(0, {1, 1});
    m.set_v(1, {1, 1});
    m.run({word("FMOV_from_general") | kX | kDouble | rd(0) | rn(31),
           word("FMOV_to_general") | kX | kDouble | rd(31) | rn(1)});
    EXPECT_EQ(m.v(0), Vector{});
    EXPECT_EQ(m.sp(), 77u);
}

// The manual's table of the constants: sign, 16..31 sixteenths, 2^-3..2^4.
TEST(FpMove, Immediates) {
    for (const Precision& p : kPrecisions)
        for (unsigned imm = 0; imm < 256; ++imm) {
            const int exponent = static_cast<int>((imm >> 4 & 7) ^ 4) - 3;
            const double value = std::ldexp(16 + (imm & 15), exponent - 4) * (imm & 128 ? -1 : 1);
            Machine m;
            m.set_v(0, {1, 1});
            m.run({p.word("FMOV_imm") | imm << 13 | rd(0)});
            EXPECT_EQ(m.v(0), (Vector{p.bits(value), 0})) << imm << p.letter;
        }
}

}  // namespace
}  // namespace vm::frontend::arm64::test
