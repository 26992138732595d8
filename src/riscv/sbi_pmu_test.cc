// SBI's counters: which there are, what they count, what is refused.
#include "riscv/sbi_pmu.h"

#include <gtest/gtest.h>

#include "riscv/hart_test.h"

namespace vm::riscv {
namespace {

constexpr u64 kInfo = 1, kMatch = 2, kStart = 3, kStop = 4, kRead = 5, kReadHigh = 6;
constexpr u64 kAll = (u64{1} << SbiPmu::kCounters) - 1 - 2;
constexpr u64 kSkip = 1, kClear = 2, kAuto = 4, kNotUser = 0x20, kNotSupervisor = 0x40, kNotMachine = 0x80;
constexpr u64 kCacheMisses = 4, kFirmware = 0xf0000;

struct SbiPmuTest : testing::Test {
    std::vector<u64> ids{0, 3};
    TestHart t{{.hart_id = 3}};
    SbiPmu pmu;

    SbiPmuTest() { t.hart.reset_for_kernel(0, 0, t.regs, t.fp); }
    SbiResult call(u64 function, std::initializer_list<u64> arguments = {}) {
        u64 a[6] = {};
        std::copy(arguments.begin(), arguments.end(), a);
        return pmu.call(t.hart, ids, function, a);
    }
    SbiResult match(u64 event, u64 flags = 0, u64 data = 0) {
        return call(kMatch, {0, kAll, flags, event, data});
    }
    i64 start(u64 counter) { return call(kStart, {counter, 1}).error; }
    i64 stop(u64 counter, u64 flags = 0) { return call(kStop, {counter, 1, flags}).error; }
    u64 csr(u64 counter) { return t.peek(static_cast<u16>(kCsrCycle + counter)); }
    u64 event(u64 counter) { return t.peek(static_cast<u16>(kCsrMhpmevent3 + counter - 3)); }
};

TEST_F(SbiPmuTest, SaysWhichCountersThereAre) {
    EXPECT_EQ(call(0).value, SbiPmu::kCounters);
    for (u64 n = 0; n < 40; ++n) {
        const SbiResult r = call(kInfo, {n});
        const bool there = n != 1 && n < SbiPmu::kCounters;
        EXPECT_EQ(r.error, there ? kSuccess : kInvalidParam) << n;
        EXPECT_EQ(r.value, !there ? 0 : (u64{63} << 12) | (n < 19 ? kCsrCycle + n : u64{1} << 63)) << n;
    }
    EXPECT_EQ(call(kInfo, {kOnes}).error, kInvalidParam);
    EXPECT_EQ(call(7).error, kNotSupported);
    EXPECT_EQ(call(kOnes).error, kNotSupported);
}

TEST_F(SbiPmuTest, HardwareEvents) {
    const SbiResult cycles = match(kEventCycles, kClear | kAuto | kNotUser | kNotMachine);
    ASSERT_EQ(cycles.error, kSuccess);
    EXPECT_EQ(cycles.value, 3u);
    EXPECT_EQ(event(3), kEventCycles | kEventNotUser | kEventNotMachine);
    t.cycles += 12;
    EXPECT_EQ(csr(3), 12u);
    EXPECT_EQ(start(3), kAlreadyStarted);
    EXPECT_EQ(stop(3), kSuccess);
    EXPECT_EQ(stop(3), kAlreadyStopped);
    t.cycles += 12;
    EXPECT_EQ(csr(3), 12u);
    EXPECT_EQ(call(kStart, {3, 1, 1, 1000}).error, kSuccess);
    t.cycles += 5;
    EXPECT_EQ(csr(3), 1005u);

    const SbiResult misses = match(kEventLoadTlbMisses, kClear | kAuto);
    EXPECT_EQ(misses.value, 4u);
    t.hart.count_tlb_miss(Access::Load);
    EXPECT_EQ(csr(4), 1u);
    EXPECT_EQ(stop(4, 1), kSuccess);
    EXPECT_EQ(event(4), 0u);
    EXPECT_EQ(start(4), kInvalidParam);
    const SbiResult raw = match(2 << 16, kClear, kEventInstructions);
    EXPECT_EQ(raw.value, 4u);  // free again
    EXPECT_FALSE(t.hart.counts_instructions());
    EXPECT_EQ(start(4), kSuccess);
    EXPECT_TRUE(t.hart.counts_instructions());
}

TEST_F(SbiPmuTest, RefusesWhatNobodyCounts) {
    for (const u64 e : {u64{0}, u64{3}, kCacheMisses, u64{10}, u64{0x10000}, u64{0x10018}, u64{0x30000},
                        kFirmware + 14, kFirmware + 0xffff, u64{0x100001}, kOnes})
        EXPECT_EQ(match(e, kAuto).error, kNotSupported) << std::hex << e;
    for (const u64 data : {u64{0}, u64{3}, u64{1} << 48 | 1, kOnes})
        EXPECT_EQ(match(2 << 16, kAuto, data).error, kNotSupported) << std::hex << data;
    EXPECT_EQ(match(kEventCycles, 0x100).error, kInvalidParam);
    const struct {
        u64 base, mask;
    } bad[] = {{0, 2},    {1, 1}, {0, 0}, {35, 1}, {0, u64{1} << 35}, {34, 2}, {kOnes, 1}, {34, u64{1} << 63},
               {3, kOnes}};
    for (const auto& b : bad)
        for (const u64 function : {kMatch, kStart, kStop})
            EXPECT_EQ(call(function, {b.base, b.mask, 0, kEventCycles}).error, kInvalidParam) << b.base;
    EXPECT_EQ(call(kMatch, {19, 0xffff, 0, kEventCycles}).error, kNotSupported);  // the firmware's count none
    EXPECT_EQ(call(kMatch, {3, 0xffff, 0, kFirmware + 5}).error, kNotSupported);
    EXPECT_EQ(call(kMatch, {2, 1, kSkip, kEventCycles}).error, kNotSupported);
}

TEST_F(SbiPmuTest, FixedCountersComeLast) {
    for (unsigned n = 0; n < kHpmCounters; ++n) EXPECT_EQ(match(kEventCycles).value, n + 3);
    EXPECT_EQ(match(kEventCycles, kNotUser).error, kNotSupported);  // they count in every mode
    EXPECT_EQ(match(kEventCycles, kNotSupervisor).error, kNotSupported);
    const SbiResult cycle = match(kEventCycles, kClear | kAuto | kNotMachine);
    EXPECT_EQ(cycle.error, kSuccess);
    EXPECT_EQ(cycle.value, 0u);
    t.cycles += 8;
    EXPECT_EQ(csr(0), 8u);
    EXPECT_EQ(match(kEventCycles).error, kNotSupported);
    EXPECT_EQ(match(kEventInstructions).value, 2u);
    EXPECT_EQ(call(kStop, {0, kAll, 1}).error, kAlreadyStopped);  // some were; all are now
    EXPECT_EQ(match(kEventCycles).value, 3u);
    EXPECT_EQ(call(kMatch, {3, 1, kSkip | kClear, kEventFetchTlbMisses}).value, 3u);
    EXPECT_EQ(event(3), u64{kEventFetchTlbMisses});
}

TEST_F(SbiPmuTest, OverflowIsForgottenByAStart) {
    const u64 n = match(kEventCycles, kClear).value;
    EXPECT_EQ(call(kStart, {n, 1, 1, kOnes}).error, kSuccess);
    t.cycles += 5;
    t.hart.check_counters();
    EXPECT_EQ(t.peek(kCsrScountovf), u64{1} << n);
    stop(n);
    EXPECT_EQ(start(n), kSuccess);
    EXPECT_EQ(t.peek(kCsrScountovf), 0u);
}

TEST_F(SbiPmuTest, FirmwareEvents) {
    const SbiResult sent = match(kFirmware + 6, kClear | kAuto | kNotUser),
                    other = match(kFirmware + 7, kClear);
    EXPECT_EQ(sent.value, 19u);
    EXPECT_EQ(other.value, 20u);
    pmu.count(ids, 3, FirmwareEvent::IpiSent);
    pmu.count(ids, 3, FirmwareEvent::IpiSent);
    pmu.count(ids, 0, FirmwareEvent::IpiSent);
    pmu.count(ids, 3, FirmwareEvent::IpiReceived);
    EXPECT_EQ(call(kRead, {19}).value, 2u);
    EXPECT_EQ(call(kReadHigh, {19}).value, 0u);
    EXPECT_EQ(call(kReadHigh, {19}).error, kSuccess);
    EXPECT_EQ(call(kRead, {20}).value, 0u);                          // not started
    EXPECT_EQ(call(kStart, {19, 3, 1, 50}).error, kAlreadyStarted);  // but the other starts
    pmu.count(ids, 3, FirmwareEvent::IpiReceived);
    EXPECT_EQ(call(kRead, {20}).value, 51u);
    EXPECT_EQ(stop(20), kSuccess);
    EXPECT_EQ(stop(20), kAlreadyStopped);
    pmu.count(ids, 3, FirmwareEvent::IpiReceived);
    EXPECT_EQ(call(kRead, {20}).value, 51u);
    for (const u64 n : {0, 3, 18, 35}) {
        EXPECT_EQ(call(kRead, {n}).error, kInvalidParam);
        EXPECT_EQ(call(kReadHigh, {n}).error, kInvalidParam);
    }
    EXPECT_EQ(call(kStart, {19, 1, 2}).error, kNoSharedMemory);
    EXPECT_EQ(call(kStop, {19, 1, 2}).error, kNoSharedMemory);
    pmu.reset(t.hart, ids);
    EXPECT_EQ(start(19), kInvalidParam);
}

TEST_F(SbiPmuTest, ExceptionsAreTheHarts) {
    const u64 illegal = match(kFirmware + 4, kClear | kAuto).value,
              loads = match(kFirmware + 2, kClear | kAuto).value;
    t.run(0x7f);
    t.hart.take_trap(kCauseLoadAccess, 0, 0);
    t.hart.take_trap(kCauseLoadAccess, 0, 0);
    EXPECT_EQ(call(kRead, {illegal}).value, 1u);
    EXPECT_EQ(call(kRead, {loads}).value, 2u);
}

}  // namespace
}  // namespace vm::riscv
