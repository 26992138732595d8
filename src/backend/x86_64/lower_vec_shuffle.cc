// Vector operations that move lanes or bits of lanes: splat, table, zip and its relatives, widening and
// narrowing, counts of bits.
#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

namespace {

/// log2 of the lane's bytes
unsigned lane_index(const Inst& in) {
    return static_cast<unsigned>(std::countr_zero(ir::width(in.mtype))) - 3;
}

constexpr HostOp kZip[2][4] = {{hop::punpcklbw, hop::punpcklwd, hop::punpckldq, hop::punpcklqdq},
                               {hop::punpckhbw, hop::punpckhwd, hop::punpckhdq, hop::punpckhqdq}};

/// Do all 8 indices mean to pshufb what they mean to vtable? It looks at bits 7 and 3..0 alone.
constexpr bool is_host_index(u64 indices) {
    for (; indices != 0; indices >>= 8)
        if ((indices & 0xf0) != 0 && !(indices & 0x80)) return false;
    return true;
}

}  // namespace

bool Lowering::lower_vec_shuffle(u32 i) {
    const Inst& in = inst(i);
    switch (in.op) {
        case Op::VSplat:
            ir::is_float(in.mtype) && in.mtype != Type::F16 ? vec_splat_float(i) : vec_splat(i);
            return true;
        case Op::VDup: vec_dup(i); return true;
        case Op::VTable: vec_table(i); return true;
        case Op::VExt: vec_ext(i); return true;
        case Op::VRev: vec_rev(i); return true;
        case Op::VWidenS:
        case Op::VWidenU: vec_widen(i); return true;
        case Op::VNarrowSatS:
        case Op::VNarrowSatSU:
        case Op::VNarrowSatU: in.mtype == Type::I32 ? vec_narrow64(i) : vec_narrow(i); return true;
        case Op::VZip1:
        case Op::VZip2: vec_binary(i, kZip[in.op == Op::VZip2][lane_index(in)]); return true;
        case Op::VUzp1:
        case Op::VUzp2: vec_uzp(i); return true;
        case Op::VTrn1:
        case Op::VTrn2: vec_trn(i); return true;
        case Op::VBitrev: vec_bitrev(i); return true;
        case Op::VPopcnt: vec_popcnt(i); return true;
        case Op::VClz: vec_clz(i); return true;
        default: return false;
    }
}

bool Lowering::is_zero128(Value v) const {
    const auto c = const128(v);
    return c && ((*c)[0] | (*c)[1]) == 0;
}

// From a general register.
void Lowering::vec_splat(u32 i) {
    const Inst& in = inst(i);
    const unsigned lane = lane_index(in);
    const Value x = arg(in, 0);
    if (cpu_.avx2 && in_gpr(x) == kNoReg && in_memory(x) && uses_left(x) == 1) {
        static constexpr u32 kBroadcast[] = {HInst::kIdVpbroadcastb, HInst::kIdVpbroadcastw,
                                             HInst::kIdVpbroadcastd, HInst::kIdVpbroadcastq};
        const x86::Mem m = memory_of(x, 1u << lane);
        consume();
        const u8 d = define_xmm(i);
        a.emit(kBroadcast[lane], xr(d), m);
        return defined(i, d);
    }
    const u8 s = use_gpr(x);
    consume();
    const u8 d = define_xmm(i);
    if (cpu_.avx512) {
        static constexpr u32 kBroadcast[] = {HInst::kIdVpbroadcastb, HInst::kIdVpbroadcastw,
                                             HInst::kIdVpbroadcastd, HInst::kIdVpbroadcastq};
        a.emit(kBroadcast[lane], xr(d), lane == 3 ? r64(s) : r32(s));
        return defined(i, d);
    }
    if (lane == 3) {
        cpu_.avx ? a.vmovq(xr(d), r64(s)) : a.movq(xr(d), r64(s));
        v2(hop::punpcklqdq, d, d, d);
        return defined(i, d);
    }
    cpu_.avx ? a.vmovd(xr(d), r32(s)) : a.movd(xr(d), r32(s));
    switch (lane) {
        case 0: v2(hop::pshufb, d, d, constant(VecConst::Zero)); break;
        case 1: v1(hop::pshuflw, d, xr(d), 0); [[fallthrough]];
        default: v1(hop::pshufd, d, xr(d), 0); break;
    }
    defined(i, d);
}

void Lowering::vec_splat_float(u32 i) {
    const Inst& in = inst(i);
    const bool single = in.mtype == Type::F32;
    const Value v = arg(in, 0);
    nan_observed(v);
    const Operand x = use_xsrc(v, single ? 4 : 8);
    consume();
    const u8 d = define_xmm(i, mask_of(reg_of(x)));
    if (!single) {
        a.emit(cpu_.avx ? HInst::kIdVmovddup : HInst::kIdMovddup, xr(d), x);
    } else if (cpu_.avx && (cpu_.avx2 || x.isMem())) {
        a.emit(HInst::kIdVbroadcastss, xr(d), x);
    } else {
        if (x.isMem()) xmov(d, x.as<x86::Mem>(), 4);
        v1(hop::pshufd, d, x.isMem() ? xr(d) : x.as<x86::Xmm>(), 0);
    }
    defined(i, d);
}

void Lowering::vec_dup(u32 i) {
    const Inst& in = inst(i);
    const unsigned lane = lane_index(in), n = static_cast<unsigned>(in.imm);
    if (lane == 0) {
        const u8 x = use_xmm(arg(in, 0));
        consume();
        if (cpu_.avx2 && n == 0) {
            const u8 d = define_xmm(i, mask_of(x));
            a.vpbroadcastb(xr(d), xr(x));
            return defined(i, d);
        }
        return vresult(i, hop::pshufb, x, constant(VecConst::ByteSplat, n));
    }
    const Operand x = use_vsrc(arg(in, 0));
    consume();
    if (lane == 2) return vresult1(i, hop::pshufd, x, n * 0x55);
    if (lane == 3) return vresult1(i, hop::pshufd, x, n ? 0xee : 0x44);
    if (cpu_.avx2 && n == 0) {
        const u8 d = define_xmm(i, mask_of(reg_of(x)));
        a.emit(HInst::kIdVpbroadcastw, xr(d), x);
        return defined(i, d);
    }
    const u8 t = alloc_xmm();
    v1(n < 4 ? hop::pshuflw : hop::pshufhw, t, x, (n & 3) * 0x55);
    vresult(i, n < 4 ? hop::punpcklqdq : hop::punpckhqdq, t, t);
}

// pshufb gives 0 where bit 7 of the index is set.
void Lowering::vec_table(u32 i) {
    const u8 x = use_xmm(arg(inst(i), 0)), index = use_xmm(arg(inst(i), 1));
    const auto known = const128(arg(inst(i), 1));
    consume();
    if (known && is_host_index((*known)[0]) && is_host_index((*known)[1]))
        return vresult(i, hop::pshufb, x, xr(index));
    const u8 t = alloc_xmm();
    v2(hop::paddusb, t, index, constant(Const::Byte70, 16));
    vresult(i, hop::pshufb, x, t);
}

void Lowering::vec_ext(u32 i) {
    const Inst& in = inst(i);
    const u32 n = static_cast<u32>(in.imm);
    const bool low_zero = is_zero128(arg(in, 0)), high_zero = is_zero128(arg(in, 1));
    if (n == 0 || high_zero || low_zero) {
        const u8 x = use_xmm(arg(in, low_zero && n ? 1 : 0));
        consume();
        if (n) return vresult_shift(i, low_zero ? hop::pslldq : hop::psrldq, x, low_zero ? 16 - n : n);
        const u8 d = define_xmm(i, mask_of(x));
        copy(d, x);
        return defined(i, d);
    }
    const u8 high = use_xmm(arg(in, 1));
    const Operand low = use_vsrc(arg(in, 0));
    consume();
    vresult(i, hop::palignr, high, low, n);
}

void Lowering::vec_rev(u32 i) {
    const Inst& in = inst(i);
    const unsigned lane = lane_index(in);
    if (lane == 2) {
        const Operand x = use_vsrc(arg(in, 0));
        consume();
        return vresult1(i, hop::pshufd, x, 0xb1);
    }
    const VecConst table = lane == 1      ? (in.imm == 32 ? VecConst::Rev32H : VecConst::Rev64H)
                           : in.imm == 16 ? VecConst::Rev16B
                           : in.imm == 32 ? VecConst::Rev32B
                                          : VecConst::Rev64B;
    const u8 x = use_xmm(arg(in, 0));
    consume();
    vresult(i, hop::pshufb, x, constant(table));
}

void Lowering::vec_widen(u32 i) {
    static constexpr HostOp kLow[2][3] = {{hop::pmovzxbw, hop::pmovzxwd, hop::pmovzxdq},
                                          {hop::pmovsxbw, hop::pmovsxwd, hop::pmovsxdq}};
    const Inst& in = inst(i);
    const unsigned lane = lane_index(in);
    const bool is_signed = in.op == Op::VWidenS;
    if (!(in.aux & ir::kVHigh)) {
        const Operand x = use_vsrc(arg(in, 0));
        consume();
        return vresult1(i, kLow[is_signed][lane], x);
    }
    const u8 x = use_xmm(arg(in, 0));
    consume();
    if (!is_signed) return vresult(i, kZip[1][lane], x, constant(VecConst::Zero));
    const u8 t = alloc_xmm();
    if (lane == 2) {
        v1(hop::pshufd, t, xr(x), 0xee);
        return vresult1(i, hop::pmovsxdq, xr(t));
    }
    v2(kZip[1][lane], t, x, x);
    vresult_shift(i, lane == 0 ? hop::psraw : hop::psrad, t, 8u << lane);
}

void Lowering::vec_narrow(u32 i) {
    const Inst& in = inst(i);
    const bool bytes = in.mtype == Type::I8;
    if (in.op == Op::VNarrowSatS) return vec_binary(i, bytes ? hop::packsswb : hop::packssdw);
    if (in.op == Op::VNarrowSatSU) return vec_binary(i, bytes ? hop::packuswb : hop::packusdw);
    // The host takes its operands as signed.
    const HostOp min = bytes ? hop::pminuw : hop::pminud, pack = bytes ? hop::packuswb : hop::packusdw;
    const x86::Mem largest = constant(bytes ? VecConst::Word00ff : VecConst::Dword0000ffff);
    const bool zero = is_zero128(arg(in, 1));
    const u8 x = use_xmm(arg(in, 0)), y = zero ? kNoReg : use_xmm(arg(in, 1));
    consume();
    const u8 t = alloc_xmm();
    v2(min, t, x, largest);
    if (zero) return vresult(i, pack, t, constant(VecConst::Zero));
    if (x == y) return vresult(i, pack, t, t);
    const u8 u = alloc_xmm();
    v2(min, u, y, largest);
    vresult(i, pack, t, u);
}

// The low halves where the high ones say that they are enough, else the bound.
void Lowering::vec_narrow64(u32 i) {
    const Inst& in = inst(i);
    const Operand y = use_vmem(arg(in, 1), 3 + scratch_for(arg(in, 0)));
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 low = alloc_xmm(), high = alloc_xmm(), t = alloc_xmm();
    v2(hop::shufps, low, x, y, 0x88);
    v2(hop::shufps, high, x, y, 0xdd);
    if (in.op == Op::VNarrowSatS) {  // fits ? low : bound
        vshift(hop::psrad, t, low, 31);
        v2(hop::pcmpeqd, t, t, high);
        vshift(hop::psrad, high, high, 31);
        v2(hop::pxor, high, high, constant(Const::AbsF32x4, 16));
        v2(hop::pxor, low, low, high);
        v2(hop::pand, low, low, t);
        return vresult(i, hop::pxor, low, high);
    }
    vzero(t);
    v2(hop::pcmpeqd, t, t, high);
    v2(hop::pxor, t, t, constant(Const::AllOnes, 16));
    if (in.op == Op::VNarrowSatU) return vresult(i, hop::por, low, t);
    v2(hop::por, low, low, t);
    vshift(hop::psrad, high, high, 31);
    vresult(i, hop::pandn, high, low);
}

void Lowering::vec_uzp(u32 i) {
    const Inst& in = inst(i);
    const unsigned lane = lane_index(in);
    const bool odd = in.op == Op::VUzp2;
    if (lane == 3) return vec_binary(i, odd ? hop::punpckhqdq : hop::punpcklqdq);
    const Value p = arg(in, 0), q = arg(in, 1);
    if (is_zero128(q)) {
        const u8 x = use_xmm(p);
        consume();
        return vresult(i, hop::pshufb, x, constant(odd ? VecConst::Uzp2Low : VecConst::Uzp1Low, lane));
    }
    const u8 x = use_xmm(p), y = use_xmm(q);
    consume();
    if (lane == 2) return vresult(i, hop::shufps, x, xr(y), odd ? 0xdd : 0x88);
    // As wide lanes that are small enough to be packed.
    const HostOp shift = lane == 0 ? hop::psrlw : hop::psrld,
                 pack = lane == 0 ? hop::packuswb : hop::packusdw;
    const auto part = [&](u8 t, u8 from) {
        if (odd) {
            vshift(shift, t, from, 8u << lane);
        } else {
            v2(hop::pand, t, from, constant(lane == 0 ? VecConst::Word00ff : VecConst::Dword0000ffff));
        }
    };
    const u8 t = alloc_xmm();
    part(t, x);
    if (x == y) return vresult(i, pack, t, t);
    const u8 u = alloc_xmm();
    part(u, y);
    vresult(i, pack, t, u);
}

void Lowering::vec_trn(u32 i) {
    const Inst& in = inst(i);
    const unsigned lane = lane_index(in);
    const bool odd = in.op == Op::VTrn2;
    if (lane == 3) return vec_binary(i, odd ? hop::punpckhqdq : hop::punpcklqdq);
    static constexpr HostOp kLeft[] = {hop::psllw, hop::pslld, hop::psllq};
    static constexpr HostOp kRight[] = {hop::psrlw, hop::psrld, hop::psrlq};
    const u8 x = use_xmm(arg(in, 0)), y = use_xmm(arg(in, 1));
    consume();
    const u8 t = alloc_xmm();
    if (lane == 0) {
        const u8 u = alloc_xmm();
        odd ? vshift(hop::psrlw, t, x, 8) : vshift(hop::psllw, t, y, 8);
        v2(hop::pand, u, odd ? y : x, constant(odd ? VecConst::WordFf00 : VecConst::Word00ff));
        return vresult(i, hop::por, t, u);
    }
    const u32 upper = lane == 1 ? 0xaa : 0xcc;
    if (odd) {
        vshift(kRight[lane], t, x, 8u << lane);
        return vresult(i, hop::pblendw, t, xr(y), upper);
    }
    vshift(kLeft[lane], t, y, 8u << lane);
    vresult(i, hop::pblendw, t, xr(x), upper ^ 0xff);
}

// The halves of the result without GFNI: of each byte of x, the upper nibble from the lower one and the lower
// from the upper.
std::pair<u8, u8> Lowering::reverse_nibbles(u8 x) {
    const u8 t = alloc_xmm(), low = alloc_xmm(), high = alloc_xmm();
    v2(hop::pand, t, x, constant(Const::Byte0f, 16));
    vload(low, constant(VecConst::NibbleReverse4));
    v2(hop::pshufb, low, low, t);
    vshift(hop::psrlw, t, x, 4);
    v2(hop::pand, t, t, constant(Const::Byte0f, 16));
    vload(high, constant(VecConst::NibbleReverse));
    v2(hop::pshufb, high, high, t);
    return {low, high};
}

void Lowering::vec_bitrev(u32 i) {
    const u8 x = use_xmm(arg(inst(i), 0));
    consume();
    if (cpu_.gfni) return vresult(i, hop::gf2p8affineqb, x, constant(VecConst::MatrixReverse), 0);
    const auto [low, high] = reverse_nibbles(x);
    vresult(i, hop::por, low, high);
}

// The bits of each byte in a vector register, the bytes before.
void Lowering::bit_reverse(u32 i) {
    const unsigned bits = op_bits(inst(i).type);
    if (!cpu_.sse42 || ir::width(inst(i).type) < 32) return int_helper(i);
    const u8 x = use_gpr(arg(inst(i), 0));
    consume();
    const u8 d = define_gpr(i, mask_of(x)), v = alloc_xmm();
    if (d != x) a.mov(gpr(d, bits), gpr(x, bits));
    a.bswap(gpr(d, bits));
    a.movq(xr(v), r64(d));
    if (cpu_.gfni) {
        v2(hop::gf2p8affineqb, v, v, constant(VecConst::MatrixReverse), 0);
    } else {
        const auto [low, high] = reverse_nibbles(v);
        v2(hop::por, v, low, xr(high));
    }
    bits == 64 ? a.movq(r64(d), xr(v)) : a.movd(r32(d), xr(v));
    defined(i, d);
}

void Lowering::vec_popcnt(u32 i) {
    if (cpu_.bitalg) return vec_unary(i, {HInst::kIdVpopcntb, 0});
    const u8 x = use_xmm(arg(inst(i), 0));
    consume();
    const u8 t = alloc_xmm(), low = alloc_xmm(), high = alloc_xmm();
    v2(hop::pand, t, x, constant(Const::Byte0f, 16));
    vload(low, constant(VecConst::NibbleCount));
    copy(high, low);
    v2(hop::pshufb, low, low, t);
    vshift(hop::psrlw, t, x, 4);
    v2(hop::pand, t, t, constant(Const::Byte0f, 16));
    v2(hop::pshufb, high, high, t);
    vresult(i, hop::paddb, low, high);
}

// Of bytes: the smaller of what their nibbles say. Of wider lanes: the upper half's, and the lower one's too
// where the upper one is zero.
void Lowering::vec_clz(u32 i) {
    const unsigned lane = lane_index(inst(i));
    if (lane == 2 && cpu_.avx512) return vec_unary(i, {HInst::kIdVplzcntd, 0});
    const u8 x = use_xmm(arg(inst(i), 0));
    consume();
    const u8 t = alloc_xmm(), low = alloc_xmm(), high = alloc_xmm();
    vload(low, constant(VecConst::NibbleClz));
    v2(hop::pshufb, low, low, x);
    vshift(hop::psrlw, t, x, 4);
    v2(hop::pand, t, t, constant(Const::Byte0f, 16));
    vload(high, constant(VecConst::NibbleClzHigh));
    v2(hop::pshufb, high, high, t);
    if (lane == 0) return vresult(i, hop::pminub, low, high);
    v2(hop::pminub, low, low, high);
    vload(t, constant(VecConst::Byte08));
    v2(hop::pcmpeqb, t, t, low);
    vshift(hop::psrlw, t, t, 8);
    v2(hop::pand, t, t, low);
    vshift(hop::psrlw, low, low, 8);
    if (lane == 1) return vresult(i, hop::paddw, low, t);
    v2(hop::paddw, low, low, t);
    vload(t, constant(VecConst::Word0010));
    v2(hop::pcmpeqw, t, t, low);
    vshift(hop::psrld, t, t, 16);
    v2(hop::pand, t, t, low);
    vshift(hop::psrld, low, low, 16);
    vresult(i, hop::paddd, low, t);
}

}  // namespace vm::backend::x86_64
