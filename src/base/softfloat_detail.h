// Unpacked numbers, NaN choice and rounding, shared by the softfloat*.cc files. Not for other includers.
#pragma once

#include <bit>
#include <utility>

#include "base/softfloat.h"

namespace vm::softfloat::detail {

enum class Kind : u8 { Zero, Finite, Inf, Nan };

/// Finite: (sign ? -1 : 1) * sig / 2^63 * 2^exp with the top bit of sig set.
struct Number {
    Kind kind;
    bool sign;
    int exp;
    u64 sig;
};

template <Format F>
constexpr Number unpack(u64 a) {
    using T = Traits<F>;
    const bool sign = a & T::kSign;
    const u64 magnitude = a & (T::kSign - 1);
    if (magnitude > T::kInf) return {Kind::Nan, sign, 0, 0};
    if (magnitude == T::kInf) return {Kind::Inf, sign, 0, 0};
    if (magnitude == 0) return {Kind::Zero, sign, 0, 0};
    const u64 frac = a & T::kFracMask;
    const int biased = static_cast<int>(magnitude >> (T::kPrecision - 1));
    if (biased != 0) {
        return {Kind::Finite, sign, biased - T::kBias, u64{1} << 63 | frac << (64 - T::kPrecision)};
    }
    // Subnormal: frac * 2^(1 - bias - (precision - 1)).
    const int lead = std::countl_zero(frac);
    return {Kind::Finite, sign, 1 - T::kBias - static_cast<int>(T::kPrecision) + 1 + 63 - lead, frac << lead};
}

/// An operand as the operation sees it: flushed if the environment says so.
template <Format F>
constexpr u64 operand(u64 a, Env& env) {
    using T = Traits<F>;
    const bool subnormal = (a & T::kInf) == 0 && (a & T::kFracMask) != 0;
    if (!env.flush || !subnormal) return a;
    if (F != Format::F16) env.flags |= kInputDenormal;
    return a & T::kSign;
}

/// v >> n where every lost bit is remembered in bit 0 ("jamming"): rounding to fewer bits afterwards stays
/// exact.
constexpr u64 shift_right_jam(u64 v, unsigned n) {
    if (n == 0) return v;
    if (n >= 64) return v != 0;
    return v >> n | ((v << (64 - n)) != 0);
}
constexpr u128 shift_right_jam(u128 v, unsigned n) {
    if (n == 0) return v;
    if (n >= 128) return v != 0;
    return v >> n | ((v << (128 - n)) != 0);
}
constexpr u64 jam_to_64(u128 v) { return static_cast<u64>(v >> 64) | (static_cast<u64>(v) != 0); }
constexpr int countl_zero(u128 v) {
    const u64 hi = static_cast<u64>(v >> 64);
    return hi ? std::countl_zero(hi) : 64 + std::countl_zero(static_cast<u64>(v));
}

/// 1 if a magnitude is to be rounded up, given its kept lowest bit and the discarded bits `rest` of `half *
/// 2`.
constexpr bool rounds_up(Round mode, bool sign, bool odd, u64 rest, u64 half) {
    switch (mode) {
        case Round::Rne: return rest > half || (rest == half && odd);
        case Round::Rmm: return rest >= half;
        case Round::Rtz: return false;
        case Round::Rdn: return sign && rest != 0;
        case Round::Rup: return !sign && rest != 0;
        case Round::Odd: return !odd && rest != 0;
    }
    return false;
}

template <Format F>
constexpr u64 signed_zero(bool sign) {
    return sign ? Traits<F>::kSign : 0;
}
template <Format F>
constexpr u64 signed_inf(bool sign) {
    return signed_zero<F>(sign) | Traits<F>::kInf;
}

/// First magnitude that is too large: the pattern of infinity, if there is one.
template <Format F>
constexpr u64 magnitude_limit(const Env& env) {
    return F == Format::F16 && env.alt_half ? Traits<F>::kSign : Traits<F>::kInf;
}

template <Format F>
u64 overflow(bool sign, Env& env) {
    if (F == Format::F16 && env.alt_half) {
        env.flags |= kInvalid;
        return signed_zero<F>(sign) | (magnitude_limit<F>(env) - 1);
    }
    env.flags |= kOverflow | kInexact;
    const bool to_inf = env.rounding == Round::Rne || env.rounding == Round::Rmm ||
                        env.rounding == (sign ? Round::Rdn : Round::Rup);
    return signed_inf<F>(sign) - (to_inf ? 0 : 1);
}

/// Rounds sig / 2^63 * 2^exp (top bit of sig set, bit 0 sticky) to F, with all flags of clause 7.
template <Format F>
u64 round_pack(bool sign, int exp, u64 sig, Env& env) {
    using T = Traits<F>;
    constexpr unsigned kDrop = 64 - T::kPrecision;
    constexpr u64 kRest = (u64{1} << kDrop) - 1, kHalf = u64{1} << (kDrop - 1);
    constexpr int kMinExp = 1 - T::kBias;
    if (exp > T::kBias + 1) return overflow<F>(sign, env);
    bool tiny = false;
    int biased = exp + T::kBias;
    if (exp < kMinExp) {
        if (env.flush) {
            env.flags |= kUnderflow;
            return signed_zero<F>(sign);
        }
        // After rounding, only a value that an unbounded exponent range would round up to 2^emin is not tiny.
        const bool reaches_normal = exp == kMinExp - 1 && sig >> kDrop == (u64{1} << T::kPrecision) - 1 &&
                                    rounds_up(env.rounding, sign, true, sig & kRest, kHalf);
        tiny = env.tiny_before_round || !reaches_normal;
        sig = shift_right_jam(sig, static_cast<unsigned>(kMinExp - exp));
        biased = 0;
    }
    const u64 rest = sig & kRest;
    u64 kept = sig >> kDrop;
    if (rest != 0) kept += rounds_up(env.rounding, sign, kept & 1, rest, kHalf);
    // The hidden bit adds one to the exponent field; a carry out of the fraction does so too.
    const u64 magnitude = (static_cast<u64>(biased ? biased - 1 : 0) << (T::kPrecision - 1)) + kept;
    if (magnitude >= magnitude_limit<F>(env)) return overflow<F>(sign, env);
    if (rest != 0) env.flags |= kInexact | (tiny ? kUnderflow : 0);
    return signed_zero<F>(sign) | magnitude;
}

/// As round_pack, for a value given with 128 significant bits whose top set bit may be anywhere; v != 0 and v
/// / 2^127 * 2^exp.
template <Format F>
u64 normalize_round_pack(bool sign, int exp, u128 v, Env& env) {
    const int lead = countl_zero(v);
    return round_pack<F>(sign, exp - lead, jam_to_64(v << lead), env);
}

/// Signed magnitude with room for a carry: sig / 2^126 * 2^exp, sig < 2^127.
struct Wide {
    bool sign;
    int exp;
    u128 sig;
};

constexpr Wide widen(const Number& n) { return {n.sign, n.exp, u128{n.sig} << 63}; }
/// Product of finite numbers; exact, because at least 22 low bits of theirs are 0.
constexpr Wide product(const Number& x, const Number& y) {
    return {x.sign != y.sign, x.exp + y.exp + 1, u128{x.sig} * y.sig >> 1};
}

constexpr bool exact_zero_sign(Round mode) { return mode == Round::Rdn; }

/// (a + b) * 2^scale for values that are not zero. Bits of the smaller operand that do not fit are jammed:
/// operands have at most 106 significant bits and their top bit at 126 or 125, so that happens only when no
/// cancellation can bring it near the rounding point.
template <Format F>
u64 add_wide(Wide a, Wide b, Env& env, int scale = 0) {
    if (a.exp < b.exp) std::swap(a, b);
    b.sig = shift_right_jam(b.sig, static_cast<unsigned>(a.exp - b.exp));
    const int exp = a.exp + 1 + scale;
    if (a.sign == b.sign) return normalize_round_pack<F>(a.sign, exp, a.sig + b.sig, env);
    if (a.sig == b.sig) return signed_zero<F>(exact_zero_sign(env.rounding));
    const bool swap = a.sig < b.sig;
    return normalize_round_pack<F>(swap ? b.sign : a.sign, exp, swap ? b.sig - a.sig : a.sig - b.sig, env);
}

template <Format F>
u64 invalid(Env& env) {
    env.flags |= kInvalid;
    return default_nan<F>(env.isa);
}

/// The NaN an operation gives; at least one operand is NaN, `ops` in the order of precedence. Raises invalid.
template <Format F, class... Ops>
u64 propagate_nan(Env& env, Ops... ops) {
    const u64 list[] = {ops...};
    u64 first_nan = 0, first_snan = 0;
    for (const u64 raw : list) {
        const u64 op = raw & Traits<F>::kMask;
        if (is_nan<F>(op) && !first_nan) first_nan = op;
        if (is_signaling_nan<F>(op) && !first_snan) first_snan = op;
    }
    if (first_snan) env.flags |= kInvalid;
    if (env.isa == Isa::RiscV || env.default_nan) return default_nan<F>(env.isa);
    return (env.isa == Isa::Arm && first_snan ? first_snan : first_nan) | Traits<F>::kQuiet;
}

/// x * y + z of numbers that are no NaN.
template <Format F>
u64 fused(const Number& x, const Number& y, const Number& z, bool negate_product, Env& env) {
    const bool any_inf = x.kind == Kind::Inf || y.kind == Kind::Inf;
    const bool any_zero = x.kind == Kind::Zero || y.kind == Kind::Zero;
    const bool sign = (x.sign != y.sign) != negate_product;
    if (any_inf) {
        const bool cancels = z.kind == Kind::Inf && z.sign != sign;
        return any_zero || cancels ? invalid<F>(env) : signed_inf<F>(sign);
    }
    if (z.kind == Kind::Inf) return signed_inf<F>(z.sign);
    if (any_zero) {
        if (z.kind != Kind::Zero) return round_pack<F>(z.sign, z.exp, z.sig, env);
        return signed_zero<F>(sign == z.sign ? sign : exact_zero_sign(env.rounding));
    }
    Wide p = product(x, y);
    p.sign = sign;
    if (z.kind == Kind::Zero) return normalize_round_pack<F>(sign, p.exp + 1, p.sig, env);
    return add_wide<F>(p, widen(z), env);
}

/// Magnitude of a finite number rounded to an integer; `huge` if that needs more than 64 bits.
struct Integral {
    u64 value;
    bool inexact;
    bool huge;
};

constexpr Integral to_integral(const Number& n, Round mode) {
    if (n.exp > 63) return {0, false, true};
    u64 whole = 0, rest = 0;  // rest: the fraction times 2^64, jammed
    if (n.exp >= 0) {
        whole = n.sig >> (63 - n.exp);
        rest = n.exp == 63 ? 0 : n.sig << (n.exp + 1);
    } else {
        rest = shift_right_jam(n.sig, static_cast<unsigned>(-1 - n.exp));
    }
    if (!rounds_up(mode, n.sign, whole & 1, rest, u64{1} << 63)) return {whole, rest != 0, false};
    return {whole + 1, rest != 0, whole == ~u64{0}};
}

}  // namespace vm::softfloat::detail
