#include "jit/hot_places.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vm::jit {
namespace {

const HotPlace* find(const HotPlaces& p, u64 pc) {
    const HotPlace* end = p.places + p.count;
    const HotPlace* at = std::find_if(p.places, end, [&](const HotPlace& h) { return h.pc == pc; });
    return at != end ? at : nullptr;
}
void sample(HotPlaces& p, u64 pc, u32 times = 1) {
    for (u32 i = 0; i < times; i++) HotPlacesEdit(p).sample({.pc = pc});
}

TEST(HotPlaces, CountsSamples) {
    HotPlaces p;
    sample(p, 0x10, 3);
    sample(p, 0x20);
    ASSERT_EQ(p.count, 2u);
    EXPECT_EQ(find(p, 0x10)->samples, 3u);
    EXPECT_EQ(find(p, 0x10)->weight, 3 * kSampleWeight);
    EXPECT_EQ(p.samples, 4u);
    EXPECT_EQ(p.weight, 4 * kSampleWeight);
    HotPlacesEdit(p).sample({.pc = 0x10, .mode = 1});
    EXPECT_EQ(p.count, 3u);
}

TEST(HotPlaces, TheSequenceIsOddDuringAChange) {
    HotPlaces p;
    {
        const HotPlacesEdit edit(p);
        EXPECT_EQ(p.sequence, 1u);
    }
    EXPECT_EQ(p.sequence, 2u);
    p.sequence = 7;  // a fork in the middle of a change
    HotPlacesEdit(p).clear();
    EXPECT_EQ(p.sequence, 8u);
}

TEST(HotPlaces, TheLightestGivesWay) {
    HotPlaces p;
    for (u64 i = 0; i < HotPlaces::kMost; i++) sample(p, 0x1000 + i, static_cast<u32>(i) + 2);
    sample(p, 0x5000);  // one sample weighs less than what is there
    EXPECT_EQ(find(p, 0x5000), nullptr);
    HotPlacesEdit(p).sample({.pc = 0x5000, .samples = 40, .weight = 2 * kSampleWeight});
    ASSERT_NE(find(p, 0x5000), nullptr);
    EXPECT_EQ(find(p, 0x5000)->samples, 41u);
    EXPECT_EQ(find(p, 0x5000)->weight, 3 * kSampleWeight);
    EXPECT_EQ(find(p, 0x1000), nullptr);
    EXPECT_EQ(p.count, HotPlaces::kMost);
}

TEST(HotPlaces, WhatWasHotLongAgoGivesWayToo) {
    HotPlaces p;
    for (u64 i = 0; i < HotPlaces::kMost; i++) sample(p, 0x1000 + i, 1000);
    for (int i = 0; i < 80; i++) HotPlacesEdit(p).decay();
    EXPECT_LT(p.weight, HotPlaces::kMost * kSampleWeight);
    sample(p, 0x5000);
    EXPECT_NE(find(p, 0x5000), nullptr);
}

TEST(HotPlaces, SaysWhatIsARegion) {
    HotPlaces p;
    sample(p, 0x10);
    HotPlacesEdit(p).compiled(0x10, 0);
    HotPlacesEdit(p).compiled(0x20, 0);  // unknown
    EXPECT_EQ(find(p, 0x10)->region, 1u);
    EXPECT_EQ(p.count, 1u);
    sample(p, 0x10);  // it was dropped meanwhile
    EXPECT_EQ(find(p, 0x10)->region, 0u);
    HotPlacesEdit(p).thread(BackgroundState::Compiling, 42, 3);
    EXPECT_EQ(p.state, BackgroundState::Compiling);
    EXPECT_EQ(p.tid, 42);
    EXPECT_EQ(p.pending, 3u);
    HotPlacesEdit(p).clear();
    EXPECT_EQ(p.count, 0u);
    EXPECT_EQ(p.tid, 0);
}

}  // namespace
}  // namespace vm::jit
