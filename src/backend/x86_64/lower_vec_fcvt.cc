// Vector floating-point roundings and conversions.
#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

using ir::FpSem;
using ir::Round;

namespace {

constexpr u32 kLe = 2, kUnordered = 3, kNotLess = 5, kOrdered = 7;  // predicates of cmpps
constexpr u32 kTowardZero = 3, kCurrent = 4, kSuppress = 8;         // of roundps; kSuppress: no inexact
constexpr u32 round_control(Round r) {
    constexpr u32 rc[] = {0, kTowardZero, 1, 2};
    return r == Round::Dyn ? kCurrent : rc[static_cast<u8>(r)];
}

const HostOp& cmp_of(bool single) { return single ? hop::cmpps : hop::cmppd; }
const HostOp& round_of(bool single) { return single ? hop::roundps : hop::roundpd; }
const HostOp& mul_of(bool single) { return single ? hop::mulps : hop::mulpd; }
/// One of two neighbouring constants.
x86::Mem by_lane(VecConst single, bool is_single) { return constant(single, is_single ? 0 : 1); }
constexpr HostOp avx512_op(u32 id) { return {id, 0}; }

}  // namespace

bool Lowering::lower_vec_fcvt(u32 i) {
    const Inst& in = inst(i);
    switch (in.op) {
        case Op::VFWiden: return vec_fwiden(i);
        case Op::VFNarrow: return vec_fnarrow(i);
        default: break;
    }
    if (in.mtype != Type::F32 && in.mtype != Type::F64) return false;
    switch (in.op) {
        case Op::VFRound: return vec_fround(i);
        case Op::VFToInt: return vec_ftoi(i);
        case Op::VIntToF: return vec_itof(i);
        default: return false;
    }
}

// The NaN of one operand, quieted, is what Arm and x86 want, too.
bool Lowering::vec_fround(u32 i) {
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    const bool exact = in.aux & ir::kFpExact, check = f.sem == FpSem::ArmDn || f.sem == FpSem::RiscV;
    const Operand x = use_vmem(arg(in, 0), 3);
    consume();
    u8 r = kNoReg;
    if (f.round == Round::Rmm) {
        r = vec_fround_away(x, f.single, exact);
    } else {
        r = alloc_xmm();
        v1(round_of(f.single), r, x, round_control(f.round) | (exact ? 0 : kSuppress));
    }
    if (check) vec_fcheck(i, r, false, {x, Operand{}, Operand{}});
    vec_move_result(i, r);
    return true;
}

// x, in memory or pinned, rounded to the nearest integer, halves away from zero, in a scratch register:
// truncated, and one away from zero where at least half was lost. Compared as integers, which raises nothing.
u8 Lowering::vec_fround_away(const Operand& x, bool single, bool exact) {
    const HostOp greater = single ? hop::pcmpgtd : hop::pcmpgtq;
    const x86::Mem magnitude = constant(single ? Const::AbsF32x4 : Const::AbsF64x2, 16);
    const u8 r = alloc_xmm(), t = alloc_xmm(), u = alloc_xmm();
    v1(round_of(single), r, x, kTowardZero | (exact ? 0 : kSuppress));
    vload(u, x);
    v2(hop::pand, u, u, magnitude);
    vload(t, by_lane(VecConst::IntegralF32, single));
    v2(greater, t, t, u);  // else x is its own integer, or none
    v2(hop::pand, u, t, x);
    v2(hop::pand, t, t, r);
    v2(single ? hop::subps : hop::subpd, u, u, t);
    v2(hop::pand, u, u, magnitude);
    v2(greater, u, u, by_lane(VecConst::BelowHalfF32, single));
    v2(hop::pand, u, u, by_lane(VecConst::OneF32, single));
    vload(t, x);
    v2(hop::pand, t, t, constant(single ? Const::SignF32x4 : Const::SignF64x2, 16));
    v2(hop::por, t, t, u);
    v2(single ? hop::addps : hop::addpd, r, r, t);
    locked_ &= ~(mask_of(t) | mask_of(u));
    return r;
}

// Every lane 2^n.
void Lowering::vec_power(u8 d, int n, bool single) {
    const u8 g = alloc_gpr();
    if (single) {
        a.mov(r32(g), static_cast<u32>(127 + n) << 23);
        cpu_.avx ? a.vmovd(xr(d), r32(g)) : a.movd(xr(d), r32(g));
    } else {
        a.mov(r64(g), static_cast<i64>(u64{static_cast<u32>(1023 + n)} << 52));
        cpu_.avx ? a.vmovq(xr(d), r64(g)) : a.movq(xr(d), r64(g));
    }
    v1(hop::pshufd, d, xr(d), single ? 0 : 0x44);
    locked_ &= ~mask_of(g);
}

// What is to be converted, x itself or in a scratch register: x scaled by the fraction bits and rounded.
// Clamped before, to what no integer holds either, so that scaling cannot overflow.
u8 Lowering::vec_ftoi_operand(const Inst& in, const Operand& x) {
    const VecFp f = vec_fp(in);
    const unsigned n = ir::fp_fraction_bits(in.aux);
    const bool as_is = f.round == Round::Rtz || (f.round == Round::Dyn && !(in.aux & ir::kFpUnsigned));
    if (n == 0 && as_is && x.isReg()) return reg_of(x);
    if (f.round == Round::Rmm && n == 0) return vec_fround_away(x, f.single, true);
    const u8 v = alloc_xmm();
    if (n != 0) {
        const u8 t = alloc_xmm();
        vload(v, by_lane(VecConst::ClampF32, f.single));
        v2(f.single ? hop::minps : hop::minpd, v, v, x);  // NaN: the second operand
        vload(t, by_lane(VecConst::ClampNegF32, f.single));
        v2(f.single ? hop::maxps : hop::maxpd, t, t, v);
        vec_power(v, static_cast<int>(n), f.single);
        v2(mul_of(f.single), v, v, t);
        locked_ &= ~mask_of(t);
    }
    if (as_is) {
        if (n == 0) vload(v, x);
    } else {
        v1(round_of(f.single), v, n ? static_cast<Operand>(xr(v)) : x, round_control(f.round));
    }
    return v;
}

// The host gives its indefinite integer and raises invalid for what does not fit.
bool Lowering::vec_ftoi(u32 i) {
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    const bool is_unsigned = in.aux & ir::kFpUnsigned, dynamic = f.round == Round::Dyn && !is_unsigned;
    if (f.sem == FpSem::X86 && f.single && !is_unsigned && ir::fp_fraction_bits(in.aux) == 0 &&
        (f.round == Round::Rtz || f.round == Round::Dyn))
        return vec_unary(i, dynamic ? hop::cvtps2dq : hop::cvttps2dq), true;
    if (!f.arm() || (is_unsigned && !f.single && !cpu_.avx512)) return false;
    if (f.round == Round::Rmm && ir::fp_fraction_bits(in.aux) != 0) return false;
    const Operand x = use_vmem(arg(in, 0), is_unsigned ? kAllScratch : 3);
    consume();
    if (is_unsigned) return vec_ftou(i, x), true;
    const u8 v = vec_ftoi_operand(in, x);
    const u8 d = alloc_xmm(), t = alloc_xmm();
    if (f.single) {
        v1(dynamic ? hop::cvtps2dq : hop::cvttps2dq, d, xr(v));
    } else if (cpu_.avx512) {
        a.emit(dynamic ? HInst::kIdVcvtpd2qq : HInst::kIdVcvttpd2qq, xr(d), xr(v));
    } else {
        const u32 id = dynamic ? (cpu_.avx ? HInst::kIdVcvtsd2si : HInst::kIdCvtsd2si)
                               : (cpu_.avx ? HInst::kIdVcvttsd2si : HInst::kIdCvttsd2si);
        const u8 g = alloc_gpr();
        a.emit(id, r64(g), xr(v));
        cpu_.avx ? a.vmovq(xr(d), r64(g)) : a.movq(xr(d), r64(g));
        v1(hop::pshufd, t, xr(v), 0xee);
        a.emit(id, r64(g), xr(t));
        cpu_.avx ? a.vmovq(xr(t), r64(g)) : a.movq(xr(t), r64(g));
        v2(hop::punpcklqdq, d, d, t);
    }
    // Too large: the largest integer, all bits of the indefinite one inverted. NaN: zero.
    vload(t, by_lane(VecConst::Two31F32, f.single));
    v2(cmp_of(f.single), t, t, xr(v), kLe);
    v2(hop::pxor, d, d, t);
    v2(cmp_of(f.single), t, v, xr(v), kOrdered);
    vresult(i, hop::pand, d, t);
    return true;
}

// Where a negative number may be rounded to one that does not fit, it must not be inexact, too.
void Lowering::vec_ftou(u32 i, const Operand& x) {
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    const u8 d = define_xmm(i, 0, mask_of(reg_of(x)));
    locked_ |= mask_of(d);
    const u8 t = alloc_xmm(), u = alloc_xmm(), v = alloc_xmm();
    const u8 g = ir::fp_fraction_bits(in.aux) ? alloc_gpr() : kNoReg;
    locked_ &= ~(mask_of(t) | mask_of(u) | mask_of(v) | mask_of(g));  // nothing is saved after the first jump
    const size_t first = cold_.size();
    if (f.round != Round::Rtz) {
        vload(t, x);
        a.emit(cpu_.avx ? HInst::kIdVptest : HInst::kIdPtest, xr(t),
               constant(f.single ? Const::SignF32x4 : Const::SignF64x2, 16));
        cold_soft(Cc::Ne, i, d, {x, Operand{}, Operand{}});
    }
    const u8 from = vec_ftoi_operand(in, x);
    if (cpu_.avx512) {  // all ones for what is too large, and for what should be zero
        const u8 zero = alloc_xmm();
        a.emit(f.single ? HInst::kIdVcvttps2udq : HInst::kIdVcvttpd2uqq, xr(d), xr(from));
        vzero(zero);
        v2(cmp_of(f.single), zero, zero, xr(from), kLe);
        v2(hop::pand, d, d, zero);
    } else {
        vec_ftou32(i, x, d, from);
    }
    for (size_t k = first; k < cold_.size(); k++) cold_[k].back = a.pos();
    defined(i, d);
}

// v in (-1, 2^32), else all in C++: what is not below 2^31 is converted without that and gets the bit back.
void Lowering::vec_ftou32(u32 i, const Operand& x, u8 d, u8 v) {
    const u8 t = alloc_xmm(), u = alloc_xmm();
    vload(t, constant(VecConst::MinusOneF32x4));
    v2(hop::cmpps, t, t, xr(v), kNotLess);
    v2(hop::cmpps, u, v, constant(VecConst::Two32F32), kNotLess);
    v2(hop::por, t, t, u);
    v1(hop::ptest, t, xr(t));
    cold_soft(Cc::Ne, i, d, {x, Operand{}, Operand{}});
    vload(t, constant(VecConst::Two31F32));
    v2(hop::cmpps, t, t, xr(v), kLe);
    v2(hop::andps, u, t, constant(VecConst::Two31F32));
    v2(hop::subps, d, v, xr(u));
    v1(hop::cvttps2dq, d, xr(d));
    vshift(hop::pslld, t, t, 31);
    v2(hop::pxor, d, d, t);
}

bool Lowering::vec_itof(u32 i) {
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    const unsigned n = ir::fp_fraction_bits(in.aux);
    const bool is_unsigned = in.aux & ir::kFpUnsigned;
    if (f.round != Round::Dyn) return false;
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 d = alloc_xmm();
    if (is_unsigned && !cpu_.avx512) {
        vec_utof(d, x, f.single);
    } else if (f.single) {
        is_unsigned ? v1(avx512_op(HInst::kIdVcvtudq2ps), d, xr(x)) : v1(hop::cvtdq2ps, d, xr(x));
    } else if (cpu_.avx512) {
        v1(avx512_op(is_unsigned ? HInst::kIdVcvtuqq2pd : HInst::kIdVcvtqq2pd), d, xr(x));
    } else {
        const u8 g = alloc_gpr(), t = alloc_xmm();
        cpu_.avx ? a.vmovq(r64(g), xr(x)) : a.movq(r64(g), xr(x));
        vzero(d);
        convert_int(d, r64(g), false);
        cpu_.avx ? a.vpextrq(r64(g), xr(x), 1) : a.pextrq(r64(g), xr(x), 1);
        vzero(t);
        convert_int(t, r64(g), false);
        v2(hop::unpcklpd, d, d, t);
        locked_ &= ~(mask_of(t) | mask_of(g));
    }
    if (n != 0) {  // exact: no result is near the smallest normal number
        const u8 t = alloc_xmm();
        vec_power(t, -static_cast<int>(n), f.single);
        vresult(i, mul_of(f.single), d, t);
    } else {
        vec_move_result(i, d);
    }
    return true;
}

// The halves of each integer as the low bits of a number of fixed exponent: the sum of the two, less what the
// exponents add, is rounded once.
void Lowering::vec_utof(u8 d, u8 x, bool single) {
    const u8 low = alloc_xmm();
    const u32 upper = single ? 0xaa : 0xcc;
    v2(hop::pblendw, low, x, by_lane(VecConst::MagicLowF32, single), upper);
    vshift(single ? hop::psrld : hop::psrlq, d, x, single ? 16 : 32);
    v2(hop::pblendw, d, d, by_lane(VecConst::MagicHighF32, single), upper);
    v2(single ? hop::subps : hop::subpd, d, d, by_lane(VecConst::MagicBothF32, single));
    v2(single ? hop::addps : hop::addpd, d, d, low);
    v2(hop::pand, d, d, constant(single ? Const::AbsF32x4 : Const::AbsF64x2, 16));  // 0, rounded down, is -0
    locked_ &= ~mask_of(low);
}

bool Lowering::vec_fwiden(u32 i) {
    const Inst& in = inst(i);
    const bool half = in.mtype == Type::F16;
    const FpSem sem = ir::fp_sem(in.aux);
    if (half && (!cpu_.f16c || (in.aux & ir::kFpAltHalf))) return false;
    const Operand x = use_vmem(arg(in, 0), 2);
    consume();
    const u8 d = alloc_xmm();
    Operand from = x;
    if (in.aux & ir::kVFHigh) {
        v1(hop::pshufd, d, x, 0xee);
        from = xr(d);
    }
    half ? v1({HInst::kIdVcvtph2ps, 0}, d, from) : v1(hop::cvtps2pd, d, from);
    if (sem == FpSem::ArmDn || sem == FpSem::RiscV) {
        const u8 t = alloc_xmm();
        v2(half ? hop::cmpps : hop::cmppd, t, d, xr(d), kUnordered);
        v1(hop::ptest, t, xr(t));
        cold_soft(Cc::Ne, i, d, {x, Operand{}, Operand{}});
    }
    vec_move_result(i, d);
    return true;
}

bool Lowering::vec_fnarrow(u32 i) {
    const Inst& in = inst(i);
    const VecFp f = vec_fp(in);
    const bool half = in.mtype == Type::F16;
    if (f.round != Round::Dyn || (half && (!cpu_.f16c || (in.aux & ir::kFpAltHalf)))) return false;
    const Operand x = use_vmem(arg(in, 0), 2);
    consume();
    const u8 d = alloc_xmm(), t = alloc_xmm();
    if (half) {
        vload(t, x);
        a.vcvtps2ph(xr(d), xr(t), asmjit::Imm(kCurrent));
    } else {
        v1(hop::cvtpd2ps, d, x);
    }
    if (f.sem == FpSem::ArmDn || f.sem == FpSem::RiscV) {
        vload(t, x);
        v2(half ? hop::cmpps : hop::cmppd, t, t, xr(t), kUnordered);
        v1(hop::ptest, t, xr(t));
        cold_soft(Cc::Ne, i, d, {x, Operand{}, Operand{}});
    }
    if (f.arm()) {  // tiny?
        v2(hop::pand, t, d, half ? constant(VecConst::HalfF16) : constant(Const::AbsF32x4, 16));
        v2(half ? hop::pcmpeqw : hop::pcmpeqd, t, t,
           half ? constant(VecConst::HalfF16, 1) : constant(VecConst::MinNormalF32));
        v1(hop::ptest, t, xr(t));
        cold_soft(Cc::Ne, i, d, {x, Operand{}, Operand{}});
    }
    vec_move_result(i, d);
    return true;
}

}  // namespace vm::backend::x86_64
