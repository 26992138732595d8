// Operands for the softfloat tests: special values of a format, and random ones crowded where arithmetic is
// difficult.
#pragma once

#include <vector>

#include "base/softfloat.h"

namespace vm::softfloat::testing {

/// SplitMix64 step: a fixed sequence from a seed, equal on every host.
class Rng {
  public:
    explicit Rng(u64 seed) : state_(seed) {}
    u64 next() {
        u64 z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    u64 below(u64 n) { return next() % n; }

  private:
    u64 state_;
};

/// Both signs of zeros, subnormals, borders, small integers, halves, integer limits, infinities and NaNs.
template <Format F>
std::vector<u64> special_values() {
    using T = Traits<F>;
    constexpr u64 kOne = u64{T::kBias} << (T::kPrecision - 1), kUlp = 1, kMinNormal = T::kFracMask + 1;
    const auto power = [](int e) { return static_cast<u64>(e + T::kBias) << (T::kPrecision - 1); };
    std::vector<u64> v = {0,
                          1,
                          2,
                          T::kFracMask >> 1,
                          T::kFracMask,
                          kMinNormal,
                          kMinNormal + 1,
                          2 * kMinNormal,
                          2 * kMinNormal - 1,
                          power(-1),
                          kOne - kUlp,
                          kOne,
                          kOne + kUlp,
                          kOne | T::kQuiet,           // 1.5
                          power(1) | T::kQuiet >> 1,  // 2.5
                          power(1) | T::kQuiet,       // 3
                          power(T::kPrecision - 1) + 1,
                          power(T::kPrecision),
                          power(T::kBias / 2),
                          power(-T::kBias / 2),
                          T::kInf - 1,
                          T::kInf - 2,
                          power(T::kBias),
                          T::kInf,
                          T::kInf | 1,                // signaling
                          T::kInf | (T::kQuiet - 1),  // signaling
                          T::kInf | T::kQuiet,
                          T::kInf | T::kQuiet | 5};
    for (const int e : {7, 15, 31, 32, 63, 64}) {
        if (e <= T::kBias) {
            v.push_back(power(e));
            v.push_back(power(e) - 1);
        }
    }
    const auto n = v.size();
    for (std::size_t i = 0; i < n; ++i) v.push_back(v[i] | T::kSign);
    return v;
}

/// A random operand: every bit pattern can come, but borders, short and long fractions are likelier.
template <Format F>
u64 random_value(Rng& rng) {
    using T = Traits<F>;
    const u64 r = rng.next();
    u64 frac = rng.next() & T::kFracMask;
    switch (r & 3) {
        case 0: frac &= ~u64{0} << rng.below(T::kPrecision); break;  // trailing zeros
        case 1:
            frac |= (u64{1} << rng.below(T::kPrecision)) - 1;
            frac &= T::kFracMask;
            break;  // trailing ones
        default: break;
    }
    constexpr u64 kExpMax = (u64{1} << T::kExpBits) - 1;
    u64 exp = rng.next() & kExpMax;
    switch (r >> 2 & 7) {
        case 0: exp = rng.below(3); break;
        case 1: exp = kExpMax - rng.below(3); break;
        case 2:
        case 3: exp = T::kBias + rng.below(T::kPrecision / 2) - T::kPrecision / 4; break;
        case 4: exp = (T::kBias + rng.below(2 * T::kPrecision)) & kExpMax; break;
        case 5: exp = T::kBias / 2 + rng.below(T::kPrecision); break;
        default: break;
    }
    return (r & 64 ? T::kSign : 0) | exp << (T::kPrecision - 1) | frac;
}

/// A value near `a` (same or neighbouring exponents, or a few ulps off), for cancellation.
template <Format F>
u64 random_near(u64 a, Rng& rng) {
    using T = Traits<F>;
    const u64 r = rng.next();
    const u64 sign = r & 1 ? T::kSign : 0;
    const u64 exponents = static_cast<u64>(static_cast<i64>(rng.below(7)) - 3) << (T::kPrecision - 1);
    const u64 few = rng.below(5) - 2;
    u64 magnitude = a;
    if (r & 2) magnitude += exponents;
    if (r & 4) magnitude ^= rng.next() & T::kFracMask;
    if (r & 8) magnitude += few;
    return sign | (magnitude & (T::kSign - 1));
}

}  // namespace vm::softfloat::testing
