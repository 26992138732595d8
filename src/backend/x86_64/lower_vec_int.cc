// Lane-wise integer arithmetic, comparisons and bitwise operations of 128-bit vectors.
#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

namespace {

/// What is one host instruction on lanes of 8, 16, 32 and 64 bits; number 0 is none.
struct Row {
    Op op;
    HostOp lanes[4];
};
constexpr HostOp kNo{0, 0};
constexpr Row kRows[] = {
    {Op::VAdd, {hop::paddb, hop::paddw, hop::paddd, hop::paddq}},
    {Op::VSub, {hop::psubb, hop::psubw, hop::psubd, hop::psubq}},
    {Op::VMul, {kNo, hop::pmullw, hop::pmulld, kNo}},
    {Op::VCmpEq, {hop::pcmpeqb, hop::pcmpeqw, hop::pcmpeqd, hop::pcmpeqq}},
    {Op::VCmpGtS, {hop::pcmpgtb, hop::pcmpgtw, hop::pcmpgtd, hop::pcmpgtq}},
    {Op::VMinS, {hop::pminsb, hop::pminsw, hop::pminsd, kNo}},
    {Op::VMaxS, {hop::pmaxsb, hop::pmaxsw, hop::pmaxsd, kNo}},
    {Op::VMinU, {hop::pminub, hop::pminuw, hop::pminud, kNo}},
    {Op::VMaxU, {hop::pmaxub, hop::pmaxuw, hop::pmaxud, kNo}},
    {Op::VAbs, {hop::pabsb, hop::pabsw, hop::pabsd, kNo}},
    {Op::VAddSatS, {hop::paddsb, hop::paddsw, kNo, kNo}},
    {Op::VAddSatU, {hop::paddusb, hop::paddusw, kNo, kNo}},
    {Op::VSubSatS, {hop::psubsb, hop::psubsw, kNo, kNo}},
    {Op::VSubSatU, {hop::psubusb, hop::psubusw, kNo, kNo}},
    {Op::VAvgU, {hop::pavgb, hop::pavgw, kNo, kNo}},
};

/// The same for lanes of 64 bits with AVX-512.
constexpr Row kRows512[] = {
    {Op::VMul, {kNo, kNo, kNo, {HInst::kIdVpmullq, 0, true}}},
    {Op::VMinS, {kNo, kNo, kNo, {HInst::kIdVpminsq, 0, true}}},
    {Op::VMaxS, {kNo, kNo, kNo, {HInst::kIdVpmaxsq, 0, true}}},
    {Op::VMinU, {kNo, kNo, kNo, {HInst::kIdVpminuq, 0, true}}},
    {Op::VMaxU, {kNo, kNo, kNo, {HInst::kIdVpmaxuq, 0, true}}},
    {Op::VAbs, {kNo, kNo, kNo, {HInst::kIdVpabsq, 0}}},
};

constexpr unsigned kFirst = static_cast<unsigned>(Op::VAdd);
constexpr unsigned kCount = static_cast<unsigned>(Op::VAvgU) - kFirst + 1;
using Table = std::array<std::array<HostOp, 4>, kCount>;

constexpr Table make_table(bool avx512) {
    Table t{};
    const auto add = [&](const Row& r) {
        for (unsigned k = 0; k < 4; k++)
            if (r.lanes[k].vex != 0) t[static_cast<unsigned>(r.op) - kFirst][k] = r.lanes[k];
    };
    for (const Row& r : kRows) add(r);
    if (avx512)
        for (const Row& r : kRows512) add(r);
    return t;
}
constexpr Table kTable = make_table(false), kTable512 = make_table(true);

/// log2 of the lane's bytes
unsigned lane_index(const Inst& in) {
    return static_cast<unsigned>(std::countr_zero(ir::width(in.mtype))) - 3;
}

constexpr HostOp kAdd[4] = {hop::paddb, hop::paddw, hop::paddd, hop::paddq};
constexpr HostOp kSub[4] = {hop::psubb, hop::psubw, hop::psubd, hop::psubq};
constexpr HostOp kGreater[4] = {hop::pcmpgtb, hop::pcmpgtw, hop::pcmpgtd, hop::pcmpgtq};
constexpr Const kSign[4] = {Const::SignI8x16, Const::SignI16x8, Const::SignI32x4, Const::SignI64x2};

}  // namespace

bool Lowering::lower_vec_int(u32 i) {
    const Inst& in = inst(i);
    switch (in.op) {
        case Op::And: vec_binary(i, hop::pand); return true;
        case Op::Or: vec_binary(i, hop::por); return true;
        case Op::Xor: vec_binary(i, hop::pxor); return true;
        case Op::AndNot: {
            const u8 y = use_xmm(arg(in, 1));
            const Operand x = use_vsrc(arg(in, 0));
            consume();
            vresult(i, hop::pandn, y, x);
            return true;
        }
        case Op::Not: {
            const u8 x = use_xmm(arg(in, 0));
            consume();
            vresult(i, hop::pxor, x, constant(Const::AllOnes, 16));
            return true;
        }
        case Op::VSelect: vec_select(i); return true;
        default: break;
    }
    if (in.op < Op::VAdd || in.op > Op::VAvgU || in.mtype == Type::Void) return false;
    const unsigned lane = lane_index(in);
    const HostOp o = (cpu_.avx512 ? kTable512 : kTable)[static_cast<unsigned>(in.op) - kFirst][lane];
    if (o.vex != 0) {
        ir::arg_count(in.op) == 1 ? vec_unary(i, o) : vec_binary(i, o);
        return true;
    }
    switch (in.op) {
        case Op::VMul: lane == 0 ? vec_mul8(i) : vec_mul64(i); return true;
        case Op::VCmpGtU: vec_greater_u(i); return true;
        case Op::VMinS:
        case Op::VMaxS:
        case Op::VMinU:
        case Op::VMaxU: vec_minmax64(i); return true;
        case Op::VAbs: vec_abs64(i); return true;
        case Op::VAddSatS:
        case Op::VSubSatS: vec_sat_signed(i); return true;
        case Op::VAddSatU:
        case Op::VSubSatU: vec_sat_unsigned(i); return true;
        case Op::VAvgU: vec_avg32(i); return true;
        default: return false;
    }
}

// Products of words: of the even bytes, whose upper halves are masked off, and of the odd ones, the factors
// in different halves of their words so that the product is in the upper one.
void Lowering::vec_mul8(u32 i) {
    const u8 x = use_xmm(arg(inst(i), 0)), y = use_xmm(arg(inst(i), 1));
    consume();
    const u8 odd = alloc_xmm(), t = alloc_xmm();
    v2(hop::pand, odd, y, constant(VecConst::WordFf00));
    vshift(hop::psrlw, t, x, 8);
    v2(hop::pmullw, odd, odd, t);
    v2(hop::pmullw, t, x, y);
    v2(hop::pand, t, t, constant(VecConst::Word00ff));
    vresult(i, hop::por, odd, t);
}

// (xh * yl + xl * yh) << 32 + xl * yl
void Lowering::vec_mul64(u32 i) {
    const u8 x = use_xmm(arg(inst(i), 0)), y = use_xmm(arg(inst(i), 1));
    consume();
    const u8 t = alloc_xmm(), cross = alloc_xmm();
    vshift(hop::psrlq, t, x, 32);
    v2(hop::pmuludq, t, t, y);
    vshift(hop::psrlq, cross, y, 32);
    v2(hop::pmuludq, cross, cross, x);
    v2(hop::paddq, cross, cross, t);
    vshift(hop::psllq, cross, cross, 32);
    v2(hop::pmuludq, t, x, y);
    vresult(i, hop::paddq, cross, t);
}

void Lowering::vec_greater_u(u32 i) {
    const unsigned lane = lane_index(inst(i));
    const u8 x = use_xmm(arg(inst(i), 0)), y = use_xmm(arg(inst(i), 1));
    consume();
    const u8 t = alloc_xmm(), u = alloc_xmm();
    v2(hop::pxor, t, x, constant(kSign[lane], 16));
    v2(hop::pxor, u, y, constant(kSign[lane], 16));
    vresult(i, kGreater[lane], t, u);
}

void Lowering::vec_minmax64(u32 i) {
    const Inst& in = inst(i);
    const bool max = in.op == Op::VMaxS || in.op == Op::VMaxU;
    const bool is_unsigned = in.op == Op::VMinU || in.op == Op::VMaxU;
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 greater = alloc_xmm();  // x > y
    if (is_unsigned) {
        const u8 t = alloc_xmm();
        v2(hop::pxor, greater, x, constant(Const::SignI64x2, 16));
        v2(hop::pxor, t, y, constant(Const::SignI64x2, 16));
        v2(hop::pcmpgtq, greater, greater, t);
        locked_ &= ~mask_of(t);
    } else {
        v2(hop::pcmpgtq, greater, x, y);
    }
    vec_move_result(i, max ? vec_mask_select(greater, x, y) : vec_mask_select(greater, y, x));
}

void Lowering::vec_abs64(u32 i) {
    const u8 x = use_xmm(arg(inst(i), 0));
    consume();
    const u8 sign = alloc_xmm(), t = alloc_xmm();
    vzero(sign);
    v2(hop::pcmpgtq, sign, sign, x);
    v2(hop::pxor, t, x, sign);
    vresult(i, hop::psubq, t, sign);
}

// (x | y) - ((x ^ y) >> 1)
void Lowering::vec_avg32(u32 i) {
    const u8 x = use_xmm(arg(inst(i), 0)), y = use_xmm(arg(inst(i), 1));
    consume();
    const u8 t = alloc_xmm(), u = alloc_xmm();
    v2(hop::pxor, t, x, y);
    vshift(hop::psrld, t, t, 1);
    v2(hop::por, u, x, y);
    vresult(i, hop::psubd, u, t);
}

void Lowering::vec_select(u32 i) {
    const Inst& in = inst(i);
    const u8 mask = use_xmm(arg(in, 0)), x = use_xmm(arg(in, 1)), y = use_xmm(arg(in, 2));
    consume();
    if (cpu_.avx512) {
        // The destination is one of the operands: the truth table follows.
        const u8 d = define_xmm(i, mask_of(mask) | mask_of(x) | mask_of(y));
        if (d == x) return vternary(d, mask, xr(y), 0xe2), defined(i, d);
        if (d == y) return vternary(d, mask, xr(x), 0xb8), defined(i, d);
        copy(d, mask);
        vternary(d, x, xr(y), 0xca);
        return defined(i, d);
    }
    const u8 t = alloc_xmm();
    v2(hop::pxor, t, x, y);
    v2(hop::pand, t, t, mask);
    vresult(i, hop::pxor, t, y);
}

// It overflowed where both operands (of a sum; of a difference the first and the inverted second) have the
// same sign and the result another; then that sign, inverted, says to which bound.
void Lowering::vec_sat_signed(u32 i) {
    const Inst& in = inst(i);
    const unsigned lane = lane_index(in);
    const bool sum = in.op == Op::VAddSatS, wide = lane == 3;
    const Operand y = use_vmem(arg(in, 1), 3 + scratch_for(arg(in, 0)));
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 r = alloc_xmm(), over = alloc_xmm(), t = alloc_xmm();
    v2(sum ? kAdd[lane] : kSub[lane], r, x, y);
    v2(hop::pxor, over, x, r);
    v2(hop::pxor, t, x, y);
    v2(sum ? hop::pandn : hop::pand, t, t, over);
    if (wide) {
        v1(hop::pshufd, over, xr(r), 0xf5);
        vshift(hop::psrad, over, over, 31);
    } else {
        vshift(hop::psrad, over, r, 31);
    }
    v2(hop::pxor, over, over, constant(kSign[lane], 16));  // the bound
    if (cpu_.avx) {
        const u8 d = define_xmm(i, mask_of(r));
        a.emit(wide ? HInst::kIdVblendvpd : HInst::kIdVblendvps, xr(d), xr(r), xr(over), xr(t));
        return defined(i, d);
    }
    vshift(hop::psrad, t, t, 31);
    if (wide) v1(hop::pshufd, t, xr(t), 0xf5);
    v2(hop::pxor, over, over, r);
    v2(hop::pand, over, over, t);
    vresult(i, hop::pxor, r, over);
}

void Lowering::vec_sat_unsigned(u32 i) {
    const Inst& in = inst(i);
    const bool sum = in.op == Op::VAddSatU, wide = lane_index(in) == 3;
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 t = alloc_xmm();
    if (!wide || cpu_.avx512) {  // min(x, ~y) + y, max(x, y) - y
        const HostOp min = wide ? HostOp{HInst::kIdVpminuq, 0, true} : hop::pminud;
        const HostOp max = wide ? HostOp{HInst::kIdVpmaxuq, 0, true} : hop::pmaxud;
        if (sum) {
            v2(hop::pxor, t, y, constant(Const::AllOnes, 16));
            v2(min, t, t, x);
            return vresult(i, wide ? hop::paddq : hop::paddd, t, y);
        }
        v2(max, t, x, y);
        return vresult(i, wide ? hop::psubq : hop::psubd, t, y);
    }
    const u8 u = alloc_xmm();
    if (sum) {  // x > ~y
        v2(hop::pxor, t, x, constant(Const::SignI64x2, 16));
        v2(hop::pxor, u, y, constant(Const::AbsF64x2, 16));
        v2(hop::pcmpgtq, t, t, u);
        v2(hop::paddq, u, x, y);
        return vresult(i, hop::por, u, t);
    }
    v2(hop::pxor, t, x, constant(Const::SignI64x2, 16));
    v2(hop::pxor, u, y, constant(Const::SignI64x2, 16));
    v2(hop::pcmpgtq, u, u, t);
    v2(hop::psubq, t, x, y);
    vresult(i, hop::pandn, u, t);
}

}  // namespace vm::backend::x86_64
