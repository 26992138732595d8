#include "device/aclint.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "device/fakes_test.h"
#include "osal/event_loop.h"
#include "osal/host.h"

namespace vm::device {
namespace {

class AclintTest : public ::testing::Test {
  protected:
    static constexpr u64 kCompare = 0x4000, kTime = 0xbff8;
    FakeLine msip[3], mtip[3];
    FakeTimers timers;
    u64 behind = 0;  ///< ticks by which the ticks are behind the timers
    Aclint aclint{{{&msip[0], &mtip[0]}, {&msip[1], &mtip[1]}, {&msip[2], &mtip[2]}},
                  [this] { return timers.now_ns() / kNsPerTick - behind; },
                  timers};
    OneDevice bus{aclint, Aclint::kSize};
    u64 now() { return bus.read(kTime, 8); }
};

TEST_F(AclintTest, TimeRuns) {
    const u64 start = now();
    EXPECT_EQ(start, 10'000'000u);
    timers.advance(1000);
    EXPECT_EQ(now(), start + 10);
    EXPECT_EQ(bus.read(kTime, 4), start + 10);
    EXPECT_EQ(bus.read(kTime + 4, 4), 0u);
}

TEST_F(AclintTest, TheTimerInterruptsAtItsTime) {
    EXPECT_FALSE(mtip[1].high);
    EXPECT_TRUE(timers.armed().empty());
    bus.write(kCompare + 8, 8, now() + 50);
    EXPECT_EQ(timers.armed(), (std::vector<u64>{timers.now_ns() + 5000}));
    timers.advance(4900);
    EXPECT_FALSE(mtip[1].high);
    timers.advance(100);
    EXPECT_TRUE(mtip[1].high);
    EXPECT_FALSE(mtip[0].high || mtip[2].high);
    EXPECT_TRUE(timers.armed().empty());
    bus.write(kCompare + 8, 8, now() + 1);
    EXPECT_FALSE(mtip[1].high);
    bus.write(kCompare + 8, 8, now());
    EXPECT_TRUE(mtip[1].high) << "at once";
    bus.write(kCompare + 8, 8, ~u64{0});
    EXPECT_FALSE(mtip[1].high);
    EXPECT_TRUE(timers.armed().empty()) << "never";
    EXPECT_EQ(aclint.counters().timer_interrupts, 2u);
}

TEST_F(AclintTest, HalvesOfRegisters) {
    bus.write(kCompare + 4, 4, 0xffffffff);
    bus.write(kCompare, 4, 0x12345678);
    EXPECT_EQ(bus.read(kCompare, 8), 0xffffffff12345678u);
    EXPECT_FALSE(mtip[0].high);
    bus.write(kCompare + 4, 4, 0);
    EXPECT_EQ(bus.read(kCompare, 8), 0x12345678u);
    EXPECT_EQ(bus.read(kCompare + 4, 4), 0u);
    EXPECT_EQ(timers.armed().size(), 1u);
    bus.write(kCompare, 4, 1);
    EXPECT_TRUE(mtip[0].high);
}

TEST_F(AclintTest, AnAlarmThatComesEarlyIsSetAgain) {
    bus.write(kCompare, 8, now() + 10);
    behind = 3;
    timers.advance(1000);
    EXPECT_FALSE(mtip[0].high);
    ASSERT_EQ(timers.armed().size(), 1u);
    timers.advance(300);
    EXPECT_TRUE(mtip[0].high);
}

TEST_F(AclintTest, WrittenTimeMovesEveryHart) {
    bus.write(kCompare, 8, 0x1'0000'0000);
    bus.write(kCompare + 16, 8, 0x2'0000'0000);
    bus.write(kTime, 8, 0x1'0000'0000);
    EXPECT_EQ(now(), 0x1'0000'0000u);
    EXPECT_EQ(aclint.time(), 0x1'0000'0000u);
    EXPECT_EQ(aclint.time_offset(), 0x1'0000'0000u - 10'000'000);
    EXPECT_TRUE(mtip[0].high);
    EXPECT_FALSE(mtip[2].high);
    bus.write(kTime + 4, 4, 2);
    EXPECT_EQ(now(), 0x2'0000'0000u);
    EXPECT_TRUE(mtip[2].high);
    bus.write(kTime, 8, 0);
    EXPECT_FALSE(mtip[0].high || mtip[2].high);
}

TEST_F(AclintTest, NoAlarmsWhileTimeStandsStill) {
    bus.write(kCompare, 8, now() + 10);
    aclint.set_running(false);
    EXPECT_TRUE(timers.armed().empty());
    timers.advance(5000);
    behind = 50;
    aclint.set_running(true);
    EXPECT_EQ(timers.armed(), (std::vector<u64>{timers.now_ns() + 1000}));
}

TEST_F(AclintTest, SoftwareInterrupts) {
    bus.write(4, 4, 0xffffffff);
    EXPECT_TRUE(msip[1].high);
    EXPECT_EQ(bus.read(4, 4), 1u) << "bit 0 only";
    EXPECT_EQ(bus.read(0, 8), u64{1} << 32);
    bus.write(4, 4, 2);
    EXPECT_FALSE(msip[1].high);
    bus.write(8, 4, 1);
    EXPECT_TRUE(msip[2].high);
    bus.write(12, 4, 1);
    EXPECT_EQ(bus.read(12, 4), 0u) << "no such hart";
    EXPECT_EQ(aclint.counters().software_interrupts, 2u);
}

TEST_F(AclintTest, AnyAccess) {
    bus.touch_everything(0, 0x40);
    bus.touch_everything(0x3ff0, 0x4040);
    bus.touch_everything(0xbfe0, 0xc010);
    bus.touch_everything(0xfff0, 0x10000);
    bus.write(kCompare, 8, 5);
    bus.write(kCompare + 1, 4, 0x99);
    bus.write(kCompare, 2, 0x99);
    bus.write(kCompare + 4, 8, 0x99);
    EXPECT_EQ(bus.read(kCompare, 8), 5u);
    EXPECT_EQ(bus.read(kCompare, 1), 0u);
}

TEST_F(AclintTest, Reset) {
    bus.write(0, 4, 1);
    bus.write(kCompare, 8, 0);
    bus.write(kCompare + 8, 8, now() + 100);
    EXPECT_TRUE(msip[0].high && mtip[0].high);
    aclint.reset();
    EXPECT_FALSE(msip[0].high || mtip[0].high);
    EXPECT_TRUE(timers.armed().empty());
}

TEST(AclintSswi, SendsAPulse) {
    FakeLine ssip[2];
    AclintSswi sswi({&ssip[0], &ssip[1]});
    const OneDevice bus(sswi, AclintSswi::kSize);
    bus.write(4, 4, 1);
    bus.write(4, 4, 1);
    EXPECT_EQ(ssip[1].raised, 2u);
    EXPECT_FALSE(ssip[1].high);
    EXPECT_EQ(bus.read(4, 4), 0u);
    bus.write(0, 4, 2);
    EXPECT_EQ(ssip[0].raised, 0u);
    bus.write(0, 8, u64{1} << 32 | 1);
    EXPECT_EQ(ssip[0].raised, 1u);
    EXPECT_EQ(ssip[1].raised, 3u);
    EXPECT_EQ(sswi.interrupts(), 4u);
    bus.write(1, 4, 1);
    bus.write(0, 1, 1);
    bus.write(8, 4, 1);
    EXPECT_EQ(sswi.interrupts(), 4u);
    bus.touch_everything(0, 16);
    bus.touch_everything(0x3ff0, 0x4000);
}

/// With the real clock: a hart that sets its timer again at each interrupt, and one that is never early.
TEST(AclintOnALoop, Ticks) {
    auto loop = osal::EventLoop::start("test loop");
    ASSERT_TRUE(loop);
    FakeLine msip, mtip;
    Aclint aclint(
        {{&msip, &mtip}}, [] { return osal::monotonic_ns() / kNsPerTick; }, **loop);
    for (int i = 0; i < 20; i++) {
        const u64 at = aclint.read(0xbff8, 8) + 5000;  // 500 µs
        aclint.write(0x4000, 8, at);
        while (!mtip.high) std::this_thread::sleep_for(std::chrono::microseconds(50));
        EXPECT_GE(aclint.time(), at);
    }
    EXPECT_EQ(aclint.counters().timer_interrupts, 20u);
}

}  // namespace
}  // namespace vm::device
