#include "base/bits.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>

namespace vm {
namespace {

TEST(Bits, FieldAndSingleBit) {
    EXPECT_EQ(bits(0xabcd, 15, 8), 0xabu);
    EXPECT_EQ(bits(0xabcd, 3, 0), 0xdu);
    EXPECT_EQ(bits(~u64{0}, 63, 0), ~u64{0});
    EXPECT_EQ(bits(u64{1} << 63, 63, 63), 1u);
    EXPECT_EQ(bits(0x30, 4, 4), 1u);
    EXPECT_TRUE(bit(u64{1} << 63, 63));
    EXPECT_FALSE(bit(~u64{1}, 0));
}

TEST(Bits, SignExtension) {
    EXPECT_EQ(sext(0x800, 12), -2048);
    EXPECT_EQ(sext(0x7ff, 12), 2047);
    EXPECT_EQ(sext(0xfffff7ff, 12), 2047);  // higher bits do not count
    EXPECT_EQ(sext(1, 1), -1);
    EXPECT_EQ(sext(~u64{0}, 64), -1);
    for (unsigned n = 1; n <= 64; ++n) {
        EXPECT_EQ(sext(u64{1} << (n - 1), n), n == 64 ? INT64_MIN : -(i64{1} << (n - 1))) << n;
        EXPECT_EQ(sext((u64{1} << (n - 1)) - 1, n), static_cast<i64>((u64{1} << (n - 1)) - 1)) << n;
    }
}

TEST(Bits, ZeroExtension) {
    EXPECT_EQ(zext(~u64{0}, 0), 0u);
    EXPECT_EQ(zext(~u64{0}, 1), 1u);
    EXPECT_EQ(zext(0x123456789abcdef0, 32), 0x9abcdef0u);
    EXPECT_EQ(zext(~u64{0}, 63), ~u64{0} >> 1);
    EXPECT_EQ(zext(~u64{0}, 64), ~u64{0});
}

TEST(Bits, Fits) {
    EXPECT_TRUE(fits_signed(-2048, 12));
    EXPECT_FALSE(fits_signed(-2049, 12));
    EXPECT_TRUE(fits_signed(2047, 12));
    EXPECT_FALSE(fits_signed(2048, 12));
    EXPECT_TRUE(fits_signed(INT64_MIN, 64));
    EXPECT_TRUE(fits_unsigned(255, 8));
    EXPECT_FALSE(fits_unsigned(256, 8));
    EXPECT_TRUE(fits_unsigned(~u64{0}, 64));
}

TEST(Bits, Alignment) {
    EXPECT_EQ(align_up(0, 4096), 0u);
    EXPECT_EQ(align_up(1, 4096), 4096u);
    EXPECT_EQ(align_up(4096, 4096), 4096u);
    EXPECT_EQ(align_down(8191, 4096), 4096u);
    EXPECT_EQ(align_down(~u64{0}, 16), ~u64{15});
}

TEST(Bits, RawAccessNeedsNoAlignment) {
    std::array<u8, 9> bytes{};
    store_raw<u64>(bytes.data() + 1, 0x0102030405060708);
    EXPECT_EQ(load_raw<u64>(bytes.data() + 1), 0x0102030405060708u);
    EXPECT_EQ(bytes[0], 0);
    EXPECT_EQ(load_raw<u8>(bytes.data() + 1), std::endian::native == std::endian::little ? 8 : 1);
}

static_assert(bits(0xf0, 7, 4) == 15 && sext(3, 2) == -1 && zext(7, 2) == 3 && align_up(5, 8) == 8);

}  // namespace
}  // namespace vm
