// For the softfloat tests: binary16 arithmetic by search. An exact result in integers is rounded by looking
// for its neighbours among all values of the format.
#pragma once

#include <gtest/gtest.h>

#include <array>

#include "base/format.h"
#include "base/softfloat.h"

namespace vm::softfloat::testing {

inline constexpr std::array kAllModes = {Round::Rne, Round::Rtz, Round::Rdn,
                                         Round::Rup, Round::Rmm, Round::Odd};

/// A binary16 pattern without sign in units of 2^-24. That of infinity stands for 65536, those above for the
/// numbers of Arm's alternative half precision, 0x8000 for what comes after them.
constexpr u64 magnitude_units(u64 bits) {
    const u64 exp = bits >> 10, frac = bits & 0x3ff;
    return exp == 0 ? frac : (frac | 0x400) << (exp - 1);
}
constexpr u64 half_units(u64 bits) { return magnitude_units(bits & 0x7fff); }

/// An exact result, or one whose lowest bit says that something nonzero lies below it: value * 2^-scale.
struct Exact {
    bool sign;
    u128 value;
    unsigned scale;  // 45..90
};

/// Pattern (without sign) that v, below that of `end`, rounds to; `inexact` tells whether v is no binary16
/// value.
inline u64 search_round(const Exact& v, Round mode, bool& inexact, u64 end = 0x7c00) {
    u64 low = 0, high = end;  // low <= v < high
    while (high - low > 1) {
        const u64 middle = (low + high) / 2;
        (u128{magnitude_units(middle)} << (v.scale - 24) <= v.value ? low : high) = middle;
    }
    inexact = u128{magnitude_units(low)} << (v.scale - 24) != v.value;
    if (!inexact) return low;
    const u128 tie = u128{magnitude_units(low) + magnitude_units(high)} << (v.scale - 25);
    switch (mode) {
        case Round::Rne: return v.value != tie ? (v.value < tie ? low : high) : (low & 1 ? high : low);
        case Round::Rtz: return low;
        case Round::Rdn: return v.sign ? high : low;
        case Round::Rup: return v.sign ? low : high;
        case Round::Rmm: return v.value < tie ? low : high;
        case Round::Odd: return low & 1 ? low : high;
    }
    return 0;
}

/// What softfloat must give for the exact value v (not zero).
inline u64 half_reference(const Exact& v, Env& env) {
    const u64 sign = v.sign ? 0x8000 : 0, end = env.alt_half ? 0x8000 : 0x7c00;
    bool inexact = false;
    if (env.flush && v.value < u128{1} << (v.scale - 14)) {
        env.flags |= kUnderflow;
        return sign;
    }
    const bool huge = v.value >= u128{magnitude_units(end)} << (v.scale - 24);
    const u64 result = huge ? end : search_round(v, env.rounding, inexact, end);
    if (result == end && env.alt_half) {
        env.flags |= kInvalid;
        return sign | 0x7fff;
    }
    if (huge) {
        env.flags |= kOverflow | kInexact;
        const bool down = env.rounding == Round::Rtz || env.rounding == Round::Odd ||
                          env.rounding == (v.sign ? Round::Rup : Round::Rdn);
        return sign | (down ? 0x7bff : 0x7c00);
    }
    if (inexact) env.flags |= kInexact;
    if (result == end) env.flags |= kOverflow;
    if (inexact && v.value < u128{1} << (v.scale - 14)) {
        // Scaled by 2^20, the value is rounded as if the exponent had no lower bound; 2^-14 then stands at
        // 2^6.
        bool ignored = false;
        const u64 unbounded = search_round({v.sign, v.value, v.scale - 20}, env.rounding, ignored);
        if (env.tiny_before_round || unbounded < ((6 + 15) << 10)) env.flags |= kUnderflow;
    }
    return sign | result;
}

constexpr bool finite_half(u64 a) { return (a & 0x7c00) != 0x7c00; }
constexpr bool nonzero_finite_half(u64 a) { return finite_half(a) && (a & 0x7fff) != 0; }

constexpr Exact from_signed(i128 v, unsigned scale) {
    return {v < 0, static_cast<u128>(v < 0 ? -v : v), scale};
}
constexpr i128 signed_units(u64 a) {
    const i128 units = half_units(a);
    return a & 0x8000 ? -units : units;
}

/// Compares soft(env) with the reference in every rounding mode, tininess before and after rounding.
class HalfChecker {
  public:
    explicit HalfChecker(bool flush = false, bool alt_half = false) : flush_(flush), alt_half_(alt_half) {}
    template <class Soft>
    void check(const char* what, const Exact& exact, Soft soft, u64 a, u64 b = 0, u64 c = 0) {
        for (const Round mode : kAllModes) {
            for (const bool before : {false, true}) {
                Env want_env{
                    .rounding = mode, .tiny_before_round = before, .flush = flush_, .alt_half = alt_half_};
                Env env = want_env;
                const u64 want = half_reference(exact, want_env), got = soft(env);
                ++count_;
                if (got == want && env.flags == want_env.flags) continue;
                if (++differences_ <= 5) {
                    ADD_FAILURE() << fmt::format(
                        "{} mode {} before {}: {:#x} {:#x} {:#x} -> {:#x} flags {:#x}, want {:#x} flags "
                        "{:#x}",
                        what, static_cast<int>(mode), before, a, b, c, got, env.flags, want, want_env.flags);
                }
            }
        }
    }
    unsigned count() const { return count_; }

  private:
    bool flush_, alt_half_;
    unsigned differences_ = 0, count_ = 0;
};

}  // namespace vm::softfloat::testing
