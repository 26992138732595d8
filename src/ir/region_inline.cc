// Functions that a region calls become part of it. Each call has its own copy of the blocks, so that a return
// has one place to go to: the jump there is taken if the return address is that of the call, which is known
// without looking where a function leaves the link register alone.
#include <algorithm>
#include <utility>

#include "ir/passes/passes.h"
#include "ir/region.h"

namespace vm::ir {
namespace {

/// Calls inside one another, and how often the same function may be among them.
constexpr unsigned kMaxDepth = 4, kMaxRecursion = 3;
/// Of a region, with what was inlined: the rest is left for blocks that exist once for each state of the
/// flags.
constexpr size_t kMaxNodes = 48;
/// Guest instructions of all inlined blocks, and of blocks that became one.
constexpr u32 kMaxInsns = 400, kMaxMerged = 160;

class Inliner {
  public:
    Inliner(Region& region, const StateLayout& layout, const Callees& callees)
        : region_(region), layout_(layout), callees_(callees) {}

    unsigned run() {
        for (u32 n = 0; n < region_.nodes.size(); n++) queue(n, region_.nodes[n].weight);
        while (!calls_.empty()) {
            std::pop_heap(calls_.begin(), calls_.end());
            const Candidate c = calls_.back();
            calls_.pop_back();
            inline_call(c);
        }
        return static_cast<unsigned>(region_.sites.size() - 1);
    }

  private:
    struct Candidate {
        u32 weight, node;
        /// The hottest first; of equals the one that was found first.
        bool operator<(const Candidate& o) const {
            return std::pair(weight, o.node) < std::pair(o.weight, node);
        }
    };

    void queue(u32 node, u32 weight) {
        const Block& b = region_.nodes[node].block;
        if (!return_point(b)) return;
        calls_.push_back({weight, node});
        std::push_heap(calls_.begin(), calls_.end());
    }

    bool too_deep(u32 site, u64 entry) const {
        unsigned depth = 0, same = 0;
        for (; site != 0; site = region_.sites[site].parent) {
            depth++;
            same += region_.sites[site].entry == entry;
        }
        return depth == kMaxDepth || same == kMaxRecursion;
    }

    void inline_call(const Candidate& c) {
        const Inst call = region_.nodes[c.node].block.insts.back();
        const u64 return_pc = *return_point(region_.nodes[c.node].block);
        if (region_.find(return_pc, site_of(call)).node == kNoNode) return;
        Callees::Guess to{call.imm, call.imm};
        if (call.op == Op::CallInd) {
            const auto guess = callees_.guess ? callees_.guess(return_pc) : std::nullopt;
            if (!guess) return;
            to = *guess;
        }
        if (too_deep(site_of(call), to.entry)) return;
        const std::vector<Block>* body = callees_.body(to.entry);
        if (body == nullptr || region_.nodes.size() + body->size() > kMaxNodes) return;
        u32 insns = 0;
        for (const Block& b : *body) insns += b.guest_insns;
        if (insns_ + insns > kMaxInsns) return;
        insns_ += insns;

        const auto site = static_cast<u32>(region_.sites.size());
        region_.sites.push_back({site_of(call), return_pc, to.entry});
        Block& caller = region_.nodes[c.node].block;
        const u64 link = known_link(caller, return_pc, *body);
        Inst& jump = caller.insts.back();
        if (call.op == Op::Call) jump = {.op = Op::Goto};
        jump.imm = to.entry;
        jump.aux = site << kSiteShift;
        if (call.op == Op::CallInd)
            jump.aux |= kExpected | static_cast<u32>((to.target ^ to.entry) >> 56) << 8;
        caller.may_loop = false;
        for (const Block& b : *body) {
            const auto n = static_cast<u32>(region_.nodes.size());
            region_.nodes.push_back({.block = b, .site = site, .weight = c.weight});
            adapt(region_.nodes.back().block, site, link);
            queue(n, c.weight);
        }
    }

    /// The slot that holds the return address all the time that the function runs, or that of no slot.
    u64 known_link(const Block& caller, u64 return_pc, const std::vector<Block>& body) const {
        const u64 none = layout_.slots.size();
        u64 link = none;
        for (const Inst& in : caller.insts) {
            if (in.op != Op::SetState) continue;
            const Inst& v = caller.insts[in.args[0]];
            if (v.op == Op::Const && v.imm == return_pc && v.type == Type::I64)
                link = in.imm;
            else if (in.imm == link)
                link = none;
        }
        const auto changes = [&](const Inst& in) {
            return in.op == Op::Call || in.op == Op::CallInd || (in.op == Op::SetState && in.imm == link);
        };
        for (const Block& b : body)
            if (std::ranges::any_of(b.insts, changes)) return none;
        return link;
    }

    /// Makes a copy of a block that of a site. link: the slot that holds the return address, if one does.
    void adapt(Block& b, u32 site, u64 link) {
        b.may_loop = false;  // jumps to its own start may be those of another site
        const Region::Site& s = region_.sites[site];
        for (Inst& in : b.insts) {
            if (effects(in.op) & kEffectT || in.op == Op::ExitIf) in.aux |= site << kSiteShift;
            if (in.op == Op::GetState && in.imm == link && in.type == Type::I64)
                in = {.op = Op::Const, .type = Type::I64, .imm = s.return_pc};
        }
        if (b.insts.empty() || b.insts.back().op != Op::Ret) return;
        b.insts.back().aux = kExpected | s.parent << kSiteShift;
        b.insts.back().imm = s.return_pc;
        if (link == layout_.slots.size()) return;
        b.forwarded = false;  // so that fold looks at what has constant operands now
        fold(b, layout_, scratch_);
    }

    Region& region_;
    const StateLayout& layout_;
    const Callees& callees_;
    PassScratch scratch_;
    std::vector<Candidate> calls_;  ///< a heap
    u32 insns_ = 0;
};

/// Adds what follows the Goto that ends `a`.
void merge(Block& a, const Block& b) {
    a.insts.pop_back();
    const auto base = static_cast<Value>(a.insts.size());
    for (Inst in : b.insts) {
        if (in.op != Op::Const128)  // its operand words are no values
            for (Value& v : in.args)
                if (v != kNone) v += base;
        a.insts.push_back(in);
    }
    a.guest_bytes += b.guest_bytes;
    a.guest_insns += b.guest_insns;
    a.forwarded = a.may_loop = false;
    a.may_extend |= b.may_extend;
    a.may_flag |= b.may_flag;
    a.ranges.insert(a.ranges.end(), b.ranges.begin(), b.ranges.end());
}

/// In how many ways each node is entered.
std::vector<u32> ways_in(const Region& region) {
    std::vector<u32> ways(region.nodes.size());
    const auto count = [&](Region::Target to) {
        if (to.node != kNoNode) ways[to.node]++;
    };
    ways[0] = 1;
    for (const Region::Node& n : region.nodes) {
        for (const Inst& in : n.block.insts) {
            if (is_jump(in)) count(region.find(in));
            // Who leaves comes back where the inlined calls return.
            const bool leaves =
                is_jump(in) ? region.find(in).node == kNoNode : in.op == Op::JumpInd || in.op == Op::Exit;
            if (!leaves) continue;
            for (u32 s = site_of(in); s != 0; s = region.sites[s].parent)
                count(region.find(region.sites[s].return_pc, region.sites[s].parent));
        }
        count(region.returns_to(n.block));
    }
    return ways;
}

/// Blocks with one way in become the end of the block that leads there.
void merge_nodes(Region& region) {
    const std::vector<u32> ways = ways_in(region);
    std::vector<bool> gone(region.nodes.size());
    for (u32 n = 0; n < region.nodes.size(); n++) {
        if (gone[n]) continue;
        Block& a = region.nodes[n].block;
        while (!a.insts.empty() && a.insts.back().op == Op::Goto) {
            const u32 m = region.find(a.insts.back()).node;
            if (m == kNoNode || m == n || m == 0 || ways[m] != 1 || gone[m]) break;
            const Block& b = region.nodes[m].block;
            if (a.guest_insns + b.guest_insns > kMaxMerged) break;
            merge(a, b);
            gone[m] = true;
        }
    }
    u32 kept = 0;
    for (u32 n = 0; n < region.nodes.size(); n++) {
        if (gone[n]) continue;
        if (kept != n) region.nodes[kept] = std::move(region.nodes[n]);
        kept++;
    }
    region.nodes.resize(kept);
}

}  // namespace

unsigned inline_calls(Region& region, const StateLayout& layout, const Callees& callees, bool loop) {
    const unsigned calls = Inliner(region, layout, callees).run();
    if (calls == 0) return 0;
    rearrange(region, loop, true);  // drops what does not return
    merge_nodes(region);
    rearrange(region, loop, true);
    return calls;
}

}  // namespace vm::ir
