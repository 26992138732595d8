#include "mem/guest_ram.h"

#include <gtest/gtest.h>

namespace vm::mem {
namespace {

TEST(GuestRam, HoldsWhatIsWrittenAndEndsWhereItEnds) {
    auto made = GuestRam::create(0x8000'0000, 16 * kPage);
    ASSERT_TRUE(made) << made.error().message;
    GuestRam& ram = **made;
    const u64 end = ram.base() + ram.size();
    u32 v = 0x12345678, out = 1;
    EXPECT_TRUE(ram.read(ram.base(), &out, 4));
    EXPECT_EQ(out, 0u);
    EXPECT_TRUE(ram.write(end - 4, &v, 4));
    EXPECT_TRUE(ram.read(end - 4, &out, 4));
    EXPECT_EQ(out, v);
    EXPECT_FALSE(ram.write(end - 3, &v, 4));
    EXPECT_FALSE(ram.read(ram.base() - 1, &out, 4));
    EXPECT_EQ(ram.at(~u64{0}, 1), nullptr);
    EXPECT_EQ(ram.at(ram.base(), ~u64{0}), nullptr);
    EXPECT_EQ(ram.at(end, 0), ram.host() + ram.size());
}

TEST(GuestRam, IsWholePages) {
    EXPECT_FALSE(GuestRam::create(0x8000'0000, 0));
    EXPECT_FALSE(GuestRam::create(0x8000'0000, 100));
    EXPECT_FALSE(GuestRam::create(0x8000'0001, kPage));
    EXPECT_FALSE(GuestRam::create(~kPage + 1, 2 * kPage));
}

}  // namespace
}  // namespace vm::mem
