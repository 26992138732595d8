#include "ir/region.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace vm::ir {
namespace {

/// Control flow among at most 64 nodes; sets of nodes are words.
struct Graph {
    std::vector<u64> prev;

    explicit Graph(const std::vector<std::vector<u32>>& edges) : prev(edges.size()) {
        for (size_t n = 0; n < edges.size(); n++)
            for (const u32 m : edges[n]) prev[m] |= u64{1} << n;
    }
    size_t size() const { return prev.size(); }

    /// `from`, and what reaches it inside `within`.
    u64 reaching(u64 from, u64 within) const {
        u64 seen = from & within;
        for (u64 todo = seen; todo != 0;) {
            const int n = std::countr_zero(todo);
            todo &= todo - 1;
            const u64 more = prev[static_cast<size_t>(n)] & within & ~seen;
            seen |= more;
            todo |= more;
        }
        return seen;
    }
};

}  // namespace

Region::Target Region::find(u64 pc, u32 site, const DeferredFlags* now) const {
    Target found;
    for (u32 n = 0; n < nodes.size(); n++) {
        const Node& node = nodes[n];
        if (node.block.start_pc != pc || node.site != site) continue;
        if (node.entry == Node::Entry::Any) return {n, false};
        if (node.entry == Node::Entry::Stored) {
            found = {n, now != nullptr};
        } else if (now != nullptr && node.flags == *now) {
            return {n, false};
        }
    }
    return found;
}

Region::Target Region::returns_to(const Block& block) const {
    const auto pc = return_point(block);
    if (!pc) return {};
    const Inst& call = block.insts.back();
    return find(*pc, is_jump(call) ? sites[site_of(call)].parent : site_of(call));
}

std::vector<u32> arrange(const std::vector<std::vector<u32>>& next, bool loop) {
    const Graph graph(next);
    const u64 all = next.size() == 64 ? ~u64{0} : (u64{1} << next.size()) - 1;
    // Reached from the entry are all of them, so who leads back to it is in a loop with it.
    const u64 inside = loop ? graph.reaching(1, all) : all;
    if (loop && !(graph.prev[0] & inside)) return {};
    std::vector<u32> order;
    u64 placed = 0;
    std::vector<u32> stack{0};
    while (!stack.empty()) {
        const u32 n = stack.back();
        stack.pop_back();
        if (!(inside >> n & 1) || (placed >> n & 1)) continue;
        placed |= u64{1} << n;
        stack.insert(stack.end(), next[n].begin(), next[n].end());
        order.push_back(n);
    }
    return order;
}

std::optional<u64> return_point(const Block& block) {
    if (block.insts.empty()) return {};
    const Inst& last = block.insts.back();
    if (last.op != Op::Call && last.op != Op::CallInd) return {};
    const Inst& pc = block.insts[last.args[last.op == Op::CallInd]];
    if (pc.op != Op::Const && pc.op != Op::GuestAddr) return {};
    return pc.imm;
}

bool make_region(std::vector<Block>& nodes, bool loop, bool calls, Region& region) {
    region = {};
    if (nodes.empty() || nodes.size() > kMaxRegionNodes) return false;
    for (Block& b : nodes) {
        region.nodes.emplace_back();
        region.nodes.back().block = std::move(b);
    }
    return rearrange(region, loop, calls);
}

bool rearrange(Region& region, bool loop, bool calls) {
    std::vector<std::vector<u32>> next(region.nodes.size());
    for (size_t n = 0; n < next.size(); n++) {
        const Block& b = region.nodes[n].block;
        const auto leads_to = [&](Region::Target to) {
            if (to.node != kNoNode) next[n].push_back(to.node);
        };
        for (const Inst& in : b.insts)
            if (is_jump(in)) leads_to(region.find(in));
        if (!calls || !return_point(b)) continue;
        const Inst& call = b.insts.back();
        if (call.op == Op::Call && call.imm == region.nodes[0].block.start_pc) next[n].push_back(0);
        leads_to(region.returns_to(b));
    }
    std::vector<Region::Node> nodes;
    for (const u32 n : arrange(next, loop)) nodes.push_back(std::move(region.nodes[n]));
    region.nodes = std::move(nodes);
    if (region.nodes.empty()) return false;
    estimate_weights(region);
    return true;
}

}  // namespace vm::ir
