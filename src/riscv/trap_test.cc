// Traps, returns, interrupts and the instructions that the mode allows or not.
#include <thread>

#include "riscv/hart_test.h"

namespace vm::riscv {
namespace {

constexpr u64 kMtvec = 0x8000'0000, kStvec = 0xffff'ffc0'0000'1000;
constexpr Privilege kModes[] = {Privilege::User, Privilege::Supervisor, Privilege::Machine};

TEST(Trap, EveryExceptionFromEveryModeDelegatedOrNot) {
    for (const u64 cause : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15})
        for (const Privilege from : kModes)
            for (const bool delegated : {false, true})
                for (const u64 enables : {u64{0}, kStatusSie, kStatusMie, kStatusSie | kStatusMie}) {
                    TestHart t;
                    t.put(kCsrMtvec, kMtvec | 1);
                    t.put(kCsrStvec, kStvec | 1);
                    t.put(kCsrMedeleg, delegated ? u64{1} << cause : 0);
                    t.put(kCsrMideleg, 0x222);  // is about interrupts only
                    t.put(kCsrMstatus, enables);
                    t.enter(from);
                    const u64 pc = t.hart.take_trap(cause, 0x1234, 0x8000'4002);
                    const u64 status = t.peek(kCsrMstatus);
                    const bool to_s = delegated && cause != 11 && from != Privilege::Machine;
                    if (to_s) {
                        EXPECT_EQ(pc, kStvec);  // exceptions are not vectored
                        EXPECT_EQ(t.hart.privilege(), Privilege::Supervisor);
                        EXPECT_EQ(t.peek(kCsrScause), cause);
                        EXPECT_EQ(t.peek(kCsrStval), 0x1234u);
                        EXPECT_EQ(t.peek(kCsrSepc), 0x8000'4002u);
                        EXPECT_EQ(t.peek(kCsrMcause), 0u);
                        EXPECT_EQ((status & kStatusSpp) != 0, from == Privilege::Supervisor);
                        EXPECT_EQ((status & kStatusSpie) != 0, (enables & kStatusSie) != 0);
                        EXPECT_EQ(status & kStatusSie, 0u);
                        EXPECT_EQ(status & kStatusMie, enables & kStatusMie);
                    } else {
                        EXPECT_EQ(pc, kMtvec);
                        EXPECT_EQ(t.hart.privilege(), Privilege::Machine);
                        EXPECT_EQ(t.peek(kCsrMcause), cause);
                        EXPECT_EQ(t.peek(kCsrMtval), 0x1234u);
                        EXPECT_EQ(t.peek(kCsrMepc), 0x8000'4002u);
                        EXPECT_EQ(t.peek(kCsrScause), 0u);
                        EXPECT_EQ(bits(status, 12, 11), static_cast<u64>(from));
                        EXPECT_EQ((status & kStatusMpie) != 0, (enables & kStatusMie) != 0);
                        EXPECT_EQ(status & kStatusMie, 0u);
                        EXPECT_EQ(status & kStatusSie, enables & kStatusSie);
                    }
                }
}

TEST(Trap, InterruptsAreVectored) {
    TestHart t;
    t.put(kCsrMtvec, kMtvec | 1);
    t.put(kCsrStvec, kStvec | 1);
    t.put(kCsrMideleg, 0x222);
    t.enter(Privilege::User);
    EXPECT_EQ(t.hart.take_trap(kInterrupt | kIrqSei, 0, 4), kStvec + 4 * kIrqSei);
    EXPECT_EQ(t.peek(kCsrScause), kInterrupt | kIrqSei);
    EXPECT_EQ(t.hart.take_trap(kInterrupt | kIrqMti, 0, 4), kMtvec + 4 * kIrqMti);
    EXPECT_EQ(t.peek(kCsrMcause), kInterrupt | kIrqMti);
    t.put(kCsrMtvec, kMtvec);
    EXPECT_EQ(t.hart.take_trap(kInterrupt | kIrqMti, 0, 4), kMtvec);
}

TEST(Trap, MretGoesBack) {
    for (const Privilege to : kModes)
        for (const u64 mpie : {u64{0}, kStatusMpie}) {
            TestHart t;
            t.put(kCsrMepc, 0x8000'2002);
            t.put(kCsrMstatus, static_cast<u64>(to) << kStatusMppShift | mpie | kStatusMprv | kStatusSie);
            const Outcome o = t.run(TestHart::kMret);
            EXPECT_EQ(o.pc, 0x8000'2002u);
            EXPECT_FALSE(o.trap);
            EXPECT_TRUE(o.check_interrupts);
            EXPECT_TRUE(o.context_changed);  // MPRV goes, or MPP becomes U
            EXPECT_EQ(t.hart.privilege(), to);
            const u64 status = t.peek(kCsrMstatus);
            EXPECT_EQ((status & kStatusMie) != 0, mpie != 0);
            EXPECT_EQ(status & (kStatusMpie | kStatusSie), kStatusMpie | kStatusSie);
            EXPECT_EQ(status & kStatusMpp, 0u);
            EXPECT_EQ((status & kStatusMprv) != 0, to == Privilege::Machine);
        }
}

TEST(Trap, SretGoesBack) {
    for (const Privilege from : {Privilege::Supervisor, Privilege::Machine})
        for (const u64 spp : {u64{0}, kStatusSpp})
            for (const u64 spie : {u64{0}, kStatusSpie}) {
                TestHart t;
                t.put(kCsrSepc, 0x1'0001);
                t.put(kCsrMstatus, spp | spie | kStatusMprv | kStatusMie);
                t.enter(from);
                const Outcome o = t.run(TestHart::kSret);
                EXPECT_EQ(o.pc, 0x1'0000u);
                EXPECT_TRUE(o.check_interrupts);
                EXPECT_EQ(t.hart.privilege(), spp ? Privilege::Supervisor : Privilege::User);
                const u64 status = t.peek(kCsrMstatus);
                EXPECT_EQ((status & kStatusSie) != 0, spie != 0);
                EXPECT_EQ(status & (kStatusSpie | kStatusSpp | kStatusMprv | kStatusMie),
                          kStatusSpie | kStatusMie);
            }
}

TEST(Trap, EcallAndEbreak) {
    for (const Privilege from : kModes) {
        TestHart t;
        t.put(kCsrMtvec, kMtvec);
        t.enter(from);
        Outcome o = t.run(TestHart::kEcall);
        EXPECT_TRUE(o.trap);
        EXPECT_EQ(o.pc, kMtvec);
        EXPECT_EQ(o.context_changed, from != Privilege::Machine);
        EXPECT_EQ(t.peek(kCsrMcause), kCauseUserEcall + static_cast<u64>(from));
        EXPECT_EQ(t.peek(kCsrMepc), TestHart::kPc);
        EXPECT_EQ(t.peek(kCsrMtval), 0u);
        for (const u32 insn : {TestHart::kEbreak, 0x9002u}) {
            t.enter(from);
            o = t.run(insn);
            EXPECT_TRUE(o.trap);
            EXPECT_EQ(t.peek(kCsrMcause), u64{kCauseBreakpoint});
            EXPECT_EQ(t.peek(kCsrMtval), TestHart::kPc);
        }
    }
}

TEST(Trap, WhatTheModeForbidsIsIllegal) {
    constexpr u32 sfence = 0x1200'0073, sinval = 0x1600'0073, w_inval = 0x1800'0073, inval_ir = 0x1810'0073;
    struct Case {
        u32 insn;
        u64 status;      ///< the bit that forbids it to S-mode
        unsigned least;  ///< privilege
    };
    const Case cases[] = {
        {TestHart::kMret, 0, 3}, {TestHart::kSret, kStatusTsr, 1}, {TestHart::kWfi, kStatusTw, 1},
        {sfence, kStatusTvm, 1}, {sinval, kStatusTvm, 1},          {w_inval, 0, 1},
        {inval_ir, 0, 1}};
    for (const Case& c : cases)
        for (const Privilege p : kModes)
            for (const u64 status : {u64{0}, kStatusTsr, kStatusTw, kStatusTvm}) {
                TestHart t;
                t.put(kCsrMstatus, status);
                t.enter(p);
                const bool trapped = p == Privilege::Supervisor && status != 0 && status == c.status;
                EXPECT_EQ(t.can(c.insn), static_cast<unsigned>(p) >= c.least && !trapped)
                    << std::hex << c.insn << " " << status;
            }
    TestHart none({.svinval = false});
    EXPECT_FALSE(none.can(sinval));
    EXPECT_FALSE(none.can(w_inval));
    EXPECT_TRUE(none.can(sfence));
}

TEST(Trap, WhatIsNoSystemInstructionIsIllegal) {
    TestHart t;
    for (const u32 insn : {0u, ~0u, 0x13u, 0x0000'0001u, 0x0000'4073u, 0x0020'0073u, 0x1200'00f3u,
                           0x6200'0073u, 0x1000'0073u + 0x80, 0x7020'0073u, 0x1050'00f3u})
        EXPECT_FALSE(t.can(insn)) << std::hex << insn;
    // random ones never do anything else than that, or what they are
    u64 seed = 1;
    for (unsigned i = 0; i < 20000; ++i) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        t.run(static_cast<u32>(seed >> 32) | (i % 4 ? 0x73 : 0));
        EXPECT_NE(static_cast<unsigned>(t.hart.privilege()), 2u);
        EXPECT_NE(bits(t.peek(kCsrMstatus), 12, 11), 2u);
        EXPECT_EQ(load_raw<u64>(t.regs), 0u);
    }
}

TEST(Trap, FencesSayWhatToFlush) {
    TestHart t;
    t.enter(Privilege::Supervisor);
    t.set_x(10, 0x1234'5678'9000);
    t.set_x(11, 0x7'0042);
    for (const u32 base : {0x1200'0073u, 0x1600'0073u}) {
        EXPECT_EQ(t.run(TestHart::fence_insn(base, 0, 0)).flush, Flush::All);
        Outcome o = t.run(TestHart::fence_insn(base, 10, 0));
        EXPECT_EQ(o.flush, Flush::Address);
        EXPECT_EQ(o.address, 0x1234'5678'9000u);
        EXPECT_EQ(o.pc, TestHart::kPc + 4);
        o = t.run(TestHart::fence_insn(base, 0, 11));
        EXPECT_EQ(o.flush, Flush::Asid);
        EXPECT_EQ(o.asid, 0x42u);
        o = t.run(TestHart::fence_insn(base, 10, 11));
        EXPECT_EQ(o.flush, Flush::AddressAsid);
        EXPECT_TRUE(o.asid == 0x42 && o.address == 0x1234'5678'9000);
    }
    EXPECT_EQ(t.run(0x1800'0073).flush, Flush::None);
}

TEST(Interrupts, PrioritiesAmongAll) {
    constexpr unsigned order[] = {kIrqMei, kIrqMsi, kIrqMti, kIrqSei, kIrqSsi, kIrqSti};
    // Every set of pending ones, every delegation, every mode and global enable, against the rules said once
    // more.
    for (unsigned set = 0; set < 64; ++set)
        for (unsigned delegated = 0; delegated < 8; ++delegated) {
            TestHart t;
            u64 pending = 0;
            for (unsigned i = 0; i < 6; ++i)
                if (bit(set, i)) t.hart.set_line(order[i], true), pending |= u64{1} << order[i];
            u64 deleg = 0;
            for (unsigned i = 0; i < 3; ++i)
                if (bit(delegated, i)) deleg |= u64{1} << order[3 + i];
            t.put(kCsrMideleg, deleg);
            t.put(kCsrMie, kIrqMask);
            for (const Privilege p : kModes)
                for (const u64 enables : {u64{0}, kStatusSie, kStatusMie, kStatusSie | kStatusMie}) {
                    t.edit([&](HartState& s) {
                        s.privilege = p;
                        s.mstatus = enables;
                    });
                    std::optional<u64> expected;
                    for (const bool to_s : {false, true})
                        for (const unsigned irq : order) {
                            if (expected || !bit(pending, irq) || bit(deleg, irq) != to_s) continue;
                            const bool on = to_s ? p == Privilege::User ||
                                                       (p == Privilege::Supervisor && (enables & kStatusSie))
                                                 : p != Privilege::Machine || (enables & kStatusMie);
                            if (on) expected = kInterrupt | irq;
                        }
                    EXPECT_EQ(t.hart.pending_interrupt(), expected) << set << " " << delegated;
                }
        }
}

TEST(Interrupts, AreEnabledOneByOne) {
    TestHart t;
    t.enter(Privilege::User);
    t.hart.set_line(kIrqMti, true);
    EXPECT_FALSE(t.hart.pending_interrupt());
    EXPECT_FALSE(t.hart.may_wake());
    t.force(kCsrMie, u64{1} << kIrqMti);
    EXPECT_EQ(t.hart.pending_interrupt(), kInterrupt | kIrqMti);
    // WFI ends whatever the global enable says
    t.enter(Privilege::Machine);
    EXPECT_FALSE(t.hart.pending_interrupt());
    EXPECT_TRUE(t.hart.may_wake());
    const Outcome o = t.run(TestHart::kWfi);
    EXPECT_TRUE(o.wait);
    EXPECT_EQ(o.pc, TestHart::kPc + 4);
    t.hart.set_line(kIrqMti, false);
    EXPECT_FALSE(t.hart.may_wake());
}

TEST(Interrupts, TimerWithStimecmp) {
    TestHart t;
    t.put(kCsrMenvcfg, kEnvStce);
    t.put(kCsrMideleg, 0x222);
    t.put(kCsrMie, 0x222);
    t.put(kCsrStimecmp, t.now + 10);
    t.enter(Privilege::User);
    EXPECT_FALSE(t.hart.may_wake());
    t.now = t.hart.timer_deadline();
    EXPECT_TRUE(t.hart.may_wake());
    EXPECT_EQ(t.hart.pending_interrupt(), kInterrupt | kIrqSti);
    t.hart.set_stimecmp(t.now + 1);
    EXPECT_FALSE(t.hart.pending_interrupt());
}

TEST(Interrupts, LinesSayWhenTheyRise) {
    TestHart t;
    EXPECT_TRUE(t.hart.set_line(kIrqSsi, true));
    EXPECT_FALSE(t.hart.set_line(kIrqSsi, true));
    EXPECT_TRUE(t.hart.line(kIrqSsi));
    t.put(kCsrMideleg, 0x222);
    t.enter(Privilege::Supervisor);
    t.clear(kCsrSip, u64{1} << kIrqSsi);
    EXPECT_FALSE(t.hart.line(kIrqSsi));
    EXPECT_TRUE(t.hart.set_line(kIrqSsi, true));
    EXPECT_FALSE(t.hart.set_line(0, true));  // no such line
    EXPECT_FALSE(t.hart.set_line(63, true));
}

// What another thread raises while the hart clears what it has seen is never lost.
TEST(Interrupts, NoIpiIsLost) {
    TestHart t;
    t.put(kCsrMideleg, 0x222);
    t.put(kCsrMie, 0x222);
    t.enter(Privilege::Supervisor);
    constexpr unsigned rounds = 20000;
    std::atomic<unsigned> sent{0}, seen{0};
    std::thread other([&] {
        for (unsigned i = 1; i <= rounds; ++i) {
            sent.store(i);
            t.hart.set_line(kIrqSsi, true);
            if (i % 64 == 0)
                while (seen.load() < i) std::this_thread::yield();
        }
    });
    while (seen.load() < rounds) {
        if (!t.hart.may_wake()) {
            std::this_thread::yield();
            continue;
        }
        t.clear(kCsrSip, u64{1} << kIrqSsi);
        t.set(kCsrSip, 0);  // a write that changes nothing
        seen.store(sent.load());
    }
    other.join();
}

}  // namespace
}  // namespace vm::riscv
