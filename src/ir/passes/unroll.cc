// unroll: several turns of a short loop in one block.
// Input: any block. Output: if the block ends a turn of itself with a jump to its own start, after few guest
// instructions, the turn is repeated before it; the earlier turns leave the block where the loop would end.
// Invariant: every turn does what it did, and only the last one asks for a safepoint, so a request waits for
// at most kMaxTurns turns. Cost: one copy of the block, O(instructions).
#include <algorithm>

#include "ir/passes/passes.h"

namespace vm::ir {
namespace {

constexpr unsigned kMaxTurns = 4;
/// Guest instructions of all turns together.
constexpr unsigned kMaxBodyInsns = 32;

struct Loop {
    Value jump = kNone;  ///< the last jump to the start
    u64 after = 0;       ///< guest PC where a conditional one goes otherwise
    unsigned turns = 1;
};

Loop find_loop(const Block& block) {
    Loop loop;
    if (!block.may_loop) return loop;
    const auto& insts = block.insts;
    for (Value i = static_cast<Value>(insts.size()); i-- > 0 && loop.jump == kNone;)
        if ((insts[i].op == Op::ExitIf || insts[i].op == Op::Goto) && insts[i].imm == block.start_pc)
            loop.jump = i;
    if (loop.jump == kNone) return loop;
    if (insts[loop.jump].op == Op::ExitIf) {
        Value next = loop.jump + 1;
        while (next < insts.size() && insts[next].op == Op::Nop) ++next;
        if (next == insts.size() || (insts[next].op != Op::Insn && insts[next].op != Op::Goto)) return loop;
        loop.after = insts[next].imm;
    }
    const auto n = std::count_if(insts.begin(), insts.begin() + loop.jump,
                                 [](const Inst& in) { return in.op == Op::Insn; });
    if (n != 0) loop.turns = std::clamp(kMaxBodyInsns / static_cast<unsigned>(n), 1u, kMaxTurns);
    return loop;
}

void append(PodVector<Inst>& out, std::span<const Inst> insts) {
    const auto base = static_cast<Value>(out.size());
    for (Inst in : insts) {
        if (in.op != Op::Const128)  // its operand words are no values
            for (Value& a : in.args)
                if (a != kNone) a += base;
        out.push_back(in);
    }
}

}  // namespace

void unroll(Block& block, const StateLayout&, PassScratch& scratch) {
    const Loop loop = find_loop(block);
    if (loop.turns == 1) return;
    auto& once = scratch.insts;
    once.assign(block.insts.begin(), block.insts.end());
    block.insts.clear();
    block.forwarded = false;
    for (unsigned turn = 1; turn < loop.turns; ++turn) {
        const auto base = static_cast<Value>(block.insts.size());
        append(block.insts, std::span(once).first(loop.jump));
        const Inst& jump = once[loop.jump];
        if (jump.op != Op::ExitIf) continue;
        const auto more = static_cast<Value>(block.insts.size());
        block.insts.push_back({.op = Op::Not, .type = Type::I1, .args = {base + jump.args[0], kNone, kNone}});
        block.insts.push_back({.op = Op::ExitIf, .args = {more, kNone, kNone}, .imm = loop.after});
    }
    append(block.insts, once);
}

}  // namespace vm::ir
