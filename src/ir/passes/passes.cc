#include "ir/passes/passes.h"

namespace vm::ir {
namespace {
constexpr Pass kPasses[] = {
    {"forward-state", forward_state}, {"fold", fold}, {"dead-state", dead_state}, {"dce", dce}};
}

std::span<const Pass> tier1_passes() { return kPasses; }

void run_tier1_passes(Block& block, const StateLayout& layout, u64 disabled) {
    thread_local PassScratch scratch;
    for (unsigned n = 0; n < std::size(kPasses); ++n)
        if (!bit(disabled, n)) kPasses[n].run(block, layout, scratch);
}

}  // namespace vm::ir
