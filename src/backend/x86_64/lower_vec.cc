// 128-bit values. I128 values live in memory (a spill slot or a state slot) only; V128 values in vector
// registers.
#include "backend/x86_64/lowering.h"
#include "ir/eval.h"

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

// What the helper finds in scratch[0].
u32 Lowering::wide_op_code(const Inst& in) const {
    return static_cast<u32>(in.op) | static_cast<u32>(in.type) << 8 |
           static_cast<u32>(arg_type(in, 0)) << 12 | static_cast<u32>(in.mtype) << 16;
}

// Operands to VcpuState::wide, the operation in C++, the result from there.
void Lowering::wide_helper(u32 i) {
    const Inst& in = inst(i);
    const i32 base = static_cast<i32>(offsetof(VcpuState, wide));
    const unsigned nargs = ir::info(in.op).nargs;
    nan_flush();
    forbid_swaps();
    for (unsigned k = 0; k < nargs; k++) {
        const Value v = arg(in, k);
        const Type t = arg_type(in, k);
        const i32 at = base + static_cast<i32>(16 * k);
        if (ir::width(t) == 128) {
            const u8 x = wide_to_xmm(v);
            a.movups(state_mem(at, 16), xr(x));
            locked_ &= ~mask_of(x);
            continue;
        }
        const u8 r = alloc_gpr();
        load_gpr(r, v);
        switch (t) {
            case Type::I8: a.movzx(r32(r), r8(r)); break;
            case Type::I16:
            case Type::F16: a.movzx(r32(r), r16(r)); break;
            case Type::I32:
            case Type::F32: a.mov(r32(r), r32(r)); break;
            default: break;
        }
        a.mov(state_mem(at, 8), r64(r));
        a.mov(state_mem(at + 8, 8), 0);
        locked_ &= ~mask_of(r);
    }
    evict_scratch();
    consume();
    a.mov(state_mem(static_cast<i32>(offsetof(VcpuState, scratch)), 8), static_cast<i32>(wide_op_code(in)));
    a.mov(x86::eax, in.aux);
    a.mov(x86::ecx, static_cast<u32>(in.imm));
    call_stub(Stub::Helper0, static_cast<unsigned>(HelperId::WideOp));
    if (uses_left(i) == 0) return;
    locked_ = mask_of(kRax);
    const x86::Mem result = state_mem(base + 48, 16);
    if (in.type == Type::I128) {
        const u8 t = alloc_xmm();
        a.movups(xr(t), result);
        loc_[i].spill = new_spill();
        a.movaps(spill_mem(loc_[i].spill, 16), xr(t));
    } else if (in.type == Type::V128) {
        const u8 d = define_xmm(i);
        a.movups(xr(d), result);
        defined(i, d);
    } else if (is_vec(i)) {
        const u8 d = define_xmm(i);
        xmov(d, state_mem(base + 48, 8), 8);
        if (in.type == Type::F32) box(d);
        defined(i, d);
    } else {
        set_reg(i, kRax);
    }
}

bool Lowering::lower_vec(u32 i) {
    const Inst& in = inst(i);
    if (lower_vec_scalar(i)) return true;
    switch (in.op) {
        case Op::Make128: make128(i); return true;
        case Op::Lo128:
        case Op::Hi128: half128(i); return true;
        case Op::Nop: return true;
        default: break;
    }
    if (in.type == Type::V128 && lower_vector(i)) return true;
    const bool vec = in.op >= Op::VAdd && in.op <= Op::VBfMatMul;
    const bool wide = in.type == Type::I128 || in.type == Type::V128 ||
                      (ir::info(in.op).nargs && ir::width(arg_type(in, 0)) == 128);
    if (!vec && !(wide && ir::is_eval_int(in.op))) return false;
    for (unsigned k = 0; k < ir::info(in.op).nargs; k++)
        if (ir::width(arg_type(in, k)) > 128) return false;
    wide_helper(i);
    return true;
}

}  // namespace vm::backend::x86_64
