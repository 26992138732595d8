// Counting bits, swapping bytes, carry-less products, checksums.
#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

void Lowering::count_bits(u32 i) {
    const Inst& in = inst(i);
    const unsigned bits = op_bits(in.type);
    const Value x = arg(in, 0);
    const bool direct = in.op == Op::Clz ? cpu_.lzcnt : in.op == Op::Ctz ? cpu_.bmi1 : cpu_.popcnt;
    if (direct) {
        const Operand src = use_src(x, bits, false);
        consume();
        const u8 d = define_gpr(i, mask_of(src.isReg() ? static_cast<u8>(src.id()) : kNoReg));
        a.emit(in.op == Op::Clz   ? HInst::kIdLzcnt
               : in.op == Op::Ctz ? HInst::kIdTzcnt
                                  : HInst::kIdPopcnt,
               gpr(d, bits), src);
        return defined(i, d);
    }
    if (in.op == Op::Popcnt) return int_helper(i);
    const u8 s = use_gpr(x);
    consume();
    const u8 d = define_gpr(i, 0, mask_of(s));
    const u8 t = alloc_gpr();
    if (in.op == Op::Ctz) {
        a.mov(r32(t), bits);
        a.bsf(gpr(d, bits), gpr(s, bits));
        a.cmove(gpr(d, bits), gpr(t, bits));
    } else {
        // bsr gives bits-1-clz; xor turns it over, and 2*bits-1 becomes bits
        a.mov(r32(t), 2 * bits - 1);
        a.bsr(gpr(d, bits), gpr(s, bits));
        a.cmove(gpr(d, bits), gpr(t, bits));
        a.xor_(r32(d), bits - 1);
    }
    defined(i, d);
}

void Lowering::bswap(u32 i) { unary(i, HInst::kIdBswap); }

// not (bytes == 0), in a vector register.
void Lowering::or_bytes(u32 i) {
    const unsigned bits = op_bits(inst(i).type);
    const u8 x = use_gpr(arg(inst(i), 0));
    consume();
    const u8 v = alloc_xmm(), zero = alloc_xmm();
    a.movq(xr(v), r64(x));
    a.pxor(xr(zero), xr(zero));
    a.pcmpeqb(xr(v), xr(zero));
    const u8 d = define_gpr(i);
    bits == 64 ? a.movq(r64(d), xr(v)) : a.movd(r32(d), xr(v));
    a.not_(gpr(d, bits));
    defined(i, d);
}

void Lowering::carryless(u32 i) {
    const u8 x = use_gpr(arg(inst(i), 0)), y = use_gpr(arg(inst(i), 1));
    consume();
    const u8 v = alloc_xmm(), w = alloc_xmm();
    a.movq(xr(v), r64(x));
    a.movq(xr(w), r64(y));
    a.pclmulqdq(xr(v), xr(w), 0);
    if (inst(i).op == Op::ClmulHi) a.psrldq(xr(v), 8);
    const u8 d = define_gpr(i);
    a.movq(r64(d), xr(v));
    defined(i, d);
}

// The host has the Castagnoli polynomial. For the other one, Barrett's reduction with bits reversed: the
// checksum and the data as a polynomial of degree 63, first coefficient at bit 0, times the inverse of the
// polynomial is the quotient; the quotient times the polynomial has the remainder in bits 64..95.
void Lowering::crc(u32 i) {
    const Inst& in = inst(i);
    const unsigned bits = in.aux;
    const bool castagnoli = in.imm == 1;
    if (castagnoli ? !cpu_.sse42 : !(cpu_.pclmul && cpu_.sse41)) return int_helper(i);
    const u8 x = use_gpr(arg(in, 0)), y = use_gpr(arg(in, 1));
    consume();
    const u8 d = define_gpr(i, 0, mask_of(x) | mask_of(y));
    a.mov(r32(d), r32(x));
    if (castagnoli) {
        a.crc32(bits == 64 ? r64(d) : r32(d), gpr(y, bits));
        return defined(i, d);
    }
    const u8 v = alloc_xmm();
    a.xor_(bits == 64 ? r64(d) : r32(d), bits == 64 ? r64(y) : r32(y));
    if (bits < 64) a.shl(r64(d), 64 - bits);
    a.movq(xr(v), r64(d));
    a.pclmulqdq(xr(v), constant(VecConst::CrcInverse), 0);
    a.pclmulqdq(xr(v), constant(VecConst::CrcInverse), 0x10);
    if (bits >= 32) {
        a.pextrd(r32(d), xr(v), 2);
        return defined(i, d);
    }
    const u8 t = alloc_gpr();
    a.mov(r32(d), r32(x));
    a.shr(r32(d), bits);
    a.pextrd(r32(t), xr(v), 2);
    a.xor_(r32(d), r32(t));
    defined(i, d);
}

}  // namespace vm::backend::x86_64
