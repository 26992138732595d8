#include "device/net_offload.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace vm::device {
namespace {

/// RFC 1071 as it is written: 16 bits at a time, in network order.
u16 plain_sum(std::span<const u8> bytes) {
    u64 sum = 0;
    for (size_t i = 0; i < bytes.size(); i += 2)
        sum += static_cast<u64>(bytes[i]) << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<u16>(sum);
}

TEST(NetOffload, Sums) {
    std::mt19937 random(1);
    std::vector<u8> bytes(70000);
    for (const size_t size : {0, 1, 2, 3, 7, 8, 9, 15, 20, 1459, 1460, 65535, 70000})
        for (int round = 0; round < 20; ++round) {
            for (u8& b : bytes) b = round == 0 ? u8{0xff} : static_cast<u8>(random());
            const std::span part(bytes.data(), size);
            EXPECT_EQ(__builtin_bswap16(internet_sum(part)), plain_sum(part)) << size;
        }
    const u8 example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};  // RFC 1071, section 3
    EXPECT_EQ(__builtin_bswap16(internet_sum(example)), 0xddf2);
}

TEST(NetOffload, CompletesAChecksum) {
    std::vector<u8> frame(14 + 20 + 8 + 5, 0);
    const u8 payload[] = {'h', 'e', 'l', 'l', 'o'};
    std::copy(std::begin(payload), std::end(payload), frame.begin() + 42);
    const NetHeader header{NetHeader::kNeedsCsum, 0, 0, 0, 34, 6, 0};
    frame[40] = 0x12;  // the sum of the pseudo header
    frame[41] = 0x34;
    const u16 expected = static_cast<u16>(~plain_sum(std::span(frame).subspan(34)));
    EXPECT_TRUE(complete_checksum(header, frame));
    EXPECT_EQ(frame[40] << 8 | frame[41], expected);
}

TEST(NetOffload, ZeroIsWrittenAsOnes) {
    std::vector<u8> frame{0, 0, 0xff, 0xff};
    EXPECT_TRUE(complete_checksum({NetHeader::kNeedsCsum, 0, 0, 0, 0, 0, 0}, frame));
    EXPECT_EQ(frame[0], 0xff);
    EXPECT_EQ(frame[1], 0xff);
}

TEST(NetOffload, RefusesWhatDoesNotFit) {
    std::vector<u8> frame(60, 1);
    const auto before = frame;
    EXPECT_TRUE(complete_checksum({0, 0, 0, 0, 100, 100, 0}, frame)) << "it is not asked for";
    EXPECT_FALSE(complete_checksum({NetHeader::kNeedsCsum, 0, 0, 0, 59, 0, 0}, frame));
    EXPECT_FALSE(complete_checksum({NetHeader::kNeedsCsum, 0, 0, 0, 0xffff, 0xffff, 0}, frame));
    EXPECT_FALSE(complete_checksum({NetHeader::kNeedsCsum, 0, 0, 0, 34, 0xffff, 0}, frame));
    EXPECT_EQ(frame, before);
    EXPECT_TRUE(complete_checksum({NetHeader::kNeedsCsum, 0, 0, 0, 58, 0, 0}, frame));
}

}  // namespace
}  // namespace vm::device
