// How often the blocks of a region run, guessed from the directions of its jumps: most go round in loops, and
// leave them seldom. Frequencies are what flows in over each edge, a system of linear equations.
#include <algorithm>
#include <cmath>

#include "ir/region.h"

namespace vm::ir {
namespace {

/// Of all that enters a node so much goes on inside at most: also what looks endless ends.
constexpr double kGoesOn = 0.97;

/// Is it a jump back inside its function, `pc` being where it stands?
bool goes_back(const Inst& jump, u64 pc) { return (jump.aux & kBackEdge) && jump.imm <= pc; }

/// Calls edge(node, share) for the ways that lead from node n to others; share: of those who enter n.
template <class F>
void for_each_edge(const RegionShape& shape, const Region& region, u32 n, F edge) {
    const Block& b = region.nodes[n].block;
    std::optional<DeferredFlags> now;
    if (region.nodes[n].entry == Region::Node::Entry::Deferred) now = region.nodes[n].flags;
    double left = kGoesOn;
    shape.walk(b, [&](const Inst& in, double taken) {
        if (in.op == Op::DeferFlags) now = DeferredFlags::of(in);
        if (in.op == Op::SetState && now && in.imm == now->flags) now.reset();
        if (taken == 0) return;
        if (const u32 to = region.find(in, now ? &*now : nullptr).node; to != kNoNode) edge(to, left * taken);
        left *= 1 - taken;
    });
    if (const u32 to = region.returns_to(b).node; to != kNoNode) edge(to, left);
}

}  // namespace

RegionShape::RegionShape(const Region& region) : region_(region) {
    for (const Region::Node& n : region.nodes) {
        u64 pc = n.block.start_pc;
        for (const Inst& in : n.block.insts) {
            if (in.op == Op::Insn) pc = in.imm;
            if (is_jump(in) && goes_back(in, pc) && inside(in)) loops_.push_back({in.imm, pc, site_of(in)});
        }
    }
}

bool RegionShape::inside(const Inst& exit) const { return region_.find(exit).node != kNoNode; }

/// Forward over the end of the innermost loop that pc is in?
bool RegionShape::leaves_loop(u64 pc, const Inst& exit) const {
    const Loop* inner = nullptr;
    for (const Loop& l : loops_)
        if (l.site == site_of(exit) && l.head <= pc && pc <= l.end &&
            (inner == nullptr || l.end - l.head < inner->end - inner->head))
            inner = &l;
    return inner != nullptr && exit.imm > inner->end;
}

/// rest_inside: who goes on in the block may stay in the region. jumps: the block ends in an indirect jump.
double RegionShape::taken(const Inst& exit, u64 pc, bool rest_inside, bool jumps) const {
    constexpr double kSeldom = 1.0 / 8, kMostly = 7.0 / 8, kAlways = 63.0 / 64;
    if (!inside(exit)) return kSeldom;
    if (exit.aux & kExpected) return kAlways;
    if (goes_back(exit, pc) || !rest_inside) return kMostly;
    // Before the jump of a switch: a value for which it has no case.
    return jumps || leaves_loop(pc, exit) ? kSeldom : 0.5;
}

void estimate_weights(Region& region) {
    const RegionShape shape(region);
    const size_t n = region.nodes.size();
    // Row by row: frequency = 1 at the entry + what flows in.
    std::vector<double> m(n * (n + 1), 0.0);
    const size_t width = n + 1;
    for (u32 k = 0; k < n; k++) {
        m[k * width + k] += 1;
        for_each_edge(shape, region, k, [&](u32 to, double share) { m[to * width + k] -= share; });
    }
    m[n] = 1;
    // No more flows out of a node than in, so the diagonal dominates and no row has to be exchanged.
    for (size_t k = 0; k < n; k++)
        for (size_t row = k + 1; row < n; row++) {
            const double f = m[row * width + k] / m[k * width + k];
            if (f == 0) continue;
            for (size_t c = k; c < width; c++) m[row * width + c] -= f * m[k * width + c];
        }
    for (size_t k = n; k-- > 0;) {
        double f = m[k * width + n];
        for (size_t c = k + 1; c < n; c++) f -= m[k * width + c] * m[c * width + n];
        m[k * width + n] = f / m[k * width + k];
        const double weight = std::round(m[k * width + n] * Region::kEntryWeight);
        region.nodes[k].weight =
            static_cast<u32>(std::clamp(weight, 1.0, static_cast<double>(Region::kMaxWeight)));
    }
}

}  // namespace vm::ir
