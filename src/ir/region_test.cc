#include "ir/region.h"

#include <gtest/gtest.h>

#include "ir/builder.h"

namespace vm::ir {
namespace {

const StateLayout kOneSlot{
    .slots = {{"a", Type::I64, 0}}, .size = 8, .pin_int = {}, .pin_vector = {}, .pc_alignment = 4};

/// One guest instruction at `pc`: goes to each of `targets` on some condition, to the last of them else.
Block block(u64 pc, std::initializer_list<u64> targets) {
    Block b;
    b.start_pc = pc;
    Builder build(b, kOneSlot);
    build.insn(pc, 4);
    const Value a = build.get(0);
    u64 n = 0;
    for (const u64 t : targets)
        if (++n < targets.size())
            build.exit_if(build.icmp(Cond::Eq, a, build.c64(n)), t);
        else
            build.jump(t);
    if (targets.size() == 0) build.exit(ExitReason::Syscall, pc + 4);
    return b;
}

std::vector<u64> starts(const Region& r) {
    std::vector<u64> out;
    for (const auto& n : r.nodes) out.push_back(n.block.start_pc);
    return out;
}

TEST(Region, HasTheBlocksThatLeadBack) {
    // 0x10 → 0x20 or out to 0x90; 0x20 → 0x10; 0x90 ends, 0x94 is reached from there only.
    std::vector<Block> nodes{block(0x10, {0x90, 0x20}), block(0x90, {0x94}), block(0x94, {}),
                             block(0x20, {0x10})};
    Region r;
    ASSERT_TRUE(make_region(nodes, true, true, r));
    EXPECT_EQ(starts(r), (std::vector<u64>{0x10, 0x20}));
    EXPECT_EQ(r.find(0x20).node, 1u);
    EXPECT_EQ(r.find(0x90).node, kNoNode);
}

TEST(Region, NeedsALoopThroughItsEntry) {
    // 0x20 is its own loop, but nothing leads back to 0x10.
    const auto make = [] {
        return std::vector<Block>{block(0x10, {0x20}), block(0x20, {0x20, 0x30}), block(0x30, {})};
    };
    Region r;
    std::vector<Block> nodes = make();
    EXPECT_FALSE(make_region(nodes, true, true, r));
    nodes = make();
    ASSERT_TRUE(make_region(nodes, false, true, r));
    EXPECT_EQ(starts(r), (std::vector<u64>{0x10, 0x20, 0x30}));
    EXPECT_EQ(r.nodes[0].weight, Region::kEntryWeight);
    // Eight turns, but for the little that is taken to end.
    EXPECT_GT(r.nodes[1].weight, 6 * Region::kEntryWeight);
    EXPECT_LT(r.nodes[1].weight, 8 * Region::kEntryWeight);
}

u32 weight(const Region& r, u64 pc) { return r.nodes[r.find(pc).node].weight; }

TEST(Region, FallsThrough) {
    // Outer 0x10, 0x20, 0x30, 0x60 → 0x10, or 0x20 → 0x60; inner 0x40 ⇄ 0x50 in 0x30.
    std::vector<Block> nodes{block(0x10, {0x20}), block(0x60, {0x10}),       block(0x50, {0x40, 0x60}),
                             block(0x40, {0x50}), block(0x20, {0x60, 0x30}), block(0x30, {0x40})};
    Region r;
    ASSERT_TRUE(make_region(nodes, true, true, r));
    EXPECT_EQ(starts(r), (std::vector<u64>{0x10, 0x20, 0x30, 0x40, 0x50, 0x60}));
    // 0x20 goes either way, the inner loop makes some turns.
    EXPECT_NEAR(2.0 * weight(r, 0x30), weight(r, 0x20), 0.1 * weight(r, 0x20));
    EXPECT_GT(weight(r, 0x40), 5 * weight(r, 0x30));
    EXPECT_LT(weight(r, 0x60), weight(r, 0x20));
}

TEST(Region, WeighsANestThatIsEnteredInItsInnerLoop) {
    // 0x30 is its own loop, in that of 0x20 … 0x40, in that of 0x10 … 0x50.
    std::vector<Block> nodes{block(0x30, {0x30, 0x40}), block(0x40, {0x20, 0x50}), block(0x20, {0x30}),
                             block(0x50, {0x10, 0x90}), block(0x10, {0x20}),       block(0x90, {})};
    Region r;
    ASSERT_TRUE(make_region(nodes, true, true, r));
    EXPECT_GT(weight(r, 0x30), 5 * weight(r, 0x40));
    EXPECT_GT(weight(r, 0x20), 3 * weight(r, 0x10));
    EXPECT_EQ(r.find(0x90).node, kNoNode);
}

TEST(Region, AWayOutOfALoopIsSeldomTaken) {
    // 0x10 → 0x40, which is behind the loop 0x10 … 0x20 and leads back to it.
    std::vector<Block> nodes{block(0x10, {0x40, 0x20}), block(0x20, {0x10}), block(0x40, {0x10, 0x90})};
    Region r;
    ASSERT_TRUE(make_region(nodes, true, true, r));
    EXPECT_GT(weight(r, 0x20), 2 * weight(r, 0x40));
}

TEST(Region, KnowsWhereABlockIsLeft) {
    std::vector<Block> nodes{block(0x10, {0x10, 0x90, 0x20}), block(0x20, {0x10})};
    Region r;
    ASSERT_TRUE(make_region(nodes, true, true, r));
    std::vector<double> leaves;
    RegionShape(r).walk(r.nodes[0].block, [&](const Inst& in, double share) {
        if (in.op == Op::ExitIf || in.op == Op::Goto) leaves.push_back(share);
    });
    EXPECT_EQ(leaves, (std::vector<double>{7.0 / 8, 1.0 / 8, 1.0}));
}

/// One guest instruction at `pc` that calls `target`.
Block call(u64 pc, u64 target) {
    Block b;
    b.start_pc = pc;
    Builder build(b, kOneSlot);
    build.insn(pc, 4);
    build.call(target, pc + 4);
    return b;
}

TEST(Region, GoesOnWhereACallReturns) {
    // 0x10 calls 0x100; 0x14 → 0x10. The function is not part of it.
    const auto make = [] { return std::vector<Block>{call(0x10, 0x100), block(0x14, {0x30, 0x10})}; };
    EXPECT_EQ(return_point(make()[0]), 0x14u);
    EXPECT_EQ(return_point(make()[1]), std::nullopt);
    Region r;
    std::vector<Block> nodes = make();
    ASSERT_TRUE(make_region(nodes, true, true, r));
    EXPECT_EQ(starts(r), (std::vector<u64>{0x10, 0x14}));
    nodes = make();
    nodes.pop_back();
    EXPECT_FALSE(make_region(nodes, true, false, r));
}

TEST(Region, AFunctionThatCallsItselfLeadsBack) {
    std::vector<Block> nodes{block(0x10, {0x30, 0x14}), call(0x14, 0x10), block(0x18, {}), block(0x30, {})};
    Region r;
    ASSERT_TRUE(make_region(nodes, true, true, r));
    EXPECT_EQ(starts(r), (std::vector<u64>{0x10, 0x14}));
}

TEST(Region, RefusesMoreBlocksThanItCanHold) {
    std::vector<Block> nodes;
    for (u64 n = 0; n <= kMaxRegionNodes; n++) nodes.push_back(block(0x10 + 4 * n, {0x10}));
    Region r;
    EXPECT_FALSE(make_region(nodes, false, true, r));
}

}  // namespace
}  // namespace vm::ir
