// Softfloat against references that need no host FPU: binary16 rounded by search among all its values,
// roundTiesToAway by cases, and tables of what the architecture manuals say about NaNs, minimum, maximum and
// conversions.
#include "base/softfloat.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "base/format.h"
#include "base/softfloat_half.h"
#include "base/softfloat_samples.h"

namespace vm::softfloat {
namespace {
using testing::finite_half;
using testing::from_signed;
using testing::half_units;
using testing::HalfChecker;
using testing::nonzero_finite_half;
using testing::random_near;
using testing::random_value;
using testing::Rng;
using testing::signed_units;
using testing::special_values;

constexpr std::array kModes = {Round::Rne, Round::Rtz, Round::Rdn, Round::Rup, Round::Rmm};
constexpr Format H = Format::F16, S = Format::F32, D = Format::F64;

// --- binary16 by search

/// Square root of v rounded down.
u64 floor_sqrt(u128 v) {
    u64 low = 0, high = u64{1} << 60;
    while (high - low > 1) {
        const u64 middle = low + (high - low) / 2;
        (u128{middle} * middle <= v ? low : high) = middle;
    }
    return low;
}

void check_half_pair(HalfChecker& checker, u64 a, u64 b) {
    if (!finite_half(a) || !finite_half(b)) return;
    const i128 x = signed_units(a), y = signed_units(b);
    constexpr i128 kUp = i128{1} << 24;
    if (x + y != 0)
        checker.check(
            "add", from_signed((x + y) * kUp, 48), [=](Env& e) { return add<H>(a, b, e); }, a, b);
    if (x - y != 0)
        checker.check(
            "sub", from_signed((x - y) * kUp, 48), [=](Env& e) { return sub<H>(a, b, e); }, a, b);
    if (x == 0 || y == 0) return;
    checker.check(
        "mul", from_signed(x * y, 48), [=](Env& e) { return mul<H>(a, b, e); }, a, b);
    const u128 numerator = u128{half_units(a)} << 70, denominator = half_units(b);
    const u128 quotient = numerator / denominator << 1 | (numerator % denominator != 0);
    checker.check(
        "div", {(x < 0) != (y < 0), quotient, 71}, [=](Env& e) { return div<H>(a, b, e); }, a, b);
}

TEST(SoftfloatHalf, PairsAgainstSearch) {
    HalfChecker checker;
    const auto specials = special_values<H>();
    for (const u64 a : specials) {
        for (const u64 b : specials) check_half_pair(checker, a, b);
    }
    Rng rng(11);
    for (unsigned i = 0; i < 20000; ++i) {
        const u64 a = random_value<H>(rng);
        check_half_pair(checker, a, i & 1 ? random_near<H>(a, rng) : random_value<H>(rng));
    }
    EXPECT_GT(checker.count(), 500000u);
}

TEST(SoftfloatHalf, SquareRootOfEverything) {
    HalfChecker checker;
    for (u64 a = 1; a < 0x7c00; ++a) {
        const u128 radicand = u128{half_units(a)} << 60;
        const u64 root = floor_sqrt(radicand);
        const u128 value = u128{root} << 1 | (u128{root} * root != radicand);
        checker.check(
            "sqrt", {false, value << 10, 53}, [=](Env& e) { return sqrt<H>(a, e); }, a);
    }
    EXPECT_GT(checker.count(), 300000u);
}

TEST(SoftfloatHalf, FusedMultiplyAddAgainstSearch) {
    HalfChecker checker;
    Rng rng(12);
    for (unsigned i = 0; i < 40000; ++i) {
        const u64 a = random_value<H>(rng), b = random_value<H>(rng);
        Env scratch;
        const u64 c = i & 1 ? random_near<H>(mul<H>(a, b, scratch), rng) : random_value<H>(rng);
        if (!nonzero_finite_half(a) || !nonzero_finite_half(b) || !finite_half(c)) continue;
        const bool neg_product = i & 4, neg_addend = i & 8;
        const i128 product = signed_units(a) * signed_units(b), addend = signed_units(c) * (i128{1} << 24);
        const i128 sum = (neg_product ? -product : product) + (neg_addend ? -addend : addend);
        if (sum == 0) continue;
        checker.check(
            "fma", from_signed(sum, 48), [=](Env& e) { return fma<H>(a, b, c, neg_product, neg_addend, e); },
            a, b, c);
    }
    EXPECT_GT(checker.count(), 200000u);
}

TEST(SoftfloatHalf, NarrowingAgainstSearch) {
    HalfChecker checker;
    Rng rng(13);
    for (unsigned i = 0; i < 40000; ++i) {
        // A single of magnitude 2^-40..2^20 is m * 2^-63 with m below 2^84.
        const u64 exp = 127 - 40 + rng.below(60), frac = random_value<S>(rng) & Traits<S>::kFracMask;
        const u64 a = (i & 1 ? Traits<S>::kSign : 0) | exp << 23 | frac;
        const u128 value = u128{frac | 1 << 23} << (exp - (127 - 40));
        checker.check(
            "f32 to f16", {(i & 1) != 0, value, 63}, [=](Env& e) { return convert<H, S>(a, e); }, a);
        Env exact;
        const u64 wide = convert<D, S>(a, exact);
        checker.check(
            "f64 to f16", {(i & 1) != 0, value, 63}, [=](Env& e) { return convert<H, D>(wide, e); }, a);
        const u64 integer = rng.next() >> rng.below(64);
        if (integer == 0) continue;
        checker.check(
            "u64 to f16", {false, u128{integer} << 45, 45},
            [=](Env& e) { return from_int<H>(integer, 64, true, e); }, integer);
    }
}

TEST(SoftfloatHalf, ToIntegerOfEverything) {
    for (u64 a = 0; a < 0x10000; ++a) {
        if (!finite_half(a)) continue;
        for (const Round mode : kModes) {
            // Reference: units of 2^-24, rounded to whole ones by cases.
            const bool sign = a & 0x8000;
            const u64 units = half_units(a), whole = units >> 24, rest = units & 0xffffff, half = 1 << 23;
            const bool up = mode == Round::Rne   ? rest > half || (rest == half && whole & 1)
                            : mode == Round::Rmm ? rest >= half
                            : mode == Round::Rtz ? false
                                                 : rest != 0 && sign == (mode == Round::Rdn);
            const i64 want = sign ? -static_cast<i64>(whole + up) : static_cast<i64>(whole + up);
            Env env = Env::of(Isa::RiscV, mode);
            ASSERT_EQ(static_cast<i64>(to_int<H>(a, 64, false, env)), want) << a;
            ASSERT_EQ(env.flags, rest ? kInexact : 0) << a;
            Env narrow = Env::of(Isa::RiscV, mode);
            const u64 got = to_int<H>(a, 16, true, narrow);
            ASSERT_EQ(got, want < 0 ? 0u : static_cast<u64>(want)) << a;
            ASSERT_EQ(narrow.flags, want < 0 || want > 0xffff ? kInvalid : rest ? kInexact : 0) << a;
            Env integral = Env::of(Isa::RiscV, mode);
            const u64 rounded = round_to_integral<H>(a, true, integral);
            ASSERT_EQ(half_units(rounded), (whole + up) << 24) << a;
            ASSERT_EQ((rounded & 0x8000) != 0, sign) << a;
            ASSERT_EQ(integral.flags, rest ? kInexact : 0) << a;
        }
    }
}

// --- roundTiesToAway by cases

double to_double(u64 single) { return static_cast<double>(std::bit_cast<float>(static_cast<u32>(single))); }

/// Single precision from a double that carries "something below" in its lowest bit (rounding to odd).
u64 away_reference(u64 odd_double, u8& flags) {
    const double v = std::fabs(std::bit_cast<double>(odd_double));
    const u64 sign = odd_double >> 63 << 31;
    Env truncate = Env::of(Isa::RiscV, Round::Rtz);
    const u64 low = convert<S, D>(std::bit_cast<u64>(v), truncate);
    if (truncate.flags & kOverflow) {
        flags = kOverflow | kInexact;
        const double tie = (to_double(0x7f7fffff) + 0x1p128) / 2;
        return sign | (v >= tie ? 0x7f800000 : 0x7f7fffff);
    }
    if (to_double(low) == v) return sign | low;
    flags = kInexact;
    const double high_value = low + 1 == 0x7f800000 ? 0x1p128 : to_double(low + 1);
    const u64 result = low + (v >= (to_double(low) + high_value) / 2);
    if (result == 0x7f800000) flags |= kOverflow;
    if (v < 0x1p-126 * (1 - 0x1p-25)) flags |= kUnderflow;
    return sign | result;
}

template <class Soft, class Wide>
void check_away(const char* what, unsigned& ties, Soft soft, Wide wide, u64 a, u64 b) {
    Env exact, odd = Env::of(Isa::RiscV, Round::Rtz), env = Env::of(Isa::RiscV, Round::Rmm), even;
    u64 v = wide(odd, convert<D, S>(a, exact), convert<D, S>(b, exact));
    if (is_nan<D>(v) || (v & ~Traits<D>::kSign) == Traits<D>::kInf || (v & ~Traits<D>::kSign) == 0) return;
    if (odd.flags & kInexact) v |= 1;
    u8 flags = 0;
    const u64 want = away_reference(v, flags), got = soft(env, a, b);
    ties += got != soft(even, a, b);
    // A result out of range: the reference above cannot see how far the double was from it.
    if (std::fabs(std::bit_cast<double>(v)) >= 0x1p128) {
        EXPECT_EQ(got & 0x7fffffff, 0x7f800000u);
        EXPECT_EQ(env.flags, kOverflow | kInexact);
        return;
    }
    ASSERT_EQ(got, want) << fmt::format("{} {:#x} {:#x}", what, a, b);
    ASSERT_EQ(env.flags, flags) << fmt::format("{} {:#x} {:#x}", what, a, b);
}

TEST(SoftfloatAway, SingleByCases) {
    Rng rng(21);
    unsigned ties[4] = {};
    for (unsigned i = 0; i < 200000; ++i) {
        const u64 a = random_value<S>(rng), b = i & 1 ? random_near<S>(a, rng) : random_value<S>(rng);
        check_away(
            "add", ties[0], [](Env& e, u64 x, u64 y) { return add<S>(x, y, e); },
            [](Env& e, u64 x, u64 y) { return add<D>(x, y, e); }, a, b);
        check_away(
            "mul", ties[1], [](Env& e, u64 x, u64 y) { return mul<S>(x, y, e); },
            [](Env& e, u64 x, u64 y) { return mul<D>(x, y, e); }, a, b);
        check_away(
            "div", ties[2], [](Env& e, u64 x, u64 y) { return div<S>(x, y, e); },
            [](Env& e, u64 x, u64 y) { return div<D>(x, y, e); }, a, b);
        check_away(
            "fma", ties[3], [](Env& e, u64 x, u64 y) { return fma<S>(x, y, y, false, true, e); },
            [](Env& e, u64 x, u64 y) { return fma<D>(x, y, y, false, true, e); }, a, b);
    }
    EXPECT_GT(ties[0], 100u);
    EXPECT_GT(ties[1], 100u);
}

TEST(SoftfloatAway, DoubleProductInIntegers) {
    Rng rng(22);
    unsigned ties = 0;
    for (unsigned i = 0; i < 100000; ++i) {
        // Short fractions make ties likely.
        const u64 x = u64{1} << 52 | (rng.next() >> 12 & ~u64{0} << rng.below(48));
        const u64 y = u64{1} << 52 | (rng.next() >> 12 & ~u64{0} << rng.below(48));
        const u128 product = u128{x} * y;
        const bool carry = product >> 105 != 0;
        const unsigned drop = carry ? 53 : 52;
        u64 kept = static_cast<u64>(product >> drop);
        const u64 rest = static_cast<u64>(product) & ((u64{1} << drop) - 1), half = u64{1} << (drop - 1);
        ties += rest == half;
        kept += rest >= half;
        const u64 want = (u64{1023 - 1u} + carry) * (u64{1} << 52) + kept;
        const u64 one = u64{1023} << 52, frac = (u64{1} << 52) - 1;
        Env env = Env::of(Isa::RiscV, Round::Rmm);
        ASSERT_EQ(mul<D>(one | (x & frac), one | (y & frac), env), want) << x << ' ' << y;
        ASSERT_EQ(env.flags, rest ? kInexact : 0);
    }
    EXPECT_GT(ties, 100u);
}

TEST(SoftfloatAway, ToIntegerAndIntegral) {
    Rng rng(23);
    for (unsigned i = 0; i < 100000; ++i) {
        const u64 a = (u64{1023 - 3} + rng.below(60)) << 52 | (random_value<D>(rng) & ((u64{1} << 52) - 1)) |
                      (rng.next() & Traits<D>::kSign);
        const double v = std::bit_cast<double>(a), rounded = std::round(v);
        Env env = Env::of(Isa::RiscV, Round::Rmm);
        ASSERT_EQ(static_cast<i64>(to_int<D>(a, 64, false, env)), static_cast<i64>(rounded)) << v;
        ASSERT_EQ(env.flags, rounded != v ? kInexact : 0);
        ASSERT_EQ(round_to_integral<D>(a, false, env), std::bit_cast<u64>(rounded)) << v;
    }
}

// --- tininess

TEST(SoftfloatTininess, BeforeAndAfterRounding) {
    const u64 almost_one = 0x3f7fffff, min_normal = 0x00800000, one_ulp = 0x3f800001;
    Env after = Env::of(Isa::RiscV), before = Env::of(Isa::Arm);
    // 0x007fffff... * (1 + ulp): (2^-126 - 2^-149)(1 + 2^-23) = 2^-126 - 2^-172: rounds to 2^-126 with 24
    // bits too.
    EXPECT_EQ(mul<S>(0x007fffff, one_ulp, after), min_normal);
    EXPECT_EQ(mul<S>(0x007fffff, one_ulp, before), min_normal);
    EXPECT_EQ(after.flags, kInexact);
    EXPECT_EQ(before.flags, kInexact | kUnderflow);
    // 2^-126 (1 - 2^-24): representable with 24 bits below 2^-126, so it is tiny in both senses though it
    // rounds to 2^-126.
    after = Env::of(Isa::RiscV);
    EXPECT_EQ(mul<S>(min_normal, almost_one, after), min_normal);
    EXPECT_EQ(after.flags, kInexact | kUnderflow);
}

// --- NaNs

constexpr u64 kSnan = 0x7f800001, kSnan2 = 0xff800002, kQnan = 0x7fc00003, kQnan2 = 0xffc00004,
              kOne = 0x3f800000, kZero = 0, kInf = 0x7f800000, kMinusInf = 0xff800000,
              kMinusZero = 0x80000000;

struct NanCase {
    u64 a, b, riscv, arm, x86;
    u8 flags;
};

TEST(SoftfloatNan, TwoOperands) {
    const NanCase cases[] = {
        {kQnan, kOne, 0x7fc00000, kQnan, kQnan, 0},
        {kOne, kQnan2, 0x7fc00000, kQnan2, kQnan2, 0},
        {kQnan, kQnan2, 0x7fc00000, kQnan, kQnan, 0},
        {kSnan, kOne, 0x7fc00000, 0x7fc00001, 0x7fc00001, kInvalid},
        {kOne, kSnan2, 0x7fc00000, 0xffc00002, 0xffc00002, kInvalid},
        {kSnan, kSnan2, 0x7fc00000, 0x7fc00001, 0x7fc00001, kInvalid},
        {kSnan2, kQnan, 0x7fc00000, 0xffc00002, 0xffc00002, kInvalid},
        {kQnan, kSnan2, 0x7fc00000, 0xffc00002, kQnan, kInvalid},  // Arm prefers the signaling one
        {kInf, kMinusInf, 0x7fc00000, 0x7fc00000, 0xffc00000, kInvalid},
    };
    for (const auto& c : cases) {
        for (const auto& [isa, want] :
             {std::pair{Isa::RiscV, c.riscv}, {Isa::Arm, c.arm}, {Isa::X86, c.x86}}) {
            Env env = Env::of(isa);
            EXPECT_EQ(add<S>(c.a, c.b, env), want) << c.a << ' ' << c.b;
            EXPECT_EQ(env.flags, c.flags);
        }
        Env dn = Env::of(Isa::Arm);
        dn.default_nan = true;
        EXPECT_EQ(add<S>(c.a, c.b, dn), 0x7fc00000u);
        EXPECT_EQ(dn.flags, c.flags);
    }
}

TEST(SoftfloatNan, InvalidOperationsGiveTheDefault) {
    for (const auto& expected :
         {std::pair{Isa::RiscV, u64{0x7e00}}, {Isa::Arm, u64{0x7e00}}, {Isa::X86, u64{0xfe00}}}) {
        const u64 inf = 0x7c00, one = 0x3c00, zero = 0;
        const auto check = [&](auto op) {
            Env env = Env::of(expected.first);
            EXPECT_EQ(op(env), expected.second);
            EXPECT_EQ(env.flags, kInvalid);
        };
        check([&](Env& e) { return sub<H>(inf, inf, e); });
        check([&](Env& e) { return mul<H>(inf, zero, e); });
        check([&](Env& e) { return div<H>(zero, zero, e); });
        check([&](Env& e) { return div<H>(inf, inf, e); });
        check([&](Env& e) { return sqrt<H>(one | 0x8000, e); });
        check([&](Env& e) { return sqrt<H>(inf | 0x8000, e); });
        check([&](Env& e) { return fma<H>(inf, zero, one, false, false, e); });
        check([&](Env& e) { return fma<H>(inf, one, inf, false, true, e); });
    }
    Env env;
    EXPECT_EQ(div<H>(0x3c00, 0x8000, env), 0xfc00u);
    EXPECT_EQ(env.flags, kDivByZero);
    EXPECT_EQ(sqrt<H>(0x8000, env), 0x8000u);
}

TEST(SoftfloatNan, FusedMultiplyAdd) {
    struct Case {
        Isa isa;
        u64 a, b, c, want;
        u8 flags;
    };
    const Case cases[] = {
        {Isa::RiscV, kInf, kZero, kQnan, 0x7fc00000, kInvalid},
        {Isa::Arm, kInf, kZero, kQnan, 0x7fc00000, kInvalid},
        {Isa::X86, kInf, kZero, kQnan, kQnan, 0},
        {Isa::Arm, kZero, kMinusInf, kSnan2, 0xffc00002, kInvalid},
        {Isa::X86, kZero, kMinusInf, kSnan2, 0xffc00002, kInvalid},
        {Isa::Arm, kQnan, kOne, kQnan2, kQnan2, 0},  // the addend first
        {Isa::X86, kQnan, kOne, kQnan2, kQnan, 0},
        {Isa::Arm, kQnan, kSnan, kQnan2, 0x7fc00001, kInvalid},
        {Isa::Arm, kSnan, kOne, kSnan2, 0xffc00002, kInvalid},
        {Isa::X86, kQnan, kSnan, kOne, kQnan, kInvalid},
        {Isa::RiscV, kQnan, kQnan2, kOne, 0x7fc00000, 0},
    };
    for (const auto& c : cases) {
        Env env = Env::of(c.isa);
        EXPECT_EQ(fma<S>(c.a, c.b, c.c, false, false, env), c.want) << c.a << ' ' << c.b << ' ' << c.c;
        EXPECT_EQ(env.flags, c.flags) << c.a << ' ' << c.b << ' ' << c.c;
    }
    // Arm negates operands, NaNs too (FNMADD, FMSUB); x86 and RISC-V negate the product and the addend as
    // numbers.
    Env arm = Env::of(Isa::Arm), x86 = Env::of(Isa::X86);
    EXPECT_EQ(fma<S>(kQnan, kOne, kOne, true, false, arm), kQnan | kMinusZero);
    EXPECT_EQ(fma<S>(kQnan, kOne, kOne, true, false, x86), kQnan);
    EXPECT_EQ(fma<S>(kOne, kOne, kQnan, false, true, arm), kQnan | kMinusZero);
}

TEST(SoftfloatNan, Conversions) {
    Env riscv = Env::of(Isa::RiscV), arm = Env::of(Isa::Arm);
    EXPECT_EQ((convert<D, S>(kQnan2, riscv)), 0x7ff8000000000000u);
    EXPECT_EQ((convert<D, S>(kQnan2, arm)), 0xfff8000080000000u);
    EXPECT_EQ(arm.flags | riscv.flags, 0);
    EXPECT_EQ((convert<H, D>(0x7ff0123456789abc, arm)), 0x7e04u);
    EXPECT_EQ(arm.flags, kInvalid);
    EXPECT_EQ((convert<S, D>(0xfff0000000000001, riscv)), 0x7fc00000u);
    EXPECT_EQ(riscv.flags, kInvalid);
    arm = Env::of(Isa::Arm);
    arm.default_nan = true;
    EXPECT_EQ((convert<H, S>(kSnan2, arm)), 0x7e00u);
}

// --- minimum and maximum

TEST(SoftfloatMinMax, NumberForms) {
    struct Case {
        Isa isa;
        u64 a, b, min, max;
        u8 flags;
    };
    const Case cases[] = {
        {Isa::RiscV, kMinusZero, kZero, kMinusZero, kZero, 0},
        {Isa::RiscV, kZero, kMinusZero, kMinusZero, kZero, 0},
        {Isa::RiscV, kQnan, kOne, kOne, kOne, 0},
        {Isa::RiscV, kOne, kSnan, kOne, kOne, kInvalid},
        {Isa::RiscV, kQnan, kQnan2, 0x7fc00000, 0x7fc00000, 0},
        {Isa::RiscV, kSnan, kQnan, 0x7fc00000, 0x7fc00000, kInvalid},
        {Isa::RiscV, kMinusInf, kInf, kMinusInf, kInf, 0},
        {Isa::Arm, kQnan, kOne, kOne, kOne, 0},
        {Isa::Arm, kOne, kSnan, 0x7fc00001, 0x7fc00001, kInvalid},
        {Isa::Arm, kQnan, kSnan2, 0xffc00002, 0xffc00002, kInvalid},
        {Isa::Arm, kQnan2, kQnan, kQnan2, kQnan2, 0},
    };
    for (const auto& c : cases) {
        Env low = Env::of(c.isa), high = Env::of(c.isa);
        EXPECT_EQ(min_num<S>(c.a, c.b, low), c.min) << c.a << ' ' << c.b;
        EXPECT_EQ(max_num<S>(c.a, c.b, high), c.max) << c.a << ' ' << c.b;
        EXPECT_EQ(low.flags, c.flags);
        EXPECT_EQ(high.flags, c.flags);
    }
}

TEST(SoftfloatMinMax, PropagatingForms) {
    Env env;
    EXPECT_EQ(min<S>(kZero, kMinusZero, env), kMinusZero);
    EXPECT_EQ(max<S>(kMinusZero, kZero, env), kZero);
    EXPECT_EQ(min<S>(kQnan2, kOne, env), 0x7fc00000u);
    EXPECT_EQ(env.flags, 0);
    EXPECT_EQ(max<S>(kOne, kSnan, env), 0x7fc00000u);
    EXPECT_EQ(env.flags, kInvalid);
    Env arm = Env::of(Isa::Arm);
    EXPECT_EQ(max<S>(kOne, kQnan2, arm), kQnan2);
    // Every finite pair agrees with the order of the numbers.
    const auto values = special_values<H>();
    for (const u64 a : values) {
        for (const u64 b : values) {
            if (!finite_half(a) || !finite_half(b) || signed_units(a) == signed_units(b)) continue;
            const bool less = signed_units(a) < signed_units(b);
            EXPECT_EQ(min<H>(a, b, arm), less ? a : b);
            EXPECT_EQ(max_num<H>(a, b, arm), less ? b : a);
        }
    }
}

// --- conversions out of range

TEST(SoftfloatToInt, Saturation) {
    struct Case {
        double value;
        unsigned width;
        bool is_unsigned;
        u64 riscv, arm, x86;
        u8 flags;
    };
    const double nan = std::bit_cast<double>(0xfff8000000000001),
                 inf = std::bit_cast<double>(u64{0x7ff} << 52);
    constexpr u64 kMax32 = 0x7fffffff, kMin32 = 0x80000000, kAll32 = 0xffffffff, kMin64 = u64{1} << 63,
                  kAll64 = ~u64{0};
    const Case cases[] = {
        {2147483647.0, 32, false, kMax32, kMax32, kMax32, 0},
        {2147483647.5, 32, false, kMax32, kMax32, kMax32, kInexact},
        {2147483648.0, 32, false, kMax32, kMax32, kMin32, kInvalid},
        {-2147483648.9, 32, false, kMin32, kMin32, kMin32, kInexact},
        {-2147483649.0, 32, false, kMin32, kMin32, kMin32, kInvalid},
        {nan, 32, false, kMax32, 0, kMin32, kInvalid},
        {-inf, 32, false, kMin32, kMin32, kMin32, kInvalid},
        {4294967295.5, 32, true, kAll32, kAll32, kAll32, kInexact},
        {4294967296.0, 32, true, kAll32, kAll32, kAll32, kInvalid},
        {-0.5, 32, true, 0, 0, 0, kInexact},
        {-1.0, 32, true, 0, 0, kAll32, kInvalid},
        {nan, 32, true, kAll32, 0, kAll32, kInvalid},
        {-inf, 64, true, 0, 0, kAll64, kInvalid},
        {inf, 64, true, kAll64, kAll64, kAll64, kInvalid},
        {nan, 64, true, kAll64, 0, kAll64, kInvalid},
        {0x1p63, 64, false, kMin64 - 1, kMin64 - 1, kMin64, kInvalid},
        {-0x1p63, 64, false, kMin64, kMin64, kMin64, 0},
        {0x1p63, 64, true, kMin64, kMin64, kMin64, 0},
        {0x1p64, 64, true, kAll64, kAll64, kAll64, kInvalid},
        {-1e300, 64, false, kMin64, kMin64, kMin64, kInvalid},
        {nan, 64, false, kMin64 - 1, 0, kMin64, kInvalid},
    };
    for (const auto& c : cases) {
        for (const auto& [isa, want] :
             {std::pair{Isa::RiscV, c.riscv}, {Isa::Arm, c.arm}, {Isa::X86, c.x86}}) {
            Env env = Env::of(isa, Round::Rtz);
            EXPECT_EQ(to_int<D>(std::bit_cast<u64>(c.value), c.width, c.is_unsigned, env), want) << c.value;
            EXPECT_EQ(env.flags, c.flags) << c.value;
        }
    }
    Env up = Env::of(Isa::RiscV, Round::Rup);  // 2^32 - 0.5 rounds out of range
    EXPECT_EQ(to_int<D>(std::bit_cast<u64>(4294967295.5), 32, true, up), kAll32);
    EXPECT_EQ(up.flags, kInvalid);
}

TEST(SoftfloatToInt, Modular) {
    struct Case {
        double value;
        u64 want;
        u8 flags;
    };
    const double inf = std::bit_cast<double>(u64{0x7ff} << 52),
                 nan = std::bit_cast<double>(0x7ff8000000000000);
    const Case cases[] = {
        {0.0, 0, 0},
        {-1.5, 0xffffffff, kInexact},
        {2147483647.0, 0x7fffffff, 0},
        {2147483648.0, 0x80000000, kInvalid},
        {-2147483648.5, 0x80000000, kInexact},
        {4294967297.25, 1, kInvalid},
        {-4294967299.0, 0xfffffffd, kInvalid},
        {0x1p52 + 5, 5, kInvalid},
        {0x1.0000000000001p83, 0x80000000, kInvalid},  // lowest set bit is 2^31
        {-0x1.0000000000003p83, 0x80000000, kInvalid},
        {0x1p84, 0, kInvalid},
        {1e300, 0, kInvalid},
        {inf, 0, kInvalid},
        {nan, 0, kInvalid},
    };
    for (const auto& c : cases) {
        Env env;
        EXPECT_EQ(to_int_modular<D>(std::bit_cast<u64>(c.value), 32, env), c.want) << c.value;
        EXPECT_EQ(env.flags, c.flags) << c.value;
    }
}

// --- the rest

TEST(SoftfloatClassify, EveryClass) {
    const std::pair<u64, unsigned> singles[] = {
        {kMinusInf, 0}, {0xbf800000, 1}, {0x807fffff, 2}, {kMinusZero, 3}, {0, 4},
        {1, 5},         {0x00800000, 6}, {0x7f7fffff, 6}, {kInf, 7},       {kSnan, 8},
        {kSnan2, 8},    {kQnan, 9},      {kQnan2, 9}};
    for (const auto& [a, want] : singles) EXPECT_EQ(classify<S>(a), want) << a;
    std::array<unsigned, 10> count{};
    for (u64 a = 0; a < 0x10000; ++a) ++count[classify<H>(a)];
    const std::array<unsigned, 10> want = {1, 30 * 1024, 1023, 1, 1, 1023, 30 * 1024, 1, 2 * 511, 2 * 512};
    EXPECT_EQ(count, want);
}

TEST(SoftfloatZeroSign, FollowsTheRoundingMode) {
    for (const Round mode : kModes) {
        Env env = Env::of(Isa::RiscV, mode);
        const u64 cancelled = mode == Round::Rdn ? kMinusZero : kZero;
        EXPECT_EQ(sub<S>(kOne, kOne, env), cancelled);
        EXPECT_EQ(add<S>(kZero, kMinusZero, env), cancelled);
        EXPECT_EQ(add<S>(kMinusZero, kMinusZero, env), kMinusZero);
        EXPECT_EQ(fma<S>(kOne, kOne, kOne, true, false, env), cancelled);
        EXPECT_EQ(fma<S>(kMinusZero, kOne, kZero, false, false, env), cancelled);
        EXPECT_EQ(env.flags, 0);
    }
}

TEST(SoftfloatOperands, HigherBitsAreIgnored) {
    const u64 junk = 0xdeadbeef00000000;
    const auto specials = special_values<S>();
    for (const u64 a : specials) {
        for (const u64 b : specials) {
            Env clean = Env::of(Isa::Arm), dirty = Env::of(Isa::Arm);
            EXPECT_EQ(add<S>(a, b, clean), add<S>(a | junk, b | junk, dirty));
            EXPECT_EQ(mul<S>(a, b, clean), mul<S>(a | junk, b | junk, dirty));
            EXPECT_EQ(min<S>(a, b, clean), min<S>(a | junk, b | junk, dirty));
            EXPECT_EQ(compare<S>(a, b, false, clean), compare<S>(a | junk, b | junk, false, dirty));
            EXPECT_EQ(clean.flags, dirty.flags);
        }
        Env env;
        EXPECT_EQ(classify<S>(a), classify<S>(a | junk));
        EXPECT_EQ((convert<D, S>(a, env)), (convert<D, S>(a | junk, env)));
        EXPECT_EQ(round_to_integral<S>(a, true, env), round_to_integral<S>(a | junk, true, env));
        EXPECT_EQ(to_int<S>(a, 64, false, env), to_int<S>(a | junk, 64, false, env));
    }
}

}  // namespace
}  // namespace vm::softfloat
