#include "optimizers/region_policy.h"

#include <gtest/gtest.h>

#include "ir/builder.h"

namespace vm::optimizers {
namespace {

using F = RegionFeature;

ir::StateLayout layout() {
    return {.slots = {{"a", ir::Type::I64, 0}, {"b", ir::Type::I64, 8}},
            .size = 16,
            .pin_int = {0},
            .pin_vector = {},
            .pc_alignment = 4};
}

/// Adds 1 to `slot` and goes on at `next`, or to where slot a says.
ir::Block block(const ir::StateLayout& l, u64 pc, u16 slot, u64 next, bool jump = false) {
    ir::Block b;
    b.start_pc = pc;
    b.guest_insns = 1;
    ir::Builder build(b, l);
    build.insn(pc, 4);
    const ir::Value v = build.get(slot);
    build.set(slot, build.add(v, build.c64(1)));
    if (jump) {
        build.exit_if(build.icmp(ir::Cond::Eq, v, build.c64(3)), next);
        build.jump_ind(build.get(0));
    } else {
        build.exit_if(build.icmp(ir::Cond::Eq, v, build.c64(3)), 0x1000);
        build.jump(next);
    }
    return b;
}

RegionFeatures features(bool jump, u16 slot) {
    const ir::StateLayout l = layout();
    std::vector<ir::Block> nodes{block(l, 0x10, slot, 0x20, jump), block(l, 0x20, slot, 0x10)};
    ir::Region r;
    EXPECT_TRUE(ir::make_region(nodes, true, true, r));
    return region_features(r, l, 3);
}

TEST(RegionFeatures, CountByHowOftenBlocksRun) {
    const RegionFeatures f = features(false, 0);
    EXPECT_EQ(f[F::Blocks], 2);
    EXPECT_EQ(f[F::Insns], 2);
    EXPECT_GT(f[F::Turns], 1);
    EXPECT_EQ(f[F::Jumps], 0);
    EXPECT_EQ(f[F::HomeSlots], 0);
    EXPECT_EQ(f[F::MadeBefore], 3);
    // Both blocks go on inside seven times of eight.
    EXPECT_NEAR(f[F::Inside], 7.0 / 8, 0.01);
    EXPECT_NEAR(f[F::Exits], 1.0 / 8, 0.01);
    EXPECT_EQ(features(false, 1)[F::HomeSlots], 1);
    EXPECT_NEAR(features(true, 0)[F::Jumps], 0.9, 0.1);
}

TEST(RegionFeatures, AsText) {
    const std::string text = to_text(features(false, 0));
    for (const std::string_view name : kRegionFeatureNames)
        EXPECT_NE((" " + text).find(" " + std::string(name) + "="), std::string::npos) << name;
}

TEST(RegionPolicy, ThresholdLeavesWhatIsNoLoop) {
    const RegionPolicy policy = parse_region_policy("threshold").value();
    EXPECT_TRUE(worthwhile(policy, 0x10, features(false, 0)));
    EXPECT_FALSE(worthwhile(policy, 0x10, features(true, 0)));
    EXPECT_TRUE(worthwhile(policy, 0x10, features(true, 1))) << "registers are gained";
    EXPECT_TRUE(worthwhile(parse_region_policy("all").value(), 0x10, features(true, 0)));
}

TEST(RegionPolicy, NamesLoops) {
    const RegionPolicy policy = parse_region_policy("not:0x10,20").value();
    EXPECT_FALSE(worthwhile(policy, 0x10, features(false, 0)));
    EXPECT_FALSE(worthwhile(policy, 0x20, features(false, 0)));
    EXPECT_TRUE(worthwhile(policy, 0x30, features(true, 0)));
}

TEST(RegionPolicy, RefusesWhatItDoesNotKnow) {
    for (const char* text :
         {"", "some", "not", "not:", "not:0x", "not:0x10,", "not:12g", "not:0x10000000000000000"})
        EXPECT_FALSE(parse_region_policy(text).has_value()) << text;
}

TEST(RegionPolicy, TheForestVotes) {
    for (const bool jump : {false, true}) {
        const float vote = forest_vote(features(jump, 0));
        EXPECT_GE(vote, 0);
        EXPECT_LE(vote, 1);
        EXPECT_EQ(worthwhile(parse_region_policy("forest").value(), 0x10, features(jump, 0)), vote >= 0.5f);
    }
}

}  // namespace
}  // namespace vm::optimizers
