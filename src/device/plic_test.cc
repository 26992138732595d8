#include "device/plic.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "device/fakes_test.h"

namespace vm::device {
namespace {

class PlicTest : public ::testing::Test {
  protected:
    FakeLine lines[4];
    Plic plic{{&lines[0], &lines[1], &lines[2], &lines[3]}};
    OneDevice bus{plic, 0x600000};

    void priority(u64 source, u64 p) { bus.write(4 * source, 4, p); }
    void enable(u64 context, u64 source) {
        const u64 at = 0x2000 + 0x80 * context + source / 32 * 4;
        bus.write(at, 4, bus.read(at, 4) | u64{1} << source % 32);
    }
    void threshold(u64 context, u64 p) { bus.write(0x200000 + 0x1000 * context, 4, p); }
    u64 claim(u64 context) { return bus.read(0x200004 + 0x1000 * context, 4); }
    void complete(u64 context, u64 source) { bus.write(0x200004 + 0x1000 * context, 4, source); }
    bool pending(u64 source) { return bit(bus.read(0x1000 + source / 32 * 4, 4), source % 32); }
};

TEST_F(PlicTest, ClaimAndComplete) {
    priority(10, 1);
    enable(1, 10);
    plic.source(10).set(true);
    EXPECT_TRUE(pending(10));
    EXPECT_FALSE(lines[0].high);
    EXPECT_TRUE(lines[1].high);
    EXPECT_EQ(claim(0), 0u) << "not enabled there";
    EXPECT_EQ(claim(1), 10u);
    EXPECT_FALSE(pending(10));
    EXPECT_FALSE(lines[1].high);
    EXPECT_EQ(claim(1), 0u);
    plic.source(10).set(false);
    complete(1, 10);
    EXPECT_FALSE(lines[1].high);
    EXPECT_EQ(plic.claims(), 1u);
}

TEST_F(PlicTest, ASourceThatIsStillHighInterruptsAgain) {
    priority(95, 1);
    enable(3, 95);
    plic.source(95).set(true);
    EXPECT_EQ(claim(3), 95u);
    plic.source(95).set(false);
    plic.source(95).set(true);
    EXPECT_FALSE(lines[3].high) << "held back until it is completed";
    complete(3, 95);
    EXPECT_TRUE(lines[3].high);
    EXPECT_EQ(claim(3), 95u);
}

TEST_F(PlicTest, APendingSourceStaysSoThoughItGoesLow) {
    priority(5, 1);
    enable(0, 5);
    plic.source(5).set(true);
    plic.source(5).set(false);
    EXPECT_TRUE(lines[0].high);
    EXPECT_EQ(claim(0), 5u);
    complete(0, 5);
    EXPECT_FALSE(lines[0].high);
}

TEST_F(PlicTest, HighestPriorityThenLowestNumber) {
    for (const u64 n : {3u, 7u, 40u, 41u}) {
        enable(0, n);
        plic.source(static_cast<unsigned>(n)).set(true);
    }
    EXPECT_FALSE(lines[0].high) << "priority 0 never interrupts";
    EXPECT_EQ(claim(0), 0u);
    priority(3, 2);
    priority(7, 7);
    priority(40, 7);
    priority(41, 1);
    EXPECT_EQ(claim(0), 7u);
    EXPECT_EQ(claim(0), 40u);
    EXPECT_EQ(claim(0), 3u);
    EXPECT_EQ(claim(0), 41u);
    EXPECT_EQ(claim(0), 0u);
}

TEST_F(PlicTest, TheThresholdMasksTheLineNotTheClaim) {
    priority(8, 3);
    enable(0, 8);
    threshold(0, 3);
    plic.source(8).set(true);
    EXPECT_FALSE(lines[0].high);
    threshold(0, 2);
    EXPECT_TRUE(lines[0].high);
    threshold(0, 7);
    EXPECT_FALSE(lines[0].high);
    EXPECT_EQ(claim(0), 8u);
}

TEST_F(PlicTest, OneOfTwoContextsGetsIt) {
    priority(9, 1);
    enable(1, 9);
    enable(3, 9);
    plic.source(9).set(true);
    EXPECT_TRUE(lines[1].high && lines[3].high);
    EXPECT_EQ(claim(3), 9u);
    EXPECT_FALSE(lines[1].high || lines[3].high);
    EXPECT_EQ(claim(1), 0u);
}

TEST_F(PlicTest, CompletionOfWhatIsNotEnabledIsIgnored) {
    priority(9, 1);
    enable(1, 9);
    plic.source(9).set(true);
    EXPECT_EQ(claim(1), 9u);
    complete(0, 9);
    complete(1, 10);
    complete(1, 96);
    complete(1, 0xffffffff);
    EXPECT_FALSE(lines[1].high);
    complete(1, 9);
    EXPECT_TRUE(lines[1].high);
}

TEST_F(PlicTest, RegistersKeepTheirBitsOnly) {
    priority(1, 0xffffffff);
    EXPECT_EQ(bus.read(4, 4), 7u);
    priority(0, 1);
    EXPECT_EQ(bus.read(0, 4), 0u) << "source 0 is none";
    priority(96, 1);
    EXPECT_EQ(bus.read(96 * 4, 4), 0u);
    bus.write(0x2000, 4, 0xffffffff);
    EXPECT_EQ(bus.read(0x2000, 4), 0xfffffffeu);
    bus.write(0x2000 + 12, 4, 0xffffffff);
    EXPECT_EQ(bus.read(0x2000 + 12, 4), 0u);
    threshold(2, ~u64{0});
    EXPECT_EQ(bus.read(0x202000, 4), 7u);
    bus.write(0x1000, 4, 0xffffffff);
    EXPECT_EQ(bus.read(0x1000, 4), 0u) << "pending bits are read-only";
    EXPECT_EQ(plic.size(), 0x204000u);
}

TEST_F(PlicTest, OtherWidths) {
    priority(10, 1);
    enable(1, 10);
    plic.source(10).set(true);
    EXPECT_EQ(bus.read(0x201004, 1), 0u);
    EXPECT_EQ(bus.read(0x201005, 4), 0u);
    EXPECT_EQ(bus.read(0x201004, 8), 0u) << "misaligned";
    EXPECT_TRUE(lines[1].high) << "none of them claimed";
    threshold(1, 1);
    EXPECT_EQ(bus.read(0x201000, 8), u64{10} << 32 | 1) << "two words";
    bus.write(0x2080, 8, ~u64{0});
    EXPECT_EQ(bus.read(0x2084, 4), 0xffffffffu);
    bus.touch_everything(0, 0x2300);
    bus.touch_everything(0x1ffff0, 0x200020);
    bus.touch_everything(0x202ff0, 0x204020);
    bus.touch_everything(0x5ffff0, 0x600000);
}

TEST_F(PlicTest, ResetKeepsLevels) {
    priority(2, 1);
    enable(0, 2);
    plic.source(2).set(true);
    EXPECT_EQ(claim(0), 2u);
    plic.reset();
    EXPECT_FALSE(lines[0].high);
    EXPECT_EQ(bus.read(8, 4), 0u);
    EXPECT_TRUE(pending(2));
    priority(2, 1);
    enable(0, 2);
    EXPECT_TRUE(lines[0].high);
}

/// Each time that a source goes high is handled by one of two harts; none is lost.
TEST_F(PlicTest, DevicesAndHartsAtOnce) {
    constexpr unsigned kRounds = 2000;
    std::atomic<u64> handled = 0;
    std::atomic<bool> over = false;
    std::atomic<unsigned> wants[3] = {};
    for (const u64 n : {1u, 2u}) {
        priority(n, n);
        enable(1, n);
        enable(3, n);
    }
    std::vector<std::thread> threads;
    for (unsigned n = 1; n <= 2; n++)
        threads.emplace_back([&, n] {
            for (unsigned i = 0; i < kRounds; i++) {
                wants[n] = 1;
                plic.source(n).set(true);
                while (wants[n] != 0) std::this_thread::yield();
            }
        });
    for (const u64 context : {1u, 3u})
        threads.emplace_back([&, context] {
            while (!over) {
                const u64 n = claim(context);
                if (n == 0) {
                    std::this_thread::yield();
                    continue;
                }
                plic.source(static_cast<unsigned>(n)).set(false);
                complete(context, n);
                handled++;
                wants[n] = 0;
            }
        });
    threads[0].join();
    threads[1].join();
    over = true;
    threads[2].join();
    threads[3].join();
    EXPECT_EQ(handled, 2 * kRounds);
    EXPECT_FALSE(lines[1].high || lines[3].high);
}

}  // namespace
}  // namespace vm::device
