// forward_state: reads of guest state become the value last read from or written to the slot in this block.
// Input: any block. Output: no GetState of a slot whose value is known with at least the wanted width (a
// narrower read becomes Trunc, Lo128 or VExtract), no SetState that writes the value the slot already has.
// Invariant: slots do not overlap and only GetState and SetState touch them, so nothing else ends a slot's
// value. Cost: one forward walk, O(instructions + slots).
#include "ir/passes/passes.h"

namespace vm::ir {

void forward_state(Block& block, const StateLayout& layout, PassScratch& scratch) {
    if (block.forwarded) return;
    auto& known = scratch.slot_value;
    auto& repl = scratch.replacement;
    known.assign(layout.slots.size(), kNone);
    reset_replacement(scratch, block.insts.size());
    Inst* const insts = block.insts.data();
    for (Value i = 0; i < block.insts.size(); ++i) {
        Inst& in = insts[i];
        replace_operands(in, repl);
        if (in.op == Op::SetState) {
            Value& v = known[in.imm];
            if (v == in.args[0])
                in = {.op = Op::Nop};
            else
                v = in.args[0];
        } else if (in.op == Op::GetState) {
            Value& v = known[in.imm];
            const Type have = v == kNone ? Type::Void : insts[v].type;
            if (have == in.type) {
                repl[i] = v;
                in = {.op = Op::Nop};
            } else if (is_int(have) && is_int(in.type) && width(have) > width(in.type)) {
                in = {.op = Op::Trunc, .type = in.type, .args = {v, kNone, kNone}};
            } else if (have == Type::V128 && in.type == Type::I64) {
                in = {.op = Op::Lo128, .type = in.type, .args = {v, kNone, kNone}};
            } else if (have == Type::V128 && is_int(in.type)) {
                in = {.op = Op::VExtract, .type = in.type, .mtype = in.type, .args = {v, kNone, kNone}};
            } else if (width(have) < width(in.type)) {
                v = i;
            }
        }
    }
}

}  // namespace vm::ir
