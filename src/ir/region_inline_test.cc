// Functions that become part of the region that calls them.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "ir/builder.h"
#include "ir/region.h"
#include "ir/text.h"

namespace vm::ir::inlining {
namespace {

const StateLayout kLayout{.slots = {{"a", Type::I64, 0}, {"ra", Type::I64, 8}, {"old", Type::I64, 16}},
                          .size = 24,
                          .pin_int = {},
                          .pin_vector = {},
                          .pc_alignment = 4};
enum Slot : u16 { kA, kRa, kOld };

template <class F>
Block block(u64 pc, F make) {
    Block b;
    b.start_pc = pc;
    Builder build(b, kLayout);
    build.insn(pc, 4);
    make(build);
    b.guest_insns = 1;
    b.guest_bytes = 4;
    b.ranges = {{pc, pc + 4}};
    return b;
}
Block jump(u64 pc, u64 to) {
    return block(pc, [&](Builder& b) { b.jump(to); });
}
/// Goes to `to` on some condition, on else.
Block branch(u64 pc, u64 to) {
    return block(pc, [&](Builder& b) {
        b.exit_if(b.icmp(Cond::Eq, b.get(kA), b.c64(7)), to);
        b.jump(pc + 4);
    });
}
Block call(u64 pc, u64 to) {
    return block(pc, [&](Builder& b) {
        b.set(kRa, b.c64(pc + 4));
        b.call(to, pc + 4);
    });
}
/// Adds 1 to a and returns.
Block leaf(u64 pc) {
    return block(pc, [](Builder& b) {
        b.set(kA, b.add(b.get(kA), b.c64(1)));
        b.ret(b.and_(b.get(kRa), b.c64(~u64{1})));
    });
}

/// The region of `nodes` with what they call inlined.
struct Inlined {
    Inlined(std::vector<Block> nodes, std::map<u64, std::vector<Block>> bodies, u64 guessed = 0) {
        EXPECT_TRUE(make_region(nodes, true, true, region));
        const auto body = [&](u64 entry) {
            const auto at = bodies.find(entry);
            return at == bodies.end() ? nullptr : &at->second;
        };
        const auto guess = [&](u64) {
            return guessed == 0 ? std::nullopt : std::optional(Callees::Guess{guessed & 0xffff, guessed});
        };
        calls = inline_calls(region, kLayout, {body, guess}, true);
        for (const auto& n : region.nodes) EXPECT_TRUE(verify(n.block, kLayout)) << print(n.block, kLayout);
    }
    const Inst& last(u32 node) const { return region.nodes[node].block.insts.back(); }
    size_t count(Op op) const {
        size_t found = 0;
        for (const auto& n : region.nodes)
            found += static_cast<size_t>(
                std::ranges::count(n.block.insts, op, [](const Inst& in) { return in.op; }));
        return found;
    }
    Region region;
    unsigned calls = 0;
};

TEST(InlineCalls, ALeafIsPartOfTheBlockThatCallsIt) {
    const Inlined r({call(0x10, 0x100), jump(0x14, 0x10)}, {{0x100, {leaf(0x100)}}});
    EXPECT_EQ(r.calls, 1u);
    // It leaves the link register alone, so where it returns needs no look.
    ASSERT_EQ(r.region.nodes.size(), 1u);
    EXPECT_EQ(r.count(Op::Call) + r.count(Op::Ret) + r.count(Op::ExitIf), 0u);
    EXPECT_EQ(r.count(Op::Insn), 3u);
    EXPECT_EQ(r.last(0).imm, 0x10u);
    EXPECT_EQ(r.region.find(r.last(0)).node, 0u);
    const Block& b = r.region.nodes[0].block;
    EXPECT_EQ(b.guest_insns, 3u);
    EXPECT_EQ(b.ranges, (std::vector<std::pair<u64, u64>>{{0x10, 0x14}, {0x100, 0x104}, {0x14, 0x18}}));
    EXPECT_FALSE(b.may_loop);
}

TEST(InlineCalls, AReturnIsComparedWhereTheLinkRegisterChanges) {
    const Block saves = block(0x100, [](Builder& b) {
        b.set(kRa, b.load(Type::I64, Type::I64, b.get(kA), 0, false));
        b.ret(b.get(kRa));
    });
    const Inlined r({call(0x10, 0x100), jump(0x14, 0x10)}, {{0x100, {saves}}});
    EXPECT_EQ(r.calls, 1u);
    ASSERT_EQ(r.region.nodes.size(), 2u);
    EXPECT_EQ(r.last(0).op, Op::Ret);
    EXPECT_TRUE(r.last(0).aux & kExpected);
    EXPECT_EQ(r.last(0).imm, 0x14u);
    EXPECT_EQ(r.region.find(r.last(0)).node, 1u);
    // Nearly always it returns there.
    EXPECT_GT(r.region.nodes[1].weight, r.region.nodes[0].weight * 9 / 10);
}

TEST(InlineCalls, EachCallHasItsOwnCopy) {
    const std::vector<Block> body{branch(0x100, 0x108), leaf(0x104), leaf(0x108)};
    const Inlined r({call(0x10, 0x100), call(0x14, 0x100), jump(0x18, 0x10)}, {{0x100, body}});
    EXPECT_EQ(r.calls, 2u);
    ASSERT_EQ(r.region.sites.size(), 3u);
    EXPECT_EQ(r.region.sites[1].return_pc, 0x14u);
    EXPECT_EQ(r.region.sites[2].return_pc, 0x18u);
    for (u32 site = 1; site < 3; site++) {
        const auto n = r.region.find(0x108, site).node;
        ASSERT_NE(n, kNoNode);
        EXPECT_EQ(r.last(n).imm, r.region.sites[site].return_pc);
        EXPECT_EQ(site_of(r.last(n)), 0u);
    }
    EXPECT_EQ(r.region.find(0x108).node, kNoNode);
}

Block call_indirect(u64 pc) {
    return block(pc, [&](Builder& b) {
        b.set(kRa, b.c64(pc + 4));
        b.call_ind(b.get(kA), pc + 4);
    });
}

TEST(InlineCalls, AGuessedTargetIsComparedAndElseCalled) {
    const Inlined r({call_indirect(0x10), jump(0x14, 0x10)}, {{0x100, {leaf(0x100)}}}, u64{2} << 56 | 0x100);
    EXPECT_EQ(r.calls, 1u);
    ASSERT_EQ(r.region.nodes.size(), 3u);
    const Block& caller = r.region.nodes[0].block;
    const Inst& c = caller.insts.back();
    EXPECT_EQ(c.op, Op::CallInd);
    EXPECT_TRUE(is_jump(c));
    EXPECT_EQ(expected_target(c.aux, c.imm), u64{2} << 56 | 0x100);
    const u32 inside = r.region.find(c).node, back = r.region.find(0x14).node;
    ASSERT_NE(inside, kNoNode);
    EXPECT_EQ(r.region.nodes[inside].block.start_pc, 0x100u);
    EXPECT_EQ(r.last(inside).op, Op::Goto);
    EXPECT_EQ(r.region.find(r.last(inside)).node, back);
    // The call that is made all the same returns there, too.
    EXPECT_EQ(r.region.returns_to(caller).node, back);
    EXPECT_EQ(Inlined({call_indirect(0x10), jump(0x14, 0x10)}, {{0x100, {leaf(0x100)}}}).calls, 0u);
}

TEST(InlineCalls, CallsInsideCalls) {
    // 0x100 saves the link register, calls the leaf 0x200 and returns.
    const std::vector<Block> outer{block(0x100,
                                         [](Builder& b) {
                                             b.set(kOld, b.get(kRa));
                                             b.set(kRa, b.c64(0x104));
                                             b.call(0x200, 0x104);
                                         }),
                                   block(0x104, [](Builder& b) { b.ret(b.get(kOld)); })};
    const Inlined r({call(0x10, 0x100), jump(0x14, 0x10)}, {{0x100, outer}, {0x200, {leaf(0x200)}}});
    EXPECT_EQ(r.calls, 2u);
    EXPECT_EQ(r.count(Op::Call), 0u);
    EXPECT_EQ(r.count(Op::Ret), 1u);
    ASSERT_EQ(r.region.sites.size(), 3u);
    EXPECT_EQ(r.region.sites[2].parent, 1u);
    EXPECT_EQ(r.region.nodes[0].block.guest_insns, 4u);
}

TEST(InlineCalls, AFunctionThatCallsItselfIsInlinedAFewTimes) {
    const auto self = [] {
        return std::vector<Block>{branch(0x10, 0x1c), call(0x14, 0x10), branch(0x18, 0x10), leaf(0x1c)};
    };
    const Inlined r(self(), {{0x10, self()}});
    EXPECT_EQ(r.calls, 3u);
    EXPECT_EQ(r.count(Op::Call), 1u);
    for (const auto& n : r.region.nodes)
        if (n.block.insts.back().op == Op::Call) {
            EXPECT_EQ(site_of(n.block.insts.back()), 3u);
            EXPECT_EQ(r.region.returns_to(n.block).node, r.region.find(0x18, 3).node);
        }
}

TEST(InlineCalls, WhatLeavesSaysFromWhere) {
    // 0x100 leaves for 0x300 or makes a system call.
    const std::vector<Block> body{block(0x100,
                                        [](Builder& b) {
                                            b.exit_if(b.icmp(Cond::Eq, b.get(kA), b.c64(7)), 0x300);
                                            b.exit_if(b.icmp(Cond::Eq, b.get(kA), b.c64(8)), 0x108);
                                            b.jump(0x104);
                                        }),
                                  leaf(0x104),
                                  block(0x108, [](Builder& b) { b.exit(ExitReason::Syscall, 0x10c); })};
    const Inlined r({call(0x10, 0x100), jump(0x14, 0x10)}, {{0x100, body}});
    EXPECT_EQ(r.calls, 1u);
    for (const auto& n : r.region.nodes)
        for (const Inst& in : n.block.insts)
            if (in.op == Op::ExitIf) {
                EXPECT_EQ(site_of(in), 1u);
                EXPECT_EQ(r.region.find(in).node, kNoNode);  // what does not return is not part of it
            }
    // Who leaves comes back to 0x14, so that it stays a block of its own.
    EXPECT_NE(r.region.find(0x14).node, kNoNode);
}

TEST(InlineCalls, StopsWhereRegionsWouldBecomeLarge) {
    std::vector<Block> nodes;
    for (u64 n = 0; n < 40; n++) nodes.push_back(call(0x10 + 4 * n, 0x1000));
    nodes.push_back(jump(0x10 + 160, 0x10));
    const std::vector<Block> body{branch(0x1000, 0x1008), leaf(0x1004), leaf(0x1008)};
    const Inlined r(nodes, {{0x1000, body}});
    EXPECT_GT(r.calls, 0u);
    EXPECT_LT(r.calls, 40u);
    EXPECT_LE(r.region.nodes.size(), kMaxRegionNodes);
    EXPECT_EQ(r.count(Op::Call), 40 - r.calls);
}

}  // namespace
}  // namespace vm::ir::inlining
