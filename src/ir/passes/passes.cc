#include "ir/passes/passes.h"

#include <algorithm>
#include <numeric>

namespace vm::ir {
namespace {
constexpr Pass kPasses[] = {{"unroll", unroll},
                            {"forward-state", forward_state},
                            {"fold", fold},
                            {"dead-state", dead_state},
                            {"dce", dce},
                            {"demanded-bits", demanded_bits},
                            {"defer-flags", defer_flags}};
constexpr unsigned kForwardPasses = 3, kBackwardPasses = 3;
}  // namespace

void reset_replacement(PassScratch& scratch, size_t insts) {
    scratch.replacement.resize(insts + 1);
    std::iota(scratch.replacement.begin(), scratch.replacement.end(), Value{0});
    scratch.replacement.back() = kNone;
}

std::span<const Pass> tier1_passes() { return kPasses; }

u64 pass_bit(void (*run)(Block&, const StateLayout&, PassScratch&)) {
    return u64{1} << (std::ranges::find(kPasses, run, &Pass::run) - std::begin(kPasses));
}

namespace {
thread_local PassScratch tier1_scratch;
}

void group_accesses(Block& block, const StateLayout& layout) { group_accesses(block, layout, tier1_scratch); }

void run_tier1_passes(Block& block, const StateLayout& layout, u64 disabled) {
    PassScratch& scratch = tier1_scratch;
    constexpr unsigned kLast = kForwardPasses + kBackwardPasses;
    const bool together = bits(disabled, kLast - 1, kForwardPasses) == 0;
    for (unsigned n = 0; n < std::size(kPasses); ++n) {
        if (together && n == kForwardPasses) {
            backward(block, layout, scratch);
            n = kLast;
        }
        if (!bit(disabled, n)) kPasses[n].run(block, layout, scratch);
    }
}

}  // namespace vm::ir
