// IEEE 754-2019 binary arithmetic in integers: the exact reference for every guest ISA and the fallback of
// generated code. Values are bit patterns in the low bits of a u64; higher bits are ignored on input and zero
// in results. Pure functions of their operands and Env; thread-safe and async-signal-safe.
#pragma once

#include "base/bits.h"

namespace vm::softfloat {

/// BF16 (bfloat16) is a target of conversions only.
enum class Format : u8 { F16, F32, F64, BF16 };
/// Rounding-direction attributes; the numbers are those of RISC-V frm and of ir::Round. Odd: what is inexact
/// gets an odd last bit, so that rounding it once more to fewer bits is as if done once.
enum class Round : u8 { Rne, Rtz, Rdn, Rup, Rmm, Odd };
/// Sticky exception flags, at the bit positions of RISC-V fflags and ir::FpFlag.
enum Flag : u8 {
    kInexact = 1,
    kUnderflow = 2,
    kOverflow = 4,
    kDivByZero = 8,
    kInvalid = 16,
    kInputDenormal = 32
};
/// What differs between ISAs: NaN results, min/max of NaNs, conversions out of range.
///   RiscV  every NaN result is the positive quiet NaN without payload
///   Arm    the first signaling, else the first quiet operand, quieted (fma looks at the addend first);
///          default NaN positive
///   X86    the first NaN operand, quieted; default NaN negative
enum class Isa : u8 { RiscV, Arm, X86 };

struct Env {
    Round rounding = Round::Rne;
    Isa isa = Isa::RiscV;
    bool default_nan = false;        ///< Arm FPCR.DN: NaN results are always the default NaN
    bool tiny_before_round = false;  ///< underflow is judged before rounding (Arm), else after (RISC-V, x86)
    /// Arm FPCR.FZ (FZ16 for f16): subnormal operands are zeros of their sign and raise kInputDenormal, but
    /// f16 ones do not; results that are subnormal before rounding become zeros and raise kUnderflow only.
    bool flush = false;
    /// Arm FPCR.AHP, for convert(): f16 has neither infinities nor NaNs, but one more binade.
    bool alt_half = false;
    u8 flags = 0;  ///< Flag bits are or-ed in here, never cleared

    /// The environment that ISA has by itself; DN, FZ and AHP off for Arm.
    static constexpr Env of(Isa isa, Round rounding = Round::Rne) {
        return {.rounding = rounding, .isa = isa, .tiny_before_round = isa == Isa::Arm};
    }
};

enum class Order : u8 { Less, Equal, Greater, Unordered };

/// Layout of a format. Precision counts the hidden bit.
template <Format F>
struct Traits {
    static constexpr unsigned kWidth = F == Format::F32 ? 32 : F == Format::F64 ? 64 : 16;
    static constexpr unsigned kPrecision = F == Format::F16   ? 11
                                           : F == Format::F32 ? 24
                                           : F == Format::F64 ? 53
                                                              : 8;
    static constexpr unsigned kExpBits = kWidth - kPrecision;
    static constexpr int kBias = (1 << (kExpBits - 1)) - 1;
    static constexpr u64 kSign = u64{1} << (kWidth - 1);
    static constexpr u64 kFracMask = (u64{1} << (kPrecision - 1)) - 1;
    static constexpr u64 kInf = ((u64{1} << kExpBits) - 1) << (kPrecision - 1);
    static constexpr u64 kQuiet = u64{1} << (kPrecision - 2);
    static constexpr u64 kMask = kSign | (kSign - 1);
};

template <Format F>
constexpr bool is_nan(u64 a) {
    return (a & ~Traits<F>::kSign & Traits<F>::kMask) > Traits<F>::kInf;
}
template <Format F>
constexpr bool is_signaling_nan(u64 a) {
    return is_nan<F>(a) && !(a & Traits<F>::kQuiet);
}
template <Format F>
constexpr u64 default_nan(Isa isa) {
    return Traits<F>::kInf | Traits<F>::kQuiet | (isa == Isa::X86 ? Traits<F>::kSign : 0);
}

// Every template below is instantiated for the three formats in softfloat*.cc.

template <Format F>
u64 add(u64 a, u64 b, Env& env);
template <Format F>
u64 sub(u64 a, u64 b, Env& env);
template <Format F>
u64 mul(u64 a, u64 b, Env& env);
template <Format F>
u64 div(u64 a, u64 b, Env& env);
template <Format F>
u64 sqrt(u64 a, Env& env);
/// (negate_product ? -1 : 1) * a * b + (negate_addend ? -1 : 1) * c, rounded once. On Arm the negations act
/// on the operands a and c before NaNs are looked at; elsewhere they leave NaNs alone.
template <Format F>
u64 fma(u64 a, u64 b, u64 c, bool negate_product, bool negate_addend, Env& env);
/// Nearest integral value in the same format; `exact` raises inexact where the value changed.
template <Format F>
u64 round_to_integral(u64 a, bool exact, Env& env);

/// Relation of a to b. Quiet NaNs raise invalid only when `signaling`; signaling NaNs always.
template <Format F>
Order compare(u64 a, u64 b, bool signaling, Env& env);
/// minimumNumber, maximumNumber of IEEE 754-2019. On Arm (FMINNM, FMAXNM) a signaling NaN wins over a number.
template <Format F>
u64 min_num(u64 a, u64 b, Env& env);
template <Format F>
u64 max_num(u64 a, u64 b, Env& env);
/// minimum, maximum of IEEE 754-2019; on x86 MINSx, MAXSx (b unless a is strictly less/greater, any NaN is
/// invalid).
template <Format F>
u64 min(u64 a, u64 b, Env& env);
template <Format F>
u64 max(u64 a, u64 b, Env& env);

/// Bit number of RISC-V fclass: 0 -inf, 1 -normal, 2 -subnormal, 3 -0, 4 +0, 5 +subnormal, 6 +normal, 7 +inf,
/// 8 signaling NaN, 9 quiet NaN.
template <Format F>
unsigned classify(u64 a);

/// a * 2^fraction as an integer of `width` bits (1..64), zero-extended to 64; fraction 0..64. Out of range
/// and NaN raise invalid only, and give: RiscV the nearest bound, the upper one for NaN; Arm the nearest
/// bound, 0 for NaN; X86 the integer indefinite (signed: only the top bit set; unsigned: all ones).
template <Format F>
u64 to_int(u64 a, unsigned width, bool is_unsigned, Env& env, unsigned fraction = 0);
/// a truncated toward zero, its low `width` bits (1..64); 0 for NaN and infinity. Flags as to_int with Rtz,
/// signed.
template <Format F>
u64 to_int_modular(u64 a, unsigned width, Env& env);
/// The integer in the low `width` bits (1..64) of v, divided by 2^fraction (0..64).
template <Format F>
u64 from_int(u64 v, unsigned width, bool is_unsigned, Env& env, unsigned fraction = 0);
/// Env::flush does not apply to an f16 side. Also from F32 to BF16.
template <Format To, Format From>
u64 convert(u64 a, Env& env);
/// Nearest integral value if it fits into a signed integer of `width` bits, inexact where it changed; else,
/// and for NaN, invalid and the smallest such integer. F32 and F64.
template <Format F>
u64 round_to_int_range(u64 a, unsigned width, Env& env);

// --- What Arm has as instructions (softfloat_arm.cc). NaNs follow Env::isa as everywhere.

/// a * b, but zero times infinity is 2 with the sign of the product, and valid.
template <Format F>
u64 mul_extended(u64 a, u64 b, Env& env);
/// 2 - a * b and (3 - a * b) / 2, rounded once; zero times infinity counts as 0, and is valid. A NaN operand
/// a has its sign inverted first.
template <Format F>
u64 recip_step(u64 a, u64 b, Env& env);
template <Format F>
u64 rsqrt_step(u64 a, u64 b, Env& env);
/// Estimates of 1 / a and 1 / sqrt(a) with 8 fraction bits.
template <Format F>
u64 recip_estimate(u64 a, Env& env);
template <Format F>
u64 rsqrt_estimate(u64 a, Env& env);
/// The exponent field of a inverted (its largest finite value for zero and subnormal numbers), fraction 0.
template <Format F>
u64 recip_exponent(u64 a, Env& env);
/// The same estimates for fixed-point fractions: a and the result are in units of 2^-32 and 2^-31.
u32 unsigned_recip_estimate(u32 a);
u32 unsigned_rsqrt_estimate(u32 a);
/// f32 c + f16 a * f16 b (or c - a * b), rounded once to f32. `flush_half`: subnormal a and b count as zero;
/// Env::flush is for c and the result.
u64 fma_widening(u64 a, u64 b, u64 c, bool negate_product, bool flush_half, Env& env);
/// c + (a0 * b0 + a1 * b1) of f32 c and pairs of bfloat16, each step rounded to odd, with flushing and
/// default NaN, without flags (BFDOT, not FEAT_EBF16).
u32 bfloat_dot(u32 c, u32 a, u32 b);

}  // namespace vm::softfloat
