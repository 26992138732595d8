// Regions: the blocks of a loop, or of a nest, as one piece of code. The guest registers that they use most
// have the host registers from the entry to every exit, as in loop.cc; jumps among the blocks are plain
// jumps, and what is rare stands behind all of them.
#include <algorithm>
#include <span>
#include <vector>

#include "backend/x86_64/lowering.h"

namespace vm::backend::x86_64 {

namespace {
/// What entering and leaving costs an exchanged register, in accesses; the innermost loop runs a few times. A
/// call is both, but what it costs is memory that was just written.
constexpr u32 kBorder = 6, kCall = 12;
/// What a slot without a register costs, in accesses to memory: for each use of its value, which is in a
/// scratch register as long as there are enough of them; and where one turn of a loop waits for the other.
constexpr double kUse = 0.25, kCarried = 4;

/// How often the values of a slot are wanted, weighted.
struct Accesses {
    double gets = 0, sets = 0, uses = 0;
    double read_first = 0;  ///< before anything in its block writes it
};

void count_accesses(const ir::RegionShape& shape, const ir::Region::Node& node, std::span<Accesses> out) {
    std::vector<Value> now(out.size(), kNone);
    std::vector<u16> slot_of(node.block.insts.size());
    double weight = node.weight;
    shape.walk(node.block, [&](const Inst& in, double leave) {
        const auto i = static_cast<Value>(&in - node.block.insts.data());
        if (in.op == Op::GetState || in.op == Op::SetState) {
            Accesses& c = out[in.imm];
            if (in.op == Op::SetState) {
                c.sets += weight;
            } else {
                c.gets += weight;
                if (now[in.imm] == kNone) c.read_first += weight;
            }
            now[in.imm] = in.op == Op::SetState ? in.args[0] : i;
            slot_of[now[in.imm]] = static_cast<u16>(in.imm);
        } else if (in.op != Op::Const128) {
            for (const Value v : in.args)
                if (v != kNone && now[slot_of[v]] == v) out[slot_of[v]].uses += weight;
        }
        weight *= 1 - leave;
    });
}
}  // namespace

Result<void> Lowering::compile_region(const ir::Region& region, CompiledBlock& out) {
    region_ = &region;
    skew_ = region_skew_.try_emplace(region.nodes[0].block.start_pc, made_).first->second;
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
    const ir::RegionShape shape(*region_);
    std::vector<Accesses> accesses(layout_.slots.size());
    for (const ir::Region::Node& n : region_->nodes) count_accesses(shape, n, accesses);
    std::vector<SlotCost> costs(layout_.slots.size());
    for (size_t s = 0; s < costs.size(); s++) {
        const Accesses& c = accesses[s];
        const double cost = c.gets + c.sets + kUse * c.uses + kCarried * std::min(c.read_first, c.sets);
        costs[s] = {static_cast<u32>(std::min(cost, 1e9)), c.sets != 0};
    }
    u32 border = kBorder * ir::Region::kEntryWeight;
    for (const ir::Region::Node& n : region_->nodes)
        if (returns_to(n.block).node != ir::kNoNode) border += kCall * n.weight;
    pick_swaps(costs, border);
}

// Where the call that ends the block returns to, if that is inside.
ir::Region::Target Lowering::returns_to(const ir::Block& block) const {
    return on(JitOpt::ReturnPoints) && on(JitOpt::ReturnStack) ? region_->returns_to(block)
                                                               : ir::Region::Target{};
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
