// dce: removes instructions whose result nobody uses.
// Input: any block. Output: every instruction is used or has an effect (memory accesses and FP flags are
// effects). Invariant: removable() of ir.h decides what an effect is. Cost: one backward walk,
// O(instructions).
#include "ir/passes/passes.h"

namespace vm::ir {

void dce(Block& block, const StateLayout&, PassScratch& scratch) {
    auto& used = scratch.stamp;
    const auto size = static_cast<Value>(block.insts.size());
    used.assign(size + 1u, 0);  // the last entry takes the marks of absent operands
    for (Value i = size; i-- > 0;) {
        Inst& in = block.insts[i];
        if (!used[i] && removable(in)) {
            in = {.op = Op::Nop};
            continue;
        }
        if (in.op == Op::Const128) continue;  // its operand words are no values
        for (const Value a : in.args) used[a < size ? a : size] = 1;
    }
}

}  // namespace vm::ir
