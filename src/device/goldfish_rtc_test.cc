#include "device/goldfish_rtc.h"

#include <gtest/gtest.h>

#include "device/fakes_test.h"

namespace vm::device {
namespace {

constexpr u64 kRtcSecond = 1'000'000'000;

class GoldfishRtcTest : public ::testing::Test {
  protected:
    enum : u64 {
        TIME_LOW = 0x00,
        TIME_HIGH = 0x04,
        ALARM_LOW = 0x08,
        ALARM_HIGH = 0x0c,
        IRQ_ENABLED = 0x10,
        CLEAR_ALARM = 0x14,
        ALARM_STATUS = 0x18,
        CLEAR_INTERRUPT = 0x1c
    };
    static constexpr u64 kEpoch = 1'700'000'000 * kRtcSecond;
    FakeLine line;
    FakeTimers timers;
    u64 jump = 0;
    GoldfishRtc rtc{line, [this] { return kEpoch + timers.now_ns() + jump; }, timers};
    OneDevice bus{rtc, GoldfishRtc::kSize};

    // As drivers/rtc/rtc-goldfish.c does them.
    u64 time() {
        const u64 low = bus.read(TIME_LOW, 4);
        return bus.read(TIME_HIGH, 4) << 32 | low;
    }
    void set_time(u64 t) {
        bus.write(TIME_HIGH, 4, t >> 32);
        bus.write(TIME_LOW, 4, t & 0xffffffff);
    }
    void set_alarm(u64 t) {
        bus.write(ALARM_HIGH, 4, t >> 32);
        bus.write(ALARM_LOW, 4, t & 0xffffffff);
        bus.write(IRQ_ENABLED, 4, 1);
    }
};

TEST_F(GoldfishRtcTest, ReadsTheHostsTime) {
    EXPECT_EQ(time(), kEpoch + kRtcSecond);
    timers.advance(5);
    EXPECT_EQ(time(), kEpoch + kRtcSecond + 5);
    EXPECT_EQ(bus.read(TIME_LOW, 8), time());
}

TEST_F(GoldfishRtcTest, TheHighHalfIsOfTheSameMoment) {
    set_time(0x5'ffff'ffff);
    const u64 low = bus.read(TIME_LOW, 4);
    timers.advance(1);
    EXPECT_EQ(bus.read(TIME_HIGH, 4) << 32 | low, 0x5'ffff'ffffu);
    EXPECT_EQ(time(), 0x6'0000'0000u);
}

TEST_F(GoldfishRtcTest, TimeIsSet) {
    set_time(kEpoch / 2);
    EXPECT_EQ(time(), kEpoch / 2);
    timers.advance(kRtcSecond);
    EXPECT_EQ(time(), kEpoch / 2 + kRtcSecond);
    rtc.reset();
    EXPECT_EQ(time(), kEpoch / 2 + kRtcSecond);
}

TEST_F(GoldfishRtcTest, TheAlarmInterrupts) {
    set_alarm(time() + 3 * kRtcSecond);
    EXPECT_EQ(bus.read(ALARM_STATUS, 4), 1u);
    EXPECT_EQ(bus.read(ALARM_LOW, 8), time() + 3 * kRtcSecond);
    EXPECT_EQ(timers.armed(), (std::vector<u64>{timers.now_ns() + 3 * kRtcSecond}));
    timers.advance(3 * kRtcSecond - 1);
    EXPECT_FALSE(line.high);
    timers.advance(1);
    EXPECT_TRUE(line.high);
    EXPECT_EQ(bus.read(ALARM_STATUS, 4), 0u);
    bus.write(CLEAR_INTERRUPT, 4, 1);
    EXPECT_FALSE(line.high);
    EXPECT_TRUE(timers.armed().empty());
    EXPECT_EQ(rtc.interrupts(), 1u);
}

TEST_F(GoldfishRtcTest, AnAlarmOfThePastInterruptsAtOnce) {
    set_alarm(time() - 1);
    EXPECT_TRUE(line.high);
    bus.write(IRQ_ENABLED, 4, 0);
    EXPECT_FALSE(line.high);
    bus.write(IRQ_ENABLED, 4, 3);
    EXPECT_TRUE(line.high) << "still pending";
    EXPECT_EQ(bus.read(IRQ_ENABLED, 4), 1u);
}

TEST_F(GoldfishRtcTest, AClearedAlarmIsSilent) {
    set_alarm(time() + kRtcSecond);
    bus.write(CLEAR_ALARM, 4, 1);
    EXPECT_EQ(bus.read(ALARM_STATUS, 4), 0u);
    timers.advance(2 * kRtcSecond);
    EXPECT_FALSE(line.high);
    set_alarm(time() + kRtcSecond);
    rtc.reset();
    timers.advance(2 * kRtcSecond);
    EXPECT_FALSE(line.high);
}

TEST_F(GoldfishRtcTest, AClockThatJumpsMovesTheAlarm) {
    set_alarm(time() + 3600 * kRtcSecond);
    ASSERT_EQ(timers.armed().size(), 1u);
    jump = 3599 * kRtcSecond;
    timers.advance(timers.armed()[0] - timers.now_ns());
    EXPECT_TRUE(line.high) << "at the next look";
    bus.write(CLEAR_INTERRUPT, 4, 1);
    set_alarm(time() + 10 * kRtcSecond);
    jump -= 5 * kRtcSecond;
    timers.advance(10 * kRtcSecond);
    EXPECT_FALSE(line.high);
    timers.advance(5 * kRtcSecond);
    EXPECT_TRUE(line.high);
    set_alarm(time() + 100 * kRtcSecond);
    bus.write(CLEAR_INTERRUPT, 4, 1);
    set_time(time() + 100 * kRtcSecond);
    EXPECT_TRUE(line.high) << "set by the guest";
}

TEST_F(GoldfishRtcTest, AnyAccess) {
    bus.write(IRQ_ENABLED, 1, 1);
    bus.write(IRQ_ENABLED + 1, 4, 1);
    EXPECT_EQ(bus.read(IRQ_ENABLED, 4), 0u);
    set_alarm(~u64{0});
    bus.touch_everything(0, 0x40);
    bus.touch_everything(0xff0, 0x1000);
}

}  // namespace
}  // namespace vm::device
