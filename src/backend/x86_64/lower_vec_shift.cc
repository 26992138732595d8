// Shifts of vector lanes: by an immediate, and by the signed low byte of each lane of another vector.
#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

namespace {

constexpr HostOp kNo{0, 0};
// By lane: 8 (none), 16, 32, 64 bits.
constexpr HostOp kShl[4] = {kNo, hop::psllw, hop::pslld, hop::psllq};
constexpr HostOp kLshr[4] = {kNo, hop::psrlw, hop::psrld, hop::psrlq};
constexpr HostOp kAshr[4] = {kNo, hop::psraw, hop::psrad, {HInst::kIdVpsraq, 0}};
constexpr HostOp kAdd[4] = {hop::paddb, hop::paddw, hop::paddd, hop::paddq};
constexpr HostOp kSub[4] = {hop::psubb, hop::psubw, hop::psubd, hop::psubq};
constexpr VecConst kOne[4] = {VecConst::One8, VecConst::One16, VecConst::One32, VecConst::One64};
constexpr VecConst kLowByte[4] = {VecConst::Zero, VecConst::Word00ff, VecConst::Dword00ff,
                                  VecConst::Qword00ff};
constexpr VecConst kByte7f[4] = {VecConst::Zero, VecConst::Word007f, VecConst::Dword007f,
                                 VecConst::Qword007f};
constexpr HostOp kEqual[4] = {hop::pcmpeqb, hop::pcmpeqw, hop::pcmpeqd, hop::pcmpeqq};
constexpr HostOp kGreater[4] = {hop::pcmpgtb, hop::pcmpgtw, hop::pcmpgtd, hop::pcmpgtq};
// By a vector of amounts, which count as a whole.
constexpr u32 kShlVar[4] = {0, HInst::kIdVpsllvw, HInst::kIdVpsllvd, HInst::kIdVpsllvq};
constexpr u32 kLshrVar[4] = {0, HInst::kIdVpsrlvw, HInst::kIdVpsrlvd, HInst::kIdVpsrlvq};
constexpr u32 kAshrVar[4] = {0, HInst::kIdVpsravw, HInst::kIdVpsravd, HInst::kIdVpsravq};

unsigned lane_index(const Inst& in) {
    return static_cast<unsigned>(std::countr_zero(ir::width(in.mtype))) - 3;
}

}  // namespace

bool Lowering::lower_vec_shift(u32 i) {
    const Inst& in = inst(i);
    switch (in.op) {
        case Op::VShlImm:
        case Op::VLshrImm:
        case Op::VAshrImm: vec_shift_imm(i, in.op, static_cast<unsigned>(in.imm)); return true;
        case Op::VShiftS:
        case Op::VShiftU: return vec_shift_const(i) || vec_shift_var(i);
        default: return false;
    }
}

// Operand 0 shifted by n < lane width.
void Lowering::vec_shift_imm(u32 i, Op op, unsigned n) {
    const unsigned lane = lane_index(inst(i));
    if (lane == 0 && n != 0) return vec_shift8(i, op, n);
    const u8 x = use_xmm(arg(inst(i), 0));
    consume();
    if (n == 0) {
        return vec_move_result(i, x);
    }
    if (op == Op::VAshrImm && lane == 3 && !cpu_.avx512) return vec_ashr64(i, x, n);
    vresult_shift(i, op == Op::VShlImm ? kShl[lane] : op == Op::VLshrImm ? kLshr[lane] : kAshr[lane], x, n);
}

// Bytes: by a bit matrix, or as words whose bits from the neighbour are masked off.
void Lowering::vec_shift8(u32 i, Op op, unsigned n) {
    const u8 x = use_xmm(arg(inst(i), 0));
    consume();
    if (cpu_.gfni) {
        const VecConst m = op == Op::VShlImm    ? VecConst::MatrixShl
                           : op == Op::VLshrImm ? VecConst::MatrixShr
                                                : VecConst::MatrixSar;
        return vresult(i, hop::gf2p8affineqb, x, constant(m, n), 0);
    }
    if (op == Op::VShlImm && n == 1) return vresult(i, hop::paddb, x, x);
    const u8 t = alloc_xmm();
    vshift(op == Op::VShlImm ? hop::psllw : hop::psrlw, t, x, n);
    const x86::Mem mask = constant(op == Op::VShlImm ? VecConst::MaskShl : VecConst::MaskShr, n);
    if (op != Op::VAshrImm) return vresult(i, hop::pand, t, mask);
    v2(hop::pand, t, t, mask);  // the sign bit is now bit 7 - n: extended by xor and subtraction
    v2(hop::pxor, t, t, constant(VecConst::SignShr, n));
    vresult(i, hop::psubb, t, constant(VecConst::SignShr, n));
}

// The upper halves as double words with sign, the lower ones from a shift without.
void Lowering::vec_ashr64(u32 i, u8 x, unsigned n) {
    const u8 t = alloc_xmm(), u = alloc_xmm();
    if (n < 32) {
        vshift(hop::psrad, t, x, n);
        vshift(hop::psrlq, u, x, n);
        return vresult(i, hop::pblendw, u, xr(t), 0xcc);
    }
    vshift(hop::psrad, t, x, 31);
    vshift(hop::psrad, u, x, n - 32);
    v1(hop::pshufd, u, xr(u), 0xf5);
    vresult(i, hop::pblendw, u, xr(t), 0xcc);
}

// VShiftS and VShiftU where every lane is shifted by the same known amount.
bool Lowering::vec_shift_const(u32 i) {
    const Inst& in = inst(i);
    const auto amounts = const128(arg(in, 1));
    if (!amounts) return false;
    const unsigned bits = ir::width(in.mtype);
    const i64 n = static_cast<i8>((*amounts)[0]);
    for (unsigned at = bits; at < 128; at += bits)
        if (static_cast<i8>((*amounts)[at / 64] >> at % 64) != n) return false;
    if ((in.aux & (ir::kVSaturate | ir::kVOverflowMask)) && n > 0) return false;
    const bool is_signed = in.op == Op::VShiftS, round = (in.aux & ir::kVRound) && n < 0;
    const unsigned right = static_cast<unsigned>(-n);
    const bool zero = (in.aux & ir::kVOverflowMask) || n >= bits ||
                      (n < 0 && (round ? right > bits - u32{is_signed} : right >= bits && !is_signed));
    if (zero) {
        consume();
        const u8 d = define_xmm(i);
        vzero(d);
        defined(i, d);
    } else if (n >= 0) {
        vec_shift_imm(i, Op::VShlImm, static_cast<unsigned>(n));
    } else if (!round) {
        is_signed ? vec_shift_imm(i, Op::VAshrImm, std::min(right, bits - 1))
                  : vec_shift_imm(i, Op::VLshrImm, right);
    } else {
        vec_round_shift(i, right);
    }
    return true;
}

// Shift right by 1 <= n <= width (if signed: < width), rounded: the last bit that falls out is added.
void Lowering::vec_round_shift(u32 i, unsigned n) {
    const Inst& in = inst(i);
    const unsigned lane = lane_index(in), bits = ir::width(in.mtype);
    const bool is_signed = in.op == Op::VShiftS;
    if (lane != 0 && n == bits) return vec_shift_imm(i, Op::VLshrImm, n - 1);
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 t = alloc_xmm();
    if (lane == 0) {  // with 128 added, signed bytes are as others
        u8 r = x;
        if (is_signed) v2(hop::pxor, t, x, constant(Const::SignI8x16, 16)), r = t;
        if (n > 1) {
            vshift(hop::psrlw, t, r, n - 1), r = t;
            v2(hop::pand, t, t, constant(VecConst::MaskShr, n - 1));
        }
        if (!is_signed) return vresult(i, hop::pavgb, r, constant(VecConst::Zero));
        v2(hop::pavgb, t, r, constant(VecConst::Zero));
        return vresult(i, hop::psubb, t, constant(VecConst::SignShr, n));
    }
    const u8 bit = alloc_xmm();
    vshift(kLshr[lane], bit, x, n - 1);
    v2(hop::pand, bit, bit, constant(kOne[lane]));
    if (is_signed && lane == 3 && !cpu_.avx512) {
        const u8 high = alloc_xmm();
        vshift(hop::psrad, high, x, n < 32 ? n : 31);
        if (n < 32) {
            vshift(hop::psrlq, t, x, n);
        } else {
            vshift(hop::psrad, t, x, n - 32);
            v1(hop::pshufd, t, xr(t), 0xf5);
        }
        v2(hop::pblendw, t, t, xr(high), 0xcc);
    } else {
        vshift(is_signed ? kAshr[lane] : kLshr[lane], t, x, n);
    }
    vresult(i, kAdd[lane], t, bit);
}

// Bytes by multiplication, other lanes by AVX2's shifts.
bool Lowering::vec_shift_var(u32 i) {
    const Inst& in = inst(i);
    const unsigned lane = lane_index(in);
    const bool saturates = in.aux & (ir::kVSaturate | ir::kVOverflowMask);
    if (lane == 0 && !saturates) return vec_shift_var8(i), true;
    if (lane == 0 || !cpu_.avx2) return false;
    if (lane == 1 && !cpu_.avx512) return !saturates && (vec_shift_var16(i), true);
    const Operand x = use_vmem(arg(in, 0), kAllScratch), y = use_vmem(arg(in, 1), kAllScratch);
    consume();
    const bool is_signed = in.op == Op::VShiftS;
    u8 r = kNoReg;
    if (!(in.aux & ir::kVOverflowMask)) r = vec_shift_lanes(x, y, lane, is_signed, in.aux & ir::kVRound);
    if (!saturates) return vec_move_result(i, r), true;
    const u8 fits = vec_shift_fits(x, y, lane, is_signed);
    if (in.aux & ir::kVOverflowMask) return vresult(i, hop::pxor, fits, constant(Const::AllOnes, 16)), true;
    const u8 bound = alloc_xmm();
    if (is_signed) {
        vzero(bound);
        v2(kGreater[lane], bound, bound, x);
        v2(hop::pxor, bound, bound, constant(VecConst::LargestI16, lane - 1));
    } else {
        vload(bound, constant(Const::AllOnes, 16));
    }
    a.vpblendvb(xr(r), xr(bound), xr(r), xr(fits));
    vec_move_result(i, r);
    return true;
}

// All ones where x shifted by y, if that is to the left, is x again when it is shifted back.
u8 Lowering::vec_shift_fits(const Operand& x, const Operand& y, unsigned lane, bool is_signed) {
    const u8 fits = alloc_xmm(), n = alloc_xmm(), t = alloc_xmm();
    const bool split = is_signed && lane == 3 && !cpu_.avx512;
    vload(n, y);
    v2(hop::pand, n, n, constant(kLowByte[lane]));
    vload(fits, x);
    a.emit(kShlVar[lane], xr(fits), xr(fits), xr(n));
    if (split) {
        vzero(t);
        v2(hop::pcmpgtq, t, t, fits);
        v2(hop::pxor, fits, fits, t);
    }
    a.emit(is_signed && !split ? kAshrVar[lane] : kLshrVar[lane], xr(fits), xr(fits), xr(n));
    if (split) v2(hop::pxor, fits, fits, t);
    v2(kEqual[lane], fits, fits, x);
    v2(kGreater[lane], n, n, constant(kByte7f[lane]));  // to the right
    v2(hop::por, fits, fits, n);
    locked_ &= ~(mask_of(n) | mask_of(t));
    return fits;
}

// The shift of x by y in a scratch register; x and y are in memory or pinned. Amounts are bytes n and -n
// without sign: those of the other direction are greater than any width, and what is shifted by them is 0, or
// its sign.
u8 Lowering::vec_shift_lanes(const Operand& x, const Operand& y, unsigned lane, bool is_signed, bool round) {
    const u8 left = alloc_xmm(), n = alloc_xmm(), r = alloc_xmm(), t = alloc_xmm();
    vload(n, y);
    v2(hop::pand, n, n, constant(kLowByte[lane]));
    vload(left, x);
    a.emit(kShlVar[lane], xr(left), xr(left), xr(n));
    vzero(n);
    v2(kSub[lane], n, n, y);
    v2(hop::pand, n, n, constant(kLowByte[lane]));
    if (round) v2(kAdd[lane], n, n, constant(Const::AllOnes, 16));
    // r = x >> n, or >> n - 1 if that is to be rounded
    const bool split = is_signed && lane == 3 && !cpu_.avx512;  // x ^ sign, shifted without sign, ^ sign
    vload(r, x);
    if (split) {
        vzero(t);
        v2(hop::pcmpgtq, t, t, r);
        v2(hop::pxor, r, r, t);
    }
    a.emit(is_signed && !split ? kAshrVar[lane] : kLshrVar[lane], xr(r), xr(r), xr(n));
    if (round) {  // (r >> 1) + (r & 1), which is 0 for amounts to the left
        if (split) {
            v2(hop::pxor, n, r, t);
        } else {
            copy(n, r);
        }
        v2(hop::pand, n, n, constant(kOne[lane]));
        vshift(is_signed && !split ? kAshr[lane] : kLshr[lane], r, r, 1);
        if (split) v2(hop::pxor, r, r, t);
        v2(kAdd[lane], r, r, n);
    } else if (split) {
        v2(hop::pxor, r, r, t);
    }
    if (!is_signed || round) {
        v2(hop::por, r, r, left);
    } else {  // the sign of the amount chooses
        vload(t, y);
        vshift(kShl[lane], t, t, (8u << lane) - 8);
        if (lane == 1) vshift(hop::psraw, t, t, 15);
        a.emit(lane == 3   ? HInst::kIdVblendvpd
               : lane == 2 ? HInst::kIdVblendvps
                           : HInst::kIdVpblendvb,
               xr(r), xr(left), xr(r), xr(t));
    }
    locked_ &= ~(mask_of(left) | mask_of(n) | mask_of(t));
    return r;
}

// Words as double words, one half after the other.
void Lowering::vec_shift_var16(u32 i) {
    const Inst& in = inst(i);
    const bool is_signed = in.op == Op::VShiftS;
    const Operand x = use_vmem(arg(in, 0), kAllScratch), y = use_vmem(arg(in, 1), kAllScratch);
    consume();
    const u8 t = alloc_xmm();
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned k = 0; k < 2; k++) {
            vload(t, k == 0 ? x : y);
            if (half) v1(hop::pshufd, t, xr(t), 0xee);
            v1(is_signed ? hop::pmovsxwd : hop::pmovzxwd, t, xr(t));
            store_wide(2 * half + k, t);
        }
    }
    locked_ &= ~mask_of(t);
    u8 r = kNoReg;
    for (unsigned half = 0; half < 2; half++) {
        r = vec_shift_lanes(wide_mem(2 * half), wide_mem(2 * half + 1), 2, is_signed, in.aux & ir::kVRound);
        v2(hop::pshufb, r, r, constant(VecConst::EvenWords));
        if (half) break;
        store_wide(0, r);
        locked_ &= ~mask_of(r);
    }
    const u8 low = alloc_xmm();
    vload(low, wide_mem(0));
    vresult(i, hop::punpcklqdq, low, r);
}

// x * 2^(n + 8) >> 8 as words, for n from -8 to 7: both directions by one multiplication. Other amounts give
// 0, or the sign.
void Lowering::vec_shift_var8(u32 i) {
    const Inst& in = inst(i);
    const bool is_signed = in.op == Op::VShiftS, round = in.aux & ir::kVRound;
    const Operand y = use_vmem(arg(in, 1), 3 + scratch_for(arg(in, 0)));
    const u8 x = use_xmm(arg(in, 0));
    consume();
    const u8 low = alloc_xmm(), high = alloc_xmm(), t = alloc_xmm();
    vload(t, y);
    if (is_signed && !round) v2(hop::pmaxsb, t, t, constant(VecConst::ByteF8));
    v2(hop::paddb, t, t, constant(VecConst::Byte08));
    v2(hop::paddusb, t, t, constant(Const::Byte70, 16));  // pshufb gives 0 where bit 7 is set
    vload(low, constant(VecConst::PowerLow));
    v2(hop::pshufb, low, low, t);
    vload(high, constant(VecConst::PowerHigh));
    v2(hop::pshufb, high, high, t);
    v2(hop::punpcklbw, t, low, high);
    v2(hop::punpckhbw, low, low, high);
    v1(is_signed ? hop::pmovsxbw : hop::pmovzxbw, high, xr(x));
    v2(hop::pmullw, t, t, high);
    if (is_signed) {
        v2(hop::punpckhbw, high, x, x);
        vshift(hop::psraw, high, high, 8);
    } else {
        v2(hop::punpckhbw, high, x, constant(VecConst::Zero));
    }
    v2(hop::pmullw, high, high, low);
    if (round) {
        v2(hop::paddw, t, t, constant(VecConst::Word0080));
        v2(hop::paddw, high, high, constant(VecConst::Word0080));
    }
    vshift(hop::psrlw, t, t, 8);
    vshift(hop::psrlw, high, high, 8);
    vresult(i, hop::packuswb, t, high);
}

}  // namespace vm::backend::x86_64
