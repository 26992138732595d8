// Regions: blocks that are compiled together because control goes round among them. What tier 2 compiles.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "ir/deferred_flags.h"

namespace vm::ir {

inline constexpr u32 kNoNode = ~u32{0};

/// Blocks of one mode. Control enters at the start of nodes[0], and where a call in it returns. A direct exit
/// (ExitIf, Goto) whose target is the start of a node stays inside, and so does the return from a call; every
/// other exit leaves. What is called may be part of it, once for each place that calls it: its site.
struct Region {
    /// A call whose function is inside. Its return address is on no return stack: who leaves from there puts
    /// it there first.
    struct Site {
        u32 parent = 0;  ///< the site that the call is in
        u64 return_pc = 0;
        u64 entry = 0;  ///< of the function
    };
    struct Node {
        Block block;
        u32 site = 0;  ///< that its entry is in
        /// How often it runs where the region is entered kEntryWeight times, as far as its shape tells; at
        /// most kMaxWeight.
        u32 weight = 1;
        /// What the flags slot is like where it is entered. Deferred: as `flags` says, not written. Any:
        /// nobody will look before it is written.
        enum class Entry : u8 { Stored, Deferred, Any } entry = Entry::Stored;
        DeferredFlags flags{};
    };
    /// Where a direct exit leads; store: deferred flags have to be written on the way.
    struct Target {
        u32 node = kNoNode;
        bool store = false;
    };
    static constexpr u32 kEntryWeight = 16, kMaxWeight = 65536;
    /// In the order in which they are to be laid out; no two of one pc, site and entry.
    std::vector<Node> nodes;
    /// By number. The first one stands for what is in no inlined call.
    std::vector<Site> sites{Site{}};

    /// The node that an exit to pc leads to, or kNoNode. `now`: the flags are deferred there.
    Target find(u64 pc, u32 site = 0, const DeferredFlags* now = nullptr) const;
    Target find(const Inst& exit, const DeferredFlags* now = nullptr) const {
        return find(exit.imm, exit.aux >> kSiteShift, now);
    }
    /// Where the call that ends the block returns to, if that is inside.
    Target returns_to(const Block& block) const;
};

/// The site that an exit leads to or is in (kSiteShift).
inline u32 site_of(const Inst& exit) { return exit.aux >> kSiteShift; }
/// Does it lead to what is known?
inline bool is_jump(const Inst& in) {
    return in.op == Op::ExitIf || in.op == Op::Goto ||
           ((in.op == Op::Ret || in.op == Op::CallInd) && (in.aux & kExpected));
}
/// Does what is known of state hold where it goes, though it ends its block?
inline bool is_plain_end(const Inst& in) { return is_jump(in) && in.op != Op::ExitIf; }

/// Calls f(target) for every direct exit of the block.
template <class F>
void for_each_target(const Block& block, F f) {
    for (const Inst& in : block.insts)
        if (in.op == Op::ExitIf || in.op == Op::Goto) f(in.imm);
}

/// Does it end in an indirect jump?
inline bool jumps_indirectly(const Block& block) {
    return !block.insts.empty() && block.insts.back().op == Op::JumpInd;
}

/// Where the call returns to that ends the block, if one does.
std::optional<u64> return_point(const Block& block);

inline constexpr size_t kMaxRegionNodes = 64;

/// Orders nodes so that most jumps fall through. next[n]: where n leads, the usual way last.
/// `loop`: drops those from which no way leads back to the entry, node 0; empty if that is in no loop. At
/// most kMaxRegionNodes nodes.
std::vector<u32> arrange(const std::vector<std::vector<u32>>& next, bool loop);

/// The loops of a region, as compilers lay them out: from where a jump leads back to, up to the last such
/// jump.
class RegionShape {
  public:
    explicit RegionShape(const Region& region);
    /// Calls f(inst, share) for each instruction of the block. share: of those who come so far, how many
    /// leave the block here; 0 for all but exits.
    template <class F>
    void walk(const Block& block, F f) const {
        size_t last = 0;  // behind the last exit that stays inside
        for (size_t i = 0; i < block.insts.size(); i++) {
            const Inst& in = block.insts[i];
            if (is_jump(in) && inside(in)) last = i + 1;
        }
        const bool jumps = jumps_indirectly(block);
        if (return_point(block) || jumps) last = block.insts.size();
        u64 pc = block.start_pc;
        for (size_t i = 0; i < block.insts.size(); i++) {
            const Inst& in = block.insts[i];
            if (in.op == Op::Insn) pc = in.imm;
            f(in, in.op == Op::Goto ? 1.0 : is_jump(in) ? taken(in, pc, i + 1 < last, jumps) : 0.0);
        }
    }

  private:
    struct Loop {
        u64 head, end;
        u32 site;
    };
    bool inside(const Inst& exit) const;
    bool leaves_loop(u64 pc, const Inst& exit) const;
    double taken(const Inst& exit, u64 pc, bool rest_inside, bool jumps) const;
    const Region& region_;
    std::vector<Loop> loops_;
};

/// Sets the weights of all nodes.
void estimate_weights(Region& region);

/// Makes a region of `nodes`, nodes[0] its entry, all of them reached from it. `loop`: as for arrange();
/// false if the entry is in no loop, or there are more than kMaxRegionNodes. `calls`: it goes on where they
/// return; calls of its own entry count as leading back there.
bool make_region(std::vector<Block>& nodes, bool loop, bool calls, Region& region);

/// What is known of the functions that a region calls.
struct Callees {
    /// The blocks of the function at `entry`, its first one first; nullptr: it is not to be inlined.
    std::function<const std::vector<Block>*(u64 entry)> body;
    /// Where the call that returns to `return_pc` leads, though it goes through a register: mostly there.
    struct Guess {
        u64 entry;
        u64 target;  ///< what the register holds then: the same, but for the uppermost byte
    };
    std::function<std::optional<Guess>(u64 return_pc)> guess;
};
/// Makes small functions that a region made by make_region (with `calls`) calls part of it: a jump goes
/// there, and back where it returns to its call; calls of the hottest blocks first. How many calls. Blocks
/// that are left with one way in become the end of the block that leads there.
unsigned inline_calls(Region& region, const StateLayout& layout, const Callees& callees, bool loop);
/// Drops and orders nodes as make_region does, and weighs them. False: the entry is in no loop.
bool rearrange(Region& region, bool loop, bool calls);

/// defer_flags (passes.h) across the blocks of a region. A block that is entered with deferred flags and with
/// stored ones is there once for each, if it matters; weights and order are made anew.
void defer_flags(Region& region, const StateLayout& layout);

}  // namespace vm::ir
