// Comparison, minimum and maximum, rounding to integers and conversions (clauses 5.3, 5.6, 5.9, 5.11, 9.6).
#include "base/softfloat.h"

#include "base/softfloat_detail.h"

namespace vm::softfloat {
namespace {
using namespace detail;

/// Orders non-NaN bit patterns as -inf < ... < -0 < +0 < ... < +inf.
template <Format F>
constexpr i64 total_key(u64 a) {
    const i64 magnitude = static_cast<i64>(a & (Traits<F>::kSign - 1));
    return a & Traits<F>::kSign ? -1 - magnitude : magnitude;
}

/// minimum (or maximum) under the zero order of 2019, given which operand NaNs decide.
template <Format F>
u64 pick(u64 a, u64 b, bool want_max) {
    return (total_key<F>(a) < total_key<F>(b)) != want_max ? a : b;
}

template <Format F>
u64 min_max_number(u64 a, u64 b, bool want_max, Env& env) {
    a = operand<F>(a & Traits<F>::kMask, env);
    b = operand<F>(b & Traits<F>::kMask, env);
    const bool nan_a = is_nan<F>(a), nan_b = is_nan<F>(b);
    if (!nan_a && !nan_b) return pick<F>(a, b, want_max);
    const bool signaling = is_signaling_nan<F>(a) || is_signaling_nan<F>(b);
    // Arm's FMINNM and FMAXNM are minNum and maxNum of IEEE 754-2008, where a signaling NaN is not ignored.
    if ((nan_a && nan_b) || (env.isa == Isa::Arm && signaling)) return propagate_nan<F>(env, a, b);
    if (signaling) env.flags |= kInvalid;
    return nan_a ? b : a;
}

template <Format F>
u64 min_max(u64 a, u64 b, bool want_max, Env& env) {
    a = operand<F>(a & Traits<F>::kMask, env);
    b = operand<F>(b & Traits<F>::kMask, env);
    if (env.isa == Isa::X86) {
        const Order order = want_max ? compare<F>(b, a, true, env) : compare<F>(a, b, true, env);
        return order == Order::Less ? a : b;
    }
    if (is_nan<F>(a) || is_nan<F>(b)) return propagate_nan<F>(env, a, b);
    return pick<F>(a, b, want_max);
}

u64 indefinite(unsigned width, bool is_unsigned) {
    return is_unsigned ? zext(~u64{0}, width) : u64{1} << (width - 1);
}

/// What an out-of-range value or NaN becomes.
u64 saturate(Kind kind, bool sign, unsigned width, bool is_unsigned, Env& env) {
    env.flags |= kInvalid;
    if (env.isa == Isa::X86) return indefinite(width, is_unsigned);
    if (kind == Kind::Nan) {
        if (env.isa == Isa::Arm) return 0;
        sign = false;
    }
    if (is_unsigned) return sign ? 0 : zext(~u64{0}, width);
    return sign ? u64{1} << (width - 1) : (u64{1} << (width - 1)) - 1;
}

/// True if (sign, magnitude) is an integer of the given type.
bool in_range(bool sign, u64 magnitude, unsigned width, bool is_unsigned) {
    const u64 top = u64{1} << (width - 1);
    if (is_unsigned) return sign ? magnitude == 0 : fits_unsigned(magnitude, width);
    return sign ? magnitude <= top : magnitude < top;
}

}  // namespace

template <Format F>
Order compare(u64 a, u64 b, bool signaling, Env& env) {
    a = operand<F>(a & Traits<F>::kMask, env);
    b = operand<F>(b & Traits<F>::kMask, env);
    if (is_nan<F>(a) || is_nan<F>(b)) {
        if (signaling || is_signaling_nan<F>(a) || is_signaling_nan<F>(b)) env.flags |= kInvalid;
        return Order::Unordered;
    }
    if (a == b || ((a | b) & (Traits<F>::kSign - 1)) == 0) return Order::Equal;
    return total_key<F>(a) < total_key<F>(b) ? Order::Less : Order::Greater;
}

template <Format F>
u64 min_num(u64 a, u64 b, Env& env) {
    return min_max_number<F>(a, b, false, env);
}
template <Format F>
u64 max_num(u64 a, u64 b, Env& env) {
    return min_max_number<F>(a, b, true, env);
}
template <Format F>
u64 min(u64 a, u64 b, Env& env) {
    return min_max<F>(a, b, false, env);
}
template <Format F>
u64 max(u64 a, u64 b, Env& env) {
    return min_max<F>(a, b, true, env);
}

template <Format F>
unsigned classify(u64 a) {
    using T = Traits<F>;
    if (is_nan<F>(a)) return is_signaling_nan<F>(a) ? 8 : 9;
    const u64 magnitude = a & (T::kSign - 1);
    // 0 zero, 1 subnormal, 2 normal, 3 infinite, as distance from the middle of the list.
    const unsigned size = magnitude == 0 ? 0 : magnitude <= T::kFracMask ? 1 : magnitude < T::kInf ? 2 : 3;
    return a & T::kSign ? 3 - size : 4 + size;
}

template <Format F>
u64 round_to_integral(u64 a, bool exact, Env& env) {
    a = operand<F>(a, env);
    const Number n = unpack<F>(a);
    if (n.kind == Kind::Nan) return propagate_nan<F>(env, a);
    if (n.kind != Kind::Finite || n.exp >= static_cast<int>(Traits<F>::kPrecision) - 1)
        return a & Traits<F>::kMask;
    const Integral i = to_integral(n, env.rounding);
    if (i.inexact && exact) env.flags |= kInexact;
    if (i.value == 0) return signed_zero<F>(n.sign);
    const int lead = std::countl_zero(i.value);
    return round_pack<F>(n.sign, 63 - lead, i.value << lead, env);  // exact: at most `precision` bits
}

template <Format F>
u64 to_int(u64 a, unsigned width, bool is_unsigned, Env& env, unsigned fraction) {
    Number n = unpack<F>(operand<F>(a, env));
    if (n.kind == Kind::Zero) return 0;
    if (n.kind != Kind::Finite) return saturate(n.kind, n.sign, width, is_unsigned, env);
    n.exp += static_cast<int>(fraction);
    const Integral i = to_integral(n, env.rounding);
    if (i.huge || !in_range(n.sign, i.value, width, is_unsigned))
        return saturate(n.kind, n.sign, width, is_unsigned, env);
    if (i.inexact) env.flags |= kInexact;
    return zext(n.sign ? 0 - i.value : i.value, width);
}

template <Format F>
u64 to_int_modular(u64 a, unsigned width, Env& env) {
    const Number n = unpack<F>(operand<F>(a, env));
    if (n.kind == Kind::Zero) return 0;
    if (n.kind != Kind::Finite) {
        env.flags |= kInvalid;
        return 0;
    }
    if (n.exp > 63) {
        // Whole; a multiple of 2^(exp - 63). Its low bits are those of sig shifted left.
        env.flags |= kInvalid;
        const u64 low = n.exp - 63 >= 64 ? 0 : n.sig << (n.exp - 63);
        return zext(n.sign ? 0 - low : low, width);
    }
    const Integral i = to_integral(n, Round::Rtz);
    if (!in_range(n.sign, i.value, width, false)) {
        env.flags |= kInvalid;
    } else if (i.inexact) {
        env.flags |= kInexact;
    }
    return zext(n.sign ? 0 - i.value : i.value, width);
}

template <Format F>
u64 from_int(u64 v, unsigned width, bool is_unsigned, Env& env, unsigned fraction) {
    v = is_unsigned ? zext(v, width) : static_cast<u64>(sext(v, width));
    if (v == 0) return 0;
    const bool sign = !is_unsigned && bit(v, 63);
    const u64 magnitude = sign ? 0 - v : v;
    const int lead = std::countl_zero(magnitude);
    return round_pack<F>(sign, 63 - lead - static_cast<int>(fraction), magnitude << lead, env);
}

template <Format F>
u64 round_to_int_range(u64 a, unsigned width, Env& env) {
    const Number n = unpack<F>(operand<F>(a, env));
    if (n.kind == Kind::Zero) return signed_zero<F>(n.sign);
    const bool finite = n.kind == Kind::Finite;
    const Integral i = finite ? to_integral(n, env.rounding) : Integral{0, false, true};
    if (i.huge || !in_range(n.sign, i.value, width, false)) {
        env.flags |= kInvalid;
        return round_pack<F>(true, static_cast<int>(width) - 1, u64{1} << 63, env);
    }
    if (i.inexact) env.flags |= kInexact;
    if (i.value == 0) return signed_zero<F>(n.sign);
    const int lead = std::countl_zero(i.value);
    return round_pack<F>(n.sign, 63 - lead, i.value << lead, env);  // exact
}

namespace {
/// A number of Arm's alternative half precision: no infinities, no NaNs.
Number unpack_alt_half(u64 a) {
    using T = Traits<Format::F16>;
    if ((a & T::kInf) != T::kInf) return unpack<Format::F16>(a);
    return {Kind::Finite, (a & T::kSign) != 0, T::kBias + 1,
            u64{1} << 63 | (a & T::kFracMask) << (64 - T::kPrecision)};
}

/// round_pack for a conversion: it does not flush f16 results.
template <Format To>
u64 convert_finite(const Number& n, Env& env) {
    if (To != Format::F16 || !env.flush) return round_pack<To>(n.sign, n.exp, n.sig, env);
    env.flush = false;
    const u64 result = round_pack<To>(n.sign, n.exp, n.sig, env);
    env.flush = true;
    return result;
}
}  // namespace

template <Format To, Format From>
u64 convert(u64 a, Env& env) {
    if (From != Format::F16) a = operand<From>(a, env);
    const bool to_alt = To == Format::F16 && env.alt_half;
    const Number n = From == Format::F16 && env.alt_half ? unpack_alt_half(a) : unpack<From>(a);
    switch (n.kind) {
        case Kind::Zero: return signed_zero<To>(n.sign);
        case Kind::Inf: return to_alt ? overflow<To>(n.sign, env) : signed_inf<To>(n.sign);
        case Kind::Finite: return convert_finite<To>(n, env);
        case Kind::Nan: break;
    }
    if (to_alt || is_signaling_nan<From>(a)) env.flags |= kInvalid;
    if (to_alt) return signed_zero<To>(n.sign);
    if (env.isa == Isa::RiscV || env.default_nan) return default_nan<To>(env.isa);
    // The payload keeps its leading bits.
    const u64 payload = (a & Traits<From>::kFracMask) << (64 - Traits<From>::kPrecision);
    return signed_inf<To>(n.sign) | Traits<To>::kQuiet | payload >> (64 - Traits<To>::kPrecision);
}

#define VM_INSTANTIATE(F)                                          \
    template Order compare<F>(u64, u64, bool, Env&);               \
    template u64 min_num<F>(u64, u64, Env&);                       \
    template u64 max_num<F>(u64, u64, Env&);                       \
    template u64 min<F>(u64, u64, Env&);                           \
    template u64 max<F>(u64, u64, Env&);                           \
    template unsigned classify<F>(u64);                            \
    template u64 round_to_integral<F>(u64, bool, Env&);            \
    template u64 to_int<F>(u64, unsigned, bool, Env&, unsigned);   \
    template u64 to_int_modular<F>(u64, unsigned, Env&);           \
    template u64 from_int<F>(u64, unsigned, bool, Env&, unsigned); \
    template u64 convert<Format::F16, F>(u64, Env&);               \
    template u64 convert<Format::F32, F>(u64, Env&);               \
    template u64 convert<Format::F64, F>(u64, Env&);
VM_INSTANTIATE(Format::F16)
VM_INSTANTIATE(Format::F32)
VM_INSTANTIATE(Format::F64)
#undef VM_INSTANTIATE
template u64 convert<Format::BF16, Format::F32>(u64, Env&);
template u64 round_to_int_range<Format::F32>(u64, unsigned, Env&);
template u64 round_to_int_range<Format::F64>(u64, unsigned, Env&);

}  // namespace vm::softfloat
