// What the lowering of vector operations is written with. d = op(x, y) is one instruction with AVX; SSE
// copies x to d first, so there d must not be y's register unless the operation commutes. Sequences work in
// scratch registers and end in vresult, which chooses the register of the result when everything else was
// read.
#include "backend/x86_64/lowering.h"
#include "backend/x86_64/vec_consts.h"

namespace vm::backend::x86_64 {

/// SSE instructions take aligned memory only.
bool Lowering::aligned_enough(const x86::Mem& m) const {
    return cpu_.avx || (m.offset() + kStateBias) % 16 == 0;
}

// A 128-bit operand that is read once: a register, or memory if it is not needed again.
Operand Lowering::use_vsrc(Value v) {
    if (in_xmm(v) == kNoReg && in_memory(v) && uses_left(v) == 1 && memory_bytes(v) == 16) {
        const x86::Mem m = memory_of(v, 16);
        if (aligned_enough(m)) return m;
    }
    return xr(use_xmm(v));
}

/// Scratch registers that use_xmm(v) would take.
unsigned Lowering::scratch_for(Value v) const {
    const u8 r = in_xmm(v);
    return r != kNoReg && (r > kScratchVector.back() || (locked_ & mask_of(r))) ? 0 : 1;
}

// The same for one that may be read several times but must leave scratch registers to others: `more` of them.
Operand Lowering::use_vmem(Value v, unsigned more) {
    const u8 r = in_xmm(v);
    u32 scratch = 0;
    for (u8 s : kScratchVector) scratch |= mask_of(s);
    const bool room =
        static_cast<unsigned>(std::popcount(locked_ & scratch)) + 1 + more <= kScratchVector.size();
    if (r != kNoReg && (room || scratch_for(v) == 0)) {
        locked_ |= mask_of(r);
        return xr(r);
    }
    if (!in_memory(v) || !aligned_enough(memory_of(v, 16))) {
        const u8 x = use_xmm(v);
        if (loc_[v].spill < 0) save(v, x);
        drop_reg(x);
        locked_ &= ~mask_of(x);
    }
    return memory_of(v, 16);
}

void Lowering::v1(HostOp o, u8 d, const Operand& x) { a.emit(cpu_.avx ? o.vex : o.sse, xr(d), x); }
void Lowering::v1(HostOp o, u8 d, const Operand& x, u32 imm) {
    a.emit(cpu_.avx ? o.vex : o.sse, xr(d), x, asmjit::Imm(imm));
}

void Lowering::v2(HostOp o, u8 d, u8 x, const Operand& y) {
    if (cpu_.avx) {
        a.emit(o.vex, xr(d), xr(x), y);
        return;
    }
    if (d != x && reg_of(y) == d) {
        if (!o.commutes) {
            error_ = {ErrorKind::Internal, "x86-64 back end would overwrite a vector operand"};
            failed_ = true;
        }
        a.emit(o.sse, xr(d), xr(x));
        return;
    }
    copy(d, x);
    a.emit(o.sse, xr(d), y);
}

void Lowering::v2(HostOp o, u8 d, u8 x, const Operand& y, u32 imm) {
    if (cpu_.avx) {
        a.emit(o.vex, xr(d), xr(x), y, asmjit::Imm(imm));
        return;
    }
    if (d != x && reg_of(y) == d) {
        error_ = {ErrorKind::Internal, "x86-64 back end would overwrite a vector operand"};
        failed_ = true;
    }
    copy(d, x);
    a.emit(o.sse, xr(d), y, asmjit::Imm(imm));
}

// d = x shifted by n
void Lowering::vshift(HostOp o, u8 d, u8 x, u32 n) {
    if (cpu_.avx) {
        a.emit(o.vex, xr(d), xr(x), asmjit::Imm(n));
        return;
    }
    copy(d, x);
    a.emit(o.sse, xr(d), asmjit::Imm(n));
}

void Lowering::vload(u8 d, const Operand& x) {
    if (x.isReg()) return copy(d, reg_of(x));
    a.emit(cpu_.avx ? HInst::kIdVmovups : HInst::kIdMovups, xr(d), x);
}

void Lowering::vzero(u8 d) { v2(hop::pxor, d, d, d); }

/// `r` to operand place k of helpers.
void Lowering::store_wide(unsigned k, u8 r) {
    a.emit(cpu_.avx ? HInst::kIdVmovaps : HInst::kIdMovaps, wide_mem(k), xr(r));
}

// Register for the result of an instruction that reads x and y last.
u8 Lowering::vdefine(u32 i, u8 x, const Operand& y, bool commutes) {
    const u32 other = reg_of(y) == x ? 0 : mask_of(reg_of(y));
    if (cpu_.avx || commutes) return define_xmm(i, mask_of(x) | other);
    return define_xmm(i, mask_of(x), other);
}

void Lowering::vresult(u32 i, HostOp o, u8 x, const Operand& y) {
    const u8 d = vdefine(i, x, y, o.commutes);
    v2(o, d, x, y);
    defined(i, d);
}

void Lowering::vresult(u32 i, HostOp o, u8 x, const Operand& y, u32 imm) {
    const u8 d = vdefine(i, x, y, false);
    v2(o, d, x, y, imm);
    defined(i, d);
}

void Lowering::vresult1(u32 i, HostOp o, const Operand& x) {
    const u8 d = define_xmm(i, mask_of(reg_of(x)));
    v1(o, d, x);
    defined(i, d);
}

void Lowering::vresult1(u32 i, HostOp o, const Operand& x, u32 imm) {
    const u8 d = define_xmm(i, mask_of(reg_of(x)));
    v1(o, d, x, imm);
    defined(i, d);
}

// The result is in scratch register r.
void Lowering::vec_move_result(u32 i, u8 r) {
    const u8 d = define_xmm(i, mask_of(r));
    copy(d, r);
    defined(i, d);
}

void Lowering::vresult_shift(u32 i, HostOp o, u8 x, u32 n) {
    const u8 d = define_xmm(i, mask_of(x));
    vshift(o, d, x, n);
    defined(i, d);
}

// One host instruction of two operands.
void Lowering::vec_binary(u32 i, HostOp o) {
    Value x = arg(inst(i), 0), y = arg(inst(i), 1);
    if (o.commutes && in_xmm(x) == kNoReg) std::swap(x, y);
    const u8 p = use_xmm(x);
    const Operand q = use_vsrc(y);
    consume();
    vresult(i, o, p, q);
}

void Lowering::vec_unary(u32 i, HostOp o) {
    const Operand x = use_vsrc(arg(inst(i), 0));
    consume();
    vresult1(i, o, x);
}

// mask ? x : y for lanes of all ones or zeros; the result, in mask's register, which is a scratch one.
u8 Lowering::vec_mask_select(u8 mask, u8 x, u8 y) {
    if (cpu_.avx) {
        a.vpblendvb(xr(mask), xr(y), xr(x), xr(mask));
        return mask;
    }
    const u8 t = alloc_xmm();
    v2(hop::pxor, t, x, y);
    v2(hop::pand, mask, mask, t);
    v2(hop::pxor, mask, mask, y);
    locked_ &= ~mask_of(t);
    return mask;
}

// AVX-512: bit (d << 2 | y << 1 | z) of the table, for each bit.
void Lowering::vternary(u8 d, u8 y, const Operand& z, u8 table) {
    a.emit(HInst::kIdVpternlogd, xr(d), xr(y), z, asmjit::Imm(table));
}

/// The bits of a constant.
std::optional<std::array<u64, 2>> Lowering::const128(Value v) const {
    const Inst& in = inst(v);
    if (in.op == Op::Const128) return std::array{in.imm, in.args[0] | u64{in.args[1]} << 32};
    if (in.op != Op::VSplat || !is_const(arg(in, 0))) return std::nullopt;
    u64 lane = vm::zext(const_bits(arg(in, 0)), ir::width(in.mtype));
    for (unsigned w = ir::width(in.mtype); w < 64; w *= 2) lane |= lane << w;
    return std::array{lane, lane};
}

bool Lowering::lower_vector(u32 i) {
    if (!cpu_.sse42) return false;
    return lower_vec_int(i) || lower_vec_shift(i) || lower_vec_shuffle(i) || lower_vec_wide(i) ||
           lower_vec_crypto(i) || lower_vec_fp(i);
}

}  // namespace vm::backend::x86_64
