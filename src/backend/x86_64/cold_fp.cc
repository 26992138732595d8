// Out-of-line parts of floating-point lowering: NaN, saturation, signed zeros.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

void Lowering::cold_fp(const Cold& c) {
    switch (c.kind) {
        case ColdKind::CanonNan: cold_canon_calls(static_cast<u32>(c.imm), c.n); return jump_back(c);
        case ColdKind::FmaNan: return cold_fma(c);
        case ColdKind::MinMax: return cold_min_max(c);
        case ColdKind::FToInt: return cold_to_int(c);
        case ColdKind::U64ToF: return cold_u64_to_f(c);
        case ColdKind::IntToF: return cold_int_to_f(c);
        case ColdKind::VecSoft: return cold_soft_emit(c);
        case ColdKind::ArmSoft: return cold_arm_soft(c);
        case ColdKind::ArmMinMax: return cold_arm_min_max(c);
        case ColdKind::ArmToInt: return cold_arm_to_int(c);
        case ColdKind::ArmRound: return cold_arm_round(c);
        case ColdKind::ArmToIntMod: return cold_arm_to_int_mod(c);
        case ColdKind::DefaultNan:
            xmov(c.r[0], constant(c.r[3] ? Const::CanonF32 : Const::CanonF64, c.r[3] ? 4 : 8),
                 c.r[3] ? 4 : 8);
            return jump_back(c);
        case ColdKind::NotEqual: a.test(x86::rsp, x86::rsp); return jump_back(c);
        case ColdKind::Unbox: xmov(c.r[0], constant(Const::CanonF32, 8), 8); return jump_back(c);
        default: return;
    }
}

void Lowering::cold_canon_calls(u32 first, u32 n) {
    for (u32 k = 0; k < n; k++) {
        const unsigned s = canon_[first + k];
        if (s >= static_cast<unsigned>(Stub::CanonF32)) {
            call_stub(Stub::CanonF32, s - static_cast<unsigned>(Stub::CanonF32));
        } else {
            call_stub(Stub::CanonF64, s - static_cast<unsigned>(Stub::CanonF64));
        }
    }
}

// r = {result, x, y, single}. The result is NaN, and the host did not raise invalid for infinity * 0 if the
// addend was a quiet NaN. Where one factor is infinite, multiplying them raises invalid exactly if the other
// is zero, and nothing else.
void Lowering::cold_fma(const Cold& c) {
    const u8 d = c.r[0], x = c.r[1], y = c.r[2];
    const bool single = c.r[3];
    const u32 mul = single ? HInst::kIdVmulss : HInst::kIdVmulsd;
    const u32 ucomi = single ? HInst::kIdVucomiss : HInst::kIdVucomisd;
    // d is NaN anyway and becomes canonical below: it serves as scratch.
    const auto product_if_infinite = [&](u8 p, u8 q) {
        // |p| == infinity, else skip; a NaN p is unordered
        a.emit(HInst::kIdVandps, xr(d), xr(p), constant(single ? Const::AbsF32 : Const::AbsF64, 16));
        a.emit(ucomi, xr(d), constant(single ? Const::InfF32 : Const::InfF64, single ? 4 : 8));
        const u32 unordered = a.jcc_short(Cc::P);
        const u32 finite = a.jcc_short(Cc::Ne);
        a.emit(mul, xr(d), xr(p), xr(q));
        a.land(unordered);
        a.land(finite);
    };
    product_if_infinite(x, y);
    product_if_infinite(y, x);
    xmov(d, constant(single ? Const::CanonF32 : Const::CanonF64, 8), 8);
    cold_canon_calls(static_cast<u32>(c.imm), c.n);
    jump_back(c);
}

// r = {d, x, y, single, max | number << 1}; flags are those of ucomis x, y with ZF set.
void Lowering::cold_min_max(const Cold& c) {
    const u8 d = c.r[0], x = c.r[1], y = c.r[2];
    const bool single = c.r[3], max = c.r[4] & 1, number = c.r[4] & 2;
    const auto ordered_self = [&](u8 r) { single ? a.ucomiss(xr(r), xr(r)) : a.ucomisd(xr(r), xr(r)); };
    const u32 nan = a.jcc_short(Cc::P);
    // Equal: the same bits, or zeros of either sign.
    if (max) {
        fbin(HInst::kIdVandps, HInst::kIdAndps, d, x, xr(y));
    } else {
        fbin(HInst::kIdVorps, HInst::kIdOrps, d, x, xr(y));
    }
    jump_back(c);
    a.land(nan);
    if (number) {
        ordered_self(x);
        const u32 x_nan = a.jcc_short(Cc::P);
        copy(d, x);
        jump_back(c);
        a.land(x_nan);
        ordered_self(y);
        const u32 y_nan = a.jcc_short(Cc::P);
        copy(d, y);
        jump_back(c);
        a.land(y_nan);
    }
    xmov(d, constant(single ? Const::CanonF32 : Const::CanonF64, 8), 8);
    jump_back(c);
}

// r = {d, x, temporary, single, wide | unsigned << 1}
void Lowering::cold_to_int(const Cold& c) {
    const u8 d = c.r[0], x = c.r[1], t = c.r[2];
    const bool single = c.r[3], wide = c.r[4] & 1, is_unsigned = c.r[4] & 2;
    const u32 cvtt = single ? HInst::kIdCvttss2si : HInst::kIdCvttsd2si;
    const u64 largest = is_unsigned ? (wide ? ~u64{0} : 0xffffffff) : (wide ? ~u64{0} >> 1 : 0x7fffffff);
    const auto jump_if_nan_or_negative = [&](u32* negative) {
        single ? a.ucomiss(xr(x), xr(x)) : a.ucomisd(xr(x), xr(x));
        const u32 nan = a.jcc_short(Cc::P);
        single ? a.movmskps(r32(d), xr(x)) : a.movmskpd(r32(d), xr(x));
        a.test(r32(d), 1);
        *negative = a.jcc_short(Cc::Ne);
        a.land(nan);
    };
    const auto invalid = [&] {
        a.emit(cvtt, r32(d), constant(single ? Const::CanonF32 : Const::CanonF64, single ? 4 : 8));
    };
    if (!is_unsigned) {  // the flag is raised already; the smallest value needs none of this and arrives here
                         // as negative
        u32 negative = 0;
        jump_if_nan_or_negative(&negative);
        load_const(d, largest);
        jump_back(c);
        a.land(negative);
        load_const(d, wide ? u64{1} << 63 : 0x80000000);
        return jump_back(c);
    }
    u32 in_range = 0, top = 0;
    if (wide) {  // d holds the biased exponent: [2^63, 2^64)
        a.cmp(r32(d), single ? 127 + 63 : 1023 + 63);
        in_range = a.jcc_short(Cc::Ne);
        a.movaps(xr(t), xr(x));
        if (single) {
            a.subss(xr(t), constant(Const::Two63F32, 4));
        } else {
            a.subsd(xr(t), constant(Const::Two63F64, 8));
        }
        a.emit(cvtt, r64(d), xr(t));
        a.btc(r64(d), 63);
        jump_back(c);
        a.land(in_range);
    }
    u32 negative = 0;
    jump_if_nan_or_negative(&negative);
    invalid();
    load_const(d, largest);
    jump_back(c);
    a.land(negative);
    single ? a.ucomiss(xr(x), constant(Const::MinusOneF32, 4))
           : a.ucomisd(xr(x), constant(Const::MinusOneF64, 8));
    top = a.jcc_short(Cc::A);
    invalid();
    a.xor_(r32(d), r32(d));
    jump_back(c);
    a.land(top);
    a.emit(cvtt, r32(d), xr(x));
    jump_back(c);
}

// r = {d, source, -, single}: source (a copy) has its top bit set. Halved with the lost bit kept sticky,
// converted, doubled.
void Lowering::cold_u64_to_f(const Cold& c) {
    const u8 d = c.r[0], s = c.r[1];
    const bool single = c.r[3];
    a.shr(r64(s), 1);
    const u32 even = a.jcc_short(Cc::Ae);
    a.or_(r64(s), 1);
    a.land(even);
    if (single) {
        a.cvtsi2ss(xr(d), r64(s));
        a.addss(xr(d), xr(d));
    } else {
        a.cvtsi2sd(xr(d), r64(s));
        a.addsd(xr(d), xr(d));
    }
    jump_back(c);
}

// r = {result, source, scratch, single, Round}, n = bits of the source: the conversion with that rounding in
// MXCSR.
void Lowering::cold_int_to_f(const Cold& c) {
    const x86::Mem kept = state_mem(static_cast<i32>(offsetof(VcpuState, scratch)) + 16, 4);
    const x86::Mem changed = state_mem(static_cast<i32>(offsetof(VcpuState, scratch)) + 20, 4);
    const u8 t = c.r[2];
    a.stmxcsr(kept);
    a.mov(r32(t), kept);
    a.and_(r32(t), ~0x6000);
    a.or_(r32(t), static_cast<i32>(mxcsr_rounding(c.r[4])));
    a.mov(changed, r32(t));
    a.ldmxcsr(changed);
    convert_int(c.r[0], gpr(c.r[1], c.n), c.r[3]);
    a.stmxcsr(changed);
    a.mov(r32(t), changed);
    a.and_(r32(t), 0x3f);
    a.or_(kept, r32(t));
    a.ldmxcsr(kept);
    jump_back(c);
}

}  // namespace vm::backend::x86_64
