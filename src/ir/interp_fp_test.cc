// interp_fp: that every FP op of the table reaches the right arithmetic with the right rounding, semantics,
// widths and flags. The arithmetic itself is tested in base/softfloat*_test.cc.
#include "ir/interp_fp.h"

#include <gtest/gtest.h>

#include <bit>

#include "base/softfloat.h"
#include "base/softfloat_samples.h"

namespace vm::ir {
namespace {
namespace sf = softfloat;

constexpr u32 kRiscV = fp_aux(Round::Dyn, FpSem::RiscV);

/// Runs one op under `fp` (flags cleared before) and returns the result.
u128 run(FpEnv& fp, Op op, Type result, Type operand, u32 aux, u128 x, u128 y = 0, u128 z = 0,
         Type lane = Type::Void) {
    Inst in;
    in.op = op;
    in.type = result;
    in.mtype = lane;
    in.aux = aux;
    fp.flags = 0;
    return interp_fp(in, operand, x, y, z, fp);
}
u64 f64(double v) { return std::bit_cast<u64>(v); }
u64 f32(float v) { return std::bit_cast<u32>(v); }

struct Case {
    Op op;
    Type result, operand;
    u32 aux;
    u64 x, y, z, want;
    u8 flags;
};

void check(const Case& c, u8 rounding = 0) {
    FpEnv fp{0, rounding};
    const u64 got = static_cast<u64>(run(fp, c.op, c.result, c.operand, c.aux, c.x, c.y, c.z));
    EXPECT_EQ(got, c.want) << info(c.op).text << " aux " << c.aux << std::hex << " x " << c.x << " y " << c.y
                           << " got " << got;
    EXPECT_EQ(fp.flags, c.flags) << info(c.op).text << std::hex << " x " << c.x << " y " << c.y;
}

constexpr u64 kQnan64 = 0x7ff8000000000000, kSnan64 = 0x7ff0000000000001, kInf64 = 0x7ff0000000000000;

TEST(InterpFp, Arithmetic) {
    const u64 third = f64(1.0 / 3);
    check({Op::FAdd, Type::F64, Type::F64, kRiscV, f64(1.5), f64(2.25), 0, f64(3.75), 0});
    check({Op::FSub, Type::F64, Type::F64, kRiscV, f64(1.5), f64(2.25), 0, f64(-0.75), 0});
    check({Op::FMul, Type::F32, Type::F32, kRiscV, f32(1.5f), f32(-3.0f), 0, f32(-4.5f), 0});
    check({Op::FDiv, Type::F64, Type::F64, kRiscV, f64(1), f64(3), 0, third, kInexact});
    check({Op::FDiv, Type::F64, Type::F64, kRiscV, f64(1), f64(0), 0, kInf64, kDivByZero});
    check({Op::FSqrt, Type::F64, Type::F64, kRiscV, f64(6.25), 0, 0, f64(2.5), 0});
    check({Op::FSqrt, Type::F64, Type::F64, kRiscV, f64(-1), 0, 0, kQnan64, kInvalid});
    check({Op::FMul, Type::F64, Type::F64, kRiscV, f64(0x1p1023), f64(2), 0, kInf64, kOverflow | kInexact});
    check({Op::FMul, Type::F64, Type::F64, kRiscV, 1, f64(0.25), 0, 0, kUnderflow | kInexact});
    check({Op::FAdd, Type::F16, Type::F16, kRiscV, 0x3c00, 0x4000, 0, 0x4200, 0});  // 1 + 2
}

TEST(InterpFp, RoundingStaticDynamicAndReserved) {
    const u64 low = f64(1.0 / 3), high = low + 1;  // 1/3 rounds down to nearest
    const auto divide = [&](Round rm, u8 dynamic, u64 want) {
        check({Op::FDiv, Type::F64, Type::F64, fp_aux(rm, FpSem::RiscV), f64(1), f64(3), 0, want, kInexact},
              dynamic);
    };
    divide(Round::Dyn, 0, low);
    divide(Round::Dyn, 3, high);
    divide(Round::Rup, 0, high);
    divide(Round::Rdn, 3, low);
    divide(Round::Rtz, 3, low);
    divide(Round::Dyn, 7, low);  // reserved: nearest
    // 0x1.000001p0 + 2^-24: a tie of f32; away from zero for Rmm, in the instruction and in the environment.
    const Case tie{Op::FAdd, Type::F32,  Type::F32, fp_aux(Round::Rmm, FpSem::RiscV), f32(1), f32(0x1p-24f),
                   0,        f32(1) + 1, kInexact};
    check(tie);
    Case dynamic = tie;
    dynamic.aux = kRiscV;
    check(dynamic, 4);
    dynamic.want = f32(1);
    check(dynamic, 0);
}

TEST(InterpFp, FlagsAreSticky) {
    FpEnv fp{kDivByZero | kInvalid, 0};
    Inst in;
    in.op = Op::FAdd;
    in.type = Type::F32;
    in.aux = kRiscV;
    interp_fp(in, Type::F32, f32(1), f32(0x1p-30f), 0, fp);
    EXPECT_EQ(fp.flags, kDivByZero | kInvalid | kInexact);
    interp_fp(in, Type::F32, f32(1), f32(1), 0, fp);
    EXPECT_EQ(fp.flags, kDivByZero | kInvalid | kInexact);
    EXPECT_EQ(fp.rounding, 0);
}

TEST(InterpFp, SemanticsOfNans) {
    const u64 payload = kQnan64 | 0x77, other = kQnan64 | 0x99 | u64{1} << 63;
    const auto sem = [](FpSem s) { return fp_aux(Round::Rne, s); };
    check({Op::FAdd, Type::F64, Type::F64, sem(FpSem::RiscV), payload, other, 0, kQnan64, 0});
    check({Op::FAdd, Type::F64, Type::F64, sem(FpSem::Arm), payload, other, 0, payload, 0});
    check({Op::FAdd, Type::F64, Type::F64, sem(FpSem::X86), other, payload, 0, other, 0});
    check({Op::FSub, Type::F64, Type::F64, sem(FpSem::X86), kInf64, kInf64, 0, kQnan64 | u64{1} << 63,
           kInvalid});
    check({Op::Fma, Type::F64, Type::F64, sem(FpSem::Arm), payload, f64(1), other, other, 0});
    check({Op::Fma, Type::F64, Type::F64, sem(FpSem::X86), payload, f64(1), other, payload, 0});
    check({Op::Fma, Type::F64, Type::F64, sem(FpSem::RiscV), kInf64, f64(0), payload, kQnan64, kInvalid});
    check({Op::Fma, Type::F64, Type::F64, sem(FpSem::X86), kInf64, f64(0), payload, payload, 0});
    // Underflow: Arm looks before rounding, the others after.
    const u64 below = 0x000fffffffffffff, above_one = f64(1) + 1, min_normal = 0x0010000000000000;
    check({Op::FMul, Type::F64, Type::F64, sem(FpSem::RiscV), below, above_one, 0, min_normal, kInexact});
    check({Op::FMul, Type::F64, Type::F64, sem(FpSem::Arm), below, above_one, 0, min_normal,
           kInexact | kUnderflow});
}

TEST(InterpFp, FusedForms) {
    const auto fma = [](u32 extra, double want) {
        check({Op::Fma, Type::F64, Type::F64, fp_aux(Round::Rne, FpSem::RiscV, extra), f64(3), f64(5), f64(7),
               f64(want), 0});
    };
    fma(0, 22);
    fma(kFmaNegProduct, -8);
    fma(kFmaNegAddend, 8);
    fma(kFmaNegProduct | kFmaNegAddend, -22);
}

TEST(InterpFp, MinMax) {
    const u64 zero = 0, minus_zero = u64{1} << 63;
    check({Op::FMinNum, Type::F64, Type::F64, kRiscV, zero, minus_zero, 0, minus_zero, 0});
    check({Op::FMaxNum, Type::F64, Type::F64, kRiscV, minus_zero, zero, 0, zero, 0});
    check({Op::FMinNum, Type::F64, Type::F64, kRiscV, kSnan64, f64(2), 0, f64(2), kInvalid});
    check({Op::FMaxNum, Type::F64, Type::F64, kRiscV, kQnan64 | 1, kQnan64 | 2, 0, kQnan64, 0});
    check({Op::FMin, Type::F64, Type::F64, kRiscV, kQnan64 | 1, f64(2), 0, kQnan64, 0});
    check({Op::FMax, Type::F64, Type::F64, kRiscV, f64(3), f64(2), 0, f64(3), 0});
    const u32 x86 = fp_aux(Round::Rne, FpSem::X86);
    check({Op::FMin, Type::F64, Type::F64, x86, zero, minus_zero, 0, minus_zero, 0});
    check({Op::FMax, Type::F64, Type::F64, x86, zero, minus_zero, 0, minus_zero, 0});
    check({Op::FMin, Type::F64, Type::F64, x86, kQnan64, f64(2), 0, f64(2), kInvalid});
    check({Op::FMax, Type::F64, Type::F64, x86, f64(2), kSnan64, 0, kSnan64, kInvalid});
}

TEST(InterpFp, SignOpsTouchNothingElse) {
    const u64 sign = u64{1} << 63;
    check({Op::FNeg, Type::F64, Type::F64, 0, kSnan64, 0, 0, kSnan64 | sign, 0});
    check({Op::FAbs, Type::F64, Type::F64, 0, kSnan64 | sign, 0, 0, kSnan64, 0});
    check({Op::FCopySign, Type::F64, Type::F64, 0, f64(2), f64(-0.0), 0, f64(-2), 0});
    check({Op::FCopySign, Type::F32, Type::F32, 0, f32(-2), f32(3), 0, f32(2), 0});
    check({Op::FNeg, Type::F16, Type::F16, 0, 0x3c00, 0, 0, 0xbc00, 0});
}

TEST(InterpFp, Compare) {
    const auto compare = [](FpCond cond, bool signaling, u64 x, u64 y, bool want, u8 flags) {
        check({Op::FCmp, Type::I1, Type::F64, fcmp_aux(cond, signaling), x, y, 0, want, flags});
    };
    compare(FpCond::Eq, false, f64(0.0), f64(-0.0), true, 0);
    compare(FpCond::Lt, true, f64(-0.0), f64(0.0), false, 0);
    compare(FpCond::Le, true, f64(-0.0), f64(0.0), true, 0);
    compare(FpCond::Lt, true, f64(-2), f64(-1), true, 0);
    compare(FpCond::Le, true, f64(2), f64(1), false, 0);
    compare(FpCond::Unordered, false, f64(2), f64(1), false, 0);
    compare(FpCond::Unordered, false, f64(2), kQnan64, true, 0);
    compare(FpCond::Eq, false, kQnan64, kQnan64, false, 0);
    compare(FpCond::Eq, false, kSnan64, f64(1), false, kInvalid);
    compare(FpCond::Lt, true, kQnan64, f64(1), false, kInvalid);
    compare(FpCond::Le, false, f64(1), kQnan64, false, 0);
}

TEST(InterpFp, ClassifyRoundAndConvert) {
    check({Op::FClass, Type::I64, Type::F64, 0, kSnan64, 0, 0, 1 << 8, 0});
    check({Op::FClass, Type::I64, Type::F32, 0, f32(-1), 0, 0, 1 << 1, 0});
    check({Op::FClass, Type::I64, Type::F16, 0, 0x7e00, 0, 0, 1 << 9, 0});
    check({Op::FRound, Type::F64, Type::F64, fp_aux(Round::Rdn, FpSem::RiscV), f64(-0.5), 0, 0, f64(-1), 0});
    check({Op::FRound, Type::F64, Type::F64, fp_aux(Round::Rtz, FpSem::RiscV, kFpExact), f64(-0.5), 0, 0,
           f64(-0.0), kInexact});
    check({Op::FRound, Type::F64, Type::F64, kRiscV, kSnan64, 0, 0, kQnan64, kInvalid});
    check({Op::FRound, Type::F32, Type::F32, fp_aux(Round::Rmm, FpSem::RiscV), f32(2.5f), 0, 0, f32(3), 0});
    check({Op::FToF, Type::F32, Type::F64, kRiscV, f64(0.1), 0, 0, f32(0.1f), kInexact});
    check({Op::FToF, Type::F64, Type::F32, kRiscV, f32(0.1f), 0, 0, f64(double{0.1f}), 0});
    check({Op::FToF, Type::F16, Type::F64, kRiscV, f64(1.5), 0, 0, 0x3e00, 0});
    check({Op::FToF, Type::F64, Type::F16, kRiscV, 0xc000, 0, 0, f64(-2), 0});
    check({Op::IntToF, Type::F64, Type::I32, kRiscV, 0xffffffff, 0, 0, f64(-1), 0});
    check({Op::IntToF, Type::F64, Type::I32, kRiscV | kFpUnsigned, 0xffffffff, 0, 0, f64(4294967295.0), 0});
    check({Op::IntToF, Type::F32, Type::I64, kRiscV, 0x7fffffffffffffff, 0, 0, f32(0x1p63f), kInexact});
    check(
        {Op::IntToF, Type::F16, Type::I64, kRiscV | kFpUnsigned, 65520, 0, 0, 0x7c00, kOverflow | kInexact});
}

TEST(InterpFp, FloatToInteger) {
    const auto aux = [](FpSem s, u32 extra = 0) { return fp_aux(Round::Rtz, s, extra); };
    check({Op::FToInt, Type::I32, Type::F64, aux(FpSem::RiscV), f64(-2.75), 0, 0, 0xfffffffe, kInexact});
    check({Op::FToInt, Type::I64, Type::F64, aux(FpSem::RiscV), f64(-2), 0, 0, ~u64{1}, 0});
    check({Op::FToInt, Type::I32, Type::F64, aux(FpSem::RiscV), kQnan64, 0, 0, 0x7fffffff, kInvalid});
    check({Op::FToInt, Type::I32, Type::F64, aux(FpSem::Arm), kQnan64, 0, 0, 0, kInvalid});
    check({Op::FToInt, Type::I32, Type::F64, aux(FpSem::X86), f64(1e10), 0, 0, 0x80000000, kInvalid});
    check({Op::FToInt, Type::I32, Type::F64, aux(FpSem::RiscV, kFpUnsigned), f64(-1), 0, 0, 0, kInvalid});
    check({Op::FToInt, Type::I64, Type::F32, aux(FpSem::RiscV, kFpUnsigned), f32(0x1p63f), 0, 0, u64{1} << 63,
           0});
    check({Op::FToInt, Type::I32, Type::F16, aux(FpSem::RiscV), 0xc100, 0, 0, 0xfffffffe, kInexact});
    check({Op::FToIntMod, Type::I32, Type::F64, kRiscV, f64(4294967301.0), 0, 0, 5, kInvalid}, 3);
    check({Op::FToIntMod, Type::I32, Type::F64, kRiscV, f64(-1.75), 0, 0, 0xffffffff, kInexact}, 3);
}

TEST(InterpFp, NanBoxing) {
    check({Op::NanBox, Type::F64, Type::F32, 0, f32(1), 0, 0, 0xffffffff3f800000, 0});
    check({Op::NanBox, Type::F64, Type::F16, 0, 0x3c00, 0, 0, 0xffffffffffff3c00, 0});
    check({Op::NanUnbox, Type::F32, Type::F64, 0, 0xffffffff3f800000, 0, 0, f32(1), 0});
    check({Op::NanUnbox, Type::F32, Type::F64, 0, 0xfffffffe3f800000, 0, 0, 0x7fc00000, 0});
    check({Op::NanUnbox, Type::F32, Type::F64, 0, 0x000000003f800000, 0, 0, 0x7fc00000, 0});
    check({Op::NanUnbox, Type::F16, Type::F64, 0, 0xffffffffffff3c00, 0, 0, 0x3c00, 0});
    check({Op::NanUnbox, Type::F16, Type::F64, 0, 0xffffffff00003c00, 0, 0, 0x7e00, 0});
}

TEST(InterpFp, SemanticsOfArm) {
    const u32 arm = fp_aux(Round::Dyn, FpSem::Arm), dn = fp_aux(Round::Dyn, FpSem::ArmDn),
              flush = arm | kFpFlush;
    const u64 payload = kQnan64 | 0x77;
    check({Op::FAdd, Type::F64, Type::F64, dn, payload, f64(1), 0, kQnan64, 0});
    check({Op::Fma, Type::F64, Type::F64, dn, f64(1), f64(1), payload, kQnan64, 0});
    check({Op::FToF, Type::F32, Type::F64, dn, kSnan64, 0, 0, 0x7fc00000, kInvalid});
    check({Op::FToInt, Type::I32, Type::F64, dn, kQnan64, 0, 0, 0, kInvalid});
    check({Op::FMinNum, Type::F64, Type::F64, dn, f64(2), kSnan64, 0, kQnan64, kInvalid});
    const auto check_flushed = [&](const Case& c, bool denormal) {
        check(c);
        FpEnv fp;
        run(fp, c.op, c.result, c.operand, c.aux, c.x, c.y, c.z);
        EXPECT_EQ(fp.input_denormal, denormal ? kInputDenormal : 0) << info(c.op).text;
    };
    check_flushed({Op::FAdd, Type::F64, Type::F64, flush, 1, f64(1), 0, f64(1), 0}, true);
    check_flushed({Op::FAdd, Type::F16, Type::F16, flush, 1, 0x3c00, 0, 0x3c00, 0}, false);
    check_flushed({Op::FAdd, Type::F64, Type::F64, arm, 1, 1, 0, 2, 0}, false);
    check_flushed(
        {Op::FMul, Type::F32, Type::F32, flush, f32(-0x1p-126f), f32(0.5f), 0, f32(-0.0f), kUnderflow},
        false);
    check_flushed({Op::FCmp, Type::I1, Type::F64, fcmp_aux(FpCond::Eq, false) | kFpFlush, 1, 0, 0, 1, 0},
                  true);
    check_flushed({Op::FlagsFCmp, Type::Flags, Type::F32, kFpFlush, 1, 0x80000001, 0, 0b0110, 0}, true);
    check_flushed({Op::FToF, Type::F32, Type::F16, flush, 1, 0, 0, f32(0x1p-24f), 0}, false);
    check_flushed({Op::FToF, Type::F16, Type::F32, flush, 1, 0, 0, 0, 0}, true);
    check_flushed({Op::FToInt, Type::I32, Type::F32, flush, 1, 0, 0, 0, 0}, true);
}

TEST(InterpFp, FlagsOfComparisons) {
    const auto compare = [](bool signaling, u64 x, u64 y, u64 want, u8 flags) {
        check({Op::FlagsFCmp, Type::Flags, Type::F64, fcmp_aux(FpCond::Eq, signaling), x, y, 0, want, flags});
    };
    compare(false, f64(1), f64(2), 0b1000, 0);
    compare(false, f64(0.0), f64(-0.0), 0b0110, 0);
    compare(true, f64(2), f64(1), 0b0010, 0);
    compare(false, f64(2), kQnan64, 0b0011, 0);
    compare(true, f64(2), kQnan64, 0b0011, kInvalid);
    compare(false, kSnan64, f64(2), 0b0011, kInvalid);
}

TEST(InterpFp, FixedPointAndNarrowFormats) {
    const u32 arm = fp_aux(Round::Rtz, FpSem::Arm);
    const auto fraction = [](unsigned n) { return n << 9; };
    check({Op::FToInt, Type::I32, Type::F64, arm | fraction(8), f64(1.5), 0, 0, 0x180, 0});
    check({Op::FToInt, Type::I64, Type::F32, arm | fraction(64) | kFpUnsigned, f32(0.5f), 0, 0, u64{1} << 63,
           0});
    check({Op::FToInt, Type::I32, Type::F64, arm | fraction(31), f64(1), 0, 0, 0x7fffffff, kInvalid});
    check({Op::IntToF, Type::F64, Type::I32, arm | fraction(8), 0xfffffe80, 0, 0, f64(-1.5), 0});
    check({Op::IntToF, Type::F32, Type::I64, arm | fraction(64) | kFpUnsigned, u64{1} << 63, 0, 0, f32(0.5f),
           0});
    check({Op::IntToF, Type::F16, Type::I32, arm | fraction(24), 1, 0, 0, 1, 0});
    check({Op::FToF, Type::F32, Type::F64, fp_aux(Round::Odd, FpSem::Arm), f64(1 + 0x1p-40), 0, 0, f32(1) + 1,
           kInexact});
    check({Op::FToF, Type::F16, Type::F32, arm | kFpAltHalf, f32(65536), 0, 0, 0x7c00, 0});
    check({Op::FToF, Type::F64, Type::F16, arm | kFpAltHalf, 0x7fff, 0, 0, f64(131008), 0});
    check({Op::FToBf16, Type::I16, Type::F32, arm, f32(1 + 0x1p-10f), 0, 0, 0x3f80, kInexact});
    check({Op::FToBf16, Type::I16, Type::F32, fp_aux(Round::Dyn, FpSem::Arm), f32(1 + 0x1p-10f), 0, 0, 0x3f81,
           kInexact},
          static_cast<u8>(Round::Rup));
}

TEST(InterpFp, StepsAndEstimates) {
    const u32 arm = fp_aux(Round::Dyn, FpSem::Arm);
    check({Op::FMulX, Type::F64, Type::F64, arm, kInf64, f64(-0.0), 0, f64(-2), 0});
    check({Op::FMulX, Type::F32, Type::F32, arm, f32(3), f32(-2), 0, f32(-6), 0});
    check({Op::FRecpStep, Type::F64, Type::F64, arm, f64(3), f64(0.25), 0, f64(1.25), 0});
    check({Op::FRsqrtStep, Type::F32, Type::F32, arm, f32(2), f32(0.25f), 0, f32(1.25f), 0});
    check({Op::FRecpEst, Type::F32, Type::F32, arm, f32(1), 0, 0, f32(511.0f / 512), 0});
    check({Op::FRecpEst, Type::F64, Type::F64, arm, f64(0.0), 0, 0, kInf64, kDivByZero});
    check({Op::FRsqrtEst, Type::F64, Type::F64, arm, f64(-1), 0, 0, kQnan64, kInvalid});
    check({Op::FRsqrtEst, Type::F16, Type::F16, arm, 0x4400, 0, 0, 0x37fc, 0});
    check({Op::FRecpX, Type::F32, Type::F32, arm, f32(-12), 0, 0, f32(-0.25f), 0});
    check({Op::URecpEst, Type::I32, Type::I32, 0, 0x80000000, 0, 0, 0xff800000, 0});
    check({Op::URsqrtEst, Type::I32, Type::I32, 0, 0x40000000, 0, 0, 0xff800000, 0});
    const u32 toward_zero = fp_aux(Round::Rtz, FpSem::Arm);
    check({Op::FRoundInt, Type::F64, Type::F64, toward_zero, f64(-1.5), 0, 0, f64(-1), kInexact});
    check({Op::FRoundInt, Type::F64, Type::F64, toward_zero, f64(0x1p31), 0, 0, f64(-0x1p31), kInvalid});
    check({Op::FRoundInt, Type::F64, Type::F64, toward_zero | 1 << 9, f64(0x1p31), 0, 0, f64(0x1p31), 0});
    check({Op::FRoundInt, Type::F32, Type::F32, toward_zero | 1 << 9, 0x7fc00000, 0, 0, f32(-0x1p63f),
           kInvalid});
}

u64 lane_of(u128 v, unsigned w, unsigned i) { return zext(static_cast<u64>(v >> (w * i)), w); }

u128 random_lanes(Type lane, sf::testing::Rng& rng) {
    u128 v = 0;
    for (unsigned at = 0; at < 128; at += width(lane)) {
        const u64 x = lane == Type::F16   ? sf::testing::random_value<sf::Format::F16>(rng)
                      : lane == Type::F32 ? sf::testing::random_value<sf::Format::F32>(rng)
                                          : sf::testing::random_value<sf::Format::F64>(rng);
        v |= u128{x} << at;
    }
    return v;
}

/// Random aux of an op: any Round and FpSem, and bits of `extra`.
u32 random_aux(u32 extra, sf::testing::Rng& rng) {
    const auto sem = static_cast<FpSem>(rng.below(4));
    const bool arm = sem == FpSem::Arm || sem == FpSem::ArmDn;
    return fp_aux(static_cast<Round>(rng.below(5)), sem,
                  (static_cast<u32>(rng.next()) & extra) | (arm && rng.below(3) == 0 ? kFpFlush : 0));
}

TEST(InterpFp, VectorsAreTheirLanes) {
    sf::testing::Rng rng(5);
    struct Pair {
        Op vector, scalar;
        u32 aux = 0;
    };
    constexpr u32 kFixed = kFpUnsigned | 63 << 9;
    const Pair pairs[] = {{Op::VFAdd, Op::FAdd},
                          {Op::VFSub, Op::FSub},
                          {Op::VFMul, Op::FMul},
                          {Op::VFDiv, Op::FDiv},
                          {Op::VFSqrt, Op::FSqrt},
                          {Op::VFma, Op::Fma, kFmaNegProduct | kFmaNegAddend},
                          {Op::VFMinNum, Op::FMinNum},
                          {Op::VFMaxNum, Op::FMaxNum},
                          {Op::VFMin, Op::FMin},
                          {Op::VFMax, Op::FMax},
                          {Op::VFRound, Op::FRound, kFpExact},
                          {Op::VFToInt, Op::FToInt, kFixed},
                          {Op::VIntToF, Op::IntToF, kFixed},
                          {Op::VFMulX, Op::FMulX},
                          {Op::VFRecpStep, Op::FRecpStep},
                          {Op::VFRsqrtStep, Op::FRsqrtStep}};
    const auto int_of = [](Type t) {
        return t == Type::F16 ? Type::I16 : t == Type::F32 ? Type::I32 : Type::I64;
    };
    for (unsigned i = 0; i < 3000; ++i) {
        const Type lane = i % 3 == 0 ? Type::F16 : i % 3 == 1 ? Type::F32 : Type::F64;
        const unsigned bits = width(lane);
        const u128 x = random_lanes(lane, rng), y = random_lanes(lane, rng), z = random_lanes(lane, rng);
        for (const Pair& p : pairs) {
            const u32 aux = random_aux(p.aux, rng);
            const Type to = p.vector == Op::VFToInt ? int_of(lane) : lane,
                       from = p.vector == Op::VIntToF ? int_of(lane) : lane;
            FpEnv fp, lane_fp;
            const u128 got = run(fp, p.vector, Type::V128, Type::V128, aux, x, y, z, lane);
            u8 flags = 0;
            for (unsigned n = 0; n < 128 / bits; ++n) {
                const u64 want = static_cast<u64>(run(lane_fp, p.scalar, to, from, aux, lane_of(x, bits, n),
                                                      lane_of(y, bits, n), lane_of(z, bits, n)));
                flags |= lane_fp.flags;
                EXPECT_EQ(lane_of(got, bits, n), want) << info(p.vector).text << " lane " << n;
            }
            EXPECT_EQ(fp.flags, flags) << info(p.vector).text;
            EXPECT_EQ(fp.input_denormal, lane_fp.input_denormal) << info(p.vector).text;
        }
        const u32 aux = fcmp_aux(static_cast<FpCond>(rng.below(4)), rng.below(2));
        FpEnv fp, lane_fp;
        const u128 got = run(fp, Op::VFCmp, Type::V128, Type::V128, aux, x, y, z, lane);
        for (unsigned n = 0; n < 128 / bits; ++n) {
            const u128 truth =
                run(lane_fp, Op::FCmp, Type::I1, lane, aux, lane_of(x, bits, n), lane_of(y, bits, n));
            EXPECT_EQ(lane_of(got, bits, n), zext(truth ? ~u64{0} : 0, bits));
        }
    }
}

TEST(InterpFp, VectorConversionsOfWidth) {
    sf::testing::Rng rng(6);
    for (unsigned i = 0; i < 2000; ++i) {
        const Type narrow = i & 1 ? Type::F16 : Type::F32, wide = i & 1 ? Type::F32 : Type::F64;
        const unsigned n = width(narrow), count = 128 / width(wide);
        const u32 aux = random_aux(kFpAltHalf, rng);
        const u128 x = random_lanes(narrow, rng), y = random_lanes(wide, rng);
        FpEnv fp, lane_fp;
        const u128 low = run(fp, Op::VFWiden, Type::V128, Type::V128, aux, x, 0, 0, narrow),
                   high = run(fp, Op::VFWiden, Type::V128, Type::V128, aux | kVFHigh, x, 0, 0, narrow),
                   down = run(fp, Op::VFNarrow, Type::V128, Type::V128, aux, y, 0, 0, narrow);
        for (unsigned k = 0; k < count; ++k) {
            const auto widened = [&](unsigned at) {
                return static_cast<u64>(run(lane_fp, Op::FToF, wide, narrow, aux, lane_of(x, n, at)));
            };
            EXPECT_EQ(lane_of(low, 2 * n, k), widened(k));
            EXPECT_EQ(lane_of(high, 2 * n, k), widened(count + k));
            EXPECT_EQ(lane_of(down, n, k),
                      static_cast<u64>(run(lane_fp, Op::FToF, narrow, wide, aux, lane_of(y, 2 * n, k))));
        }
        EXPECT_EQ(static_cast<u64>(down >> 64), 0u);
    }
}

TEST(InterpFp, ProductsOfNarrowLanes) {
    const auto f32s = [](float a, float b, float c, float d) {
        return u128{f32(d) << 32 | f32(c)} << 64 | f32(b) << 32 | f32(a);
    };
    FpEnv fp;
    // f16 1, 2, 3, 4, 0.5, 0.25, -1, 8 from lane 0 on
    const u128 h = u128{0x4800bc0034003800} << 64 | 0x4400420040003c00;
    const u128 x = f32s(10, 20, 30, 40);
    const u32 arm = fp_aux(Round::Dyn, FpSem::Arm);
    const auto wide = [&](u32 extra) {
        return run(fp, Op::VFmaWide, Type::V128, Type::V128, arm | extra, x, h, h, Type::F16);
    };
    EXPECT_TRUE(wide(0) == f32s(11, 24, 39, 56));
    EXPECT_TRUE(wide(kFmaNegProduct) == f32s(9, 16, 21, 24));
    EXPECT_TRUE(wide(kVFmaHigh) == f32s(10.25, 20.0625, 31, 104));
    const u128 tiny = 1, one = 0x3c00;  // f16 subnormal: flushed only where bit 7 says so
    const auto product = [&](u32 extra) {
        return run(fp, Op::VFmaWide, Type::V128, Type::V128, arm | extra, 0, tiny, one, Type::F16);
    };
    EXPECT_TRUE(product(kFpFlush) == f32(0x1p-24f));
    EXPECT_TRUE(product(kVFmaFlushHalf) == 0);
    EXPECT_EQ(fp.flags | fp.input_denormal, 0);
    // bfloat16 pairs: (1, 2), (3, 4), (5, 6), (7, 8)
    const auto pair = [&](float a, float b) { return f32(b) >> 16 << 16 | f32(a) >> 16; };
    const u128 p = u128{pair(7, 8) << 32 | pair(5, 6)} << 64 | pair(3, 4) << 32 | pair(1, 2);
    EXPECT_TRUE(run(fp, Op::VBfDot, Type::V128, Type::V128, 0, x, p, p, Type::F32) == f32s(15, 45, 91, 153));
    EXPECT_TRUE(run(fp, Op::VBfMatMul, Type::V128, Type::V128, 0, x, p, p, Type::F32) ==
                f32s(10 + 30, 20 + 70, 30 + 70, 40 + 174));
    EXPECT_EQ(fp.flags | fp.input_denormal, 0);
}

/// Whatever the operands, types and aux: the result fits its type and no flag outside the five appears.
TEST(InterpFp, TotalAndWithinWidth) {
    sf::testing::Rng rng(6);
    const Type floats[] = {Type::F16, Type::F32, Type::F64},
               ints[] = {Type::I8, Type::I16, Type::I32, Type::I64};
    for (unsigned i = 0; i < 200000; ++i) {
        const auto op =
            static_cast<Op>(static_cast<unsigned>(Op::FAdd) + rng.below(static_cast<unsigned>(Op::NanUnbox) -
                                                                        static_cast<unsigned>(Op::FAdd) + 1));
        Type operand = floats[rng.below(3)], result = operand;
        switch (op) {
            case Op::FCmp: result = Type::I1; break;
            case Op::FClass: result = Type::I64; break;
            case Op::FToInt: result = ints[rng.below(4)]; break;
            case Op::FToIntMod:
                operand = Type::F64;
                result = Type::I32;
                break;
            case Op::IntToF: operand = ints[rng.below(4)]; break;
            case Op::FToBf16:
                operand = Type::F32;
                result = Type::I16;
                break;
            case Op::URecpEst:
            case Op::URsqrtEst: operand = result = Type::I32; break;
            case Op::FToF: result = floats[rng.below(3)]; break;
            case Op::NanBox:
                operand = floats[rng.below(2)];
                result = Type::F64;
                break;
            case Op::NanUnbox:
                operand = Type::F64;
                result = floats[rng.below(2)];
                break;
            default: break;
        }
        const auto value = [&] {
            return zext(sf::testing::random_value<sf::Format::F64>(rng) >> rng.below(2) * 48, width(operand));
        };
        FpEnv fp{0, static_cast<u8>(rng.next())};
        const u128 got =
            run(fp, op, result, operand, static_cast<u32>(rng.next() & 0xffff), value(), value(), value());
        EXPECT_EQ(got >> width(result) != 0, false) << info(op).text;
        EXPECT_LT(fp.flags, 32);
        EXPECT_EQ(fp.input_denormal & ~kInputDenormal, 0);
    }
}

TEST(InterpFp, KnowsExactlyTheFpOps) {
    for (unsigned i = 0; i < static_cast<unsigned>(Op::Count_); ++i) {
        const auto op = static_cast<Op>(i);
        if (info(op).effects & kEffectFP) {
            EXPECT_TRUE(is_interp_fp(op)) << info(op).text;
        }
        const bool state =
            op == Op::FpGetFlags || op == Op::FpSetFlags || op == Op::FpGetRound || op == Op::FpSetRound;
        EXPECT_FALSE(state && is_interp_fp(op)) << info(op).text;
    }
}

}  // namespace
}  // namespace vm::ir
