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
    switch (in.op) {
        case Op::Make128: in.type == Type::I128 ? make128(i) : make_v128(i); return true;
        case Op::Lo128:
        case Op::Hi128: half128(i); return true;
        case Op::FlagsPack:
        case Op::FlagsUnpack: {
            const u8 s = use_gpr(arg(in, 0));
            consume();
            const u8 d = define_gpr(i, mask_of(s));
            if (d != s) a.mov(r32(d), r32(s));
            flags_word(d, in.op == Op::FlagsPack);
            defined(i, d);
            return true;
        }
        case Op::Nop: return true;
        default: break;
    }
    if (in.type == Type::V128 && lower_vector(i)) return true;
    const bool flags = in.op >= Op::FlagsAdd && in.op <= Op::FlagsTest,
               vec = in.op >= Op::VAdd && in.op <= Op::VBfMatMul;
    const bool wide = in.type == Type::I128 || in.type == Type::V128 ||
                      (ir::info(in.op).nargs && ir::width(arg_type(in, 0)) == 128);
    if (!flags && !vec && !(wide && ir::is_eval_int(in.op))) return false;
    for (unsigned k = 0; k < ir::info(in.op).nargs; k++)
        if (ir::width(arg_type(in, k)) > 128) return false;
    wide_helper(i);
    return true;
}

void Lowering::make_v128(u32 i) {
    const Inst& in = inst(i);
    const u8 lo = use_gpr(arg(in, 0)), hi = use_gpr(arg(in, 1));
    consume();
    const u8 t = alloc_xmm();
    const u8 d = define_xmm(i);
    a.movq(xr(d), r64(lo));
    a.movq(xr(t), r64(hi));
    a.punpcklqdq(xr(d), xr(t));
    defined(i, d);
}

// Between NZCV in bits 31..28 and the word that flags are: bit 15 N, 14 Z, 8 C, 0 V. Multiplied, the bits are
// wherever the factor's bits take them, without carries; those in the way are arbitrary in the word.
void Lowering::flags_word(u8 r, bool pack) {
    if (pack) {
        a.shr(r32(r), 28);
        a.imul(r32(r), r32(r), 1 << 12 | 1 << 7 | 1);
    } else {
        a.and_(r32(r), 0xc101);
        a.imul(r32(r), r32(r), 1 << 28 | 1 << 21 | 1 << 16);
        a.and_(r32(r), static_cast<i32>(0xf0000000));
    }
}

// A test of the bits of flags word f; where N and V are compared, of a copy with N in V's place.
Cc Lowering::flags_condition(Value cond, u32* start) {
    const Inst& in = inst(cond);
    const auto c = static_cast<ir::FlagCond>(in.aux);
    constexpr i32 kN = 0x8000, kZ = 0x4000, kC = 0x100, kV = 1;
    constexpr i32 kTested[] = {kZ, kZ, kC, kC, kN, kN, kV, kV, kC, kC, kV, kV, kV | kZ, kV | kZ};
    const u8 f = use_gpr(arg(in, 0));
    const bool holds_if_zero =
        c >= ir::FlagCond::Hi ? c == ir::FlagCond::Ge || c == ir::FlagCond::Gt : (in.aux & 1) != 0;
    u8 t = f;
    if (c >= ir::FlagCond::Hi) {
        t = alloc_gpr();
        a.movzx(r32(t), r16(f));
    }
    if (c == ir::FlagCond::Hi || c == ir::FlagCond::Ls) {
        a.and_(r32(t), kZ | kC);
        *start = a.pos();
        a.cmp(r32(t), kC);
        return c == ir::FlagCond::Hi ? Cc::E : Cc::Ne;
    }
    if (c >= ir::FlagCond::Ge) {
        a.shr(r32(t), 15);
        a.xor_(r32(t), r32(f));
    }
    *start = a.pos();
    a.test(r32(t), kTested[in.aux]);
    return holds_if_zero ? Cc::E : Cc::Ne;
}

}  // namespace vm::backend::x86_64
