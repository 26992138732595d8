#include "riscv/walker.h"

#include <thread>

#include "riscv/hart_test.h"

namespace vm::riscv {
namespace {

constexpr u64 kBase = 0x8000'0000, kV = 1, kR = 2, kW = 4, kX = 8, kPteU = 16, kG = 32, kA = 64, kD = 128;
constexpr u64 kRoot = kBase + 0x1000;  ///< tables follow, one a page
constexpr u64 kN = u64{1} << 63;
constexpr u64 kNone = Translation::kNoFault;

struct Mode {
    u64 satp;
    unsigned levels;
};
constexpr Mode kPagedModes[] = {{kSatpSv39, 3}, {kSatpSv48, 4}, {kSatpSv57, 5}};

/// A hart in S-mode, open PMP, tables built by hand.
struct Machine {
    std::unique_ptr<mem::GuestRam> ram = std::move(*mem::GuestRam::create(kBase, 256 * mem::kPage));
    TestHart t;
    Walker walker{*ram, t.hart};
    unsigned levels = 3;
    u64 next_table = kRoot;

    explicit Machine(Mode mode = kPagedModes[0], HartOptions options = {}) : t(options), levels(mode.levels) {
        t.hart.reset_for_kernel(0, 0, t.regs, t.fp);
        const u64 root = table();
        EXPECT_EQ(root, kRoot);
        t.put(kCsrSatp, mode.satp << 60 | u64{42} << 44 | root >> 12);
    }
    u64 table() { return std::exchange(next_table, next_table + 4096); }
    u64 load(u64 at) const {
        u64 v = 0;
        EXPECT_TRUE(ram->read(at, &v, 8));
        return v;
    }
    void store(u64 at, u64 v) { EXPECT_TRUE(ram->write(at, &v, 8)); }
    /// Address of the entry of `vaddr` at `level`, making tables above it.
    u64 entry(u64 vaddr, unsigned level) {
        u64 at = kRoot;
        for (unsigned l = levels - 1;; --l) {
            const u64 e = at + bits(vaddr, 12 + 9 * l + 8, 12 + 9 * l) * 8;
            if (l == level) return e;
            if (load(e) == 0) store(e, table() >> 12 << 10 | kV);
            at = load(e) >> 10 << 12;
        }
    }
    u64 map(u64 vaddr, u64 physical, u64 flags, unsigned level = 0) {
        const u64 e = entry(vaddr, level);
        store(e, physical >> 12 << 10 | flags);
        return e;
    }
    u64 fault(u64 vaddr, Access a) const { return walker.translate(vaddr, a).fault; }
    void menvcfg(u64 v) { t.force(kCsrMenvcfg, v); }
};

constexpr Access kAccesses[] = {Access::Fetch, Access::Load, Access::Store};
u64 page_fault_of(Access a) { return a == Access::Fetch ? 12 : a == Access::Load ? 13 : 15; }
u64 access_fault_of(Access a) { return a == Access::Fetch ? 1 : a == Access::Load ? 5 : 7; }

TEST(Walker, BareAndMachineModeDoNotTranslate) {
    Machine m;
    m.t.put(kCsrSatp, 0);
    for (const Privilege p : {Privilege::User, Privilege::Supervisor, Privilege::Machine}) {
        m.t.enter(p);
        if (p == Privilege::Machine) m.t.put(kCsrSatp, u64{8} << 60 | kRoot >> 12);
        for (const Access a : kAccesses) {
            const Translation t = m.walker.translate(0x12'3456'789a, a);
            EXPECT_TRUE(t.ok() && t.dirty && t.keeps(a) && !t.global);
            EXPECT_EQ(t.physical, 0x12'3456'789au);
            EXPECT_GE(t.page, mem::kPage);
            EXPECT_EQ(t.permits, (Permissions{true, true, true}));
            EXPECT_EQ(m.fault(u64{1} << 56, a), access_fault_of(a));
            EXPECT_EQ(m.fault(~u64{0}, a), access_fault_of(a));
            EXPECT_EQ(m.fault((u64{1} << 56) - 1, a), kNone);
        }
    }
}

TEST(Walker, EveryModeAndSuperpage) {
    for (const Mode mode : kPagedModes)
        for (unsigned level = 0; level < mode.levels; ++level) {
            Machine m(mode);
            const u64 size = u64{4096} << (9 * level), offset = size - 0x123;
            // with the top bit set: the upper half
            const u64 top = u64(sext(u64{1} << (12 + 9 * mode.levels - 1), 12 + 9 * mode.levels));
            for (const u64 vaddr : {3 * size, top + 5 * size}) {
                const u64 physical = 7 * size & ((u64{1} << 56) - 1);
                m.map(vaddr, physical, kV | kR | kW | kX | kA | kD, level);
                for (const Access a : kAccesses) {
                    const Translation t = m.walker.translate(vaddr + offset, a);
                    EXPECT_TRUE(t.ok() && t.keeps(a)) << mode.satp << " " << level;
                    EXPECT_EQ(t.physical, physical + offset);
                    EXPECT_EQ(t.page, size);
                    EXPECT_EQ(m.fault(vaddr + size, a), page_fault_of(a));
                    EXPECT_EQ(m.fault(vaddr - 1, a), page_fault_of(a));
                }
                // a superpage whose number is not a multiple of its size
                for (unsigned bit_no = 0; bit_no < 9 * level; ++bit_no) {
                    m.map(vaddr, physical | u64{4096} << bit_no, kV | kR | kW | kX | kA | kD, level);
                    for (const Access a : kAccesses) EXPECT_EQ(m.fault(vaddr, a), page_fault_of(a));
                }
            }
        }
}

TEST(Walker, AddressesThatAreNotCanonicalFault) {
    for (const Mode mode : kPagedModes) {
        Machine m(mode);
        const unsigned width = 12 + 9 * mode.levels;
        m.map(0, kBase, kV | kR | kX | kA);
        EXPECT_EQ(m.fault(0, Access::Load), kNone);
        for (unsigned n = width - 1; n < 64; ++n)
            for (const Access a : kAccesses) EXPECT_EQ(m.fault(u64{1} << n, a), page_fault_of(a)) << n;
    }
}

// Every set of V, R, W, X, U in every mode with SUM and MXR.
TEST(Walker, Permissions) {
    Machine m;
    for (u64 flags = 0; flags < 32; ++flags) {
        const bool v = flags & kV, r = flags & kR, w = flags & kW, x = flags & kX, u = flags & kPteU;
        m.map(0x5000, kBase + 0x8000, flags | kA | kD);
        const bool leaf = v && (r || x) && !(w && !r);
        for (const Privilege p : {Privilege::User, Privilege::Supervisor})
            for (const u64 status : {u64{0}, kStatusSum, kStatusMxr, kStatusSum | kStatusMxr}) {
                m.t.edit([&](HartState& s) {
                    s.privilege = p;
                    s.mstatus = status;
                });
                const bool own = (p == Privilege::User) == u;
                const bool data = leaf && (own || (p == Privilege::Supervisor && (status & kStatusSum)));
                const bool can_read = data && (r || (x && (status & kStatusMxr)));
                const bool can_write = data && w, can_fetch = leaf && own && x;
                EXPECT_EQ(m.fault(0x5000, Access::Load), can_read ? kNone : 13) << flags << " " << status;
                EXPECT_EQ(m.fault(0x5000, Access::Store), can_write ? kNone : 15) << flags << " " << status;
                EXPECT_EQ(m.fault(0x5000, Access::Fetch), can_fetch ? kNone : 12) << flags << " " << status;
                const Translation t = m.walker.translate(0x5008, Access::Load);
                if (t.ok()) {
                    const bool x_here = leaf && own && x;
                    EXPECT_EQ(t.permits, (Permissions{can_read, can_write, x_here}));
                    EXPECT_EQ(t.physical, kBase + 0x8008);
                }
            }
    }
}

TEST(Walker, MprvWalksAsMpp) {
    Machine m;
    m.map(0x5000, kBase + 0x8000, kV | kR | kX | kA | kPteU);
    m.t.enter(Privilege::Machine);
    for (const u64 mpp : {0, 1, 3}) {
        m.t.put(kCsrMstatus, kStatusMprv | mpp << kStatusMppShift);
        EXPECT_EQ(m.fault(0x5000, Access::Load), mpp == 1 ? 13 : kNone);
        EXPECT_EQ(m.walker.translate(0x5000, Access::Load).physical == 0x5000, mpp == 3);
        EXPECT_EQ(m.walker.translate(0x5000, Access::Fetch).physical, 0x5000u);
    }
}

TEST(Walker, AccessedAndDirtyAreSetWithSvadu) {
    for (const Access a : kAccesses)
        for (const u64 before : {u64{0}, kA, kD, kA | kD}) {
            Machine m;
            const u64 flags = kV | kR | kW | kX;
            const u64 at = m.map(0x5000, kBase + 0x8000, flags | before);
            const Translation t = m.walker.translate(0x5000, a);
            EXPECT_TRUE(t.ok());
            const u64 after = before | kA | (a == Access::Store ? kD : 0);
            EXPECT_EQ(m.load(at), (kBase + 0x8000) >> 2 | flags | after);
            EXPECT_EQ(t.dirty, (after & kD) != 0);
            EXPECT_TRUE(t.keeps(a));
            EXPECT_EQ(t.keeps(Access::Store), (after & kD) != 0);
        }
}

TEST(Walker, AccessedAndDirtyFaultWithSvade) {
    for (const Access a : kAccesses)
        for (const u64 before : {u64{0}, kA, kD, kA | kD}) {
            Machine m;
            m.menvcfg(0);
            const u64 at = m.map(0x5000, kBase + 0x8000, kV | kR | kW | kX | before);
            const u64 pte = m.load(at);
            const bool enough = (before & kA) && (a != Access::Store || (before & kD));
            EXPECT_EQ(m.fault(0x5000, a), enough ? kNone : page_fault_of(a));
            EXPECT_EQ(m.load(at), pte);
        }
}

TEST(Walker, FaultsLeaveEntriesAlone) {
    Machine m;
    const u64 at = m.map(0x5000, kBase + 0x8000, kV | kR);
    const u64 pte = m.load(at);
    EXPECT_EQ(m.fault(0x5000, Access::Store), 15u);
    EXPECT_EQ(m.fault(0x5000, Access::Fetch), 12u);
    EXPECT_EQ(m.load(at), pte);
    EXPECT_EQ(m.walker.look_up(0x5678, m.t.hart.context()), kBase + 0x8678);
    EXPECT_EQ(m.load(at), pte);
    EXPECT_EQ(m.walker.look_up(0x6000, m.t.hart.context()), std::nullopt);
    EXPECT_EQ(m.walker.look_up(0x6000, 3), 0x6000u);
}

TEST(Walker, ReservedBitsFault) {
    Machine m;
    for (unsigned n = 54; n < 64; ++n) {
        m.menvcfg(0);
        m.map(0x5000, kBase + 0x9000, kV | kR | kA | u64{1} << n);
        EXPECT_EQ(m.fault(0x5000, Access::Load), 13u) << n;  // N with a number that is not 8 is reserved, too
    }
    // in entries that point to tables
    for (const u64 flag : {kPteU, kA, kD, kN, u64{1} << 61, u64{1} << 62, u64{1} << 54, u64{1} << 60}) {
        Machine other;
        other.map(0x5000, kBase + 0x8000, kV | kR | kA);
        const u64 upper = other.entry(0x5000, 1);
        EXPECT_EQ(other.fault(0x5000, Access::Load), kNone);
        other.store(upper, other.load(upper) | flag);
        EXPECT_EQ(other.fault(0x5000, Access::Load), 13u) << flag;
    }
    // the two software bits are free
    m.map(0x5000, kBase + 0x8000, kV | kR | kA | u64{3} << 8);
    EXPECT_EQ(m.fault(0x5000, Access::Load), kNone);
    // a table at the last level
    m.map(0x5000, kBase + 0x8000, kV);
    EXPECT_EQ(m.fault(0x5000, Access::Load), 13u);
}

TEST(Walker, GlobalIsInherited) {
    Machine m;
    m.map(0x5000, kBase, kV | kR | kA);
    EXPECT_FALSE(m.walker.translate(0x5000, Access::Load).global);
    const u64 upper = m.entry(0x5000, 1);
    m.store(upper, m.load(upper) | kG);
    EXPECT_TRUE(m.walker.translate(0x5000, Access::Load).global);
    m.map(0x4000'0000, kBase, kV | kR | kA | kG);
    EXPECT_TRUE(m.walker.translate(0x4000'0000, Access::Load).global);
}

TEST(Walker, MemoryTypes) {
    Machine m;
    for (const u64 type : {0, 1, 2, 3}) {
        m.map(0x5000, kBase + 0x8000, kV | kR | kA | type << 61);
        const Translation t = m.walker.translate(0x5000, Access::Load);
        EXPECT_EQ(t.fault, type == 3 ? 13 : kNone);
        EXPECT_TRUE(!t.ok() || static_cast<u64>(t.type) == type);
        m.menvcfg(0);
        EXPECT_EQ(m.fault(0x5000, Access::Load), type ? 13 : kNone);
        m.menvcfg(kEnvPbmte);
    }
}

TEST(Walker, Napot) {
    Machine m;
    const u64 physical = kBase + 0x2'0000;
    // sixteen entries alike; the number's low bits are 1000
    for (u64 i = 0; i < 16; ++i) m.map(0x4'0000 + i * 4096, physical | 0x8000, kV | kR | kA | kN);
    for (u64 i = 0; i < 16; ++i) {
        const Translation t = m.walker.translate(0x4'0000 + i * 4096 + 0x321, Access::Load);
        EXPECT_TRUE(t.ok());
        EXPECT_EQ(t.physical, physical + i * 4096 + 0x321);
        EXPECT_EQ(t.page, u64{64} << 10);
    }
    for (u64 low = 0; low < 16; ++low) {
        m.map(0x4'0000, physical | low << 12, kV | kR | kA | kN);
        EXPECT_EQ(m.fault(0x4'0000, Access::Load), low == 8 ? kNone : 13) << low;
    }
    m.map(0x4000'0000, u64{0x8000}, kV | kR | kA | kN, 1);  // superpages have none
    EXPECT_EQ(m.fault(0x4000'0000, Access::Load), 13u);

    Machine none(kPagedModes[0], {.svnapot = false});
    none.map(0x4'0000, physical | 0x8000, kV | kR | kA | kN);
    EXPECT_EQ(none.fault(0x4'0000, Access::Load), 13u);
}

TEST(Walker, TablesOutsideMemoryAreAccessFaults) {
    Machine m;
    for (const u64 table : {u64{0}, kBase - 4096, kBase + 256 * mem::kPage, (u64{1} << 56) - 4096}) {
        m.map(0x5000, kBase, kV | kR | kA);
        m.store(m.entry(0x5000, 1), table >> 12 << 10 | kV);
        for (const Access a : kAccesses) EXPECT_EQ(m.fault(0x5000, a), access_fault_of(a));
        m.store(m.entry(0x5000, 1), 0);
    }
    m.t.put(kCsrSatp, u64{8} << 60 | 0xfff'ffff'ffff);
    for (const Access a : kAccesses) EXPECT_EQ(m.fault(0x5000, a), access_fault_of(a));
    EXPECT_EQ(m.walker.look_up(0x5000, 1), std::nullopt);
}

TEST(Walker, PmpOfTheAccess) {
    Machine m;
    m.map(0x5000, kBase + 0x8000, kV | kR | kW | kX | kA | kD);
    m.map(0x20'0000, kBase + 0x20'0000, kV | kR | kW | kA | kD, 1);
    const auto restrict = [&](u64 begin, u64 size, u8 permissions) {
        m.t.force(kCsrPmpcfg0, 0);
        m.t.force(kCsrPmpaddr0, begin >> 2 | ((size >> 3) - 1));
        m.t.force(kCsrPmpaddr0 + 1, ~u64{0});
        m.t.force(kCsrPmpcfg0, u64{kPmpNapot | 7} << 8 | kPmpNapot | permissions);
    };
    restrict(kBase + 0x8000, 4096, kPmpRead);
    EXPECT_EQ(m.fault(0x5000, Access::Load), kNone);
    EXPECT_EQ(m.fault(0x5000, Access::Store), 7u);
    EXPECT_EQ(m.fault(0x5000, Access::Fetch), 1u);
    const Translation t = m.walker.translate(0x5000, Access::Load);
    EXPECT_EQ(t.permits, (Permissions{true, false, false}));
    EXPECT_EQ(t.page, mem::kPage);

    restrict(kBase + 0x8010, 16, kPmpRead);  // parts of a page
    EXPECT_EQ(m.walker.translate(0x5000, Access::Store).page, 16u);
    EXPECT_EQ(m.walker.translate(0x5800, Access::Store).page, 2048u);
    EXPECT_EQ(m.walker.translate(0x500c, Access::Load, 4).fault, kNone);
    EXPECT_EQ(m.walker.translate(0x500c, Access::Load, 8).fault, 5u);
    EXPECT_EQ(m.fault(0x5010, Access::Store), 7u);

    restrict(kBase + 0x21'0000, 4096, kPmpRead);  // of a superpage
    EXPECT_EQ(m.walker.translate(0x20'0000, Access::Load).page, 0x1'0000u);
    EXPECT_EQ(m.walker.translate(0x30'0000, Access::Load).page, 0x10'0000u);
}

TEST(Walker, PmpOfTheWalk) {
    Machine m;
    const u64 at = m.map(0x5000, kBase + 0x8000, kV | kR | kW | kX);
    const auto restrict = [&](u8 permissions) {
        m.t.force(kCsrPmpcfg0, 0);
        m.t.force(kCsrPmpaddr0, align_down(at, 4096) >> 2 | 511);
        m.t.force(kCsrPmpaddr0 + 1, ~u64{0});
        m.t.force(kCsrPmpcfg0, u64{kPmpNapot | 7} << 8 | kPmpNapot | permissions);
    };
    restrict(0);
    for (const Access a : kAccesses) EXPECT_EQ(m.fault(0x5000, a), access_fault_of(a));
    restrict(kPmpRead);  // the accessed bit cannot be written
    const u64 pte = m.load(at);
    for (const Access a : kAccesses) EXPECT_EQ(m.fault(0x5000, a), access_fault_of(a));
    EXPECT_EQ(m.load(at), pte);
    m.store(at, pte | kA | kD);
    for (const Access a : kAccesses) EXPECT_EQ(m.fault(0x5000, a), kNone);
}

// Another hart clears bits while this one sets them: no update may bring back what was cleared, and none is
// lost.
TEST(Walker, UpdatesAreAtomic) {
    Machine m;
    const u64 at = m.map(0x5000, kBase + 0x8000, kV | kR | kW);
    std::atomic_ref<u64> pte(*reinterpret_cast<u64*>(m.ram->at(at, 8)));
    std::atomic<bool> stop{false};
    std::thread other([&] {
        for (u64 i = 0; i < 20000; ++i) {  // counts in the software bits and the page's number
            u64 old = pte.load();
            while (!pte.compare_exchange_weak(old, ((old & ~(kA | kD)) + (u64{1} << 8)))) {
            }
        }
        stop = true;
    });
    while (!stop) {
        const Translation t = m.walker.translate(0x5000, Access::Store);
        ASSERT_TRUE(t.ok() && t.dirty);
    }
    other.join();
    EXPECT_EQ(pte.load() >> 8, ((kBase + 0x8000) >> 2 >> 8) + 20000);
}

// Whatever tables hold, a walk ends with a fault or inside what the entry says.
TEST(Walker, RandomTables) {
    u64 seed = 3;
    const auto random = [&] { return seed = seed * 6364136223846793005 + 1442695040888963407, seed >> 20; };
    for (const Mode mode : kPagedModes) {
        Machine m(mode);
        for (u64 at = kRoot; at < kRoot + 16 * 4096; at += 8) {
            const u64 page = (kRoot >> 12) + random() % 16;
            m.store(at, page << 10 | (random() % 2 ? 1 : random() & 0x3ff) |
                            (random() % 16 ? 0 : random() << 54));
        }
        for (unsigned i = 0; i < 20000; ++i) {
            const u64 vaddr = static_cast<u64>(sext(random() << 20 ^ random(), 12 + 9 * mode.levels));
            const Translation t = m.walker.translate(vaddr, kAccesses[i % 3]);
            if (!t.ok()) continue;
            EXPECT_TRUE(t.keeps(kAccesses[i % 3]));
            EXPECT_EQ(t.physical % 4096, vaddr % 4096);
        }
    }
}

}  // namespace
}  // namespace vm::riscv
