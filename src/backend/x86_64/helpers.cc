#include "backend/helpers.h"

#include "backend/x86_64/convention.h"
#include "ir/eval.h"
#include "ir/interp_fp.h"
#include "ir/interp_vec.h"

namespace vm::backend {

HelperTable make_helper_table(HelperFn lookup_indirect, HelperFn read_time, HelperFn tlb_miss) {
    HelperTable t{};
    const auto set = [&](HelperId id, HelperFn f) {
        t[static_cast<unsigned>(id)] = reinterpret_cast<const void*>(f);
    };
    set(HelperId::LookupIndirect, lookup_indirect);
    set(HelperId::ReadTime, read_time);
    set(HelperId::SoftFp, helper_soft_fp);
    set(HelperId::IntOp, helper_int_op);
    set(HelperId::WideOp, helper_wide_op);
    set(HelperId::TlbMiss, tlb_miss);
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
    c.inst.aux = static_cast<u32>(code >> 16 & 0xffff);
    return c;
}
static_assert(static_cast<unsigned>(ir::Op::Count_) <= 256 && static_cast<unsigned>(ir::Type::Flags) < 16);
}  // namespace

namespace {
/// A floating-point operation in the guest's environment, which keeps the flags that it raises.
u128 soft_fp(VcpuState* state, const Call& call, u128 x, u128 y, u128 z) {
    ir::FpEnv env{0, state->fp.rounding, state->fp.input_denormal};
    const u128 r = ir::interp_fp(call.inst, call.operand, x, y, z, env);
    state->guest_mxcsr |= x86_64::mxcsr_flags(env.flags);
    state->fp.input_denormal = env.input_denormal;
    return r;
}
}  // namespace

u64 helper_soft_fp(VcpuState* state, u64 a, u64 b, u64 c) {
    return static_cast<u64>(soft_fp(state, decode(state->scratch[0]), a, b, c));
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
/// Flags values are words here, as generated code has them.
u64 flags_op(VcpuState* state, const Call& call, u64 x, u64 y, u64 z) {
    const ir::Inst& in = call.inst;
    if (in.op == ir::Op::FlagsTest)
        return ir::flag_cond(static_cast<ir::FlagCond>(in.aux), ir::Nzcv::of_word(static_cast<u16>(x)));
    if (in.op == ir::Op::FlagsFCmp) return ir::Nzcv{static_cast<u8>(soft_fp(state, call, x, y, z))}.word();
    return ir::eval_flags(in, ir::width(call.operand), x, y, z).word();
}
}  // namespace

u64 helper_wide_op(VcpuState* state, u64 a, u64 b, u64) {
    Call call = decode(state->scratch[0]);
    ir::Inst& in = call.inst;
    in.mtype = static_cast<ir::Type>(state->scratch[0] >> 16 & 15);
    in.aux = static_cast<u32>(a);
    in.imm = b;
    const auto operand = [&](unsigned k) { return u128{state->wide[k][1]} << 64 | state->wide[k][0]; };
    u128 x = operand(0), y = operand(1), z = operand(2);
    if (const unsigned w = ir::width(call.operand); w <= 64) {  // what is above a scalar may be anything
        x = zext(static_cast<u64>(x), w);
        if (ir::is_float(call.operand)) {
            y = zext(static_cast<u64>(y), w);
            z = zext(static_cast<u64>(z), w);
        }
    }
    u128 r = 0;
    if (in.op >= ir::Op::FlagsAdd && in.op <= ir::Op::FlagsTest) {
        r = flags_op(state, call, static_cast<u64>(x), static_cast<u64>(y), static_cast<u64>(z));
    } else if (ir::is_interp_vec(in.op)) {
        r = ir::interp_vec(in, x, y, z);
    } else if (ir::is_interp_fp(in.op)) {
        r = soft_fp(state, call, x, y, z);
    } else {
        r = ir::eval_int128(in, ir::width(call.operand), x, y, z);
    }
    state->wide[3][0] = static_cast<u64>(r);
    state->wide[3][1] = static_cast<u64>(r >> 64);
    return static_cast<u64>(r);
}

}  // namespace vm::backend
