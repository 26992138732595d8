#include "riscv/pmp.h"

#include "riscv/hart_test.h"

namespace vm::riscv {
namespace {

constexpr Permissions kNothing{}, kEverything{true, true, true}, kReadOnly{true, false, false};
constexpr auto kS = Privilege::Supervisor, kU = Privilege::User, kM = Privilege::Machine;

struct Entry {
    u8 config;
    u64 address;  ///< as in pmpaddr
};
Pmp pmp_of(std::initializer_list<Entry> entries) {
    HartState s;
    unsigned n = 0;
    for (const Entry& e : entries) {
        s.pmpcfg[n] = e.config;
        s.pmpaddr[n++] = e.address;
    }
    return Pmp(s);
}
constexpr u64 napot(u64 base, u64 size) { return (base >> 2) | ((size >> 3) - 1); }

TEST(Pmp, WithoutEntriesOnlyMachineModeMay) {
    const Pmp p = pmp_of({});
    EXPECT_EQ(p.allows(0, 8, kM), kEverything);
    EXPECT_EQ(p.allows(0, 8, kS), kNothing);
    EXPECT_EQ(p.allows(0, 8, kU), kNothing);
    EXPECT_EQ(p.uniform(0x1234, 1 << 21), 1u << 21);
}

TEST(Pmp, OpenToAll) {
    for (const u64 all : {kPmpAddressBits, kPmpAddressBits >> 1}) {
        const Pmp p = pmp_of({{kPmpNapot | 7, all}, {kPmpNa4, 0x100}});
        for (const Privilege privilege : {kM, kS, kU})
            EXPECT_EQ(p.allows((u64{1} << 56) - 8, 8, privilege), kEverything);
        EXPECT_EQ(p.uniform(0x400, 1 << 30), 1u << 30);
    }
    const Pmp tor = pmp_of({{kPmpTor | 7, u64{1} << 53}});  // the lower half only
    EXPECT_EQ(tor.allows(0x1000, 8, kU), kEverything);
    EXPECT_EQ(tor.allows(u64{1} << 55, 8, kU), kNothing);
}

TEST(Pmp, Na4) {
    const Pmp p = pmp_of({{kPmpNa4 | kPmpRead, 0x1000 >> 2}});
    EXPECT_EQ(p.allows(0x1000, 4, kU), kReadOnly);
    EXPECT_EQ(p.allows(0x1003, 1, kU), kReadOnly);
    EXPECT_EQ(p.allows(0x1004, 1, kU), kNothing);
    EXPECT_EQ(p.allows(0xfff, 1, kU), kNothing);
    EXPECT_EQ(p.allows(0x1000, 8, kU), kNothing);  // sticks out
    EXPECT_EQ(p.allows(0x1000, 8, kM), kNothing);  // that fails in M-mode, too
    EXPECT_EQ(p.allows(0x1000, 4, kM), kEverything);
    EXPECT_EQ(p.uniform(0x1000, 4096), 4u);
    EXPECT_EQ(p.uniform(0x1004, 4096), 4u);
    EXPECT_EQ(p.uniform(0x1800, 4096), 2048u);
    EXPECT_EQ(p.uniform(0x2000, 4096), 4096u);
}

TEST(Pmp, NapotSizes) {
    for (unsigned log = 3; log < 57; ++log) {
        const u64 size = u64{1} << log, base = log > 54 ? 0 : size;
        const Pmp p = pmp_of({{kPmpNapot | kPmpRead, napot(base, size) & kPmpAddressBits}});
        EXPECT_EQ(p.allows(base, 8, kU), kReadOnly) << log;
        EXPECT_EQ(p.allows(base + size - 8, 8, kU), kReadOnly) << log;
        EXPECT_EQ(p.allows(base + size, 1, kU), kNothing) << log;
        EXPECT_TRUE(base == 0 || p.allows(base - 1, 1, kU) == kNothing) << log;
    }
}

TEST(Pmp, Tor) {
    const Pmp p = pmp_of({{kPmpTor | kPmpRead, 0x1000 >> 2},
                          {kPmpOff, 0x2000 >> 2},
                          {kPmpTor | 7, 0x3000 >> 2},
                          {kPmpTor | 7, 0x3000 >> 2},    // empty
                          {kPmpTor | 7, 0x2800 >> 2}});  // turned round: empty
    EXPECT_EQ(p.allows(0, 8, kU), kReadOnly);
    EXPECT_EQ(p.allows(0xff8, 8, kU), kReadOnly);
    EXPECT_EQ(p.allows(0xffc, 8, kU), kNothing);
    EXPECT_EQ(p.allows(0x1ff8, 8, kU), kNothing);
    EXPECT_EQ(p.allows(0x2000, 8, kU), kEverything);
    EXPECT_EQ(p.allows(0x3000, 8, kU), kNothing);
}

TEST(Pmp, TheFirstThatMatchesDecides) {
    const Pmp p = pmp_of({{kPmpNapot | kPmpRead, napot(0x1000, 0x1000)}, {kPmpNapot | 7, napot(0, 0x4000)}});
    EXPECT_EQ(p.allows(0x1000, 8, kS), kReadOnly);
    EXPECT_EQ(p.allows(0x2000, 8, kS), kEverything);
    EXPECT_EQ(p.allows(0xffc, 8, kS), kNothing);  // the first does not contain it
    EXPECT_EQ(p.uniform(0x2000, 0x4000), 0x2000u);
    EXPECT_EQ(p.uniform(0, 0x4000), 0x1000u);
}

TEST(Pmp, LockedOnesBindMachineMode) {
    const Pmp p = pmp_of(
        {{kPmpNapot | kPmpLock | kPmpRead, napot(0x1000, 0x1000)}, {kPmpNapot | kPmpLock, kPmpAddressBits}});
    EXPECT_EQ(p.allows(0x1000, 8, kM), kReadOnly);
    EXPECT_EQ(p.allows(0x8000, 8, kM), kNothing);
    const Pmp all = pmp_of({{kPmpNapot | kPmpLock | kPmpRead, kPmpAddressBits}});
    EXPECT_EQ(all.allows(0x8000, 8, kM), kReadOnly);
    const Pmp open = pmp_of({{kPmpNapot | kPmpLock | 7, kPmpAddressBits}});
    EXPECT_EQ(open.allows(0x8000, 8, kM), kEverything);
    const Pmp loose = pmp_of({{kPmpNapot, kPmpAddressBits}});
    EXPECT_EQ(loose.allows(0x8000, 8, kM), kEverything);
    EXPECT_EQ(loose.allows(0x8000, 8, kS), kNothing);
}

// Against every byte on its own, in random sets of entries.
TEST(Pmp, UniformBlocksAreUniform) {
    u64 seed = 7;
    const auto random = [&](u64 below) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        return (seed >> 33) % below;
    };
    for (unsigned round = 0; round < 300; ++round) {
        HartState s;
        for (unsigned i = 0; i < kPmpEntries; ++i) {
            s.pmpcfg[i] = static_cast<u8>(random(4) == 0 ? random(256) : 0);
            s.pmpaddr[i] = random(256);  // below 1 KiB
        }
        const Pmp p(s);
        for (unsigned n = 0; n < 20; ++n) {
            const u64 address = random(2048), size = p.uniform(address, 1024),
                      begin = align_down(address, size);
            ASSERT_TRUE(size >= 4 && size <= 1024 && std::has_single_bit(size));
            for (const Privilege privilege : {kM, kS})
                for (u64 a = begin; a < begin + size; a += 4)
                    ASSERT_EQ(p.allows(a, 4, privilege), p.allows(address, 1, privilege)) << round;
        }
    }
}

TEST(PmpCsrs, Fields) {
    TestHart t;
    EXPECT_EQ(t.put(kCsrPmpcfg0, 0x7f7f'7f7f'7f7f'7f7f), 0x1f1f'1f1f'1f1f'1f1fu);
    EXPECT_EQ(t.last.flush, Flush::None);
    t.swap(kCsrPmpcfg0, 0);
    EXPECT_EQ(t.last.flush, Flush::All);
    EXPECT_EQ(t.put(kCsrPmpcfg0 + 2, 0x0000'0000'0000'0602), 0x400u);  // W without R is reserved
    EXPECT_EQ(t.get(kCsrPmpcfg0), 0u);
    EXPECT_EQ(t.hart.state().pmpcfg[9], 4);
}

TEST(PmpCsrs, Locks) {
    TestHart t;
    t.put(kCsrPmpaddr0, 1);
    t.put(kCsrPmpaddr0 + 1, 2);
    t.put(kCsrPmpaddr0 + 2, 3);
    EXPECT_EQ(t.put(kCsrPmpcfg0, 0x8900), 0x8900u);      // entry 1: locked, TOR
    EXPECT_EQ(t.put(kCsrPmpcfg0, 0x1'00'01), 0x18901u);  // the others can be written
    EXPECT_EQ(t.put(kCsrPmpaddr0, 9), 1u);               // its bottom
    EXPECT_EQ(t.put(kCsrPmpaddr0 + 1, 9), 2u);
    EXPECT_EQ(t.put(kCsrPmpaddr0 + 2, 9), 9u);
    EXPECT_EQ(t.put(kCsrPmpcfg0 + 2, u64{0x9f} << 56), u64{0x9f} << 56);  // the last entry has none above
    EXPECT_EQ(t.put(kCsrPmpaddr0 + 15, 9), 0u);
    t.hart.reset_for_firmware(0, {}, t.regs, t.fp);
    EXPECT_EQ(t.put(kCsrPmpaddr0, 9), 9u);
}

TEST(PmpCsrs, TakeEffectAtOnce) {
    TestHart t;
    EXPECT_EQ(t.hart.pmp().allows(0x1000, 8, kS), kNothing);
    t.put(kCsrPmpaddr0, kPmpAddressBits);
    t.put(kCsrPmpcfg0, kPmpNapot | kPmpRead);
    EXPECT_EQ(t.hart.pmp().allows(0x1000, 8, kS), kReadOnly);
}

}  // namespace
}  // namespace vm::riscv
