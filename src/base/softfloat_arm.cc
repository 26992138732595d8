// Steps and estimates for division and square roots, products of narrow formats: what Arm has as instructions
// (Arm ARM, shared pseudocode: FPRecipStepFused, FPRecipEstimate, FPMulAddH, BFDotAdd and their kin).
#include "base/softfloat.h"

#include "base/softfloat_detail.h"

namespace vm::softfloat {
namespace {
using namespace detail;

/// constant - a * b, times 2^scale, where constant is not zero.
template <Format F>
u64 step(u64 a, u64 b, const Number& constant, int scale, Env& env) {
    a = operand<F>(a ^ Traits<F>::kSign, env), b = operand<F>(b, env);
    const Number x = unpack<F>(a), y = unpack<F>(b);
    if (x.kind == Kind::Nan || y.kind == Kind::Nan) return propagate_nan<F>(env, a, b);
    const bool any_zero = x.kind == Kind::Zero || y.kind == Kind::Zero;
    const bool any_inf = x.kind == Kind::Inf || y.kind == Kind::Inf;
    if (any_zero) return round_pack<F>(constant.sign, constant.exp + scale, constant.sig, env);
    if (any_inf) return signed_inf<F>(x.sign != y.sign);
    return add_wide<F>(widen(constant), product(x, y), env, scale);
}

/// The reciprocal of a, in units of 1/512 and of 1/256: 0.5 <= a < 1, 1 <= result < 2. a is taken in the
/// middle of its unit and the result is rounded to nearest.
constexpr unsigned reciprocal(unsigned a) {
    const unsigned quotient = (1u << 19) / (2 * a + 1);
    return (quotient + 1) / 2;
}
static_assert(reciprocal(256) == 511 && reciprocal(511) == 256);

/// The same for the reciprocal square root, 0.25 <= a < 1; from 0.5 on units of 1/256 are told apart.
constexpr unsigned reciprocal_root(unsigned a) {
    const u64 middle = a < 256 ? 2 * a + 1 : 2 * (a | 1);
    u64 root = 512;  // the largest with middle * root^2 < 2^28
    while (middle * (root + 1) * (root + 1) < u64{1} << 28) ++root;
    return static_cast<unsigned>((root + 1) / 2);
}
static_assert(reciprocal_root(128) == 511 && reciprocal_root(511) == 256);

/// An estimate, 256..511, as the significand of a result.
constexpr u64 significand(unsigned estimate) { return u64{estimate} << 55; }

/// One step of bfloat_dot: f is an operation under its environment.
template <class Function>
u64 bfloat_step(Function f) {
    Env env = Env::of(Isa::Arm, Round::Odd);
    env.default_nan = env.flush = true;
    const u64 result = f(env);
    // Rounding to odd stops at the largest number; these operations go on to infinity.
    return env.flags & kOverflow ? result + 1 : result;
}

}  // namespace

template <Format F>
u64 mul_extended(u64 a, u64 b, Env& env) {
    const Number x = unpack<F>(operand<F>(a, env)), y = unpack<F>(operand<F>(b, env));
    const bool inf_times_zero =
        (x.kind == Kind::Inf && y.kind == Kind::Zero) || (x.kind == Kind::Zero && y.kind == Kind::Inf);
    if (!inf_times_zero) return mul<F>(a, b, env);
    return signed_zero<F>(x.sign != y.sign) | static_cast<u64>(Traits<F>::kBias + 1)
                                                  << (Traits<F>::kPrecision - 1);
}

template <Format F>
u64 recip_step(u64 a, u64 b, Env& env) {
    return step<F>(a, b, {Kind::Finite, false, 1, u64{1} << 63}, 0, env);
}
template <Format F>
u64 rsqrt_step(u64 a, u64 b, Env& env) {
    return step<F>(a, b, {Kind::Finite, false, 1, u64{3} << 62}, -1, env);
}

template <Format F>
u64 recip_estimate(u64 a, Env& env) {
    a = operand<F>(a, env);
    const Number n = unpack<F>(a);
    switch (n.kind) {
        case Kind::Nan: return propagate_nan<F>(env, a);
        case Kind::Inf: return signed_zero<F>(n.sign);
        case Kind::Zero: env.flags |= kDivByZero; return signed_inf<F>(n.sign);
        case Kind::Finite: break;
    }
    if (n.exp < -Traits<F>::kBias - 1) return overflow<F>(n.sign, env);
    // Exact, also where it is subnormal.
    return round_pack<F>(n.sign, -1 - n.exp, significand(reciprocal(static_cast<unsigned>(n.sig >> 55))),
                         env);
}

template <Format F>
u64 rsqrt_estimate(u64 a, Env& env) {
    a = operand<F>(a, env);
    const Number n = unpack<F>(a);
    if (n.kind == Kind::Nan) return propagate_nan<F>(env, a);
    if (n.kind == Kind::Zero) {
        env.flags |= kDivByZero;
        return signed_inf<F>(n.sign);
    }
    if (n.sign) return invalid<F>(env);
    if (n.kind == Kind::Inf) return signed_zero<F>(false);
    // n = scaled / 512 * 2^(2 * half) with 0.25 <= scaled / 512 < 1.
    const bool odd = n.exp & 1;
    const int half = (n.exp + (odd ? 1 : 2)) / 2;
    const auto scaled = static_cast<unsigned>(n.sig >> (odd ? 55 : 56));
    return round_pack<F>(false, -half, significand(reciprocal_root(scaled)), env);
}

template <Format F>
u64 recip_exponent(u64 a, Env& env) {
    using T = Traits<F>;
    a = operand<F>(a & T::kMask, env);
    if (is_nan<F>(a)) return propagate_nan<F>(env, a);
    const u64 exponent = a & T::kInf, one = u64{1} << (T::kPrecision - 1);
    return (a & T::kSign) | (exponent == 0 ? T::kInf - one : T::kInf & ~exponent);
}

u32 unsigned_recip_estimate(u32 a) { return a >> 31 ? reciprocal(a >> 23) << 23 : ~u32{0}; }
u32 unsigned_rsqrt_estimate(u32 a) { return a >> 30 ? reciprocal_root(a >> 23) << 23 : ~u32{0}; }

u64 fma_widening(u64 a, u64 b, u64 c, bool negate_product, bool flush_half, Env& env) {
    constexpr Format H = Format::F16, S = Format::F32;
    if (negate_product) a ^= Traits<H>::kSign;
    const bool flush = std::exchange(env.flush, flush_half);
    a = operand<H>(a & Traits<H>::kMask, env), b = operand<H>(b & Traits<H>::kMask, env);
    env.flush = flush;
    c = operand<S>(c, env);
    const Number x = unpack<H>(a), y = unpack<H>(b), z = unpack<S>(c);
    if (x.kind != Kind::Nan && y.kind != Kind::Nan && z.kind != Kind::Nan)
        return fused<S>(x, y, z, false, env);
    const bool inf_times_zero =
        (x.kind == Kind::Inf && y.kind == Kind::Zero) || (x.kind == Kind::Zero && y.kind == Kind::Inf);
    if (inf_times_zero && !is_signaling_nan<S>(c)) return invalid<S>(env);
    // A NaN as f32, signaling if it was; other operands do not matter.
    const auto widened = [](u64 v) {
        const u64 rest = (v & (Traits<H>::kSign - 1)) << (Traits<S>::kPrecision - Traits<H>::kPrecision);
        return is_nan<H>(v) ? signed_inf<S>((v & Traits<H>::kSign) != 0) | rest : 0;
    };
    return propagate_nan<S>(env, c, widened(a), widened(b));
}

u32 bfloat_dot(u32 c, u32 a, u32 b) {
    constexpr Format S = Format::F32;
    constexpr u32 kUpper = 0xffff0000;  // a bfloat16 is the upper half of an f32
    const u64 low = bfloat_step([&](Env& env) { return mul<S>(u64{a} << 16, u64{b} << 16, env); });
    const u64 high = bfloat_step([&](Env& env) { return mul<S>(a & kUpper, b & kUpper, env); });
    const u64 both = bfloat_step([&](Env& env) { return add<S>(low, high, env); });
    return static_cast<u32>(bfloat_step([&](Env& env) { return add<S>(c, both, env); }));
}

#define VM_INSTANTIATE(F)                         \
    template u64 mul_extended<F>(u64, u64, Env&); \
    template u64 recip_step<F>(u64, u64, Env&);   \
    template u64 rsqrt_step<F>(u64, u64, Env&);   \
    template u64 recip_estimate<F>(u64, Env&);    \
    template u64 rsqrt_estimate<F>(u64, Env&);    \
    template u64 recip_exponent<F>(u64, Env&);
VM_INSTANTIATE(Format::F16)
VM_INSTANTIATE(Format::F32)
VM_INSTANTIATE(Format::F64)
#undef VM_INSTANTIATE

}  // namespace vm::softfloat
