// Out-of-line code of vector operations: the whole operation in C++, for lanes that the host would do
// otherwise than the guest wants (NaN, tiny results).
#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

// Jumps on c to code that makes d from the operands of instruction i in C++ and comes back.
void Lowering::cold_soft(Cc c, u32 i, u8 d, const std::array<Operand, 3>& operands) {
    cold_jcc(c, {.kind = ColdKind::VecSoft, .imm = soft_.size()});
    soft_.push_back({&inst(i), d, operands});
}

void Lowering::cold_soft_emit(const Cold& c) {
    const SoftCall& s = soft_[c.imm];
    const Inst& in = *s.inst;
    // d may be the register of an operand, but not before those in registers were read.
    for (const bool memory : {false, true}) {
        for (unsigned k = 0; k < 3; k++) {
            if (!(memory ? s.operands[k].isMem() : s.operands[k].isReg())) continue;
            if (memory) vload(s.d, s.operands[k]);
            store_wide(k, memory ? s.d : reg_of(s.operands[k]));
        }
    }
    const i32 scratch = static_cast<i32>(offsetof(VcpuState, scratch));
    a.mov(state_mem(scratch, 8), static_cast<i32>(wide_op_code(in)));
    a.mov(state_mem(scratch + 8, 8), static_cast<i32>(in.aux));
    call_stub(Stub::KeepingWideOp);
    vload(s.d, wide_mem(3));
    jump_back(c);
}

}  // namespace vm::backend::x86_64
