// Counters that are told what to count: modes, overflow, its interrupt, and when instructions must be
// counted.
#include <gtest/gtest.h>

#include "riscv/hart_test.h"

namespace vm::riscv {
namespace {

constexpr u64 kLcofi = u64{1} << kIrqLcofi;

TEST(Counters, KnowWhatTheyCanCount) {
    TestHart t;
    for (const u64 event : {u64{kEventNone}, u64{kEventCycles}, u64{kEventInstructions},
                            u64{kEventLoadTlbMisses}, u64{kEventStoreTlbMisses}, u64{kEventFetchTlbMisses}})
        EXPECT_EQ(t.put(kCsrMhpmevent3, event | kEventNotUser), event | kEventNotUser);
    for (const u64 event : {u64{3}, u64{0x10018}, u64{0xf0005}, kEventSelector})
        EXPECT_EQ(t.put(kCsrMhpmevent3, event), 0u) << std::hex << event;
    EXPECT_EQ(t.put(kCsrMhpmevent3, u64{3} << 58 | kEventCycles), u64{kEventCycles});  // no virtual modes
}

TEST(Counters, CountTheirEvent) {
    TestHart t;
    t.put(kCsrMhpmevent3, kEventCycles);
    t.put(kCsrMhpmevent3 + 1, kEventLoadTlbMisses);
    t.put(kCsrMhpmevent3 + 2, kEventStoreTlbMisses);
    t.put(kCsrMhpmevent3 + 15, kEventFetchTlbMisses);
    t.cycles += 7;
    for (const auto& [access, times] : {std::pair(Access::Load, 3), {Access::Store, 4}, {Access::Fetch, 5}})
        for (int n = 0; n < times; ++n) t.hart.count_tlb_miss(access);
    EXPECT_EQ(t.get(kCsrHpmcounter3), 7u);
    EXPECT_EQ(t.get(kCsrHpmcounter3 + 1), 3u);
    EXPECT_EQ(t.get(kCsrMhpmcounter3 + 2), 4u);
    EXPECT_EQ(t.get(kCsrHpmcounter3 + 3), 0u);
    EXPECT_EQ(t.get(kCsrHpmcounter3 + 15), 5u);
    EXPECT_EQ(t.put(kCsrMhpmcounter3, 100), 100u);
    t.cycles += 3;
    EXPECT_EQ(t.get(kCsrHpmcounter3), 103u);
    t.put(kCsrMhpmevent3, kEventNone);
    t.cycles += 3;
    EXPECT_EQ(t.get(kCsrHpmcounter3), 103u);
    EXPECT_FALSE(t.can_write(kCsrHpmcounter3));
}

TEST(Counters, StandWhileTheyAreInhibited) {
    TestHart t;
    t.put(kCsrMhpmevent3, kEventCycles);
    t.cycles += 5;
    t.put(kCsrMcountinhibit, u64{1} << 3);
    t.cycles += 50;
    EXPECT_EQ(t.get(kCsrHpmcounter3), 5u);
    t.put(kCsrMhpmcounter3, 20);
    t.put(kCsrMcountinhibit, 0);
    t.cycles += 6;
    EXPECT_EQ(t.get(kCsrHpmcounter3), 26u);
}

TEST(Counters, CountInTheirModes) {
    TestHart t;
    t.put(kCsrMcounteren, kOnes);
    t.put(kCsrMhpmevent3, kEventCycles | kEventNotMachine | kEventNotUser);
    t.put(kCsrMhpmevent3 + 1, kEventCycles | kEventNotSupervisor);
    t.cycles += 1;
    t.put(kCsrMstatus, u64{1} << kStatusMppShift);
    t.run(TestHart::kMret);
    ASSERT_EQ(t.hart.privilege(), Privilege::Supervisor);
    t.cycles += 10;
    EXPECT_EQ(t.get(kCsrHpmcounter3), 10u);
    EXPECT_EQ(t.get(kCsrHpmcounter3 + 1), 1u);
    t.put(kCsrSstatus, 0);
    t.run(TestHart::kSret);
    ASSERT_EQ(t.hart.privilege(), Privilege::User);
    t.cycles += 100;
    t.run(TestHart::kEcall);
    ASSERT_EQ(t.hart.privilege(), Privilege::Machine);
    t.cycles += 1000;
    EXPECT_EQ(t.get(kCsrHpmcounter3), 10u);
    EXPECT_EQ(t.get(kCsrHpmcounter3 + 1), 1101u);
}

TEST(Counters, OverflowInterruptsOnce) {
    TestHart t;
    t.put(kCsrMideleg, kOnes);
    t.put(kCsrMcounteren, kOnes);
    t.put(kCsrMie, kLcofi);
    t.put(kCsrMhpmevent3 + 4, kEventCycles);
    t.put(kCsrMhpmcounter3 + 4, u64{0} - 100'000);
    EXPECT_LE(t.look_in, 100'000u);
    t.cycles += 99'999;
    t.hart.check_counters();
    EXPECT_EQ(t.get(kCsrMip), 0u);
    EXPECT_EQ(t.get(kCsrScountovf), 0u);
    t.cycles += 1;
    t.hart.check_counters();
    EXPECT_EQ(t.get(kCsrMip), kLcofi);
    EXPECT_EQ(t.get(kCsrMhpmevent3 + 4), kEventOverflow | kEventCycles);
    EXPECT_EQ(t.get(kCsrScountovf), u64{1} << 7);
    t.enter(Privilege::Supervisor);
    EXPECT_EQ(t.hart.pending_interrupt(), std::nullopt);
    t.put(kCsrSstatus, kStatusSie);
    EXPECT_EQ(t.hart.pending_interrupt(), kInterrupt | kIrqLcofi);
    EXPECT_EQ(t.get(kCsrScountovf), u64{1} << 7);
    t.force(kCsrMcounteren, 7);
    EXPECT_EQ(t.get(kCsrScountovf), 0u);
    t.clear(kCsrSip, kLcofi);
    EXPECT_EQ(t.get(kCsrSip), 0u);
    // OF is set still: no further interrupt
    t.force(kCsrMhpmcounter3 + 4, kOnes);
    t.cycles += 5;
    t.hart.check_counters();
    EXPECT_EQ(t.get(kCsrSip), 0u);
    t.force(kCsrMhpmevent3 + 4, kEventCycles);
    t.force(kCsrMhpmcounter3 + 4, kOnes);
    t.cycles += 5;
    EXPECT_EQ(t.peek(kCsrMhpmcounter3 + 4), 4u);  // whoever reads it notices, too
    EXPECT_EQ(t.get(kCsrSip), kLcofi);
}

TEST(Counters, OverflowIsTheLastOfInterrupts) {
    TestHart t;
    t.put(kCsrMie, kOnes);
    t.put(kCsrMstatus, kStatusMie);
    t.put(kCsrMip, kLcofi);
    EXPECT_EQ(t.hart.pending_interrupt(), kInterrupt | kIrqLcofi);
    t.put(kCsrMip, kLcofi | u64{1} << kIrqSti);
    EXPECT_EQ(t.hart.pending_interrupt(), kInterrupt | kIrqSti);
}

TEST(Counters, LookWhenSomethingCouldOverflow) {
    TestHart t;
    EXPECT_EQ(t.look_in, kOnes);
    t.put(kCsrMcountinhibit, u64{1} << 3);
    t.put(kCsrMhpmevent3, kEventCycles);
    t.put(kCsrMhpmcounter3, u64{0} - 1'000'000);
    EXPECT_EQ(t.look_in, kOnes);
    t.put(kCsrMcountinhibit, 0);
    EXPECT_LE(t.look_in, 1'000'000u);
    EXPECT_GT(t.look_in, 990'000u);
    t.cycles += 990'000;
    t.hart.check_counters();
    EXPECT_EQ(t.look_in, 20'000u);  // no more often
    t.look_in = kOnes;
    t.put(kCsrMhpmevent3, kEventCycles | kEventOverflow);
    EXPECT_EQ(t.look_in, kOnes);
}

TEST(Counters, InstructionsAreCountedWhenSomebodyWantsToKnow) {
    TestHart t;
    EXPECT_FALSE(t.hart.counts_instructions());
    t.get(kCsrCycle);
    EXPECT_FALSE(t.last.context_changed);
    t.peek(kCsrMinstret);  // a debugger
    EXPECT_FALSE(t.hart.counts_instructions());
    t.get(kCsrMinstret);
    EXPECT_TRUE(t.last.context_changed);
    EXPECT_TRUE(t.hart.counts_instructions());
    t.put(kCsrMcountinhibit, kCounterInstret);
    EXPECT_FALSE(t.hart.counts_instructions());
    t.put(kCsrMhpmevent3 + 2, kEventInstructions | kEventNotMachine | kEventNotUser);
    EXPECT_FALSE(t.hart.counts_instructions());
    t.enter(Privilege::Supervisor);
    EXPECT_TRUE(t.hart.counts_instructions());
    t.enter(Privilege::User);
    EXPECT_FALSE(t.hart.counts_instructions());
    t.force(kCsrMhpmevent3 + 2, kEventInstructions);
    EXPECT_TRUE(t.hart.counts_instructions());
    t.force(kCsrMcountinhibit, kOnes);
    EXPECT_FALSE(t.hart.counts_instructions());
}

TEST(Counters, WritingOneOfInstructionsIsNotCounted) {
    TestHart t;
    t.put(kCsrMhpmevent3, kEventInstructions);
    t.swap(kCsrMhpmcounter3, 500);
    EXPECT_EQ(t.get(kCsrMhpmcounter3), 500u);
    t.retired += 1;  // the write itself
    EXPECT_EQ(t.get(kCsrMhpmcounter3), 500u);
    t.retired += 9;
    EXPECT_EQ(t.get(kCsrMhpmcounter3), 509u);
}

TEST(Counters, SnapshotsKeepThem) {
    TestHart t;
    t.put(kCsrMhpmevent3, kEventCycles | kEventNotUser);
    t.cycles += 40;
    const HartState s = t.hart.save();
    EXPECT_EQ(s.mhpmcounter[0], 40u);
    TestHart other;
    other.cycles = 99'999;
    other.hart.load(s);
    other.cycles += 2;
    EXPECT_EQ(other.get(kCsrHpmcounter3), 42u);
    other.hart.reset_for_firmware(TestHart::kPc, {}, other.regs, other.fp);
    other.cycles += 2;
    EXPECT_EQ(other.get(kCsrHpmcounter3), 0u);
}

TEST(Counters, ExceptionsAreCounted) {
    TestHart t;
    t.run(TestHart::kEbreak);
    t.run(0x7f);
    t.run(0x7f);
    EXPECT_EQ(t.hart.exceptions(kCauseBreakpoint), 1u);
    EXPECT_EQ(t.hart.exceptions(kCauseIllegal), 2u);
    t.hart.take_trap(kInterrupt | kIrqSti, 0, 0);
    EXPECT_EQ(t.hart.exceptions(kCauseLoadAccess), 0u);
}

TEST(Counters, WithoutSscofpmf) {
    TestHart t({.sscofpmf = false});
    EXPECT_FALSE(t.can_read(kCsrScountovf));
    EXPECT_EQ(t.put(kCsrMie, kOnes), 0xaaau);
    EXPECT_EQ(t.put(kCsrMideleg, kOnes), 0x222u);
    EXPECT_EQ(t.put(kCsrMip, kOnes), 0x222u);
    EXPECT_EQ(t.put(kCsrMhpmevent3, (kOnes & ~kEventSelector) | kEventCycles), u64{kEventCycles});
    t.put(kCsrMhpmcounter3, kOnes);
    t.cycles += 3;
    EXPECT_EQ(t.get(kCsrMhpmcounter3), 2u);
    EXPECT_EQ(t.get(kCsrMhpmevent3), u64{kEventCycles});
    EXPECT_EQ(t.look_in, kOnes);
}

}  // namespace
}  // namespace vm::riscv
