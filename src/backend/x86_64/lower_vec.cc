// 128-bit values. I128 values live in memory (a spill slot or a state slot) only; V128 values in vector registers.
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

namespace {
x86::Mem high_half(x86::Mem m) {
    m.addOffset(8);
    return m;
}
}  // namespace

// Puts a 128-bit value into memory if it is not there.
Value Lowering::wide_in_memory(Value v) {
    if (in_memory(v)) return v;
    const Inst& in = inst(v);
    if (const u8 x = in_xmm(v); x != kNoReg) {
        save(v, x);
    } else if (in.op == Op::Const128) {
        loc_[v].spill = new_spill();
        const u8 t = alloc_gpr();
        load_const(t, in.imm);
        a.mov(spill_mem(loc_[v].spill, 8), r64(t));
        load_const(t, in.args[0] | u64{in.args[1]} << 32);
        a.mov(high_half(spill_mem(loc_[v].spill, 8)), r64(t));
        locked_ &= ~mask_of(t);
    } else {
        unsupported(in, "128-bit value without a place");
    }
    return v;
}

// A 128-bit value in a vector register (locked); for I128 a copy.
u8 Lowering::wide_to_xmm(Value v) {
    if (const u8 x = in_xmm(v); x != kNoReg) {
        locked_ |= mask_of(x);
        return x;
    }
    wide_in_memory(v);
    if (inst(v).type == Type::V128) return use_xmm(v);
    const u8 t = alloc_xmm();
    a.movups(xr(t), memory_of(v, 16));
    return t;
}

void Lowering::lower_wide_bitcast(u32 i) {
    const Value x = arg(inst(i), 0);
    const u8 s = wide_to_xmm(x);
    consume();
    if (inst(i).type == Type::I128) {
        loc_[i].spill = new_spill();
        a.movaps(spill_mem(loc_[i].spill, 16), xr(s));
        if (uses_left(i) == 0) release(i);
        return;
    }
    const u8 d = define_xmm(i, mask_of(s));
    copy(d, s);
    defined(i, d);
}

void Lowering::make128(u32 i) {
    const Inst& in = inst(i);
    const u8 lo = use_gpr(arg(in, 0)), hi = use_gpr(arg(in, 1));
    consume();
    const i16 s = new_spill();
    a.mov(spill_mem(s, 8), r64(lo));
    a.mov(high_half(spill_mem(s, 8)), r64(hi));
    loc_[i].spill = s;
    if (uses_left(i) == 0) release(i);
}

void Lowering::half128(u32 i) {
    const Inst& in = inst(i);
    const Value x = wide_in_memory(arg(in, 0));
    const x86::Mem m = memory_of(x, 8);
    consume();
    const u8 d = define_gpr(i);
    a.mov(r64(d), in.op == Op::Hi128 ? high_half(m) : m);
    defined(i, d);
}

bool Lowering::lower_vec(u32 i) {
    switch (inst(i).op) {
        case Op::Make128: make128(i); return true;
        case Op::Lo128: case Op::Hi128: half128(i); return true;
        default: return false;
    }
}

Cc Lowering::flags_condition(Value, u32*) { return Cc::E; }

}  // namespace vm::backend::x86_64
