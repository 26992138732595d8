// Floating-point values and instruction words in each precision, for tests.
#pragma once

#include <bit>
#include <cmath>
#include <limits>

#include "frontend/arm64/machine_test.h"

namespace vm::frontend::arm64::test {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr u8 kNX = ir::kInexact, kUF = ir::kUnderflow, kOF = ir::kOverflow, kDZ = ir::kDivByZero,
                    kNV = ir::kInvalid;

/// One of the three precisions.
struct Precision {
    unsigned width, fraction_bits;
    int bias;
    char letter;

    u64 sign() const { return u64{1} << (width - 1); }
    u64 infinity() const { return zext(~u64{0}, width - 1 - fraction_bits) << fraction_bits; }
    u64 quiet() const { return infinity() | u64{1} << (fraction_bits - 1); }  ///< the default NaN
    u64 signaling() const { return infinity() | 1; }
    u64 least_normal() const { return u64{1} << fraction_bits; }
    u64 largest() const { return infinity() - 1; }

    /// Of a value that has them exactly and is no subnormal; NaN is the default one.
    u64 bits(double v) const {
        const u64 s = std::signbit(v) ? sign() : 0;
        if (std::isnan(v)) return quiet();
        if (std::isinf(v)) return s | infinity();
        if (v == 0) return s;
        int exponent = 0;
        const double m = std::frexp(std::fabs(v), &exponent);  // 0.5 <= m < 1
        const double fraction = std::ldexp(m, static_cast<int>(fraction_bits) + 1);
        EXPECT_EQ(fraction, std::floor(fraction)) << v;
        EXPECT_TRUE(exponent - 1 + bias > 0 && exponent - 1 <= bias) << v;
        return s + (static_cast<u64>(exponent - 2 + bias) << fraction_bits) + static_cast<u64>(fraction);
    }
    /// The instruction `name` in this precision.
    u32 word(std::string_view name) const {
        if (width == 16) return test::word(std::string(name) + "_h");
        return test::word(name) | (width == 64 ? kDouble : 0);
    }
};
inline constexpr Precision kHalf{16, 10, 15, 'h'}, kSingle{32, 23, 127, 's'}, kDoubleP{64, 52, 1023, 'd'};
inline constexpr Precision kPrecisions[] = {kHalf, kSingle, kDoubleP};

/// Bits that no scalar result leaves standing, above operands of any width.
inline Vector operand(const Precision& p, u64 bits) {
    return {bits | (p.width == 64 ? 0 : 0xa5a5a5a5a5a5a5a5 << p.width), 0x1122334455667788};
}

}  // namespace vm::frontend::arm64::test
