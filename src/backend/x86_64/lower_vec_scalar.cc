// Scalars in vector registers, as guests without registers of their own for them keep them: lanes taken out
// and put in, halves, vectors of one scalar with zeros above it.
//
// The lowest f32 or f64 of a vector is the vector itself to the allocator. The other way round a vector of
// one scalar needs an instruction only if what is above the scalar in its register is not known to be zero
// (zero_from): loads, moves from general registers and the results of this file are, and arithmetic keeps
// what its first operand had.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

bool Lowering::lower_vec_scalar(u32 i) {
    const Inst& in = inst(i);
    switch (in.op) {
        case Op::VScalar: vec_scalar(i); return true;
        case Op::VLow64: vec_low64(i); return true;
        case Op::VExtract: vec_extract(i); return true;
        case Op::VInsert:
            if (in.mtype == Type::F32 || in.mtype == Type::F64) {
                if (in.mtype == Type::F32 && !cpu_.sse41) return false;
                insert_float(i);
                return true;
            }
            return insert_int(i);
        case Op::Lo128:
        case Op::Hi128:
            if (arg_type(in, 0) != Type::V128) return false;
            extract_int(i, Type::I64, in.op == Op::Hi128);
            return true;
        case Op::Make128:
            if (in.type != Type::V128) return false;
            make_v128(i);
            return true;
        default: return false;
    }
}

void Lowering::gpr_to_xmm(u8 d, u8 from, unsigned bits) {
    if (bits == 64) {
        cpu_.avx ? a.vmovq(xr(d), r64(from)) : a.movq(xr(d), r64(from));
    } else {
        cpu_.avx ? a.vmovd(xr(d), r32(from)) : a.movd(xr(d), r32(from));
    }
}

x86::Mem Lowering::lane_memory(Value x, unsigned bytes, unsigned index) const {
    x86::Mem m = memory_of(x, bytes);
    m.addOffset(bytes * index);
    return m;
}

// --- one scalar
void Lowering::vec_scalar(u32 i) {
    const Inst& in = inst(i);
    const Value x = arg(in, 0);
    const unsigned bits = ir::width(in.mtype);
    if (is_vec(x)) nan_observed(x);
    if (in_xmm(x) != kNoReg || inst(x).op == Op::Const128) return low_part(i, x, bits);
    if (is_const(x)) {
        const u64 c = vm::zext(const_bits(x), bits);
        const u8 t = c != 0 ? alloc_gpr() : kNoReg;
        if (c != 0) load_const(t, c);
        consume();
        const u8 d = define_xmm(i);
        c != 0 ? gpr_to_xmm(d, t, fits_unsigned(c, 32) ? 32 : 64) : vzero(d);
        set_zero_from(i, bits);
        return defined(i, d);
    }
    if (in_gpr(x) == kNoReg && in_memory(x) && bits >= 32) {
        const x86::Mem m = memory_of(x, bits / 8);
        consume();
        const u8 d = define_xmm(i);
        xmov(d, m, bits / 8);
        set_zero_from(i, bits);
        return defined(i, d);
    }
    u8 r = use_gpr(x);
    consume();
    if (bits < 32) {
        const u8 t = alloc_gpr();
        a.movzx(r32(t), gpr(r, bits));
        r = t;
    }
    const u8 d = define_xmm(i);
    gpr_to_xmm(d, r, bits);
    set_zero_from(i, bits);
    defined(i, d);
}

// The low bits of vector register value x, 32 or 64 of them, with zeros above.
void Lowering::low_part(u32 i, Value x, unsigned bits) {
    const u8 s = use_xmm(x);
    const bool clean = zero_from(x) != 0 && zero_from(x) <= bits;
    if (clean && take_over(i, x)) return;
    consume();
    const u8 d = define_xmm(i, mask_of(s), !clean && bits == 32 && !cpu_.sse41 ? mask_of(s) : 0);
    set_zero_from(i, clean ? zero_from(x) : bits);
    if (clean) {
        copy(d, s);
    } else if (bits == 64) {
        cpu_.avx ? a.vmovq(xr(d), xr(s)) : a.movq(xr(d), xr(s));
    } else if (cpu_.avx) {
        a.vinsertps(xr(d), xr(s), xr(s), 0xe);
    } else if (cpu_.sse41) {
        a.insertps(xr(d), xr(s), 0xe);
    } else {
        vzero(d);
        a.movss(xr(d), xr(s));
    }
    defined(i, d);
    // The scalar may leave its register when others need it: this one has it, too.
    if (may_be_vector(x)) an_.info[x].twin = i;
}

// Whether a vector with scalar x as its low part can be read in place of x. Not a vector itself, not where
// f32 are boxed, and not if other values stand for x.
bool Lowering::may_be_vector(Value x) const {
    const Type t = inst(x).type;
    return (t == Type::F64 || (t == Type::F32 && !an_.boxes)) && !an_.info[x].aliased;
}

// Scalar x has zeros above it: vector i is what x was, registers and all.
bool Lowering::take_over(u32 i, Value x) {
    if (!may_be_vector(x)) return false;
    const u32 regs = loc_[x].regs & 0xffff0000;
    set_zero_from(i, zero_from(x));
    consume();
    rename(x, i);
    for (u32 m = regs; m; m &= m - 1) set_reg(i, static_cast<u8>(std::countr_zero(m)));
    if (uses_left(i) == 0) release(i);
    return true;
}

void Lowering::vec_low64(u32 i) {
    const Value x = arg(inst(i), 0);
    if (in_xmm(x) != kNoReg || inst(x).op == Op::Const128 || !in_memory(x)) return low_part(i, x, 64);
    const x86::Mem m = memory_of(x, 8);
    consume();
    const u8 d = define_xmm(i);
    xmov(d, m, 8);
    set_zero_from(i, 64);
    defined(i, d);
}

// --- lanes out
void Lowering::vec_extract(u32 i) {
    const Inst& in = inst(i);
    const unsigned index = static_cast<unsigned>(in.imm);
    if (in.type == Type::F32 || in.type == Type::F64) return extract_float(i, in.type, index);
    extract_int(i, in.type, index);
}

// Zero-extended, also the narrow ones.
void Lowering::extract_int(u32 i, Type lane, unsigned index) {
    const Value x = arg(inst(i), 0);
    const unsigned bits = ir::width(lane);
    if (in_xmm(x) == kNoReg && in_memory(x)) {
        const x86::Mem m = lane_memory(x, bits / 8, index);
        consume();
        const u8 d = define_gpr(i);
        load_memory(d, m, lane, Type::I64, false);
        return defined(i, d);
    }
    const u8 s = use_xmm(x);
    consume();
    const u8 t = bits > 16 && index != 0 && !cpu_.sse41 ? alloc_xmm() : kNoReg;
    const u8 d = define_gpr(i);
    const auto move = [&](u8 from) {
        if (bits == 64) {
            cpu_.avx ? a.vmovq(r64(d), xr(from)) : a.movq(r64(d), xr(from));
        } else {
            cpu_.avx ? a.vmovd(r32(d), xr(from)) : a.movd(r32(d), xr(from));
        }
    };
    if (bits > 16 && index == 0) {
        move(s);
    } else if (bits == 16 || (bits == 8 && !cpu_.sse41)) {
        const u32 word = bits == 16 ? index : index / 2;
        cpu_.avx ? a.vpextrw(r32(d), xr(s), word) : a.pextrw(r32(d), xr(s), word);
        if (bits == 8) index % 2 ? a.shr(r32(d), 8) : a.movzx(r32(d), r8(d));
    } else if (cpu_.sse41) {
        const u32 vex = bits == 64 ? HInst::kIdVpextrq : bits == 32 ? HInst::kIdVpextrd : HInst::kIdVpextrb;
        const u32 sse = bits == 64 ? HInst::kIdPextrq : bits == 32 ? HInst::kIdPextrd : HInst::kIdPextrb;
        a.emit(cpu_.avx ? vex : sse, bits == 64 ? r64(d) : r32(d), xr(s), asmjit::Imm(index));
    } else {
        a.pshufd(xr(t), xr(s), bits == 64 ? 0xe : index);
        move(t);
    }
    defined(i, d);
}

// Lane 0 gets here only where registers of f32 are boxed.
void Lowering::extract_float(u32 i, Type lane, unsigned index) {
    const Value x = arg(inst(i), 0);
    const bool single = lane == Type::F32;
    if (in_xmm(x) == kNoReg && in_memory(x)) {
        const x86::Mem m = lane_memory(x, single ? 4 : 8, index);
        consume();
        const u8 d = define_xmm(i);
        xmov(d, m, single ? 4 : 8);
        if (!single || !an_.boxes) set_zero_from(i, single ? 32 : 64);
        if (single) box(d);
        return defined(i, d);
    }
    const u8 s = use_xmm(x);
    consume();
    const u8 d = define_xmm(i, mask_of(s));
    if (index == 0) {
        copy(d, s);
    } else if (!single || index == 3) {
        vshift(hop::psrldq, d, s, single ? 12 : 8);
        if (!single || !an_.boxes) set_zero_from(i, single ? 32 : 64);
    } else {
        v1(hop::pshufd, d, xr(s), index);
    }
    if (single) box(d);
    defined(i, d);
}

// --- lanes in
void Lowering::insert_float(u32 i) {
    const Inst& in = inst(i);
    const bool single = in.mtype == Type::F32;
    const unsigned index = static_cast<unsigned>(in.imm);
    const Value v = arg(in, 1);
    nan_observed(v);
    const u8 x = use_xmm(arg(in, 0));
    const Operand y = use_xsrc(v, single ? 4 : 8);
    consume();
    const u8 d = define_xmm(i, mask_of(x), cpu_.avx || reg_of(y) == x ? 0 : mask_of(reg_of(y)));
    if (single) {
        v2({HInst::kIdVinsertps, HInst::kIdInsertps}, d, x, y, index << 4);
    } else if (index == 1) {
        y.isMem() ? v2({HInst::kIdVmovhps, HInst::kIdMovhps}, d, x, y) : v2(hop::punpcklqdq, d, x, y);
    } else {
        y.isMem() ? v2({HInst::kIdVmovlps, HInst::kIdMovlps}, d, x, y)
                  : v2({HInst::kIdVmovsd, HInst::kIdMovsd}, d, x, y);
    }
    defined(i, d);
}

bool Lowering::insert_int(u32 i) {
    const Inst& in = inst(i);
    const unsigned bits = ir::width(in.mtype);
    const u32 index = static_cast<u32>(in.imm);
    if (bits != 16 && bits != 64 && !cpu_.sse41) return false;
    const Value v = arg(in, 1);
    const u8 x = use_xmm(arg(in, 0));
    if (bits == 64 && !cpu_.sse41) {
        const u8 t = alloc_xmm(), y = use_gpr(v);
        a.movq(xr(t), r64(y));
        consume();
        const u8 d = define_xmm(i, mask_of(x));
        copy(d, x);
        index ? a.punpcklqdq(xr(d), xr(t)) : a.movsd(xr(d), xr(t));
        defined(i, d);
        return true;
    }
    const Operand y = use_src(v, bits, false);
    consume();
    const u8 d = define_xmm(i, mask_of(x));
    const HostOp o = bits == 64   ? HostOp{HInst::kIdVpinsrq, HInst::kIdPinsrq}
                     : bits == 32 ? HostOp{HInst::kIdVpinsrd, HInst::kIdPinsrd}
                     : bits == 16 ? HostOp{HInst::kIdVpinsrw, HInst::kIdPinsrw}
                                  : HostOp{HInst::kIdVpinsrb, HInst::kIdPinsrb};
    const Operand source = y.isMem() ? y : bits == 64 ? Operand(r64(y.id())) : Operand(r32(y.id()));
    if (cpu_.avx) {
        a.emit(o.vex, xr(d), xr(x), source, asmjit::Imm(index));
    } else {
        copy(d, x);
        a.emit(o.sse, xr(d), source, asmjit::Imm(index));
    }
    defined(i, d);
    return true;
}

// --- halves
void Lowering::make_v128(u32 i) {
    const Inst& in = inst(i);
    const Value low = arg(in, 0), high = arg(in, 1);
    const u8 lo = use_gpr(low);
    const bool no_high = is_const(high) && const_value(high) == 0;
    const Operand hi = no_high ? Operand() : use_src(high, 64, false);
    consume();
    const u8 t = no_high || cpu_.sse41 ? kNoReg : alloc_xmm();
    const u8 d = define_xmm(i);
    gpr_to_xmm(d, lo, 64);
    if (no_high) {
        set_zero_from(i, 64);
    } else if (cpu_.avx) {
        a.emit(HInst::kIdVpinsrq, xr(d), xr(d), hi, asmjit::Imm(1));
    } else if (cpu_.sse41) {
        a.emit(HInst::kIdPinsrq, xr(d), hi, asmjit::Imm(1));
    } else {
        a.emit(HInst::kIdMovq, xr(t), hi);
        a.punpcklqdq(xr(d), xr(t));
    }
    defined(i, d);
}

void Lowering::load_const128(u8 r, Value v) {
    const Inst& in = inst(v);
    const u64 lo = in.imm, hi = in.args[0] | u64{in.args[1]} << 32;
    if (lo == hi && (lo == 0 || lo == ~u64{0})) {
        v2(lo == 0 ? hop::pxor : hop::pcmpeqd, r, r, r);
        return;
    }
    const u8 t = alloc_gpr();
    const bool words = lo == hi && lo >> 32 == (lo & 0xffffffff);
    load_const(t, words ? lo & 0xffffffff : lo);
    gpr_to_xmm(r, t, words || fits_unsigned(lo, 32) ? 32 : 64);
    if (words) {
        v1(hop::pshufd, r, xr(r), 0);
    } else if (lo == hi) {
        v2(hop::punpcklqdq, r, r, r);
    } else if (hi != 0 && cpu_.sse41) {
        load_const(t, hi);
        if (cpu_.avx) {
            a.vpinsrq(xr(r), xr(r), r64(t), 1);
        } else {
            a.pinsrq(xr(r), r64(t), 1);
        }
    } else if (hi != 0) {
        const x86::Mem half = state_mem(static_cast<i32>(offsetof(VcpuState, scratch)) + 16, 8);
        load_const(t, hi);
        a.mov(half, r64(t));
        a.movhps(xr(r), half);
    }
    locked_ &= ~mask_of(t);
}

}  // namespace vm::backend::x86_64
