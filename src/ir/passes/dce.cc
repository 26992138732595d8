// dce: removes instructions whose result nobody uses.
// Input: any block. Output: every instruction is used or has an effect (memory accesses and FP flags are
// effects). Invariant: removable() of ir.h decides what an effect is. Cost: one backward walk,
// O(instructions).
#include "ir/passes/passes.h"

namespace vm::ir {

void dce(Block& block, const StateLayout&, PassScratch& scratch) {
    auto& used = scratch.stamp;
    used.assign(block.insts.size(), 0);
    for (size_t i = block.insts.size(); i-- > 0;) {
        Inst& in = block.insts[i];
        if (!used[i] && removable(in)) {
            in = {.op = Op::Nop};
            continue;
        }
        for (unsigned k = 0, n = info(in.op).nargs; k < n; ++k) used[in.args[k]] = 1;
    }
}

}  // namespace vm::ir
