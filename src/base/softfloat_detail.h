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

template <Format F>
u64 overflow(bool sign, Env& env) {
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
    if (exp > T::kBias) return overflow<F>(sign, env);
    bool tiny = false;
    int biased = exp + T::kBias;
    if (exp < kMinExp) {
        // After rounding, only a value that an unbounded exponent range would round up to 2^emin is not tiny.
        const bool reaches_normal = exp == kMinExp - 1 && sig >> kDrop == (u64{1} << T::kPrecision) - 1 &&
                                    rounds_up(env.rounding, sign, true, sig & kRest, kHalf);
        tiny = env.tiny_before_round || !reaches_normal;
        sig = shift_right_jam(sig, static_cast<unsigned>(kMinExp - exp));
        biased = 0;
    }
    const u64 rest = sig & kRest;
    u64 kept = sig >> kDrop;
    if (rest != 0) {
        env.flags |= kInexact;
        if (tiny) env.flags |= kUnderflow;
        kept += rounds_up(env.rounding, sign, kept & 1, rest, kHalf);
    }
    // The hidden bit adds one to the exponent field; a carry out of the fraction does so too.
    const u64 magnitude = (static_cast<u64>(biased ? biased - 1 : 0) << (T::kPrecision - 1)) + kept;
    if (magnitude >= T::kInf) return overflow<F>(sign, env);
    return signed_zero<F>(sign) | magnitude;
}

/// As round_pack, for a value given with 128 significant bits whose top set bit may be anywhere; v != 0 and v
/// / 2^127 * 2^exp.
template <Format F>
u64 normalize_round_pack(bool sign, int exp, u128 v, Env& env) {
    const int lead = countl_zero(v);
    return round_pack<F>(sign, exp - lead, jam_to_64(v << lead), env);
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

}  // namespace vm::softfloat::detail
