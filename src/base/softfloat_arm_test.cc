// What Arm adds to the arithmetic: flushing, rounding to odd, fixed point, alternative half precision, steps,
// estimates and products of narrow formats. References: exact integers, doubles that hold the result exactly,
// and tables of the manual's special cases.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/format.h"
#include "base/softfloat.h"
#include "base/softfloat_half.h"
#include "base/softfloat_samples.h"

namespace vm::softfloat {
namespace {
using testing::finite_half;
using testing::from_signed;
using testing::half_units;
using testing::HalfChecker;
using testing::kAllModes;
using testing::random_near;
using testing::random_value;
using testing::Rng;
using testing::signed_units;
using testing::special_values;

constexpr Format H = Format::F16, S = Format::F32, D = Format::F64;

double as_double(u64 bits, Format f) {
    Env exact = Env::of(Isa::Arm);
    const u64 v = f == H ? convert<D, H>(bits, exact) : f == S ? convert<D, S>(bits, exact) : bits;
    return std::bit_cast<double>(v);
}
template <Format F>
bool is_subnormal(u64 a) {
    return (a & Traits<F>::kInf) == 0 && (a & Traits<F>::kFracMask) != 0;
}
template <Format F>
bool is_finite(u64 a) {
    return (a & Traits<F>::kInf) != Traits<F>::kInf;
}
Env flushing(Round mode = Round::Rne) {
    Env env = Env::of(Isa::Arm, mode);
    env.flush = true;
    return env;
}

/// The operand as an operation with flushing sees it.
template <Format F>
u64 flushed(u64 a) {
    return is_subnormal<F>(a) ? a & Traits<F>::kSign : a;
}

// --- flushing

TEST(SoftfloatFlush, HalfAgainstSearch) {
    HalfChecker checker(true);
    Rng rng(31);
    for (unsigned i = 0; i < 30000; ++i) {
        const u64 a = random_value<H>(rng), b = i & 1 ? random_near<H>(a, rng) : random_value<H>(rng);
        const u64 c = random_value<H>(rng);
        if (!finite_half(a) || !finite_half(b) || !finite_half(c)) continue;
        const i128 x = signed_units(flushed<H>(a)), y = signed_units(flushed<H>(b)),
                   z = signed_units(flushed<H>(c)), up = i128{1} << 24;
        if (x + y != 0)
            checker.check(
                "add", from_signed((x + y) * up, 48), [=](Env& e) { return add<H>(a, b, e); }, a, b);
        if (x * y != 0)
            checker.check(
                "mul", from_signed(x * y, 48), [=](Env& e) { return mul<H>(a, b, e); }, a, b);
        if (x * y + z * up != 0)
            checker.check(
                "fma", from_signed(x * y + z * up, 48),
                [=](Env& e) { return fma<H>(a, b, c, false, false, e); }, a, b, c);
        if (x * y == 0) continue;
        const u128 n = u128{half_units(a)} << 70, d = half_units(b);
        checker.check(
            "div", {(x < 0) != (y < 0), n / d << 1 | (n % d != 0), 71},
            [=](Env& e) { return div<H>(a, b, e); }, a, b);
    }
    EXPECT_GT(checker.count(), 500000u);
}

/// Flushing is the operation on flushed operands, with a result flushed that would be below the normal
/// numbers.
template <Format F, class Operation>
void check_flush(const char* what, Operation op, unsigned operands) {
    Rng rng(32);
    unsigned results = 0;
    for (unsigned i = 0; i < 60000; ++i) {
        const u64 a = random_value<F>(rng), b = i & 1 ? random_near<F>(a, rng) : random_value<F>(rng);
        const u64 c = i & 2 ? random_value<F>(rng) : flushed<F>(random_value<F>(rng));
        const u64 v[] = {a, b, c};
        const Round mode = kAllModes[i % 5];
        Env env = flushing(mode), plain = Env::of(Isa::Arm, mode), truncated = Env::of(Isa::Arm, Round::Rtz);
        const u64 got = op(env, a, b, c);
        u64 want = op(plain, flushed<F>(a), flushed<F>(b), flushed<F>(c));
        // Before rounding: truncation never reaches the normal numbers from below.
        if (is_subnormal<F>(op(truncated, flushed<F>(a), flushed<F>(b), flushed<F>(c))) ||
            (plain.flags & kUnderflow)) {
            want &= Traits<F>::kSign;
            plain.flags = kUnderflow;
            ++results;
        }
        for (unsigned k = 0; k < operands; ++k)
            if (is_subnormal<F>(v[k]) && F != H) plain.flags |= kInputDenormal;
        ASSERT_EQ(got, want) << fmt::format("{} {:#x} {:#x} {:#x} mode {}", what, a, b, c,
                                            static_cast<int>(mode));
        ASSERT_EQ(env.flags, plain.flags) << fmt::format("{} {:#x} {:#x} {:#x}", what, a, b, c);
    }
    EXPECT_GT(results, 100u) << what;
}

template <Format F>
void check_flush_of_format() {
    using E = Env;
    check_flush<F>(
        "add", [](E& e, u64 a, u64 b, u64) { return add<F>(a, b, e); }, 2);
    check_flush<F>(
        "sub", [](E& e, u64 a, u64 b, u64) { return sub<F>(a, b, e); }, 2);
    check_flush<F>(
        "mul", [](E& e, u64 a, u64 b, u64) { return mul<F>(a, b, e); }, 2);
    check_flush<F>(
        "div", [](E& e, u64 a, u64 b, u64) { return div<F>(a, b, e); }, 2);
    check_flush<F>(
        "mulx", [](E& e, u64 a, u64 b, u64) { return mul_extended<F>(a, b, e); }, 2);
    check_flush<F>(
        "fma", [](E& e, u64 a, u64 b, u64 c) { return fma<F>(a, b, c, false, true, e); }, 3);
}
TEST(SoftfloatFlush, Half) { check_flush_of_format<H>(); }
TEST(SoftfloatFlush, Single) { check_flush_of_format<S>(); }
TEST(SoftfloatFlush, Double) { check_flush_of_format<D>(); }

TEST(SoftfloatFlush, ResultsAreJudgedBeforeRounding) {
    // (2^-126 - 2^-149) (1 + 2^-23) rounds to 2^-126, but lies below it.
    Env env = flushing();
    EXPECT_EQ(mul<S>(0x00800000, 0x3f7fffff, env), 0u);
    EXPECT_EQ(env.flags, kUnderflow);
    env = flushing();
    EXPECT_EQ(mul<S>(0x80800000, 0x3f000000, env), 0x80000000u) << "exact results too";
    EXPECT_EQ(env.flags, kUnderflow);
    env = flushing();
    EXPECT_EQ(sub<S>(0x00800001, 0x00800000, env), 0u);
    EXPECT_EQ(env.flags, kUnderflow);
}

TEST(SoftfloatFlush, OperandsOfEveryKindOfOperation) {
    const u64 tiny = 1, minus_tiny = 0x80000001, one = 0x3f800000, inf = 0x7f800000;
    const auto check = [](const char* what, u64 want, u8 flags, auto op) {
        Env env = flushing();
        EXPECT_EQ(op(env), want) << what;
        EXPECT_EQ(env.flags, flags) << what;
    };
    constexpr u8 kIn = kInputDenormal;
    check("sqrt", 0x80000000, kIn, [&](Env& e) { return sqrt<S>(minus_tiny, e); });
    check("min", 0x80000000, kIn, [&](Env& e) { return min<S>(one, minus_tiny, e); });
    check("max", one, kIn, [&](Env& e) { return max<S>(one, tiny, e); });
    check("min_num", 0x80000000, kIn, [&](Env& e) { return min_num<S>(0x7fc00000, minus_tiny, e); });
    check("frint", 0, kIn, [&](Env& e) {
        e.rounding = Round::Rup;
        return round_to_integral<S>(tiny, true, e);
    });
    check("frint32", 0x80000000, kIn, [&](Env& e) { return round_to_int_range<S>(minus_tiny, 32, e); });
    check("to_int", 0, kIn, [&](Env& e) {
        e.rounding = Round::Rup;
        return to_int<S>(tiny, 32, false, e, 20);
    });
    check("modular", 0, kIn, [&](Env& e) { return to_int_modular<D>(1, 32, e); });
    check("div", inf, kIn | kDivByZero, [&](Env& e) { return div<S>(one, tiny, e); });
    check("inf*0", 0x7fc00000, kIn | kInvalid, [&](Env& e) { return mul<S>(inf, tiny, e); });
    check("inf*0+nan", 0x7fc00000, kIn | kInvalid,
          [&](Env& e) { return fma<S>(inf, tiny, 0x7fc12345, false, false, e); });
    check("nan", 0x7fc12345, kIn, [&](Env& e) { return add<S>(0x7fc12345, tiny, e); });
    check("recip", inf, kIn | kDivByZero, [&](Env& e) { return recip_estimate<S>(tiny, e); });
    check("rsqrt", inf | 0x80000000, kIn | kDivByZero,
          [&](Env& e) { return rsqrt_estimate<S>(minus_tiny, e); });
    check("recpx", 0x7f000000, kIn, [&](Env& e) { return recip_exponent<S>(tiny, e); });
    check("recps", 0x40000000, kIn, [&](Env& e) { return recip_step<S>(tiny, inf, e); });
    check("f16", 0, 0, [&](Env& e) { return add<H>(1, 1, e); });
    Env env = flushing();
    EXPECT_EQ(compare<S>(tiny, minus_tiny, false, env), Order::Equal);
    EXPECT_EQ(compare<S>(tiny, one, false, env), Order::Less);
    EXPECT_EQ(env.flags, kIn);
}

TEST(SoftfloatFlush, ConversionsLeaveHalfPrecisionAlone) {
    Env env = flushing();
    EXPECT_EQ((convert<S, H>(1, env)), 0x33800000u);
    EXPECT_EQ((convert<H, S>(0x33800000, env)), 1u);
    EXPECT_EQ(env.flags, 0);
    EXPECT_EQ((convert<H, S>(0x33800001, env)), 1u);
    EXPECT_EQ(env.flags, kInexact | kUnderflow);
    env = flushing();
    EXPECT_EQ((convert<H, S>(1, env)), 0u);
    EXPECT_EQ(env.flags, kInputDenormal);
    env = flushing();
    EXPECT_EQ((convert<S, D>(0x3800000000000000, env)), 0u);  // 2^-127
    EXPECT_EQ(env.flags, kUnderflow);
    env = flushing();
    EXPECT_EQ((convert<Format::BF16, S>(0x80000001, env)), 0x8000u);
    EXPECT_EQ(env.flags, kInputDenormal);
    env = flushing();
    EXPECT_EQ(from_int<H>(1, 32, false, env, 20), 0u);
    EXPECT_EQ(env.flags, kUnderflow);
}

// --- rounding to odd: more bits than needed, rounded again, are as if rounded once

TEST(SoftfloatOdd, NarrowingTwiceIsNarrowingOnce) {
    Rng rng(33);
    for (unsigned i = 0; i < 200000; ++i) {
        const u64 exp = 1023 - 30 + rng.below(50), frac = random_value<D>(rng) & Traits<D>::kFracMask;
        const u64 a = (i & 1 ? Traits<D>::kSign : 0) | exp << 52 | frac;
        for (const Round mode : {Round::Rne, Round::Rdn, Round::Rup, Round::Rmm}) {
            Env odd = Env::of(Isa::Arm, Round::Odd), twice = Env::of(Isa::Arm, mode), once = twice;
            const u64 between = convert<S, D>(a, odd);
            ASSERT_EQ((convert<H, S>(between, twice)), (convert<H, D>(a, once))) << a;
            ASSERT_EQ(twice.flags | odd.flags, once.flags) << a;
        }
    }
    Env env = Env::of(Isa::Arm, Round::Odd);
    EXPECT_EQ((convert<S, D>(0x7fefffffffffffff, env)), 0x7f7fffffu) << "no infinity";
    EXPECT_EQ(env.flags, kOverflow | kInexact);
    env.flags = 0;
    EXPECT_EQ((convert<S, D>(0x8000000000000001, env)), 0x80000001u);
    EXPECT_EQ(env.flags, kUnderflow | kInexact);
}

// --- fixed point

/// Scaling by a power of two is exact, so converting after it must be the same.
template <Format F>
void check_fixed() {
    Rng rng(34);
    for (unsigned i = 0; i < 100000; ++i) {
        const Round mode = kAllModes[rng.below(5)];
        const auto fraction = static_cast<unsigned>(rng.below(65)), width = rng.below(2) ? 64u : 32u;
        const bool is_unsigned = rng.below(2);
        const u64 scale = (u64{Traits<F>::kBias} + fraction) << (Traits<F>::kPrecision - 1),
                  down = (u64{Traits<F>::kBias} - fraction) << (Traits<F>::kPrecision - 1);
        Env env = Env::of(Isa::Arm, mode), plain = env;
        const u64 a = random_value<F>(rng);
        const u64 scaled = mul<F>(a, scale, plain);
        if (plain.flags == 0 || is_nan<F>(a)) {
            plain.flags = 0;
            ASSERT_EQ(to_int<F>(a, width, is_unsigned, env, fraction),
                      to_int<F>(scaled, width, is_unsigned, plain))
                << a << " " << fraction;
            ASSERT_EQ(env.flags, plain.flags) << a << " " << fraction;
        }
        const u64 v = rng.next() >> rng.below(64);
        env.flags = plain.flags = 0;
        const u64 whole = from_int<F>(v, width, is_unsigned, plain);
        ASSERT_EQ(from_int<F>(v, width, is_unsigned, env, fraction), mul<F>(whole, down, plain))
            << v << " " << fraction;
        ASSERT_EQ(env.flags, plain.flags);
    }
}
TEST(SoftfloatFixed, Single) { check_fixed<S>(); }
TEST(SoftfloatFixed, Double) { check_fixed<D>(); }

TEST(SoftfloatFixed, HalfAgainstSearch) {
    HalfChecker checker, flush(true);
    Rng rng(35);
    for (unsigned i = 0; i < 40000; ++i) {
        const auto fraction = static_cast<unsigned>(rng.below(65));
        const u64 v = (rng.next() & 0xffffffff) >> rng.below(32);
        if (v == 0) continue;
        for (HalfChecker* c : {&checker, &flush})
            c->check(
                "fixed", {false, u128{v} << (90 - fraction), 90},
                [=](Env& e) { return from_int<H>(v, 64, true, e, fraction); }, v, fraction);
    }
}

// --- alternative half precision

TEST(SoftfloatAltHalf, EveryNumberWidensAndComesBack) {
    Env env = Env::of(Isa::Arm);
    env.alt_half = true;
    for (u64 a = 0; a < 0x10000; ++a) {
        const double value = std::ldexp(static_cast<double>(half_units(a)), -24) * (a & 0x8000 ? -1 : 1);
        ASSERT_EQ((convert<D, H>(a, env)), std::bit_cast<u64>(value)) << a;
        const u64 single = convert<S, H>(a, env);
        ASSERT_EQ(single, std::bit_cast<u32>(static_cast<float>(value))) << a;
        ASSERT_EQ((convert<H, S>(single, env)), a);
    }
    EXPECT_EQ(env.flags, 0);
}

TEST(SoftfloatAltHalf, NarrowingAgainstSearch) {
    HalfChecker checker(false, true);
    Rng rng(36);
    for (unsigned i = 0; i < 40000; ++i) {
        const u64 exp = 127 - 40 + rng.below(60), frac = random_value<S>(rng) & Traits<S>::kFracMask;
        const u64 a = (i & 1 ? Traits<S>::kSign : 0) | exp << 23 | frac;
        checker.check(
            "f32 to f16", {(i & 1) != 0, u128{frac | 1 << 23} << (exp - (127 - 40)), 63},
            [=](Env& e) { return convert<H, S>(a, e); }, a);
    }
}

TEST(SoftfloatAltHalf, NoInfinitiesAndNans) {
    const std::pair<u64, u64> cases[] = {{0x7f800000, 0x7fff},
                                         {0xff800000, 0xffff},
                                         {0x7fc00001, 0},
                                         {0xff800001, 0x8000},
                                         {0xffc00000, 0x8000}};
    for (const auto& [a, want] : cases)
        for (const bool dn : {false, true}) {
            Env env = Env::of(Isa::Arm);
            env.alt_half = true;
            env.default_nan = dn;
            EXPECT_EQ((convert<H, S>(a, env)), want) << a;
            EXPECT_EQ(env.flags, kInvalid) << a;
        }
}

// --- multiplication and steps

constexpr u64 kOne = 0x3f800000, kTwo = 0x40000000, kInf = 0x7f800000, kMinus = 0x80000000, kNan = 0x7fc00005,
              kSnan = 0x7f800006;

TEST(SoftfloatSteps, SpecialValues) {
    struct Case {
        u64 a, b, mulx, recps, rsqrts;
        u8 flags;
    };
    constexpr u64 kOneAndHalf = 0x3fc00000;
    const Case cases[] = {
        {kInf, 0, kTwo, kTwo, kOneAndHalf, 0},
        {kMinus, kInf, kTwo | kMinus, kTwo, kOneAndHalf, 0},
        {kInf | kMinus, kMinus, kTwo, kTwo, kOneAndHalf, 0},
        {kInf, kOne, kInf, kInf | kMinus, kInf | kMinus, 0},
        {kOne | kMinus, kInf, kInf | kMinus, kInf, kInf, 0},
        {0, kMinus, kMinus, kTwo, kOneAndHalf, 0},
        {kOne, kOne, kOne, kOne, kOne, 0},
        {kOne, kTwo, kTwo, 0, 0x3f000000, 0},
        {kNan, kOne, kNan, kNan | kMinus, kNan | kMinus, 0},  // a's sign is inverted first
        {kOne, kNan, kNan, kNan, kNan, 0},
        {kNan, kSnan, kSnan | 0x400000, kSnan | 0x400000, kSnan | 0x400000, kInvalid},
    };
    for (const Case& c : cases) {
        Env env[3] = {Env::of(Isa::Arm), Env::of(Isa::Arm), Env::of(Isa::Arm)};
        EXPECT_EQ(mul_extended<S>(c.a, c.b, env[0]), c.mulx) << c.a << " " << c.b;
        EXPECT_EQ(recip_step<S>(c.a, c.b, env[1]), c.recps) << c.a << " " << c.b;
        EXPECT_EQ(rsqrt_step<S>(c.a, c.b, env[2]), c.rsqrts) << c.a << " " << c.b;
        for (const Env& e : env) EXPECT_EQ(e.flags, c.flags);
    }
    Env down = Env::of(Isa::Arm, Round::Rdn);
    EXPECT_EQ(recip_step<S>(kTwo, kOne, down), kMinus) << "an exact zero";
}

TEST(SoftfloatSteps, HalfAgainstSearch) {
    HalfChecker checker;
    Rng rng(37);
    const u64 two = 0x4000;
    for (unsigned i = 0; i < 40000; ++i) {
        const u64 a = random_value<H>(rng);
        Env scratch;
        const u64 b = i & 1 ? random_near<H>(div<H>(two, a, scratch), rng) : random_value<H>(rng);
        if (!finite_half(a) || !finite_half(b)) continue;
        const i128 product = signed_units(a) * signed_units(b), one = i128{1} << 48;
        if (2 * one != product)
            checker.check(
                "recps", from_signed(2 * one - product, 48), [=](Env& e) { return recip_step<H>(a, b, e); },
                a, b);
        if (3 * one != product)
            checker.check(
                "rsqrts", from_signed(3 * one - product, 49), [=](Env& e) { return rsqrt_step<H>(a, b, e); },
                a, b);
        if (product != 0)
            checker.check(
                "mulx", from_signed(product, 48), [=](Env& e) { return mul_extended<H>(a, b, e); }, a, b);
    }
    EXPECT_GT(checker.count(), 500000u);
}

/// 2 - a * b as a fused operation; the other step's sum is twice its result.
template <Format F>
void check_steps() {
    Rng rng(38);
    const u64 two = (u64{Traits<F>::kBias} + 1) << (Traits<F>::kPrecision - 1),
              three = two | Traits<F>::kQuiet;
    for (unsigned i = 0; i < 100000; ++i) {
        const u64 a = random_value<F>(rng);
        Env scratch;
        const u64 b = i & 1 ? random_near<F>(div<F>(two, a, scratch), rng) : random_value<F>(rng);
        if (!is_finite<F>(a) || !is_finite<F>(b)) continue;
        const Round mode = kAllModes[i % 5];
        Env env = Env::of(Isa::Arm, mode), fused = env;
        ASSERT_EQ(recip_step<F>(a, b, env), fma<F>(a, b, two, true, false, fused)) << a << " " << b;
        ASSERT_EQ(env.flags, fused.flags);
        env.flags = fused.flags = 0;
        const u64 sum = fma<F>(a, b, three, true, false, fused);
        if (!is_finite<F>(sum) || (fused.flags & kOverflow)) continue;
        ASSERT_EQ(rsqrt_step<F>(a, b, env), div<F>(sum, two, fused)) << a << " " << b;
        ASSERT_EQ(env.flags, fused.flags);
    }
}
TEST(SoftfloatSteps, Single) { check_steps<S>(); }
TEST(SoftfloatSteps, Double) { check_steps<D>(); }

// --- estimates

/// Nearest multiple of 1/256 of the reciprocal of the middle of a's interval, for a in [0.5, 1) in steps of
/// 1/512; halves go up.
double reciprocal_estimate(double a) {
    const double middle = std::floor(a * 512) + 0.5;
    return std::floor(256 * 512 / middle + 0.5) / 256;
}
/// The same for the root, a in [0.25, 1): steps of 1/512 below one half, of 1/256 above.
double root_estimate(double a) {
    const double steps = a < 0.5 ? 512 : 256, middle = (std::floor(a * steps) + 0.5) / steps;
    return std::floor(256 / std::sqrt(middle) + 0.5) / 256;
}

/// The pattern of a double that the format holds exactly.
template <Format F>
u64 exactly(double v) {
    Env env = Env::of(Isa::Arm);
    const u64 result = convert<F, D>(std::bit_cast<u64>(v), env);
    EXPECT_EQ(env.flags, 0) << v;
    return result;
}

template <Format F>
void check_estimate(u64 a) {
    const double v = as_double(a, F), limit = std::ldexp(1, -Traits<F>::kBias - 1);
    Env env = Env::of(Isa::Arm);
    int exp = 0;
    const double fraction = std::frexp(std::fabs(v), &exp);
    const u64 reciprocal = recip_estimate<F>(a, env);
    if (std::fabs(v) < limit) {
        EXPECT_EQ(reciprocal, Traits<F>::kInf | (a & Traits<F>::kSign)) << a;
        EXPECT_EQ(env.flags, kOverflow | kInexact) << a;
    } else {
        EXPECT_EQ(reciprocal, exactly<F>(std::copysign(std::ldexp(reciprocal_estimate(fraction), -exp), v)))
            << a;
        EXPECT_EQ(env.flags, 0) << a;
    }
    env.flags = 0;
    const u64 root = rsqrt_estimate<F>(a, env);
    if (v < 0) {
        EXPECT_EQ(root, default_nan<F>(Isa::Arm)) << a;
        EXPECT_EQ(env.flags, kInvalid) << a;
        return;
    }
    const bool odd = exp % 2 != 0;  // v = scaled * 4^half
    const int half = (odd ? exp + 1 : exp) / 2;
    EXPECT_EQ(root, exactly<F>(std::ldexp(root_estimate(odd ? fraction / 2 : fraction), -half))) << a;
    EXPECT_EQ(env.flags, 0) << a;
}

TEST(SoftfloatEstimates, OfEveryHalf) {
    for (u64 a = 0; a < 0x10000; ++a)
        if (finite_half(a) && (a & 0x7fff)) check_estimate<H>(a);
}
TEST(SoftfloatEstimates, OfSinglesAndDoubles) {
    Rng rng(39);
    for (unsigned i = 0; i < 100000; ++i) {
        const u64 a = random_value<S>(rng), b = random_value<D>(rng);
        if (is_finite<S>(a) && (a & ~kMinus)) check_estimate<S>(a);
        if (is_finite<D>(b) && (b << 1)) check_estimate<D>(b);
    }
}

TEST(SoftfloatEstimates, SpecialValuesAndFlushing) {
    Env env = Env::of(Isa::Arm);
    EXPECT_EQ(recip_estimate<S>(kInf | kMinus, env), kMinus);
    EXPECT_EQ(rsqrt_estimate<S>(kInf, env), 0u);
    EXPECT_EQ(recip_estimate<S>(kNan, env), kNan);
    EXPECT_EQ(recip_estimate<S>(kOne, env), 0x3f7f8000u);
    EXPECT_EQ(rsqrt_estimate<S>(kOne, env), 0x3f7f8000u);
    EXPECT_EQ(env.flags, 0);
    EXPECT_EQ(recip_estimate<S>(kMinus, env), kInf | kMinus);
    EXPECT_EQ(rsqrt_estimate<S>(kMinus, env), kInf | kMinus);
    EXPECT_EQ(env.flags, kDivByZero);
    env = Env::of(Isa::Arm, Round::Rtz);
    EXPECT_EQ(recip_estimate<S>(0x80000001, env), 0xff7fffffu) << "too large, and not to be rounded up";
    env = flushing();
    EXPECT_EQ(recip_estimate<S>(0xfe800000, env), kMinus) << "2^126 and above: the result is subnormal";
    EXPECT_EQ(env.flags, kUnderflow);
    EXPECT_NE(recip_estimate<S>(0x7e7fffff, env), 0u);
}

TEST(SoftfloatEstimates, Exponents) {
    Env env = Env::of(Isa::Arm);
    const std::pair<u64, u64> cases[] = {{kOne, 0x40000000},
                                         {kOne | kMinus | 0x1234, 0xc0000000},
                                         {0, 0x7f000000},
                                         {0x80000001, 0xff000000},
                                         {kInf, 0},
                                         {0x7f7fffff, 0x00800000},
                                         {0x00800000, 0x7f000000}};
    for (const auto& [a, want] : cases) EXPECT_EQ(recip_exponent<S>(a, env), want) << a;
    EXPECT_EQ(recip_exponent<H>(0x3c00, env), 0x4000u);
    EXPECT_EQ(recip_exponent<D>(0x3ff0000000000000, env), 0x4000000000000000u);
    EXPECT_EQ(env.flags, 0);
    EXPECT_EQ(recip_exponent<S>(kSnan, env), kSnan | 0x400000);
    EXPECT_EQ(env.flags, kInvalid);
}

TEST(SoftfloatEstimates, OfFractions) {
    EXPECT_EQ(unsigned_recip_estimate(0x7fffffff), ~0u);
    EXPECT_EQ(unsigned_rsqrt_estimate(0x3fffffff), ~0u);
    Rng rng(40);
    for (unsigned i = 0; i < 10000; ++i) {
        const auto a = static_cast<u32>(rng.next() | (i & 1 ? 0x80000000 : 0x40000000));
        const double v = std::ldexp(a, -32);
        EXPECT_EQ(unsigned_recip_estimate(a), v < 0.5 ? ~0u : std::ldexp(reciprocal_estimate(v), 31));
        EXPECT_EQ(unsigned_rsqrt_estimate(a), std::ldexp(root_estimate(v), 31)) << a;
    }
}

// --- integers in a range

template <Format F>
void check_int_range() {
    Rng rng(41);
    for (unsigned i = 0; i < 50000; ++i) {
        const unsigned width = i & 1 ? 32 : 64;
        u64 a = random_value<F>(rng);
        if (i & 2)
            a = random_near<F>((u64{Traits<F>::kBias} + width - 1) << (Traits<F>::kPrecision - 1), rng);
        const Round mode = kAllModes[rng.below(5)];
        Env env = Env::of(Isa::Arm, mode), plain = env;
        const u64 integer = to_int<F>(a, width, false, plain);
        const bool good = !(plain.flags & kInvalid);
        Env quiet = Env::of(Isa::Arm, mode);
        const u64 want = good ? round_to_integral<F>(a, false, quiet)
                              : from_int<F>(u64{1} << (width - 1), width, false, quiet);
        ASSERT_EQ(round_to_int_range<F>(a, width, env), want) << a << " " << integer;
        ASSERT_EQ(env.flags, plain.flags) << a;
    }
}
TEST(SoftfloatIntRange, Single) { check_int_range<S>(); }
TEST(SoftfloatIntRange, Double) { check_int_range<D>(); }

// --- narrow formats

TEST(SoftfloatBfloat, ConversionTakesANeighbour) {
    Rng rng(42);
    for (unsigned i = 0; i < 200000; ++i) {
        const u64 a = i & 1 ? random_value<S>(rng)
                            : (random_value<S>(rng) & ~u64{0xffff}) | (0x8000 + rng.below(3) - 1);
        if (!is_finite<S>(a)) continue;
        const Round mode = kAllModes[rng.below(5)];
        Env env = Env::of(Isa::Arm, mode);
        const u64 low = a >> 16, rest = a & 0xffff;  // by magnitude
        const bool negative = a & kMinus;
        const bool up = mode == Round::Rne   ? rest > 0x8000 || (rest == 0x8000 && low & 1)
                        : mode == Round::Rmm ? rest >= 0x8000
                        : mode == Round::Rtz ? false
                                             : rest != 0 && negative == (mode == Round::Rdn);
        u8 flags = rest ? kInexact : 0;
        if (rest && is_subnormal<S>(a)) flags |= kUnderflow;
        if (((low + up) & 0x7fff) == 0x7f80) flags |= kOverflow;
        ASSERT_EQ((convert<Format::BF16, S>(a, env)), low + up) << a;
        ASSERT_EQ(env.flags, flags) << a;
    }
    Env env = Env::of(Isa::Arm);
    EXPECT_EQ((convert<Format::BF16, S>(0xff800001, env)), 0xffc0u);
    EXPECT_EQ((convert<Format::BF16, S>(0x7fd50000, env)), 0x7fd5u);
    EXPECT_EQ((convert<Format::BF16, S>(kInf, env)), 0x7f80u);
    env.default_nan = true;
    EXPECT_EQ((convert<Format::BF16, S>(0xffd50000, env)), 0x7fc0u);
}

/// a + b as bfloat_dot adds: to odd, flushed on both sides, beyond the largest number infinity.
double add_to_odd(double a, double b) {
    const double sum = a + b, part = sum - a, error = (a - (sum - part)) + (b - part);  // exact
    if (!std::isfinite(sum)) return sum;
    if (sum == 0) return a == 0 && b == 0 && std::signbit(a) && std::signbit(b) ? -0.0 : 0.0;
    u64 bits = std::bit_cast<u64>(sum);
    if (error != 0 && (error < 0) == (sum > 0)) --bits;  // truncated
    const u64 below = bits & 0x1fffffff;
    bits &= ~u64{0x1fffffff};
    if (below != 0 || error != 0) bits |= 0x20000000;
    const double v = std::bit_cast<double>(bits);
    if (std::fabs(v) < 0x1p-126) return std::copysign(0.0, v);
    return std::fabs(v) >= 0x1p128 ? std::copysign(std::numeric_limits<double>::infinity(), v) : v;
}
double product_to_odd(double a, double b) {
    const double v = a * b;  // exact: 16 bits
    if (std::fabs(v) < 0x1p-126) return std::copysign(0.0, v);
    return std::fabs(v) >= 0x1p128 ? std::copysign(std::numeric_limits<double>::infinity(), v) : v;
}

TEST(SoftfloatBfloat, DotAgainstDoubles) {
    Rng rng(43);
    unsigned nans = 0;
    for (unsigned i = 0; i < 200000; ++i) {
        u64 v[5];
        for (u64& x : v) x = i & 1 ? random_value<S>(rng) : random_near<S>(kOne, rng);
        for (unsigned k = 1; k < 5; ++k) v[k] &= 0xffff0000;
        double d[5];
        for (unsigned k = 0; k < 5; ++k) d[k] = as_double(flushed<S>(v[k]), S);
        const double both = add_to_odd(product_to_odd(d[1], d[3]), product_to_odd(d[2], d[4]));
        const double sum = add_to_odd(d[0], both);
        const u64 want = std::isnan(sum) ? 0x7fc00000 : std::bit_cast<u32>(static_cast<float>(sum));
        nans += std::isnan(sum);
        ASSERT_EQ(bfloat_dot(static_cast<u32>(v[0]), static_cast<u32>(v[1] >> 16 | v[2]),
                             static_cast<u32>(v[3] >> 16 | v[4])),
                  want)
            << fmt::format("{:#x} + {:#x} * {:#x} + {:#x} * {:#x}", v[0], v[1], v[3], v[2], v[4]);
    }
    EXPECT_GT(nans, 100u);
}

TEST(SoftfloatWidening, ProductsOfHalves) {
    Rng rng(44);
    for (unsigned i = 0; i < 200000; ++i) {
        const u64 a = random_value<H>(rng), b = random_value<H>(rng), c = random_value<S>(rng);
        if (is_nan<H>(a) || is_nan<H>(b)) continue;
        const Round mode = kAllModes[rng.below(5)];
        const bool negate = rng.below(2), flush_half = rng.below(2);
        Env env = Env::of(Isa::Arm, mode), fused = env, exact;
        env.flush = fused.flush = rng.below(2);
        const u64 x = convert<S, H>(flush_half ? flushed<H>(a) : a, exact),
                  y = convert<S, H>(flush_half ? flushed<H>(b) : b, exact);
        ASSERT_EQ(fma_widening(a, b, c, negate, flush_half, env), fma<S>(x, y, c, negate, false, fused))
            << a << " " << b << " " << c;
        ASSERT_EQ(env.flags, fused.flags);
    }
}

TEST(SoftfloatWidening, Nans) {
    struct Case {
        u64 a, b, c, want;
        u8 flags;
    };
    constexpr u64 kHalfInf = 0x7c00, kHalfNan = 0xfe01, kHalfSnan = 0x7c02, kHalfOne = 0x3c00;
    const Case cases[] = {
        {kHalfNan, kHalfOne, kNan, kNan, 0},
        {kHalfNan, kHalfOne, kOne, 0xffc02000, 0},
        {kHalfOne, kHalfSnan, kNan, 0x7fc04000, kInvalid},
        {kHalfNan, kHalfSnan, kOne, 0x7fc04000, kInvalid},
        {kHalfSnan, kHalfOne, kSnan, kSnan | 0x400000, kInvalid},
        {kHalfInf, 0, kNan, 0x7fc00000, kInvalid},
        {kHalfInf, 0, kSnan, kSnan | 0x400000, kInvalid},
        {kHalfInf, 0, kOne, 0x7fc00000, kInvalid},
        {kHalfInf, kHalfOne, kInf | kMinus, 0x7fc00000, kInvalid},
    };
    for (const Case& c : cases)
        for (const bool dn : {false, true}) {
            Env env = Env::of(Isa::Arm);
            env.default_nan = dn;
            EXPECT_EQ(fma_widening(c.a, c.b, c.c, false, false, env), dn ? 0x7fc00000 : c.want)
                << c.a << " " << c.b;
            EXPECT_EQ(env.flags, c.flags);
        }
    Env env = Env::of(Isa::Arm);
    EXPECT_EQ(fma_widening(kHalfNan, kHalfOne, kOne, true, false, env), 0x7fc02000u) << "negated before";
    env.flags = 0;
    EXPECT_EQ(fma_widening(kHalfInf, 1, kOne, false, true, env), 0x7fc00000u) << "1 is subnormal";
    EXPECT_EQ(env.flags, kInvalid);
}

// --- default NaNs

TEST(SoftfloatDefaultNan, OfEveryOperationThatPropagates) {
    Env env = Env::of(Isa::Arm);
    env.default_nan = true;
    const u64 nan = 0xffc12345, want = 0x7fc00000;
    for (const u64 got :
         {add<S>(nan, kOne, env), sub<S>(kOne, nan, env), mul<S>(nan, nan, env), div<S>(kOne, nan, env),
          sqrt<S>(nan, env), fma<S>(kOne, kOne, nan, true, true, env), min<S>(nan, kOne, env),
          max<S>(kOne, nan, env), min_num<S>(nan, nan, env), max_num<S>(nan, nan, env),
          round_to_integral<S>(nan, true, env), mul_extended<S>(nan, kOne, env),
          recip_step<S>(nan, kOne, env), rsqrt_step<S>(kOne, nan, env), recip_estimate<S>(nan, env),
          rsqrt_estimate<S>(nan, env), recip_exponent<S>(nan, env)})
        EXPECT_EQ(got, want);
    EXPECT_EQ(env.flags, 0);
    EXPECT_EQ(max_num<S>(kOne, nan, env), kOne);
    EXPECT_EQ(max_num<S>(kOne, kSnan, env), want);
}

}  // namespace
}  // namespace vm::softfloat
