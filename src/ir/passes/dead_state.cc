// dead_state: removes writes of guest state that nobody can see.
// Input: any block. Output: no SetState that a later SetState of the same slot overwrites before anything
// could read it. Invariant: state is complete wherever the block can be left: every memory access (fault),
// TrapIf, ExitIf, terminator. Cost: one backward walk, O(instructions + slots).
#include "ir/passes/passes.h"

namespace vm::ir {

void dead_state(Block& block, const StateLayout& layout, PassScratch& scratch) {
    constexpr u16 kMayLeave = kEffectRM | kEffectWM | kEffectX | kEffectT;
    auto& overwritten =
        scratch.stamp;  // == epoch: written again before the block can be left or the slot be read
    overwritten.assign(layout.slots.size(), 0);
    u32 epoch = 1;
    for (size_t i = block.insts.size(); i-- > 0;) {
        Inst& in = block.insts[i];
        if (in.op == Op::SetState) {
            if (overwritten[in.imm] == epoch)
                in = {.op = Op::Nop};
            else
                overwritten[in.imm] = epoch;
        } else if (in.op == Op::GetState) {
            overwritten[in.imm] = 0;
        } else if (info(in.op).effects & kMayLeave) {
            ++epoch;
        }
    }
}

}  // namespace vm::ir
