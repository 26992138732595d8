// Out-of-line parts of Arm's floating point.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

// r[0] = result, r[1 + k] = operand k, kNoReg: in memory `op` or in its place already. Everything else in
// registers is kept.
void Lowering::cold_arm_soft(const Cold& c) {
    const Inst& in = *c.inst;
    for (unsigned k = 0; k < ir::arg_count(in.op); k++) {
        const u8 r = c.r[1 + k];
        const x86::Mem place =
            state_mem(static_cast<i32>(offsetof(VcpuState, wide)) + static_cast<i32>(16 * k), 8);
        if (r != kNoReg) a.emit(cpu_.avx ? HInst::kIdVmovq : HInst::kIdMovq, place, xr(r));
    }
    if (c.op.isMem()) {  // operand 1, which is no register; the result's register is free by now
        xmov(c.r[0], c.op.as<x86::Mem>(), arg_type(in, 1) == Type::F32 ? 4 : 8);
        a.emit(cpu_.avx ? HInst::kIdVmovq : HInst::kIdMovq,
               state_mem(static_cast<i32>(offsetof(VcpuState, wide)) + 16, 8), xr(c.r[0]));
    }
    const i32 scratch = static_cast<i32>(offsetof(VcpuState, scratch));
    a.mov(state_mem(scratch, 8), static_cast<i32>(wide_op_code(in)));
    a.mov(state_mem(scratch + 8, 8), static_cast<i32>(in.aux));
    call_stub(Stub::KeepingWideOp);
    x86::Mem result = state_mem(static_cast<i32>(offsetof(VcpuState, wide)) + 48, 8);
    if (c.r[0] < kXmm0) {
        a.mov(r64(c.r[0]), result);
    } else if (in.type == Type::F32) {
        result.setSize(4);
        xmov(c.r[0], result, 4);
    } else {
        xmov(c.r[0], result, 8);
    }
    jump_back(c);
}

// Flags are those of ucomis x, y with zero set. Equal: the same bits, or zeros of either sign.
void Lowering::cold_arm_min_max(const Cold& c) {
    const u8 d = c.r[0], x = c.r[1], y = c.r[2];
    const u32 nan = a.jcc_short(Cc::P);
    if (c.r[4]) {
        fbin(HInst::kIdVandps, HInst::kIdAndps, d, x, xr(y));
    } else {
        fbin(HInst::kIdVorps, HInst::kIdOrps, d, x, xr(y));
    }
    jump_back(c);
    a.land(nan);
    Cold soft = c;
    soft.r[3] = kNoReg;
    cold_arm_soft(soft);
}

// The flag is raised already. The smallest integer needs nothing and arrives here as a negative number.
void Lowering::cold_arm_to_int(const Cold& c) {
    const u8 d = c.r[0], x = c.r[1];
    const bool single = c.r[3], wide = c.r[4];
    single ? a.ucomiss(xr(x), xr(x)) : a.ucomisd(xr(x), xr(x));
    const u32 number = a.jcc_short(Cc::Np);
    a.xor_(r32(d), r32(d));
    jump_back(c);
    a.land(number);
    single ? a.movmskps(r32(d), xr(x)) : a.movmskpd(r32(d), xr(x));
    a.test(r32(d), 1);
    const u32 negative = a.jcc_short(Cc::Ne);
    load_const(d, wide ? ~u64{0} >> 1 : 0x7fffffff);
    jump_back(c);
    a.land(negative);
    load_const(d, wide ? u64{1} << 63 : 0x80000000);
    jump_back(c);
}

// Integral already, infinite, or NaN, which becomes quiet.
void Lowering::cold_arm_round(const Cold& c) {
    constexpr u32 kTruncate = 3;
    const u8 d = c.r[0];
    const bool single = c.r[3];
    arm_round_to(d, c.r[1], single, kTruncate);
    if (c.r[4]) {
        ucomis(single, d, xr(d));
        const u32 number = a.jcc_short(Cc::Np);
        xmov(d, constant(single ? Const::CanonF32 : Const::CanonF64, single ? 4 : 8), single ? 4 : 8);
        a.land(number);
    }
    jump_back(c);
}

// The invalid flag is raised already, or the number is the smallest i32. What fits into 64 bits is truncated
// without further flags; r[4] is a free vector register.
void Lowering::cold_arm_to_int_mod(const Cold& c) {
    constexpr u32 kTruncate = 3, kNoInexact = 8;
    const u8 d = c.r[0], t = c.r[4];
    arm_round_to(t, c.r[1], false, kTruncate | kNoInexact);
    a.emit(cpu_.avx ? HInst::kIdVcvttsd2si : HInst::kIdCvttsd2si, r64(d), xr(t));
    a.cmp(r64(d), 1);
    const u32 large = a.jcc_short(Cc::O);
    a.mov(r32(d), r32(d));
    jump_back(c);
    a.land(large);
    cold_arm_soft(c);
}

}  // namespace vm::backend::x86_64
