#include "boot/signature.h"

#include <gtest/gtest.h>

namespace vm::boot {
namespace {

constexpr u64 kBase = 0x8000'0000, kBytesOfRam = 1 << 20;

TEST(Signature, Text) {
    auto ram = mem::GuestRam::create(kBase, kBytesOfRam);
    ASSERT_TRUE(ram);
    for (u8 n = 0; n < 32; n++) (*ram)->write(kBase + n, &n, 1);
    EXPECT_EQ(signature_text(**ram, {kBase, kBase + 20}, 16),
              "0f0e0d0c0b0a09080706050403020100\n00000000000000000000000013121110\n");
    EXPECT_EQ(signature_text(**ram, {kBase, kBase + 8}, 4), "03020100\n07060504\n");
    EXPECT_EQ(signature_text(**ram, {kBase, kBase}, 16), "");
    EXPECT_EQ(signature_text(**ram, {kBase + kBytesOfRam - 2, kBase + kBytesOfRam}, 8), "0000000000000000\n");
}

TEST(Signature, OfAProgram) {
    Program p;
    p.name = "t";
    EXPECT_EQ(check_signature(p, kBase, kBytesOfRam).error().message,
              "t: it has no symbols begin_signature and end_signature");
    const auto ok = [&](u64 begin, u64 end) {
        p.signature = {{begin, end}};
        return check_signature(p, kBase, kBytesOfRam).has_value();
    };
    EXPECT_TRUE(ok(kBase, kBase + kBytesOfRam));
    EXPECT_TRUE(ok(kBase + 16, kBase + 16));
    EXPECT_FALSE(ok(kBase, kBase + kBytesOfRam + 1));
    EXPECT_FALSE(ok(kBase - 1, kBase + 1));
    EXPECT_FALSE(ok(kBase + 16, kBase + 8));
    EXPECT_FALSE(ok(kBase, ~u64{0}));
}

}  // namespace
}  // namespace vm::boot
