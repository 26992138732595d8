// Contexts, boot states, snapshots.
#include "riscv/hart_test.h"

#include "riscv/walker.h"

namespace vm::riscv {
namespace {

TEST(HartContext, SaysWhatTranslationDependsOn) {
    TestHart t;
    EXPECT_EQ(t.hart.context(), 3u);
    t.put(kCsrSatp, u64{8} << 60 | 5);
    EXPECT_EQ(t.hart.satp_of(t.hart.context()), 0u);
    t.put(kCsrMstatus, kStatusSum | kStatusMxr);
    EXPECT_EQ(t.hart.context(), 3u);
    EXPECT_EQ(t.hart.fetch_context(), 3u);
    t.enter(Privilege::Supervisor);
    EXPECT_EQ(t.hart.context(), 1 | kContextSum | kContextMxr);
    EXPECT_EQ(t.hart.fetch_context(), 1u);
    EXPECT_EQ(t.hart.satp_of(t.hart.context()), u64{8} << 60 | 5);
    t.enter(Privilege::User);
    EXPECT_EQ(t.hart.context(), 0 | kContextMxr);
    EXPECT_LT(kContextSum | kContextMxr | 3, kContexts);

    t.enter(Privilege::Supervisor);
    t.clear(kCsrSstatus, kStatusSum);
    EXPECT_TRUE(t.last.context_changed);
    t.set(kCsrSstatus, kStatusSie);
    EXPECT_FALSE(t.last.context_changed);
}

TEST(HartContext, MprvIsAboutLoadsAndStores) {
    TestHart t;
    for (const u64 mpp : {0, 1, 3}) {
        t.put(kCsrMstatus, kStatusMprv | mpp << kStatusMppShift | kStatusSum);
        EXPECT_EQ(t.hart.context(), mpp | (mpp == 1 ? kContextSum : 0));
        EXPECT_EQ(t.hart.fetch_context(), 3u);
    }
}

TEST(HartCacheOps, AreAllowedByBothEnvironments) {
    using enum CacheOpRule;
    for (u64 m = 0; m < 4; ++m)
        for (u64 s = 0; s < 4; ++s) {
            if (m == 2 || s == 2) continue;
            TestHart t;
            t.put(kCsrMenvcfg, m << 4 | (m ? kEnvCbcfe | kEnvCbze : 0));
            t.put(kCsrSenvcfg, s << 4 | (s ? kEnvCbcfe | kEnvCbze : 0));
            const auto rule = [&](CacheOp op, Privilege p) {
                t.enter(p);
                return t.hart.cache_op(op);
            };
            for (const CacheOp op : {CacheOp::Clean, CacheOp::Flush, CacheOp::Zero}) {
                EXPECT_EQ(rule(op, Privilege::Machine), Allowed);
                EXPECT_EQ(rule(op, Privilege::Supervisor), m ? Allowed : Illegal);
                EXPECT_EQ(rule(op, Privilege::User), m && s ? Allowed : Illegal);
            }
            EXPECT_EQ(rule(CacheOp::Inval, Privilege::Machine), Allowed);
            EXPECT_EQ(rule(CacheOp::Inval, Privilege::Supervisor), m == 0   ? Illegal
                                                                   : m == 1 ? AsFlush
                                                                            : Allowed);
            EXPECT_EQ(rule(CacheOp::Inval, Privilege::User), m == 0 || s == 0   ? Illegal
                                                             : m == 3 && s == 3 ? Allowed
                                                                                : AsFlush);
        }
}

TEST(HartReset, ForAKernel) {
    TestHart t({.hart_id = 3});
    t.put(kCsrSatp, u64{8} << 60 | 5);
    t.hart.set_line(kIrqSei, true);
    t.hart.set_line(kIrqSsi, true);
    t.set_x(1, 99);
    t.cycles = 1000;
    EXPECT_EQ(t.hart.reset_for_kernel(0x8020'0000, 0x8300'0000, t.regs, t.fp), 0x8020'0000u);
    EXPECT_EQ(t.hart.privilege(), Privilege::Supervisor);
    EXPECT_EQ(t.x(10), 3u);
    EXPECT_EQ(t.x(11), 0x8300'0000u);
    EXPECT_EQ(t.x(1), 0u);
    EXPECT_EQ(t.get(kCsrSatp), 0u);
    EXPECT_EQ(t.get(kCsrSstatus) & kStatusSie, 0u);
    EXPECT_EQ(t.get(kCsrSie), 0u);
    EXPECT_EQ(t.get(kCsrSip), u64{1} << kIrqSei);  // the device's line
    EXPECT_EQ(t.put(kCsrSie, ~u64{0}), 0x2222u);
    EXPECT_EQ(t.get(kCsrCycle), 0u);
    EXPECT_EQ(t.get(kCsrTime), t.now);
    EXPECT_TRUE(t.can_read(kCsrStimecmp));
    EXPECT_TRUE(t.can_write(kCsrSenvcfg));
    EXPECT_EQ(t.peek(kCsrMedeleg), 0xb1ffu);
    EXPECT_EQ(t.peek(kCsrMenvcfg), 0xe000'0000'0000'00f1u);
    EXPECT_EQ(t.hart.pmp().allows(0, u64{1} << 56, Privilege::User), (Permissions{true, true, true}));
    EXPECT_FALSE(t.hart.fp_off());
    EXPECT_FALSE(t.hart.pending_interrupt());
}

TEST(HartReset, ForFirmware) {
    TestHart t({.hart_id = 2});
    t.hart.reset_for_kernel(0, 0, t.regs, t.fp);
    EXPECT_EQ(t.hart.reset_for_firmware(0x8000'0000, {0x8700'0000, 0x8710'0000}, t.regs, t.fp), 0x8000'0000u);
    EXPECT_EQ(t.hart.privilege(), Privilege::Machine);
    EXPECT_EQ(t.x(10), 2u);
    EXPECT_EQ(t.x(11), 0x8700'0000u);
    EXPECT_EQ(t.x(12), 0x8710'0000u);
    EXPECT_EQ(t.get(kCsrMstatus), 0xa'0000'0000u);
    EXPECT_EQ(t.get(kCsrMedeleg), 0u);
    EXPECT_EQ(t.get(kCsrPmpcfg0), 0u);
    EXPECT_EQ(t.get(kCsrMenvcfg), kEnvAdue | kEnvPbmte);
    EXPECT_EQ(t.hart.pmp().allows(0, 8, Privilege::Supervisor), Permissions{});
}

// menvcfg.CBCFE and CBZE, senvcfg.CBIE and CBZE
TEST(Hart, CacheRightsOfEachMode) {
    using namespace frontend::riscv64;
    TestHart t;
    EXPECT_EQ(t.hart.cache_rights(), kMayClean | kMayInval | kMayZero);
    t.force(kCsrMenvcfg, kEnvCbcfe | kEnvCbze);
    t.force(kCsrSenvcfg, kEnvCbie | kEnvCbze);
    HartState s = t.hart.save();
    s.privilege = Privilege::Supervisor;
    t.hart.load(s);
    EXPECT_EQ(t.hart.cache_rights(), kMayClean | kMayZero);
    s.privilege = Privilege::User;
    t.hart.load(s);
    EXPECT_EQ(t.hart.cache_rights(), u64{kMayZero});
}

TEST(HartReset, WithoutExtensionsToo) {
    TestHart t({.features = 0, .sstc = false, .svadu = false, .svpbmt = false, .smstateen = false});
    t.hart.reset_for_kernel(0, 0, t.regs, t.fp);
    EXPECT_EQ(t.peek(kCsrMenvcfg), kEnvFiom);
    EXPECT_TRUE(t.hart.fp_off());
    EXPECT_TRUE(t.can_read(kCsrSenvcfg));
}

TEST(HartSnapshot, IsAllOfTheState) {
    TestHart t;
    t.cycles = 100;
    t.retired = 50;
    t.put(kCsrMenvcfg, kEnvStce);
    t.put(kCsrStimecmp, 4000);
    t.put(kCsrPmpaddr0, kPmpAddressBits);
    t.put(kCsrPmpcfg0, 0x1f);
    t.put(kCsrMcountinhibit, kCounterInstret);
    t.hart.set_line(kIrqMei, true);
    t.set(kCsrMip, u64{1} << kIrqSei);
    t.enter(Privilege::Supervisor);
    const HartState s = t.hart.save();
    EXPECT_EQ(s, t.hart.save());

    TestHart other;
    other.cycles = 7;
    other.retired = 1 << 20;
    other.now = t.now;
    other.hart.load(s);
    EXPECT_EQ(other.hart.save(), s);
    EXPECT_EQ(other.hart.privilege(), Privilege::Supervisor);
    EXPECT_EQ(other.peek(kCsrMcycle), t.peek(kCsrMcycle));
    EXPECT_EQ(other.peek(kCsrMinstret), t.peek(kCsrMinstret));
    EXPECT_EQ(other.peek(kCsrMip), t.peek(kCsrMip));
    EXPECT_EQ(other.hart.timer_deadline(), 4000u);
    EXPECT_TRUE(other.hart.pmp().allows(0, 8, Privilege::User).execute);
    EXPECT_GT(other.timer_changes, 0u);
    other.cycles += 5;
    EXPECT_EQ(other.peek(kCsrMcycle), t.peek(kCsrMcycle) + 5);
}

}  // namespace
}  // namespace vm::riscv
