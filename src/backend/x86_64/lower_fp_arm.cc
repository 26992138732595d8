// Scalar floating point as Arm has it, with the host's instructions and a check of their result.
//
// Where the two differ:
//   NaN       a result that is NaN may be another one: Arm takes the first signaling operand before quiet
//   ones, its
//             default NaN is positive. The operands are still in their registers, and C++ does it again.
//   tiny      Arm judges before rounding whether a result is tiny, the host after: a result that was rounded
//   to the
//             smallest normal number lacks the underflow flag. C++ does it again; sticky flags only grow.
//   DN        with FPCR.DN every NaN result is the default one, and no operand is needed to know it.
//   limits    conversions to integers saturate, and NaN gives 0.
// With FPCR.FZ everything is done in C++, as is nearly all of half precision.
//
// A comparison with itself finds NaN. A comparison of the magnitude with the smallest normal number finds
// both: the host's zero flag is set for equal and for unordered. Results of sums and roots are never tiny and
// inexact.
#include <bit>
#include <cmath>

#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

using ir::FpSem;
using ir::Round;

namespace {
bool default_nan(const Inst& in) { return ir::fp_sem(in.aux) == FpSem::ArmDn; }
bool is_single(Type t) { return t == Type::F32; }
constexpr u32 mxcsr_rc(Round r) {  // the immediate of roundsd
    constexpr u32 rc[] = {0, 3, 1, 2};
    return r == Round::Dyn ? 4 : rc[static_cast<u8>(r)];
}
constexpr u32 kNoInexact = 8;
}  // namespace

// False: not an operation of Arm, or one of the kind that lower_fp does for all.
bool Lowering::lower_fp_arm(u32 i) {
    const Inst& in = inst(i);
    const bool arm = ir::fp_sem(in.aux) == FpSem::Arm || default_nan(in);
    const bool fixed_point =
        (in.op == Op::FToInt || in.op == Op::IntToF) && ir::fp_fraction_bits(in.aux) != 0;
    const bool half = in.type == Type::F16 || arg_type(in, 0) == Type::F16;
    if ((in.aux & ir::kFpFlush) || (half && !(arm && in.op == Op::FToF)) || (fixed_point && !arm) ||
        (in.op == Op::FToF && ir::fp_round(in.aux) == Round::Odd) || in.op == Op::FToBf16)
        return fp_helper(i), true;
    if (!arm) {
        if (in.op < Op::FMulX || in.op > Op::FRoundInt) return false;
        return fp_helper(i), true;
    }
    const bool arithmetic = in.op <= Op::Fma || (in.op >= Op::FMulX && in.op <= Op::FRsqrtStep);
    if (arithmetic && ir::fp_round(in.aux) != Round::Dyn) return fp_helper(i), true;
    switch (in.op) {
        case Op::FAdd: arm_arith(i, 0); return true;
        case Op::FSub: arm_arith(i, 1); return true;
        case Op::FMul: arm_arith(i, 2); return true;
        case Op::FDiv: arm_arith(i, 3); return true;
        case Op::FSqrt: arm_sqrt(i); return true;
        case Op::Fma: arm_fma(i); return true;
        case Op::FMulX:
        case Op::FRecpStep:
        case Op::FRsqrtStep: arm_step(i); return true;
        case Op::FMinNum:
        case Op::FMin: arm_minmax(i, false); return true;
        case Op::FMaxNum:
        case Op::FMax: arm_minmax(i, true); return true;
        case Op::FRound: arm_round(i); return true;
        case Op::FToInt: arm_to_int(i); return true;
        case Op::FToIntMod: arm_to_int_mod(i); return true;
        case Op::IntToF: int_to_f(i); return true;
        case Op::FToF: arm_float_to_float(i); return true;
        default: fp_helper(i); return true;  // estimates, and rounding to the range of an integer
    }
}

// --- results and their check
// Register for a result whose operands the cold path may want again.
u8 Lowering::arm_result(u32 i, u32 operands) {
    const u8 d = define_xmm(i, 0, operands);
    locked_ |= mask_of(d);
    return d;
}

// Result i is in d.
void Lowering::arm_defined(u32 i, u8 d) {
    if (is_single(inst(i).type) && an_.boxes) {
        box(d);
        set_zero_from(i, 0);
    }
    defined(i, d);
}

// Operation i in C++, its result to d.
Lowering::Cold Lowering::arm_cold(u32 i, u8 d, u8 x, const Operand& y, u8 z) const {
    Cold c{.kind = ColdKind::ArmSoft, .r = {d, x, reg_of(y), z}, .inst = &inst(i)};
    if (y.isMem()) c.op = y;
    return c;
}

void Lowering::ucomis(bool single, u8 x, const Operand& y) {
    const u32 id = single ? (cpu_.avx ? HInst::kIdVucomiss : HInst::kIdUcomiss)
                          : (cpu_.avx ? HInst::kIdVucomisd : HInst::kIdUcomisd);
    a.emit(id, xr(x), y);
}

// A vector register for the check. If all are taken, an operand waits in memory for the cold path.
u8 Lowering::arm_check_scratch(Cold& cold) {
    u32 scratch = 0;
    for (const u8 r : kScratchVector) scratch |= mask_of(r);
    for (unsigned k = 3; (locked_ & scratch) == scratch && k > 0; k--) {
        const u8 r = cold.r[k];
        if (r == kNoReg || !(mask_of(r) & scratch)) continue;
        a.emit(cpu_.avx ? HInst::kIdVmovq : HInst::kIdMovq, wide_mem(k - 1), xr(r));
        cold.r[k] = kNoReg;
        locked_ &= ~mask_of(r);
    }
    return alloc_xmm();
}

// Result cold.r[0] was computed: NaN and, `tiny`, the smallest normal number go to the cold path.
void Lowering::arm_check(Cold cold, bool tiny) {
    const u8 d = cold.r[0];
    const bool single = is_single(cold.inst->type);
    if (!tiny && trapping() && !default_nan(*cold.inst)) return cold_trap(fp_at_, cold);
    if (!tiny) {
        if (default_nan(*cold.inst)) cold = {.kind = ColdKind::DefaultNan, .r = {d, kNoReg, kNoReg, single}};
        ucomis(single, d, xr(d));
        return cold_jcc(Cc::P, cold);
    }
    const u8 t = arm_check_scratch(cold);
    fbin(HInst::kIdVandps, HInst::kIdAndps, t, d, constant(single ? Const::AbsF32 : Const::AbsF64, 16));
    ucomis(single, t, constant(single ? VecConst::MinNormalF32 : VecConst::MinNormalF64, 0, single ? 4 : 8));
    cold_jcc(Cc::E, cold);
}

void Lowering::default_nan_if_nan(u8 d, bool single) {
    ucomis(single, d, xr(d));
    cold_jcc(Cc::P, {.kind = ColdKind::DefaultNan, .r = {d, kNoReg, kNoReg, single}});
}

// d = op x, zeros above it. d must not be x.
void Lowering::arm_unary(u32 vex, u32 sse, u8 d, u8 x) {
    vzero(d);
    fp_at_ = a.pos();
    cpu_.avx ? a.emit(vex, xr(d), xr(d), xr(x)) : a.emit(sse, xr(d), xr(x));
}

void Lowering::arm_round_to(u8 d, u8 x, bool single, u32 imm) {
    vzero(d);
    if (cpu_.avx) {
        a.emit(single ? HInst::kIdVroundss : HInst::kIdVroundsd, xr(d), xr(d), xr(x), asmjit::Imm(imm));
    } else {
        a.emit(single ? HInst::kIdRoundss : HInst::kIdRoundsd, xr(d), xr(x), asmjit::Imm(imm));
    }
}

// d = v, by way of general register t.
void Lowering::float_const(u8 d, u8 t, bool single, double v) {
    load_const(t, single ? std::bit_cast<u32>(static_cast<float>(v)) : std::bit_cast<u64>(v));
    gpr_to_xmm(d, t, single ? 32 : 64);
}

// --- arithmetic
// The operand that has zeros above it comes first, if the operation commutes: then the result has them, too.
void Lowering::arm_arith(u32 i, u32 k) {
    static constexpr u32 kVex[2][4] = {
        {HInst::kIdVaddsd, HInst::kIdVsubsd, HInst::kIdVmulsd, HInst::kIdVdivsd},
        {HInst::kIdVaddss, HInst::kIdVsubss, HInst::kIdVmulss, HInst::kIdVdivss}};
    static constexpr u32 kSse[2][4] = {{HInst::kIdAddsd, HInst::kIdSubsd, HInst::kIdMulsd, HInst::kIdDivsd},
                                       {HInst::kIdAddss, HInst::kIdSubss, HInst::kIdMulss, HInst::kIdDivss}};
    const Inst& in = inst(i);
    // Of two quiet NaNs the first is the result, where that is not looked at.
    const bool single = is_single(in.type), commutes = k == 2 || (k == 0 && !trapping());
    const Value xv = arg(in, 0), yv = arg(in, 1);
    const u8 x = use_xmm(xv);
    const Operand y = use_xsrc(yv, single ? 4 : 8);
    consume();
    const u8 d = arm_result(i, mask_of(x) | mask_of(reg_of(y)));
    unsigned zeros = zero_from(xv);
    if (zeros == 0 && commutes && y.isMem()) {
        xmov(d, y.as<x86::Mem>(), single ? 4 : 8);
        zeros = single ? 32 : 64;
        fp_at_ = a.pos();
        fbin(kVex[single][k], kSse[single][k], d, d, xr(x));
    } else if (zeros == 0 && commutes && y.isReg() && zero_from(yv) != 0) {
        zeros = zero_from(yv);
        fp_at_ = a.pos();
        fbin(kVex[single][k], kSse[single][k], d, reg_of(y), xr(x));
    } else {
        fp_at_ = a.pos();
        fbin(kVex[single][k], kSse[single][k], d, x, y);
    }
    set_zero_from(i, zeros);
    arm_check(arm_cold(i, d, x, y, kNoReg), k >= 2);
    arm_defined(i, d);
}

void Lowering::arm_sqrt(u32 i) {
    const Inst& in = inst(i);
    const bool single = is_single(in.type);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = arm_result(i, mask_of(x));
    arm_unary(single ? HInst::kIdVsqrtss : HInst::kIdVsqrtsd, single ? HInst::kIdSqrtss : HInst::kIdSqrtsd, d,
              x);
    set_zero_from(i, single ? 32 : 64);
    arm_check(arm_cold(i, d, x, Operand(), kNoReg), false);
    arm_defined(i, d);
}

// x * y + z over a copy of x or z, whichever has zeros above it.
void Lowering::arm_fma(u32 i) {
    const Inst& in = inst(i);
    if (!cpu_.fma) return fp_helper(i);
    static constexpr u32 kIds[2][2][4] = {
        {{HInst::kIdVfmadd231sd, HInst::kIdVfnmadd231sd, HInst::kIdVfmsub231sd, HInst::kIdVfnmsub231sd},
         {HInst::kIdVfmadd231ss, HInst::kIdVfnmadd231ss, HInst::kIdVfmsub231ss, HInst::kIdVfnmsub231ss}},
        {{HInst::kIdVfmadd213sd, HInst::kIdVfnmadd213sd, HInst::kIdVfmsub213sd, HInst::kIdVfnmsub213sd},
         {HInst::kIdVfmadd213ss, HInst::kIdVfnmadd213ss, HInst::kIdVfmsub213ss, HInst::kIdVfnmsub213ss}}};
    const bool single = is_single(in.type);
    const unsigned form = (in.aux & ir::kFmaNegProduct ? 1 : 0) | (in.aux & ir::kFmaNegAddend ? 2 : 0);
    const Value xv = arg(in, 0), yv = arg(in, 1), zv = arg(in, 2);
    const u8 x = use_xmm(xv), y = use_xmm(yv), z = use_xmm(zv);
    consume();
    const u8 d = arm_result(i, mask_of(x) | mask_of(y) | mask_of(z));
    if (zero_from(zv) == 0 && (zero_from(xv) | zero_from(yv)) != 0) {
        const bool over_x = zero_from(xv) != 0;
        copy(d, over_x ? x : y);
        a.emit(kIds[1][single][form], xr(d), xr(over_x ? y : x), xr(z));
        set_zero_from(i, zero_from(over_x ? xv : yv));
    } else {
        copy(d, z);
        a.emit(kIds[0][single][form], xr(d), xr(x), xr(y));
        set_zero_from(i, zero_from(zv));
    }
    arm_check(arm_cold(i, d, x, xr(y), z), true);
    arm_defined(i, d);
}

// x * y, 2 - x * y and (3 - x * y) / 2, where zero times infinity is a number and no exception: operands that
// are not finite are left to C++ at once. Halving a small x could be inexact: then those are, too. The two
// differences, where they are not 0, are far from tiny: a product has twice the digits, not more.
void Lowering::arm_step(u32 i) {
    const Inst& in = inst(i);
    const bool product = in.op == Op::FMulX, halve = in.op == Op::FRsqrtStep;
    if (!product && !cpu_.fma) return fp_helper(i);
    const bool single = is_single(in.type);
    const x86::Mem magnitude = constant(single ? Const::AbsF32 : Const::AbsF64, 16),
                   infinity = constant(single ? Const::InfF32 : Const::InfF64, single ? 4 : 8);
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 d = arm_result(i, mask_of(x) | mask_of(y));
    const u8 t = alloc_xmm(), g = alloc_gpr();
    const Cold soft = arm_cold(i, d, x, xr(y), kNoReg);
    const size_t first_cold = cold_.size();
    for (const u8 v : {x, y}) {
        fbin(HInst::kIdVandps, HInst::kIdAndps, t, v, magnitude);
        ucomis(single, t, infinity);
        cold_jcc(Cc::E, soft);
        if (v != x || !halve) continue;
        float_const(d, g, single, single ? 0x1p-125 : 0x1p-1021);
        ucomis(single, t, xr(d));
        cold_jcc(Cc::B, soft);
    }
    const u32 mul_vex = single ? HInst::kIdVmulss : HInst::kIdVmulsd,
              mul_sse = single ? HInst::kIdMulss : HInst::kIdMulsd;
    if (product) {
        fbin(mul_vex, mul_sse, d, x, xr(y));
        set_zero_from(i, zero_from(arg(in, 0)));
        locked_ &= ~mask_of(t);
        arm_check(soft, true);
    } else {
        const u8 factor = halve ? t : x;
        if (halve)
            fbin(mul_vex, mul_sse, t, x, constant(single ? Const::HalfF32 : Const::HalfF64, single ? 4 : 8));
        float_const(d, g, single, halve ? 1.5 : 2);
        a.emit(single ? HInst::kIdVfnmadd231ss : HInst::kIdVfnmadd231sd, xr(d), xr(factor), xr(y));
        set_zero_from(i, single ? 32 : 64);
    }
    for (size_t k = first_cold; k < cold_.size(); k++) cold_[k].back = a.pos();
    arm_defined(i, d);
}

// As for RISC-V: ucomis sets zero where minsd does not do what is wanted, for equal (zeros) and unordered.
void Lowering::arm_minmax(u32 i, bool max) {
    const Inst& in = inst(i);
    const bool single = is_single(in.type);
    const Value xv = arg(in, 0), yv = arg(in, 1);
    const u8 x = use_xmm(xv), y = use_xmm(yv);
    consume();
    const u8 d = define_xmm(i, mask_of(x), mask_of(y));
    ucomis(single, x, xr(y));
    cold_jcc(Cc::E, {.kind = ColdKind::ArmMinMax, .r = {d, x, y, single, static_cast<u8>(max)}, .inst = &in});
    const u32 vex =
        single ? (max ? HInst::kIdVmaxss : HInst::kIdVminss) : (max ? HInst::kIdVmaxsd : HInst::kIdVminsd);
    const u32 sse =
        single ? (max ? HInst::kIdMaxss : HInst::kIdMinss) : (max ? HInst::kIdMaxsd : HInst::kIdMinsd);
    fbin(vex, sse, d, x, xr(y));
    cold_.back().back = a.pos();
    // The cold path combines both registers.
    set_zero_from(i, zero_from_both(xv, yv));
    arm_defined(i, d);
}

// --- rounding
void Lowering::arm_round(u32 i) {
    const Inst& in = inst(i);
    const Round r = ir::fp_round(in.aux);
    const bool single = is_single(in.type), exact = in.aux & ir::kFpExact;
    if (!cpu_.sse41 || (r == Round::Rmm && exact)) return fp_helper(i);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = arm_result(i, mask_of(x));
    set_zero_from(i, single ? 32 : 64);
    if (r == Round::Rmm) {
        round_away(d, x, single,
                   {.kind = ColdKind::ArmRound, .r = {d, x, kNoReg, single, default_nan(in)}, .inst = &in});
        cold_.back().back = a.pos();
    } else {
        arm_round_to(d, x, single, mxcsr_rc(r) | (exact ? 0 : kNoInexact));
        if (default_nan(in)) default_nan_if_nan(d, single);
    }
    arm_defined(i, d);
}

// d = x rounded to the nearest integer, halves away from zero, without flags: what truncation took off is
// exact. Large numbers, infinity and NaN go to the cold path.
void Lowering::round_away(u8 d, u8 x, bool single, Cold cold) {
    const auto number = [&](Const f64, Const f32) { return constant(single ? f32 : f64, single ? 4 : 8); };
    const x86::Mem magnitude = constant(single ? Const::AbsF32 : Const::AbsF64, 16);
    const u8 t = alloc_xmm(), u = alloc_xmm();
    fbin(HInst::kIdVandps, HInst::kIdAndps, t, x, magnitude);
    xmov(d, number(Const::IntegralF64, Const::IntegralF32), single ? 4 : 8);
    ucomis(single, d, xr(t));
    cold_jcc(Cc::Be, cold);
    arm_round_to(d, x, single, mxcsr_rc(Round::Rtz) | kNoInexact);
    fbin(single ? HInst::kIdVsubss : HInst::kIdVsubsd, single ? HInst::kIdSubss : HInst::kIdSubsd, t, x,
         xr(d));
    fbin(HInst::kIdVandps, HInst::kIdAndps, t, t, magnitude);
    constexpr u32 kNotLess = 5;
    const x86::Mem half = number(Const::HalfF64, Const::HalfF32);
    if (cpu_.avx) {
        a.emit(single ? HInst::kIdVcmpss : HInst::kIdVcmpsd, xr(t), xr(t), half, asmjit::Imm(kNotLess));
    } else {
        a.emit(single ? HInst::kIdCmpss : HInst::kIdCmpsd, xr(t), half, asmjit::Imm(kNotLess));
    }
    // 1 or 0 with the sign of x, which keeps the sign of a zero
    fbin(HInst::kIdVandps, HInst::kIdAndps, t, t, constant(single ? Const::OneF32 : Const::OneF64, 16));
    fbin(HInst::kIdVandps, HInst::kIdAndps, u, x, constant(single ? Const::SignF32 : Const::SignF64, 16));
    fbin(HInst::kIdVorps, HInst::kIdOrps, t, t, xr(u));
    fbin(single ? HInst::kIdVaddss : HInst::kIdVaddsd, single ? HInst::kIdAddss : HInst::kIdAddsd, d, d,
         xr(t));
}

// --- conversions
// x * 2^fraction in t, exact; numbers that are too large anyhow go to the cold path first. d is a free
// register.
u8 Lowering::arm_scaled(u8 x, u8 t, u8 d, bool single, unsigned fraction, const Cold& soft) {
    const u8 u = alloc_xmm();
    fbin(HInst::kIdVandps, HInst::kIdAndps, u, x, constant(single ? Const::AbsF32 : Const::AbsF64, 16));
    xmov(t, constant(single ? Const::Two63F32 : Const::Two63F64, single ? 4 : 8), single ? 4 : 8);
    ucomis(single, t, xr(u));
    cold_jcc(Cc::Be, soft);
    float_const(t, d, single, std::ldexp(1.0, static_cast<int>(fraction)));
    fbin(single ? HInst::kIdVmulss : HInst::kIdVmulsd, single ? HInst::kIdMulss : HInst::kIdMulsd, t, t,
         xr(x));
    locked_ &= ~mask_of(u);
    return t;
}

// Signed: the host's "integer indefinite" is the smallest integer; subtracting 1 from it overflows. Unsigned:
// what is not below 2^32 or 2^63 by its exponent, and what is negative, goes to the cold path. The inexact
// flag belongs to results in range only, so what is rounded first is rounded without it, and once more with
// it.
void Lowering::arm_to_int(u32 i) {
    const Inst& in = inst(i);
    const Round r = ir::fp_round(in.aux);
    const bool single = is_single(arg_type(in, 0)), is_unsigned = in.aux & ir::kFpUnsigned,
               wide = in.type == Type::I64;
    const unsigned fraction = ir::fp_fraction_bits(in.aux);
    const bool by_host = r == Round::Rtz || (r == Round::Dyn && !is_unsigned);
    // A signed number that is too large for its integer is integral, so rounding it raises nothing.
    const bool once = !is_unsigned && r != Round::Rmm && (wide || single);
    const bool narrow = !wide && in.type != Type::I32;
    if (narrow || (!by_host && (!cpu_.sse41 || fraction != 0))) return fp_helper(i);
    const u32 cvtt = single ? (cpu_.avx ? HInst::kIdVcvttss2si : HInst::kIdCvttss2si)
                            : (cpu_.avx ? HInst::kIdVcvttsd2si : HInst::kIdCvttsd2si);
    const u32 cvt = single ? (cpu_.avx ? HInst::kIdVcvtss2si : HInst::kIdCvtss2si)
                           : (cpu_.avx ? HInst::kIdVcvtsd2si : HInst::kIdCvtsd2si);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = define_gpr(i);
    const Cold soft = arm_cold(i, d, x, Operand(), kNoReg);
    const size_t first_cold = cold_.size();
    u8 source = x;
    if (fraction != 0) source = arm_scaled(x, alloc_xmm(), d, single, fraction, soft);
    u8 rounded = source;
    if (!by_host) {
        rounded = alloc_xmm();
        if (r == Round::Rmm) {
            round_away(rounded, source, single, soft);
        } else {
            arm_round_to(rounded, source, single, mxcsr_rc(r) | (once ? 0 : kNoInexact));
        }
    }
    if (!is_unsigned) {
        const Cold quick{.kind = ColdKind::ArmToInt, .r = {d, x, kNoReg, single, wide}, .inst = &in};
        a.emit(by_host && r == Round::Dyn ? cvt : cvtt, gpr(d, wide ? 64 : 32), xr(rounded));
        a.cmp(gpr(d, wide ? 64 : 32), 1);
        cold_jcc(Cc::O, by_host || once ? quick : soft);
    } else {
        const unsigned bits = single ? 32 : 64, bias = single ? 127 : 1023;
        if (single) {
            cpu_.avx ? a.vmovd(r32(d), xr(rounded)) : a.movd(r32(d), xr(rounded));
        } else {
            cpu_.avx ? a.vmovq(r64(d), xr(rounded)) : a.movq(r64(d), xr(rounded));
        }
        a.shr(gpr(d, bits), single ? 23 : 52);
        a.cmp(r32(d), bias + (wide ? 63 : 32));
        cold_jcc(Cc::Ae, soft);
        a.emit(cvtt, r64(d), xr(rounded));
    }
    if (!by_host && !once) arm_round_to(rounded, source, single, mxcsr_rc(r == Round::Rmm ? Round::Rtz : r));
    for (size_t k = first_cold; k < cold_.size(); k++) cold_[k].back = a.pos();
    defined(i, d);
}

// What does not fit into 32 bits is taken modulo 2^32 by the cold path.
void Lowering::arm_to_int_mod(u32 i) {
    const Inst& in = inst(i);
    if (!cpu_.sse41) return fp_helper(i);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = define_gpr(i);
    const u8 t = alloc_xmm();
    a.emit(cpu_.avx ? HInst::kIdVcvttsd2si : HInst::kIdCvttsd2si, r32(d), xr(x));
    a.cmp(r32(d), 1);
    Cold cold = arm_cold(i, d, x, Operand(), kNoReg);
    cold.kind = ColdKind::ArmToIntMod;
    cold.r[4] = t;
    cold_jcc(Cc::O, cold);
    defined(i, d);
}

// d * 2^power
void Lowering::scale(u8 d, bool single, int power) {
    const u8 t = alloc_xmm();
    float_const(t, alloc_gpr(), single, std::ldexp(1.0, power));
    fbin(single ? HInst::kIdVmulss : HInst::kIdVmulsd, single ? HInst::kIdMulss : HInst::kIdMulsd, d, d,
         xr(t));
}

void Lowering::arm_float_to_float(u32 i) {
    const Inst& in = inst(i);
    const Type from = arg_type(in, 0);
    if (from == Type::F16 || in.type == Type::F16) {
        const bool widen = from == Type::F16;
        const bool host = cpu_.f16c && !(in.aux & ir::kFpAltHalf) && from != Type::F64 && from != in.type &&
                          (widen || (ir::fp_round(in.aux) == Round::Dyn && !default_nan(in)));
        if (!host) return fp_helper(i);
        return widen ? arm_widen_half(i) : arm_narrow_to_half(i);
    }
    const bool widen = from == Type::F32 && in.type == Type::F64;
    if (from == in.type || (!widen && ir::fp_round(in.aux) != Round::Dyn)) return fp_helper(i);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = arm_result(i, mask_of(x));
    arm_unary(widen ? HInst::kIdVcvtss2sd : HInst::kIdVcvtsd2ss,
              widen ? HInst::kIdCvtss2sd : HInst::kIdCvtsd2ss, d, x);
    set_zero_from(i, widen ? 64 : 32);
    if (!widen) {
        arm_check(arm_cold(i, d, x, Operand(), kNoReg), true);
    } else if (default_nan(in)) {
        default_nan_if_nan(d, false);
    }
    arm_defined(i, d);
}

void Lowering::arm_widen_half(u32 i) {
    const Inst& in = inst(i);
    const u8 x = use_gpr(arg(in, 0));
    consume();
    const u8 t = alloc_gpr();
    a.movzx(r32(t), r16(x));
    const u8 d = arm_result(i, 0);
    gpr_to_xmm(d, t, 32);
    a.vcvtph2ps(xr(d), xr(d));
    if (in.type == Type::F64) a.vcvtss2sd(xr(d), xr(d), xr(d));
    const bool single = in.type == Type::F32;
    if (default_nan(in)) default_nan_if_nan(d, single);
    set_zero_from(i, single ? 32 : 64);
    arm_defined(i, d);
}

// All four lanes are converted, so the others must not raise anything.
void Lowering::arm_narrow_to_half(u32 i) {
    constexpr u32 kDynamic = 4;
    const Inst& in = inst(i);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 t = alloc_xmm();
    a.vinsertps(xr(t), xr(x), xr(x), 0xe);
    a.vcvtps2ph(xr(t), xr(t), kDynamic);
    const u8 d = define_gpr(i);
    locked_ |= mask_of(d);
    const u8 u = alloc_gpr();
    a.vmovd(r32(d), xr(t));
    a.mov(r32(u), r32(d));
    a.and_(r32(u), 0x7fff);
    a.cmp(r32(u), 0x400);
    cold_jcc(Cc::E, arm_cold(i, d, x, Operand(), kNoReg));
    defined(i, d);
}

// Half precision is in general registers.
void Lowering::f_sign_half(u32 i) {
    const Inst& in = inst(i);
    const u8 x = use_gpr(arg(in, 0));
    consume();
    const u8 d = define_gpr(i, mask_of(x));
    if (d != x) a.mov(r32(d), r32(x));
    in.op == Op::FNeg ? a.xor_(r32(d), 0x8000) : a.and_(r32(d), 0x7fff);
    defined(i, d);
}

}  // namespace vm::backend::x86_64
