#include "backend/helpers.h"

#include "backend/x86_64/convention.h"
#include "ir/eval.h"
#include "ir/interp_fp.h"
#include "ir/interp_vec.h"

namespace vm::backend {

HelperTable make_helper_table(HelperFn lookup_indirect, HelperFn read_time) {
    HelperTable t{};
    const auto set = [&](HelperId id, HelperFn f) {
        t[static_cast<unsigned>(id)] = reinterpret_cast<const void*>(f);
    };
    set(HelperId::LookupIndirect, lookup_indirect);
    set(HelperId::ReadTime, read_time);
    set(HelperId::SoftFp, helper_soft_fp);
    set(HelperId::IntOp, helper_int_op);
    set(HelperId::WideOp, helper_wide_op);
    return t;
}

namespace {
struct Call {
    ir::Inst inst;
    ir::Type operand;
};
Call decode(u64 code) {
    Call c;
    c.inst.op = static_cast<ir::Op>(code & 0xff);
    c.inst.type = static_cast<ir::Type>(code >> 8 & 15);
    c.operand = static_cast<ir::Type>(code >> 12 & 15);
    c.inst.aux = static_cast<u32>(code >> 16 & 0x7fff);
    return c;
}
static_assert(static_cast<unsigned>(ir::Op::Count_) <= 256 && static_cast<unsigned>(ir::Type::Flags) < 16);
}  // namespace

u64 helper_soft_fp(VcpuState* state, u64 a, u64 b, u64 c) {
    const Call call = decode(state->scratch[0]);
    ir::FpEnv env{0, state->fp.rounding};
    const u128 r = ir::interp_fp(call.inst, call.operand, a, b, c, env);
    state->guest_mxcsr |= x86_64::mxcsr_flags(env.flags);
    return static_cast<u64>(r);
}

u64 helper_int_op(VcpuState* state, u64 a, u64 b, u64 c) {
    Call call = decode(state->scratch[0]);
    if (call.inst.op == ir::Op::Crc32) {
        call.inst.imm = call.inst.aux >> 14;
        call.inst.aux &= 0x3fff;
    }
    return ir::eval_int(call.inst, ir::width(call.operand), a, b, c);
}

namespace {
u64 flags_op(const ir::Inst& in, unsigned w, u64 x, u64 y, u64 z) {
    switch (in.op) {
        case ir::Op::FlagsAdd: return ir::flags_of_add(w, x, y, z).bits;
        case ir::Op::FlagsSub: {
            const u8 f = ir::flags_of_add(w, x, zext(~y, w), !z).bits;
            return in.aux == static_cast<u32>(ir::CarrySem::NotBorrow) ? f : f ^ 2u;
        }
        case ir::Op::FlagsLogic: return u64{bit(x, w - 1)} << 3 | u64{x == 0} << 2;
        default: return ir::flag_cond(static_cast<ir::FlagCond>(in.aux), {static_cast<u8>(x)});
    }
}
}  // namespace

u64 helper_wide_op(VcpuState* state, u64 a, u64 b, u64) {
    Call call = decode(state->scratch[0]);
    ir::Inst& in = call.inst;
    in.mtype = static_cast<ir::Type>(state->scratch[0] >> 16 & 15);
    in.aux = static_cast<u32>(a);
    in.imm = b;
    const auto operand = [&](unsigned k) { return u128{state->wide[k][1]} << 64 | state->wide[k][0]; };
    const u128 x = operand(0), y = operand(1), z = operand(2);
    u128 r = 0;
    if (in.op >= ir::Op::FlagsAdd && in.op <= ir::Op::FlagsTest) {
        r = flags_op(in, ir::width(call.operand), static_cast<u64>(x), static_cast<u64>(y),
                     static_cast<u64>(z));
    } else if (in.op >= ir::Op::VAdd && in.op < ir::Op::VFAdd) {
        r = ir::interp_vec(in, x, y);
    } else if (ir::is_interp_fp(in.op)) {
        ir::FpEnv env{0, state->fp.rounding};
        r = ir::interp_fp(in, call.operand, x, y, z, env);
        state->guest_mxcsr |= x86_64::mxcsr_flags(env.flags);
    } else {
        r = ir::eval_int128(in, ir::width(call.operand), x, y, z);
    }
    state->wide[3][0] = static_cast<u64>(r);
    state->wide[3][1] = static_cast<u64>(r >> 64);
    return static_cast<u64>(r);
}

}  // namespace vm::backend
