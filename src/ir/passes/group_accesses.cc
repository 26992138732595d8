// group_accesses: of machines, one look into the TLB for several accesses.
// Input: any block. Output: plain loads, or stores, at constant distances from one value that lie close
// together go through a HostBase before the first of them, which asks the TLB for all the bytes between;
// where these are not on one page of RAM it leaves for a translation of the same code without groups.
// Invariant: an access that could fault comes after a HostBase that covers it, so it cannot. Cost: two walks,
// O(instructions x open groups).
#include <algorithm>

#include "ir/passes/passes.h"

namespace vm::ir {
namespace {

/// Bytes of a group: the more, the more often it is on two pages.
constexpr i64 kSpan = 256;
constexpr size_t kMostOpen = 8;

struct Group {
    Value base = kNone;
    bool write = false;
    i64 begin = 0, end = 0;  ///< from base
    u32 accesses = 0;
    Value host = kNone;  ///< its HostBase, once it is there
};

bool groupable(const Inst& in) {
    return (in.op == Op::Load || in.op == Op::Store) && mem_order(in.aux) == MemOrder::Plain &&
           !(in.aux & kMemHost);
}

/// The value that an address is a constant away from, through any number of additions; `*offset` grows by
/// that distance.
Value root(std::span<const Inst> insts, Value address, i64* offset) {
    for (;;) {
        const Inst& in = insts[address];
        if (in.op != Op::Add || in.type != Type::I64) return address;
        const unsigned constant = insts[in.args[0]].op == Op::Const ? 0 : 1;
        const Inst& c = insts[in.args[constant]];
        if (c.op != Op::Const) return address;
        const i64 sum = static_cast<i64>(static_cast<u64>(*offset) + c.imm);
        if (sum != static_cast<i32>(sum)) return address;  // as much as the displacement of an access
        *offset = sum;
        address = in.args[1 - constant];
    }
}

class Grouping {
  public:
    Grouping(const Block& block, const StateLayout& layout, PodVector<u32>& group_of)
        : block_(block), layout_(layout), group_of_(group_of) {}
    /// False: there is nothing to gain.
    bool run() {
        bool any = false;
        group_of_.assign(block_.insts.size(), 0);
        for (Value i = 0; i < block_.insts.size(); i++) {
            const Inst& in = block_.insts[i];
            // What follows is seen in another context.
            if (in.op == Op::SetState && layout_.slots[in.imm].offset == kTlbContextOffset)
                open_from_ = groups.size();
            if (groupable(in)) any |= add(i, in);
        }
        return any;
    }
    std::vector<Group> groups{Group{}};  ///< [0] stands for none

  private:
    bool add(Value i, const Inst& in) {
        i64 at = static_cast<i64>(in.imm);
        const Value base = root(block_.insts, in.args[0], &at);
        const i64 end = at + width(in.mtype) / 8;
        const bool write = in.op == Op::Store;
        const size_t oldest = std::max(open_from_, groups.size() - std::min(groups.size(), kMostOpen));
        for (size_t n = groups.size(); n-- > std::max<size_t>(oldest, 1);) {
            Group& g = groups[n];
            if (g.base != base || g.write != write) continue;
            if (std::max(g.end, end) - std::min(g.begin, at) > kSpan) break;
            g.begin = std::min(g.begin, at);
            g.end = std::max(g.end, end);
            group_of_[i] = static_cast<u32>(n);
            return ++g.accesses == 2;
        }
        group_of_[i] = static_cast<u32>(groups.size());
        groups.push_back({base, write, at, end, 1});
        return false;
    }

    const Block& block_;
    const StateLayout& layout_;
    PodVector<u32>& group_of_;
    size_t open_from_ = 0;
};

}  // namespace

void group_accesses(Block& block, const StateLayout& layout, PassScratch& scratch) {
    Grouping grouping(block, layout, scratch.group);
    if (!grouping.run()) return;
    auto& old = scratch.insts;
    old.assign(block.insts.begin(), block.insts.end());
    reset_replacement(scratch, old.size());
    block.insts.clear();
    for (Value i = 0; i < old.size(); i++) {
        Inst in = old[i];
        replace_operands(in, scratch.replacement);
        Group& g = grouping.groups[scratch.group[i]];
        if (g.accesses > 1) {
            if (g.host == kNone) {
                g.host = static_cast<Value>(block.insts.size());
                block.insts.push_back(
                    {.op = Op::HostBase,
                     .type = Type::I64,
                     .args = {scratch.replacement[g.base], kNone, kNone},
                     .aux = static_cast<u32>(g.end - g.begin) | (g.write ? kHostBaseStore : 0),
                     .imm = static_cast<u64>(g.begin)});
            }
            i64 at = static_cast<i64>(old[i].imm);
            (void)root(old, old[i].args[0], &at);  // of old: as grouping saw it
            in.args[0] = g.host;
            in.imm = static_cast<u64>(at - g.begin);
            in.aux |= kMemHost;
        }
        scratch.replacement[i] = static_cast<Value>(block.insts.size());
        block.insts.push_back(in);
    }
}

}  // namespace vm::ir
