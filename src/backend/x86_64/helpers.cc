#include "backend/helpers.h"

#include "backend/x86_64/convention.h"
#include "ir/eval.h"
#include "ir/interp_fp.h"

namespace vm::backend {

HelperTable make_helper_table(HelperFn lookup_indirect, HelperFn read_time) {
    HelperTable t{};
    const auto set = [&](HelperId id, HelperFn f) { t[static_cast<unsigned>(id)] = reinterpret_cast<const void*>(f); };
    set(HelperId::LookupIndirect, lookup_indirect);
    set(HelperId::ReadTime, read_time);
    set(HelperId::SoftFp, helper_soft_fp);
    set(HelperId::IntOp, helper_int_op);
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

}  // namespace vm::backend
