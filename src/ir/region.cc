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

    std::vector<u64> dominators(u64 within) const {
        std::vector<u64> dom(size(), within);
        dom[0] = 1;
        for (bool changed = true; changed;) {
            changed = false;
            for (size_t n = 1; n < size(); n++) {
                if (!(within >> n & 1)) continue;
                u64 d = within;
                for (u64 p = prev[n] & within; p; p &= p - 1)
                    d &= dom[static_cast<size_t>(std::countr_zero(p))];
                d |= u64{1} << n;
                changed |= d != dom[n];
                dom[n] = d;
            }
        }
        return dom;
    }

    /// How many natural loops each node is in.
    std::vector<u32> depths(u64 within) const {
        const std::vector<u64> dom = dominators(within);
        std::vector<u32> depth(size(), 0);
        for (size_t h = 0; h < size(); h++) {
            u64 latches = 0;
            for (u64 p = prev[h] & within; p; p &= p - 1) {
                const auto u = static_cast<size_t>(std::countr_zero(p));
                if (dom[u] >> h & 1) latches |= u64{1} << u;
            }
            if (latches == 0) continue;
            const u64 head = u64{1} << h;
            const u64 body = head | reaching(latches & ~head, within & ~head);
            for (size_t n = 0; n < size(); n++) depth[n] += body >> n & 1;
        }
        return depth;
    }

    /// The nodes of the shortest way from node 0 back to it; none if there is no way.
    u64 shortest_round(u64 within) const {
        // rings[k]: what is k jumps away from where the way ends.
        std::vector<u64> rings{u64{1}};
        for (u64 seen = 0; !(seen & 1); seen |= rings.back()) {
            u64 ring = 0;
            for (u64 r = rings.back(); r; r &= r - 1) ring |= prev[static_cast<size_t>(std::countr_zero(r))];
            rings.push_back(ring & within & ~seen);
            if (rings.back() == 0) return 0;
        }
        u64 round = 1, at = 1;
        for (size_t k = rings.size() - 2; k > 0; k--) {
            const u64 next = following(at) & rings[k];
            at = next & ~(next - 1);
            round |= at;
        }
        return round;
    }

  private:
    /// What the nodes of a set lead to.
    u64 following(u64 from) const {
        u64 out = 0;
        for (size_t n = 0; n < size(); n++)
            if (prev[n] & from) out |= u64{1} << n;
        return out;
    }
};

}  // namespace

Region::Target Region::find(u64 pc, const DeferredFlags* now) const {
    Target found;
    for (u32 n = 0; n < nodes.size(); n++) {
        const Node& node = nodes[n];
        if (node.block.start_pc != pc) continue;
        if (node.entry == Node::Entry::Any) return {n, false};
        if (node.entry == Node::Entry::Stored) {
            found = {n, now != nullptr};
        } else if (now != nullptr && node.flags == *now) {
            return {n, false};
        }
    }
    return found;
}

std::vector<Placed> arrange(const std::vector<std::vector<u32>>& next, bool loop) {
    const Graph graph(next);
    const u64 all = next.size() == 64 ? ~u64{0} : (u64{1} << next.size()) - 1;
    // Reached from the entry are all of them, so who leads back to it is in a loop with it.
    const u64 inside = loop ? graph.reaching(1, all) : all;
    if (loop && !(graph.prev[0] & inside)) return {};
    std::vector<u32> depth = graph.depths(inside);
    // A loop is entered where it was found running. From there the loops around an inner one look like
    // loops inside of it, so the shortest way round counts as much as they do.
    const u32 innermost = *std::ranges::max_element(depth);
    for (u64 r = graph.shortest_round(inside); r; r &= r - 1)
        depth[static_cast<size_t>(std::countr_zero(r))] = innermost;
    std::vector<Placed> order;
    u64 placed = 0;
    std::vector<u32> stack{0};
    while (!stack.empty()) {
        const u32 n = stack.back();
        stack.pop_back();
        if (!(inside >> n & 1) || (placed >> n & 1)) continue;
        placed |= u64{1} << n;
        u32 weight = 1;
        for (u32 d = 0; d < depth[n] && weight < Region::kMaxWeight; d++) weight *= 8;
        stack.insert(stack.end(), next[n].begin(), next[n].end());
        order.push_back({n, weight});
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
    region.nodes.clear();
    if (nodes.empty() || nodes.size() > kMaxRegionNodes) return false;
    std::vector<std::vector<u32>> next(nodes.size());
    for (size_t n = 0; n < nodes.size(); n++) {
        const auto leads_to = [&](u64 pc) {
            for (u32 m = 0; m < nodes.size(); m++)
                if (nodes[m].start_pc == pc) next[n].push_back(m);
        };
        for_each_target(nodes[n], leads_to);
        const auto back = calls ? return_point(nodes[n]) : std::nullopt;
        if (!back) continue;
        const Inst& call = nodes[n].insts.back();
        if (call.op == Op::Call && call.imm == nodes[0].start_pc) next[n].push_back(0);
        leads_to(*back);
    }
    for (const Placed& p : arrange(next, loop)) {
        region.nodes.push_back({.block = {}, .weight = p.weight});
        region.nodes.back().block = std::move(nodes[p.node]);
    }
    return !region.nodes.empty();
}

}  // namespace vm::ir
