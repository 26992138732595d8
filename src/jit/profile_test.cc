// Profiles: what is kept of samples, and that nothing damaged is believed.
#include "jit/profile.h"

#include <gtest/gtest.h>

namespace vm::jit {
namespace {

ImageKey file_key() {
    ImageKey k;
    k.producer = {1, 2};
    k.environment = {3, 4};
    k.first_page = {5, 6};
    k.file_size = 100000;
    k.begin = 0x10000;
    k.end = 0x20000;
    k.alone = 1;
    return k;
}
SampledPlace place(u64 pc, u32 samples, u32 mode = 0) {
    return {.pc = pc, .mode = mode, .samples = samples, .gained = samples * kSampleWeight};
}
Profile with(std::initializer_list<SampledPlace> seen) {
    Profile p(file_key());
    p.add(std::span(seen.begin(), seen.size()));
    return p;
}

TEST(Profile, IsTheSameForEveryBuildAndOptions) {
    ImageKey other = file_key();
    other.producer = {9, 9};
    other.environment = {9, 9};
    other.alone = 0;
    EXPECT_EQ(Profile::file_name(file_key()), Profile::file_name(other));
    other.file_mtime_ns++;
    EXPECT_NE(Profile::file_name(file_key()), Profile::file_name(other));
    EXPECT_TRUE(is_profile_name(Profile::file_name(other)));
    EXPECT_FALSE(is_profile_name(other.file_name()));
    EXPECT_FALSE(is_image_name(Profile::file_name(other)));
}

TEST(Profile, ComesBackFromItsBytes) {
    const Profile p = with({place(0x10004, 2), place(0x10000, 1), place(0x10004, 3, 1)});
    ImageKey key = file_key();
    const auto r = Profile::parse(p.bytes(), &key);
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ(r->weight(0x10000, 0), kSampleWeight);
    EXPECT_EQ(r->weight(0x10004, 0), 2 * kSampleWeight);
    EXPECT_EQ(r->weight(0x10004, 1), 3 * kSampleWeight);
    EXPECT_EQ(r->weight(0x10008, 0), 0u);
    key.file_size++;
    EXPECT_FALSE(Profile::parse(p.bytes(), &key)) << "of another file";
}

TEST(Profile, RunsAddUp) {
    Profile p(file_key());
    for (u32 n = 1; n <= 4; n++) {
        const SampledPlace s[] = {place(0x10000, 1)};
        EXPECT_TRUE(p.add(s));
        EXPECT_EQ(p.weight(0x10000, 0), n * kSampleWeight);
    }
}

TEST(Profile, WhatIsMetNoMoreIsForgotten) {
    Profile p = with({place(0x10000, 3)});
    u32 last = p.weight(0x10000, 0);
    for (int n = 0; n < 40; n++) {
        const SampledPlace s[] = {place(0x10100, 8)};
        p.add(s);
        EXPECT_LE(p.weight(0x10000, 0), last);
        last = p.weight(0x10000, 0);
    }
    EXPECT_EQ(last, 0u);
    EXPECT_EQ(p.places().size(), 1u);
}

TEST(Profile, KnownLoopsAreNotWrittenAgain) {
    Profile p(file_key());
    const SampledPlace s[] = {place(0x10000, 6)};
    EXPECT_TRUE(p.add(s));
    EXPECT_FALSE(p.add(s));
    EXPECT_FALSE(p.add({})) << "nobody looked";
    const SampledPlace more[] = {place(0x10040, 1)};
    EXPECT_TRUE(p.add(more));
}

TEST(Profile, AColdPlaceStartsAnew) {
    Profile p = with({place(0x10000, 6)});
    SampledPlace s = place(0x10000, 1);
    s.cold = true;
    EXPECT_TRUE(p.add(std::span(&s, 1)));
    EXPECT_EQ(p.weight(0x10000, 0), 0u);
}

TEST(Profile, KeepsTheHeaviest) {
    Profile p(file_key());
    std::vector<SampledPlace> many;
    for (u64 i = 0; i < Profile::kMost + 50; i++) {
        many.push_back(place(0x10000 + 4 * i, 1));
        many.back().gained = static_cast<u32>(kSampleWeight + i);
    }
    p.add(many);
    EXPECT_EQ(p.places().size(), Profile::kMost);
    EXPECT_EQ(p.weight(0x10000, 0), 0u);
    EXPECT_NE(p.weight(many.back().pc, 0), 0u);
    EXPECT_TRUE(Profile::parse(p.bytes(), nullptr));
}

TEST(Profile, EveryChangedByteIsSeen) {
    const std::vector<u8> good = with({place(0x10000, 2), place(0x10004, 3)}).bytes();
    for (size_t i = 0; i < good.size(); i++) {
        std::vector<u8> bad = good;
        bad[i] ^= 1;
        EXPECT_FALSE(Profile::parse(bad, nullptr)) << i;
        EXPECT_FALSE(Profile::parse(std::span(good).first(i), nullptr)) << i;
    }
    std::vector<u8> longer = good;
    longer.push_back(0);
    EXPECT_FALSE(Profile::parse(longer, nullptr));
}

TEST(Profile, PlacesOutsideTheFileAreNotKept) {
    const Profile p = with({place(0x30000, 2), place(0x10000, 1)});
    EXPECT_EQ(p.places().size(), 1u);
}

}  // namespace
}  // namespace vm::jit
