// Vector multiplications that look at more than the low half of a product: wide, doubling, carry-less, dot
// products and matrices.
#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

bool Lowering::lower_vec_wide(u32 i) {
    const Inst& in = inst(i);
    switch (in.op) {
        case Op::VMulWideS:
        case Op::VMulWideU: vec_mul_wide(i); return true;
        case Op::VMulDblHi: in.mtype == Type::I16 ? vec_mul_double16(i) : vec_mul_double32(i); return true;
        case Op::VClmul: vec_clmul8(i); return true;
        case Op::VClmulWide:
            if (in.mtype == Type::I8) return vec_clmul_wide8(i), true;
            return cpu_.pclmul && (vec_clmul64(i), true);
        case Op::VDot: vec_dot(i); return true;
        case Op::VMatMul: vec_matmul(i); return true;
        default: return false;
    }
}

void Lowering::vec_mul_wide(u32 i) {
    const Inst& in = inst(i);
    const bool is_signed = in.op == Op::VMulWideS, high = in.aux & ir::kVHigh;
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 t = alloc_xmm(), u = alloc_xmm();
    if (in.mtype == Type::I16) {
        v2(hop::pmullw, t, x, y);
        v2(is_signed ? hop::pmulhw : hop::pmulhuw, u, x, y);
        return vresult(i, high ? hop::punpckhwd : hop::punpcklwd, t, u);
    }
    if (in.mtype == Type::I32) {
        v1(hop::pshufd, t, xr(x), high ? 0xfa : 0x50);
        v1(hop::pshufd, u, xr(y), high ? 0xfa : 0x50);
        return vresult(i, is_signed ? hop::pmuldq : hop::pmuludq, t, u);
    }
    const auto widen = [&](u8 to, u8 from) {
        if (!high) {
            v1(is_signed ? hop::pmovsxbw : hop::pmovzxbw, to, xr(from));
        } else if (is_signed) {
            v2(hop::punpckhbw, to, from, from);
            vshift(hop::psraw, to, to, 8);
        } else {
            v2(hop::punpckhbw, to, from, constant(VecConst::Zero));
        }
    };
    widen(t, x);
    widen(u, y);
    vresult(i, hop::pmullw, t, u);
}

// Only the smallest number squared does not fit, and only it gives the smallest number, which all bits
// inverted is the largest one.
void Lowering::vec_mul_double16(u32 i) {
    const Inst& in = inst(i);
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 t = alloc_xmm(), u = alloc_xmm();
    if (in.aux & ir::kVRound) {
        v2(hop::pmulhrsw, t, x, y);
    } else {
        v2(hop::pmulhw, t, x, y);
        v2(hop::pmullw, u, x, y);
        v2(hop::paddw, t, t, t);
        vshift(hop::psrlw, u, u, 15);
        v2(hop::por, t, t, u);
    }
    v2(hop::pcmpeqw, u, t, constant(Const::SignI16x8, 16));
    vresult(i, hop::pxor, t, u);
}

void Lowering::vec_mul_double32(u32 i) {
    const Inst& in = inst(i);
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 odd = alloc_xmm(), even = alloc_xmm();
    const auto doubled = [&](u8 p) {
        v2(hop::paddq, p, p, p);
        if (in.aux & ir::kVRound) v2(hop::paddq, p, p, constant(VecConst::Qword80000000));
    };
    v1(hop::pshufd, odd, xr(x), 0xf5);
    v1(hop::pshufd, even, xr(y), 0xf5);
    v2(hop::pmuldq, odd, odd, even);
    doubled(odd);
    v2(hop::pmuldq, even, x, y);
    doubled(even);
    vshift(hop::psrlq, even, even, 32);
    v2(hop::pblendw, even, even, xr(odd), 0xcc);
    v2(hop::pcmpeqd, odd, even, constant(Const::SignI32x4, 16));
    vresult(i, hop::pxor, even, odd);
}

// From the top bit of y down: what was added so far doubled, plus x where the bit is set.
void Lowering::vec_clmul8(u32 i) {
    const Inst& in = inst(i);
    const Operand y = use_vmem(arg(in, 1), 3 + scratch_for(arg(in, 0)));
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 bits = alloc_xmm(), mask = alloc_xmm(), sum = alloc_xmm();
    vload(bits, y);
    vzero(sum);
    for (unsigned k = 0; k < 8; k++) {
        if (k) {
            v2(hop::paddb, sum, sum, sum);
            v2(hop::paddb, bits, bits, bits);
        }
        vzero(mask);
        v2(hop::pcmpgtb, mask, mask, bits);
        v2(hop::pand, mask, mask, x);
        if (k < 7) v2(hop::pxor, sum, sum, mask);
    }
    vresult(i, hop::pxor, sum, mask);
}

// The same in words; the bits of y are in their upper halves.
void Lowering::vec_clmul_wide8(u32 i) {
    const Inst& in = inst(i);
    const bool high = in.aux & ir::kVHigh;
    const Operand x = use_vmem(arg(in, 0), kAllScratch), y = use_vmem(arg(in, 1), kAllScratch);
    consume();
    const u8 bits = alloc_xmm(), mask = alloc_xmm(), sum = alloc_xmm(), wide = alloc_xmm();
    vzero(bits);
    v2(high ? hop::punpckhbw : hop::punpcklbw, bits, bits, y);
    vload(wide, x);
    v2(high ? hop::punpckhbw : hop::punpcklbw, wide, wide, constant(VecConst::Zero));
    vzero(sum);
    for (unsigned k = 0; k < 8; k++) {
        if (k) {
            v2(hop::paddw, sum, sum, sum);
            v2(hop::paddw, bits, bits, bits);
        }
        vshift(hop::psraw, mask, bits, 15);
        v2(hop::pand, mask, mask, wide);
        if (k < 7) v2(hop::pxor, sum, sum, mask);
    }
    vresult(i, hop::pxor, sum, mask);
}

void Lowering::vec_clmul64(u32 i) {
    const Inst& in = inst(i);
    const u8 x = use_xmm(arg(in, 0));
    const Operand y = use_vsrc(arg(in, 1));
    consume();
    vresult(i, hop::pclmulqdq, x, y, in.aux & ir::kVHigh ? 0x11 : 0);
}

// sum += the dot products of y and z, which are in memory or pinned registers. VNNI multiplies bytes without
// sign (first) by ones with: others become such by a bias of 128, whose share is taken off again.
void Lowering::vec_add_dot(u8 sum, const Operand& y, const Operand& z, bool y_signed, bool z_signed) {
    const u8 t = alloc_xmm(), u = alloc_xmm();
    const x86::Mem bias = constant(Const::SignI8x16, 16);
    const auto add = [&](u8 to, u8 p, const Operand& q) { a.emit(HInst::kIdVpdpbusd, xr(to), xr(p), q); };
    if (!cpu_.vnni) {
        add_dot_words(sum, y, z, y_signed, z_signed, t, u);
    } else if (y_signed != z_signed) {
        vload(t, y_signed ? z : y);
        add(sum, t, y_signed ? y : z);
    } else if (y_signed) {
        vzero(t);
        vload(u, bias);
        add(t, u, z);
        v2(hop::psubd, sum, sum, t);
        v2(hop::pxor, u, u, y);
        add(sum, u, z);
    } else {
        vzero(t);
        vload(u, y);
        add(t, u, bias);
        v2(hop::psubd, sum, sum, t);
        vload(t, z);
        v2(hop::pxor, t, t, bias);
        add(sum, u, xr(t));
    }
    locked_ &= ~(mask_of(t) | mask_of(u));
}

// The even bytes as words, then the odd ones.
void Lowering::add_dot_words(u8 sum, const Operand& y, const Operand& z, bool y_signed, bool z_signed, u8 t,
                             u8 u) {
    for (const bool odd : {false, true}) {
        const auto part = [&](u8 to, const Operand& from, bool is_signed) {
            vload(to, from);
            if (!odd && !is_signed) return v2(hop::pand, to, to, constant(VecConst::Word00ff));
            if (!odd) vshift(hop::psllw, to, to, 8);
            vshift(is_signed ? hop::psraw : hop::psrlw, to, to, 8);
        };
        part(t, y, y_signed);
        part(u, z, z_signed);
        v2(hop::pmaddwd, t, t, u);
        v2(hop::paddd, sum, sum, t);
    }
}

void Lowering::vec_dot(u32 i) {
    const Inst& in = inst(i);
    const unsigned more = 3 + scratch_for(arg(in, 0));
    const Operand y = use_vmem(arg(in, 1), more), z = use_vmem(arg(in, 2), more), x = use_vsrc(arg(in, 0));
    consume();
    const u8 sum = alloc_xmm();
    vload(sum, x);
    vec_add_dot(sum, y, z, in.aux & ir::kVDotSignedX, in.aux & ir::kVDotSignedY);
    vec_move_result(i, sum);
}

// Each row of y, twice, with both rows of z: the halves of a product are neighbours.
void Lowering::vec_matmul(u32 i) {
    const Inst& in = inst(i);
    const Operand x = use_vmem(arg(in, 0), kAllScratch), y = use_vmem(arg(in, 1), kAllScratch),
                  z = use_vmem(arg(in, 2), kAllScratch);
    consume();
    u8 rows[2];
    for (unsigned k = 0; k < 2; k++) {
        rows[k] = alloc_xmm();
        v1(hop::pshufd, rows[k], y, k ? 0xee : 0x44);
        store_wide(k, rows[k]);
    }
    for (unsigned k = 0; k < 2; k++) {
        vzero(rows[k]);
        vec_add_dot(rows[k], wide_mem(k), z, in.aux & ir::kVDotSignedX, in.aux & ir::kVDotSignedY);
    }
    v2(hop::phaddd, rows[0], rows[0], rows[1]);
    vresult(i, hop::paddd, rows[0], x);
}

}  // namespace vm::backend::x86_64
