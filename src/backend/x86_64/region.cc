// Regions: the blocks of a loop, or of a nest, as one piece of code. The guest registers that they use most
// have the host registers from the entry to every exit, as in loop.cc; jumps among the blocks are plain
// jumps, and what is rare stands behind all of them.
#include <algorithm>

#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

namespace {
/// What entering and leaving costs an exchanged register, in accesses; the innermost loop runs a few times. A
/// call is both, but what it costs is memory that was just written.
constexpr u32 kBorder = 6, kCall = 12;
}  // namespace

Result<void> Lowering::compile_region(const ir::Region& region, CompiledBlock& out) {
    region_ = &region;
    allow_swaps_ = on(JitOpt::LoopRegs);
    swappable_ = ~u32{0};
    start(out);
    region_once();
    if (failed_ && !allow_swaps_) {  // forbid_swaps()
        start(out);
        region_once();
    }
    region_ = nullptr;
    if (failed_) return std::unexpected(error_);
    made_++;
    return {};
}

void Lowering::region_once() {
    node_at_.clear();
    node_jumps_.clear();
    choose_region_swaps();
    activate_swaps();
    load_swaps();
    loop_prologue();
    const size_t exchanged = out_->dirty.size();
    for (node_ = 0; node_ < region_->nodes.size() && !failed_; node_++) {
        block_ = &region_->nodes[node_].block;
        node_at_.push_back(a.pos());
        swaps_active_ = !swaps_.empty();
        lower_block();
    }
    if (failed_) return;
    for (const NodeJump& j : node_jumps_) a.patch32(j.from, node_at_[j.node] - (j.from + 4));
    emit_cold();
    for (size_t k = exchanged - 2 * swaps_.size(); k < exchanged; k++) out_->dirty[k].host_end = a.pos();
    finish();
}

void Lowering::choose_region_swaps() {
    swaps_.clear();
    if (!on(JitOpt::LoopRegs)) return;
    std::vector<SlotCost> costs(layout_.slots.size());
    struct Accesses {
        u64 weighted = 0;
        u64 read_first = 0, written = 0;  ///< weights of the blocks that do so
    };
    std::vector<Accesses> accesses(layout_.slots.size());
    std::vector<u32> seen(layout_.slots.size(), ir::kNoNode);
    for (u32 n = 0; n < region_->nodes.size(); n++) {
        const u32 weight = region_->nodes[n].weight;
        for (const Inst& in : region_->nodes[n].block.insts) {
            if (in.op != Op::GetState && in.op != Op::SetState) continue;
            Accesses& c = accesses[in.imm];
            c.weighted += weight;
            if (in.op == Op::SetState) c.written += weight;
            if (in.op == Op::GetState && seen[in.imm] != n) c.read_first += weight;
            seen[in.imm] = n;
        }
    }
    for (size_t s = 0; s < costs.size(); s++) {
        const Accesses& c = accesses[s];
        const u64 cost = c.weighted + 4 * std::min(c.read_first, c.written);
        costs[s] = {static_cast<u32>(std::min<u64>(cost, u32{1} << 30)), c.written != 0};
    }
    u32 border = kBorder;
    for (const ir::Region::Node& n : region_->nodes)
        if (returns_to(n.block).node != ir::kNoNode) border += kCall * n.weight;
    pick_swaps(costs, border);
}

// Where the call that ends the block returns to, if that is inside.
ir::Region::Target Lowering::returns_to(const ir::Block& block) const {
    const auto pc =
        on(JitOpt::ReturnPoints) && on(JitOpt::ReturnStack) ? ir::return_point(block) : std::nullopt;
    return pc ? region_->find(*pc) : ir::Region::Target{};
}

// Nothing to do where the next block follows.
void Lowering::jump_to_node(u32 node, Cc c, bool always) {
    if (node < node_at_.size()) {
        const i32 back = static_cast<i32>(node_at_[node]) - static_cast<i32>(a.pos() + 2);
        if (back >= -128) {
            a.byte(always ? 0xeb : static_cast<u8>(0x70 | static_cast<u8>(c)));
            return a.byte(static_cast<u8>(back));
        }
    }
    if (always) {
        a.byte(0xe9);
    } else {
        a.byte(0x0f);
        a.byte(static_cast<u8>(0x80 | static_cast<u8>(c)));
    }
    if (node >= node_at_.size()) node_jumps_.push_back({a.pos(), node});
    a.dword(node < node_at_.size() ? node_at_[node] - (a.pos() + 4) : 0);
}

}  // namespace vm::backend::x86_64
