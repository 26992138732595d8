// Passes of tier 1. Each works in place on one block in linear time; what it removes becomes Nop, nothing is
// renumbered (but by unroll), and the observable behaviour (guest state and memory at every exit, fault and
// end) stays the same; an unrolled block may just go on where it would have left for its own start.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "ir/ir.h"

namespace vm::ir {

/// Reused between blocks so that passes do not allocate.
struct PassScratch {
    /// Per instruction: the value that stands for it. One more entry, kNone, is what unused operands map to.
    PodVector<Value> replacement;
    PodVector<Value> slot_value;  ///< per state slot
    PodVector<u32> stamp;         ///< per state slot
    PodVector<u8> used;           ///< per instruction
    PodVector<u16> need;          ///< per instruction: bits of its result that somebody looks at
    struct Bits {
        u8 zero_ext, sign_ext;  ///< the value is its low `zero_ext` bits zero-extended; low `sign_ext` bits
                                ///< sign-extended
    };
    PodVector<Bits> bits;  ///< per instruction
    PodVector<u32> group;  ///< per instruction
    PodVector<Inst> insts;
    PodVector<u8> words;  ///< state slots of type i64
};

/// Makes every value stand for itself.
void reset_replacement(PassScratch& scratch, size_t insts);
/// Replaces the operands of `in`; true if one changed. Free of branches that depend on the number of
/// operands, which are hard to predict.
inline bool replace_operands(Inst& in, const PodVector<Value>& replacement) {
    if (in.op == Op::Const128) return false;  // its operand words are no values
    const auto last = static_cast<Value>(replacement.size() - 1);
    Value changes = 0;
    for (Value& a : in.args) {
        const Value to = replacement[a < last ? a : last];
        changes |= a ^ to;
        a = to;
    }
    return changes != 0;
}

void unroll(Block& block, const StateLayout& layout, PassScratch& scratch);
void forward_state(Block& block, const StateLayout& layout, PassScratch& scratch);
void fold(Block& block, const StateLayout& layout, PassScratch& scratch);
void dead_state(Block& block, const StateLayout& layout, PassScratch& scratch);
void dce(Block& block, const StateLayout& layout, PassScratch& scratch);
void demanded_bits(Block& block, const StateLayout& layout, PassScratch& scratch);
/// Flags that are overwritten in the same block become DeferFlags where that is enough for who may look
/// before. Input: forwarded state.
void defer_flags(Block& block, const StateLayout& layout, PassScratch& scratch);
/// dead_state, dce and demanded_bits in one walk.
void backward(Block& block, const StateLayout& layout, PassScratch& scratch);

/// Of machines, not in the pipeline: after it, where a look into the TLB for several accesses pays.
void group_accesses(Block& block, const StateLayout& layout, PassScratch& scratch);
void group_accesses(Block& block, const StateLayout& layout);

/// One row of the pipeline; the name is its off switch (`--jit-opt=-name`).
struct Pass {
    std::string_view name;
    void (*run)(Block&, const StateLayout&, PassScratch&);
};
/// In the order in which they run. Bit n of `disabled` below switches off entry n.
std::span<const Pass> tier1_passes();

/// The bit of `disabled` that switches off this pass of tier1_passes().
u64 pass_bit(void (*run)(Block&, const StateLayout&, PassScratch&));

/// Runs the pipeline. Thread-safe for different blocks. The block must verify, and still does afterwards.
void run_tier1_passes(Block& block, const StateLayout& layout, u64 disabled);

}  // namespace vm::ir
