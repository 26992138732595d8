// Every CSR: what it keeps of what is written, who may access it. Manual, volume II, by section names.
#include "riscv/csr.h"

#include "frontend/riscv64/rv64_decode.h"
#include "riscv/hart_test.h"

namespace vm::riscv {
namespace {

TEST(Csr, KeepsWhatItMay) {
    struct Case {
        u16 csr;
        u64 kept;         ///< of all ones
        u64 of_zero = 0;  ///< of 0
    };
    const Case cases[] = {
        {kCsrMstatus, 0x8000'000a'007e'79aa, 0xa'0000'0000},
        {kCsrSstatus, 0x8000'0002'000c'6122, 0x2'0000'0000},
        {kCsrMedeleg, 0xb3ff},
        {kCsrMideleg, 0x2222},
        {kCsrMie, 0x2aaa},
        {kCsrMip, 0x2222},
        {kCsrMtvec, ~u64{2}},
        {kCsrStvec, ~u64{2}},
        {kCsrMscratch, kOnes},
        {kCsrSscratch, kOnes},
        {kCsrMepc, ~u64{1}},
        {kCsrSepc, ~u64{1}},
        {kCsrMcause, kOnes},
        {kCsrScause, kOnes},
        {kCsrMtval, kOnes},
        {kCsrStval, kOnes},
        {kCsrMcounteren, 0x7ffff},
        {kCsrScounteren, 0x7ffff},
        {kCsrMcountinhibit, 0x7fffd},
        {kCsrMenvcfg, 0xe000'0000'0000'00f1},
        {kCsrSenvcfg, 0xf1},
        {kCsrStimecmp, kOnes},
        {kCsrMstateen0, u64{3} << 62},
        {kCsrMstateen0 + 1, u64{1} << 63},
        {kCsrMstateen0 + 3, u64{1} << 63},
        {kCsrSstateen0, 0},
        {kCsrSstateen0 + 3, 0},
        {kCsrPmpaddr0, kPmpAddressBits},
        {kCsrPmpaddr0 + 15, kPmpAddressBits},
        {kCsrMhpmevent3, kEventOverflow | kEventModes},
        {kCsrMhpmevent3 + 15, kEventOverflow | kEventModes},
        {kCsrMhpmevent3 + 16, 0},
        {kCsrMhpmevent3 + 28, 0},
        {kCsrMhpmcounter3, kOnes},
        {kCsrMhpmcounter3 + 15, kOnes},
        {kCsrMhpmcounter3 + 16, 0},
        {kCsrMhpmcounter3 + 28, 0},
    };
    for (const Case& c : cases) {
        TestHart t;
        EXPECT_TRUE(t.can_read(c.csr));
        EXPECT_EQ(t.put(c.csr, 0), c.of_zero) << std::hex << c.csr;
        EXPECT_EQ(t.put(c.csr, kOnes), c.kept) << std::hex << c.csr;
        EXPECT_FALSE(t.last.trap);
        EXPECT_EQ(t.clear(c.csr, kOnes), c.kept) << std::hex << c.csr;
        EXPECT_EQ(t.get(c.csr), c.of_zero) << std::hex << c.csr;
    }
}

TEST(Csr, SwapSetAndClearWithRegistersAndImmediates) {
    TestHart t;
    t.put(kCsrMscratch, 0b1100);
    EXPECT_EQ(t.swap(kCsrMscratch, 0b1010), 0b1100u);
    EXPECT_EQ(t.set(kCsrMscratch, 0b0101), 0b1010u);
    EXPECT_EQ(t.clear(kCsrMscratch, 0b0011), 0b1111u);
    EXPECT_EQ(t.get(kCsrMscratch), 0b1100u);
    t.run(t.csr_insn(5, kCsrMscratch, 6, 31));
    EXPECT_EQ(t.x(6), 0b1100u);
    t.run(t.csr_insn(7, kCsrMscratch, 6, 1));
    EXPECT_EQ(t.x(6), 31u);
    t.run(t.csr_insn(6, kCsrMscratch, 6, 1));
    EXPECT_EQ(t.x(6), 30u);
    EXPECT_EQ(t.get(kCsrMscratch), 31u);
    // the destination may be the source
    t.set_x(7, 99);
    t.run(t.csr_insn(1, kCsrMscratch, 7, 7));
    EXPECT_EQ(t.x(7), 31u);
    EXPECT_EQ(t.get(kCsrMscratch), 99u);
    // x0 is not written
    t.run(t.csr_insn(1, kCsrMscratch, 0, 0));
    EXPECT_EQ(t.get(kCsrMscratch), 0u);
    EXPECT_EQ(load_raw<u64>(t.regs), 0u);
}

TEST(Csr, ReadOnlyOnes) {
    TestHart t({.hart_id = 7, .mvendorid = 1, .marchid = 2, .mimpid = 3});
    EXPECT_EQ(t.get(kCsrMhartid), 7u);
    EXPECT_EQ(t.get(kCsrMvendorid), 1u);
    EXPECT_EQ(t.get(kCsrMarchid), 2u);
    EXPECT_EQ(t.get(kCsrMimpid), 3u);
    EXPECT_EQ(t.get(kCsrMconfigptr), 0u);
    EXPECT_FALSE(t.can_write(kCsrMhartid));
    EXPECT_FALSE(t.can(t.csr_insn(1, kCsrMhartid, 0, 0)));  // csrw writes, even zero
    EXPECT_FALSE(t.can(t.csr_insn(5, kCsrCycle, 0, 0)));
    EXPECT_TRUE(t.can(t.csr_insn(6, kCsrMhartid, 1, 0)));    // csrsi 0 does not
    EXPECT_EQ(t.get(kCsrMisa), u64{2} << 62 | 0x14112f);     // IMAFDC, B, S, U
    EXPECT_EQ(t.put(kCsrMisa, 0), u64{2} << 62 | 0x14112f);  // writes are legal and do nothing
}

TEST(Csr, OthersAreIllegal) {
    TestHart t;
    unsigned there = 0;
    for (unsigned n = 0; n < 4096; ++n) there += t.can_read(static_cast<u16>(n));
    unsigned known = 0;
    for (unsigned n = 0; n < 4096; ++n) known += find_csr(static_cast<u16>(n)) != nullptr;
    EXPECT_EQ(there, known - 3);  // but fcsr and its parts, as FS is Off
    for (const u16 n :
         {0x008, 0x015, 0x303 + 0x10, 0x3a1, 0x3a3, 0x3a4, 0x3c0, 0x600, 0x747, 0x7a0, 0xb01, 0xc20, 0xfff})
        EXPECT_FALSE(t.can_read(n)) << std::hex << n;
    t.put(kCsrMstatus, kStatusFs);
    EXPECT_TRUE(t.can_read(kCsrFcsr));
}

TEST(Csr, PrivilegeIsInTheNumber) {
    TestHart t;
    t.put(kCsrMcounteren, 7);
    t.put(kCsrScounteren, 7);
    t.put(kCsrMstateen0, kOnes);
    t.put(kCsrMstateen0 + 1, kOnes);
    t.put(kCsrMstateen0 + 2, kOnes);
    t.put(kCsrMstateen0 + 3, kOnes);
    t.put(kCsrMenvcfg, kEnvStce);
    t.put(kCsrMstatus, kStatusFs);
    for (const Privilege p : {Privilege::User, Privilege::Supervisor, Privilege::Machine}) {
        t.enter(p);
        for (unsigned n = 0; n < 4096; ++n) {
            if (n >= kCsrHpmcounter3 && n < 0xc20) continue;
            const bool expected =
                find_csr(static_cast<u16>(n)) != nullptr && (n >> 8 & 3) <= static_cast<unsigned>(p);
            EXPECT_EQ(t.can_read(static_cast<u16>(n)), expected) << std::hex << n;
            EXPECT_EQ(t.can_write(static_cast<u16>(n)), expected && n >> 10 != 3) << std::hex << n;
        }
    }
}

TEST(Csr, MppKeepsWhatItIsForTheReservedValue) {
    TestHart t;
    for (const u64 mpp : {0, 1, 3}) {
        t.put(kCsrMstatus, mpp << kStatusMppShift);
        EXPECT_EQ(bits(t.put(kCsrMstatus, u64{2} << kStatusMppShift), 12, 11), mpp);
    }
}

TEST(Csr, FsIsOffOrDirty) {
    TestHart t;
    EXPECT_TRUE(t.hart.fp_off());
    EXPECT_EQ(t.get(kCsrMstatus) & (kStatusFs | kStatusSd), 0u);
    for (const u64 fs : {1, 2, 3}) {
        t.put(kCsrMstatus, 0);
        EXPECT_EQ(t.put(kCsrSstatus, fs << 13) & (kStatusFs | kStatusSd), kStatusFs | kStatusSd);
        EXPECT_FALSE(t.hart.fp_off());
        t.put(kCsrSstatus, 0);
        EXPECT_TRUE(t.last.trap == false && t.hart.fp_off());
    }
    t.swap(kCsrSstatus, kStatusFs);
    EXPECT_TRUE(t.last.fp_changed);
    EXPECT_FALSE(t.last.context_changed);
    t.swap(kCsrSstatus, kStatusFs);
    EXPECT_FALSE(t.last.fp_changed);

    TestHart no_f({.features = 0});
    EXPECT_EQ(no_f.put(kCsrMstatus, kOnes) & (kStatusFs | kStatusSd), 0u);
    EXPECT_FALSE(no_f.can_read(kCsrFcsr));
}

TEST(Csr, FpCsrs) {
    TestHart t;
    for (const u16 n : {kCsrFflags, kCsrFrm, kCsrFcsr}) EXPECT_FALSE(t.can_read(n));
    t.put(kCsrMstatus, kStatusFs);
    t.enter(Privilege::User);
    EXPECT_EQ(t.put(kCsrFcsr, kOnes), 0xffu);
    EXPECT_TRUE(t.fp.flags == 31 && t.fp.rounding == 7);
    EXPECT_EQ(t.put(kCsrFflags, 2), 2u);
    EXPECT_EQ(t.put(kCsrFrm, 9), 1u);
    EXPECT_EQ(t.get(kCsrFcsr), 0x22u);
    t.swap(kCsrFrm, 4);
    EXPECT_TRUE(t.last.fp_changed);
    t.swap(kCsrFflags, 4);
    EXPECT_FALSE(t.last.fp_changed);
}

TEST(Csr, CountersNeedTheirEnables) {
    TestHart t;
    const u16 counters[] = {kCsrCycle, kCsrTime, kCsrInstret, kCsrHpmcounter3, 0xc1f};
    for (unsigned m = 0; m < 8; ++m)
        for (unsigned s = 0; s < 8; ++s) {
            t.force(kCsrMcounteren, m);
            t.force(kCsrScounteren, s);
            for (const u16 n : counters) {
                const bool in_m = bit(m, n & 31), in_s = bit(s, n & 31);
                t.enter(Privilege::Machine);
                EXPECT_TRUE(t.can_read(n));
                t.enter(Privilege::Supervisor);
                EXPECT_EQ(t.can_read(n), in_m);
                t.enter(Privilege::User);
                EXPECT_EQ(t.can_read(n), in_m && in_s);
            }
        }
    TestHart none({.features = 0});
    EXPECT_FALSE(none.can_read(kCsrCycle));
    EXPECT_TRUE(none.can_read(kCsrMcycle));
}

TEST(Csr, CountersCountAndCanBeSetAndStopped) {
    TestHart t;
    t.now = 77;
    t.cycles = 5;
    t.retired = 3;
    EXPECT_EQ(t.get(kCsrTime), 77u);
    EXPECT_EQ(t.get(kCsrCycle), 5u);
    EXPECT_EQ(t.get(kCsrMcycle), 5u);
    EXPECT_EQ(t.get(kCsrInstret), 3u);
    t.swap(kCsrMinstret, 1000);
    t.retired += 1;  // the write itself
    EXPECT_EQ(t.get(kCsrMinstret), 1000u);
    t.swap(kCsrMcycle, 50);
    t.cycles += 7;
    EXPECT_EQ(t.get(kCsrMcycle), 57u);

    t.swap(kCsrMcountinhibit, kCounterCycle);
    t.cycles += 100;
    t.retired += 100;
    EXPECT_EQ(t.get(kCsrCycle), 57u);
    EXPECT_EQ(t.get(kCsrInstret), 1100u);
    t.swap(kCsrMcycle, 8);
    EXPECT_EQ(t.get(kCsrMcycle), 8u);
    t.swap(kCsrMcountinhibit, 0);
    t.cycles += 2;
    EXPECT_EQ(t.get(kCsrMcycle), 10u);
}

TEST(Csr, SieAndSipShowWhatIsDelegated) {
    TestHart t;
    t.put(kCsrMie, 0xaaa);
    for (const unsigned irq : {kIrqSsi, kIrqSti, kIrqSei, kIrqMei}) t.hart.set_line(irq, true);
    EXPECT_EQ(t.get(kCsrSie), 0u);
    EXPECT_EQ(t.get(kCsrSip), 0u);
    t.put(kCsrMideleg, u64{1} << kIrqSei);
    EXPECT_EQ(t.get(kCsrSie), u64{1} << kIrqSei);
    EXPECT_EQ(t.get(kCsrSip), u64{1} << kIrqSei);
    t.put(kCsrSie, 0);
    EXPECT_EQ(t.get(kCsrMie), 0x8aau);
    t.put(kCsrSip, 0);  // SSIP is not delegated
    EXPECT_TRUE(t.hart.line(kIrqSsi));
    t.put(kCsrMideleg, 0x222);
    EXPECT_EQ(t.put(kCsrSip, 0), u64{1} << kIrqSti | u64{1} << kIrqSei);  // only SSIP can be written
    EXPECT_EQ(t.put(kCsrSip, kOnes), 0x222u);
    EXPECT_EQ(t.put(kCsrSie, 0), 0u);
    EXPECT_EQ(t.put(kCsrSie, kOnes), 0x222u);
}

TEST(Csr, SeipIsTheLineOrWhatSoftwareWrote) {
    TestHart t;
    constexpr u64 sei = u64{1} << kIrqSei;
    t.hart.set_line(kIrqSei, true);
    EXPECT_EQ(t.set(kCsrMip, u64{1} << kIrqSsi), sei);  // reads the line, and does not write it back
    t.hart.set_line(kIrqSei, false);
    EXPECT_EQ(t.get(kCsrMip), u64{1} << kIrqSsi);
    t.set(kCsrMip, sei);
    EXPECT_EQ(t.get(kCsrMip) & sei, sei);
    t.hart.set_line(kIrqSei, true);
    t.hart.set_line(kIrqSei, false);
    EXPECT_EQ(t.get(kCsrMip) & sei, sei);
    t.clear(kCsrMip, sei);
    EXPECT_EQ(t.get(kCsrMip) & sei, 0u);
    // machine interrupts cannot be written
    t.put(kCsrMip, kOnes);
    EXPECT_EQ(t.get(kCsrMip), 0x2222u);
}

TEST(Csr, StipIsTheComparisonWithSstc) {
    TestHart t;
    constexpr u64 sti = u64{1} << kIrqSti;
    EXPECT_EQ(t.put(kCsrMip, sti), sti);
    EXPECT_EQ(t.hart.timer_deadline(), kOnes);
    t.put(kCsrStimecmp, t.now + 1);
    EXPECT_EQ(t.get(kCsrMip), sti);
    const unsigned changes = t.timer_changes;
    t.put(kCsrMenvcfg, kEnvStce);
    EXPECT_GT(t.timer_changes, changes);
    EXPECT_EQ(t.hart.timer_deadline(), t.now + 1);
    EXPECT_EQ(t.get(kCsrMip), 0u);
    EXPECT_EQ(t.put(kCsrMip, sti), 0u);
    t.hart.set_line(kIrqSti, true);
    EXPECT_EQ(t.get(kCsrMip), 0u);
    ++t.now;
    EXPECT_EQ(t.get(kCsrMip), sti);
    const unsigned before = t.timer_changes;
    t.put(kCsrStimecmp, t.now + 5);
    EXPECT_EQ(t.timer_changes, before + 1);
    EXPECT_EQ(t.get(kCsrMip), 0u);

    TestHart none({.sstc = false});
    EXPECT_FALSE(none.can_read(kCsrStimecmp));
    EXPECT_EQ(none.put(kCsrMenvcfg, kEnvStce), 0u);
}

TEST(Csr, StimecmpNeedsStceAndTm) {
    for (const u64 stce : {u64{0}, kEnvStce})
        for (const u64 tm : {u64{0}, kCounterTime}) {
            TestHart t;
            t.put(kCsrMenvcfg, stce);
            t.put(kCsrMcounteren, tm);
            EXPECT_TRUE(t.can_read(kCsrStimecmp));
            t.enter(Privilege::Supervisor);
            EXPECT_EQ(t.can_read(kCsrStimecmp), stce && tm);
            t.enter(Privilege::User);
            EXPECT_FALSE(t.can_read(kCsrStimecmp));
        }
}

TEST(Csr, SatpTakesOnlyModesThatAreThere) {
    const auto takes = [](HartOptions o, u64 mode) {
        TestHart t(o);
        const u64 old = u64{kSatpSv39} << 60 | 5;
        const u64 v = mode << 60 | u64{0xffff} << 44 | 0xfff'ffff'ffff;
        t.put(kCsrSatp, old);
        const u64 now = t.put(kCsrSatp, v);
        EXPECT_TRUE(now == v || now == old);
        return now == v;
    };
    for (u64 mode = 0; mode < 16; ++mode) {
        EXPECT_EQ(takes({}, mode), mode == 0 || (mode >= 8 && mode <= 10)) << mode;
        EXPECT_EQ(takes({.sv57 = false}, mode), mode == 0 || mode == 8 || mode == 9) << mode;
        EXPECT_EQ(takes({.sv48 = false, .sv57 = false}, mode), mode == 0 || mode == 8) << mode;
    }
}

TEST(Csr, SatpChangesTheContextAndTvmForbidsIt) {
    TestHart t;
    t.swap(kCsrSatp, u64{8} << 60 | 1);
    EXPECT_FALSE(t.last.context_changed);  // M-mode does not translate
    t.enter(Privilege::Supervisor);
    t.swap(kCsrSatp, u64{8} << 60 | 2);
    EXPECT_TRUE(t.last.context_changed);
    t.swap(kCsrSatp, u64{8} << 60 | 2);
    EXPECT_FALSE(t.last.context_changed);
    t.force(kCsrMstatus, kStatusTvm);
    EXPECT_FALSE(t.can_read(kCsrSatp));
    EXPECT_FALSE(t.can_write(kCsrSatp));
    t.enter(Privilege::Machine);
    EXPECT_TRUE(t.can_write(kCsrSatp));
}

TEST(Csr, EnvironmentConfiguration) {
    TestHart t;
    for (const u16 n : {kCsrMenvcfg, kCsrSenvcfg}) {
        t.put(n, u64{1} << 4);
        EXPECT_EQ(t.put(n, u64{2} << 4 | 1), u64{1} << 4 | 1);  // CBIE 2 is reserved
        EXPECT_EQ(t.put(n, u64{3} << 4), u64{3} << 4);
    }
    t.swap(kCsrMenvcfg, kEnvAdue);
    EXPECT_EQ(t.last.flush, Flush::All);
    TestHart plain({.features = 0, .sstc = false, .svadu = false, .svpbmt = false});
    EXPECT_EQ(plain.put(kCsrMenvcfg, kOnes), kEnvFiom);
    EXPECT_EQ(plain.put(kCsrSenvcfg, kOnes), kEnvFiom);
}

TEST(Csr, StateEnableClosesSenvcfgAndSstateen) {
    TestHart t;
    t.enter(Privilege::Supervisor);
    EXPECT_FALSE(t.can_read(kCsrSenvcfg));
    EXPECT_FALSE(t.can_read(kCsrSstateen0));
    t.force(kCsrMstateen0, kStateenEnvcfg);
    EXPECT_TRUE(t.can_read(kCsrSenvcfg));
    EXPECT_FALSE(t.can_read(kCsrSstateen0));
    t.force(kCsrMstateen0, kStateenSe);
    EXPECT_FALSE(t.can_read(kCsrSenvcfg));
    EXPECT_TRUE(t.can_read(kCsrSstateen0));
    EXPECT_FALSE(t.can_read(kCsrSstateen0 + 1));
    t.force(kCsrMstateen0 + 1, kStateenSe);
    EXPECT_TRUE(t.can_read(kCsrSstateen0 + 1));

    TestHart none({.smstateen = false});
    EXPECT_FALSE(none.can_read(kCsrMstateen0));
    none.enter(Privilege::Supervisor);
    EXPECT_TRUE(none.can_read(kCsrSenvcfg));
    EXPECT_FALSE(none.can_read(kCsrSstateen0));
}

TEST(Csr, EpcIsAlignedToInstructions) {
    TestHart t({.features = frontend::riscv64::all_features() & ~(u64{1} << frontend::riscv64::C)});
    EXPECT_EQ(t.put(kCsrMepc, kOnes), ~u64{3});
    EXPECT_EQ(t.put(kCsrSepc, kOnes), ~u64{3});
}

TEST(Csr, WritesThatMatterToInterruptsSaySo) {
    TestHart t;
    for (const u16 n : std::initializer_list<u16>{kCsrMstatus, kCsrSstatus, kCsrMie, kCsrSie, kCsrMip,
                                                  kCsrSip, kCsrMideleg, kCsrStimecmp}) {
        t.swap(n, 0);
        EXPECT_TRUE(t.last.check_interrupts) << n;
        t.get(n);
        EXPECT_FALSE(t.last.check_interrupts) << n;
    }
    t.swap(kCsrMscratch, 0);
    EXPECT_FALSE(t.last.check_interrupts);
}

}  // namespace
}  // namespace vm::riscv
