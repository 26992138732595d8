// Loads and stores of general and of vector registers, addressing modes, pairs, exclusives and atomics.
#include "frontend/arm64/machine_test.h"

namespace vm::frontend::arm64::test {
namespace {

using ir::ExitReason;
using ir::Op;

constexpr u64 kOld = 0x8877665544332211, kNew = 0xf1e2d3c4b5a69788;
constexpr u64 kAt = kData + 2048;

u64 at(const Machine& m, u64 address) { return load_raw<u64>(&m.data[address - kData]); }
void set_at(Machine& m, u64 address, u64 v) { store_raw(&m.data[address - kData], v); }

/// x0 or v0 is transferred, x1 the base, x2 the index.
Machine prepared(u64 base) {
    Machine m;
    m.set_x(0, kNew);
    m.set_v(0, {kNew, ~kNew});
    m.set_x(1, base);
    return m;
}

// --- one register. bytes: 1 to 16; `name`: up to its _imm, _post …
struct Access {
    const char* name;
    u32 fields;
    unsigned bytes;
    bool store = false, vector = false, is_signed = false;
    unsigned width = 0;  ///< to which a signed load extends
};
constexpr u32 kTo32 = 1u << 22;
constexpr Access kAccesses[] = {
    {"STR", size(0), 1, true},
    {"STR", size(1), 2, true},
    {"STR", size(2), 4, true},
    {"STR", size(3), 8, true},
    {"LDR", size(0), 1, false},
    {"LDR", size(1), 2, false},
    {"LDR", size(2), 4, false},
    {"LDR", size(3), 8, false},
    {"LDRS", size(0), 1, false, false, true, 64},
    {"LDRS", size(1), 2, false, false, true, 64},
    {"LDRS", size(2), 4, false, false, true, 64},
    {"LDRS", size(0) | kTo32, 1, false, false, true, 32},
    {"LDRS", size(1) | kTo32, 2, false, false, true, 32},
    {"STR_v", size(0), 1, true, true},
    {"STR_v", size(1), 2, true, true},
    {"STR_v", size(2), 4, true, true},
    {"STR_v", size(3), 8, true, true},
    {"STR_q", 0, 16, true, true},
    {"LDR_v", size(0), 1, false, true},
    {"LDR_v", size(1), 2, false, true},
    {"LDR_v", size(2), 4, false, true},
    {"LDR_v", size(3), 8, false, true},
    {"LDR_q", 0, 16, false, true},
};

/// Runs `w` and checks what it did at `address`.
void check_access(const Access& a, Machine& m, u32 w, u64 address, const std::string& what) {
    set_at(m, address, kOld);
    set_at(m, address + 8, ~kOld);
    m.run({w | rt(0) | rn(1)});
    const unsigned bits = a.bytes * 8;
    if (a.store) {
        const u64 mask = zext(~u64{0}, bits);
        EXPECT_EQ(at(m, address), a.bytes < 8 ? (kOld & ~mask) | (kNew & mask) : kNew) << what;
        EXPECT_EQ(at(m, address + 8), a.bytes == 16 ? ~kNew : ~kOld) << what;
    } else if (a.vector) {
        const Vector loaded{a.bytes < 8 ? zext(kOld, bits) : kOld, a.bytes == 16 ? ~kOld : 0};
        EXPECT_EQ(m.v(0), loaded) << what << "\n" << m.text();
    } else {
        u64 loaded = zext(kOld, bits);
        if (a.is_signed) loaded = zext(static_cast<u64>(sext(kOld, bits)), a.width);
        EXPECT_EQ(m.x(0), loaded) << what << "\n" << m.text();
    }
}

TEST(Memory, ScaledImmediates) {
    for (const Access& a : kAccesses)
        for (const unsigned imm : {0u, 1u, 100u}) {
            Machine m = prepared(kAt);
            const std::string name = std::string(a.name) + "_imm";
            check_access(a, m, word(name) | a.fields | imm12(imm), kAt + u64{imm} * a.bytes, name);
            EXPECT_EQ(m.x(1), kAt) << name;
        }
}

std::string unscaled(std::string_view name) {  // STR_v → STUR_v
    return std::string(name.substr(0, 2)) + "U" + std::string(name.substr(2));
}
TEST(Memory, IndexedAndUnscaled) {
    for (const Access& a : kAccesses)
        for (const int imm : {-256, -3, 0, 5, 255}) {
            const u64 moved = kAt + static_cast<u64>(i64{imm});
            Machine m = prepared(kAt);
            std::string name = std::string(a.name) + "_post";
            check_access(a, m, word(name) | a.fields | imm9(imm), kAt, name);
            EXPECT_EQ(m.x(1), moved) << name;

            m = prepared(kAt);
            name = std::string(a.name) + "_pre";
            check_access(a, m, word(name) | a.fields | imm9(imm), moved, name);
            EXPECT_EQ(m.x(1), moved) << name;

            m = prepared(kAt);
            name = unscaled(a.name);
            check_access(a, m, word(name) | a.fields | imm9(imm), moved, name);
            EXPECT_EQ(m.x(1), kAt) << name;

            if (a.vector) continue;
            m = prepared(kAt);
            name = std::string(a.name).replace(2, 1, "TR");
            check_access(a, m, word(name) | a.fields | imm9(imm), moved, name);
        }
}

// option: 2 UXTW, 3 LSL, 6 SXTW, 7 SXTX; S scales by the size of the access.
TEST(Memory, RegisterOffsets) {
    for (const Access& a : kAccesses)
        for (const unsigned option : {2u, 3u, 6u, 7u})
            for (const unsigned s : {0u, 1u}) {
                const bool word_index = !(option & 1), is_signed = option & 4;
                const u64 index = is_signed ? neg(3) : 5;
                Machine m = prepared(kAt);
                m.set_x(2, word_index ? 0xabcd0000'00000000 | zext(index, 32) : index);
                const std::string name = std::string(a.name) + "_reg";
                check_access(a, m, word(name) | a.fields | rm(2) | option << 13 | s << 12,
                             kAt + index * (s ? a.bytes : 1), name);
            }
    for (const char* name : {"LDR_reg", "STR_v_reg", "LDR_q_reg"})
        EXPECT_TRUE(Machine().undefined(word(name) & ~(u32{1} << 14))) << name;
}

TEST(Memory, Literals) {
    // The data page is 16 pages above the code.
    const int words = static_cast<int>((kData - kCode) / 4);
    Machine m;
    set_at(m, kData, kOld);
    set_at(m, kData + 8, ~kOld);
    m.run({word("LDR_lit") | imm19(words) | rt(0), word("LDR_lit") | 1u << 30 | imm19(words - 1) | rt(1),
           word("LDRSW_lit") | imm19(words - 1) | rt(2), word("LDR_v_lit") | imm19(words - 3) | rt(0),
           word("LDR_v_lit") | 1u << 30 | imm19(words - 4) | rt(1),
           word("LDR_v_lit") | 2u << 30 | imm19(words - 5) | rt(2)});
    EXPECT_EQ(m.x(0), zext(kOld, 32));
    EXPECT_EQ(m.x(1), kOld);
    EXPECT_EQ(m.x(2), static_cast<u64>(sext(kOld >> 32, 32)));
    EXPECT_EQ(m.v(0), (Vector{zext(kOld, 32), 0}));
    EXPECT_EQ(m.v(1), (Vector{kOld, 0}));
    EXPECT_EQ(m.v(2), (Vector{kOld, ~kOld}));
}

TEST(Memory, StackPointerAndZeroRegister) {
    Machine m;
    m.set_x(31, kAt);
    set_at(m, kAt, kOld);
    set_at(m, kAt + 8, kOld);
    m.run(
        {word("STR_imm") | size(3) | rn(31) | rt(31), word("LDR_pre") | size(3) | imm9(8) | rn(31) | rt(31)});
    EXPECT_EQ(at(m, kAt), 0u);
    EXPECT_EQ(m.sp(), kAt + 8);
}

// The base that is also loaded: the loaded value wins.
TEST(Memory, LoadIntoTheBase) {
    Machine m;
    m.set_x(1, kAt);
    set_at(m, kAt, kOld);
    m.run({word("LDR_post") | size(3) | imm9(16) | rn(1) | rt(1)});
    EXPECT_EQ(m.x(1), kOld);
}

// --- pairs
struct Pair {
    const char* name;
    u32 fields;
    unsigned bytes;  ///< of each
    bool store = false, vector = false, is_signed = false;
};
constexpr Pair kPairs[] = {
    {"STP", 0, 4, true},
    {"STP", kX, 8, true},
    {"LDP", 0, 4, false},
    {"LDP", kX, 8, false},
    {"LDPSW", 0, 4, false, false, true},
    {"STP_v", size(0), 4, true, true},
    {"STP_v", size(1), 8, true, true},
    {"STP_v", size(2), 16, true, true},
    {"LDP_v", size(0), 4, false, true},
    {"LDP_v", size(1), 8, false, true},
    {"LDP_v", size(2), 16, false, true},
};
TEST(Memory, Pairs) {
    for (const Pair& p : kPairs)
        for (const std::string mode : {"", "_post", "_pre", "N"})
            for (const int imm : {-64, 0, 3, 63}) {
                const std::string base = p.name;
                if (p.is_signed && mode == "N") continue;
                const std::string name = mode == "N" ? base.substr(0, 2) + "N" + base.substr(2) : base + mode;
                Machine m;
                m.request.shared_memory = imm != 3;
                m.set_x(1, kAt);
                for (const unsigned r : {2u, 3u}) {
                    m.set_x(r, kNew * r);
                    m.set_v(r, {kNew * r, ~kNew * r});
                }
                const u64 moved = kAt + static_cast<u64>(i64{imm} * static_cast<i64>(p.bytes));
                const u64 address = mode == "_post" ? kAt : moved;
                std::array<u8, 32> before{};
                for (unsigned k = 0; k < 32; ++k)
                    m.data[address - kData + k] = before[k] = static_cast<u8>(k * 37 + 129);
                m.run({word(name) | p.fields | imm7(imm) | rt(2) | rt2(3) | rn(1)});
                EXPECT_EQ(m.x(1), mode == "_post" || mode == "_pre" ? moved : kAt) << name;
                for (const unsigned r : {2u, 3u}) {
                    const u8* mem =
                        (p.store ? m.data.data() + (address - kData) : before.data()) + (r - 2) * p.bytes;
                    u64 low = load_raw<u64>(mem), high = 0;
                    if (p.bytes == 4) low = zext(low, 32);
                    if (p.bytes == 16) high = load_raw<u64>(mem + 8);
                    if (p.store) {
                        const u64 source = p.bytes == 4 ? zext(kNew * r, 32) : kNew * r;
                        EXPECT_EQ(low, source) << name << r;
                        if (p.bytes == 16) {
                            EXPECT_EQ(high, ~kNew * r) << name << r;
                        }
                    } else if (p.vector) {
                        EXPECT_EQ(m.v(r), (Vector{low, high})) << name << r;
                    } else {
                        EXPECT_EQ(m.x(r), p.is_signed ? static_cast<u64>(sext(low, 32)) : low) << name << r;
                    }
                }
            }
    EXPECT_TRUE(Machine().undefined(word("STP_v") | size(3)));
}

// One access, unless nobody could tell or the processor does not say so.
TEST(Memory, PairsAreSingleCopyAtomic) {
    for (const char* name : {"LDP", "LDPSW", "STP"})
        for (const u32 wide : {kX, 0u}) {
            if (wide && name[3] == 'S') continue;
            for (const bool shared : {true, false})
                for (const bool lse2 : {true, false}) {
                    Machine m = prepared(kAt);
                    m.set_x(3, kOld);
                    m.request.shared_memory = shared;
                    if (!lse2) m.request.features &= ~(u64{1} << LSE2);
                    m.run({word(name) | wide | rt(0) | rt2(3) | rn(1)});
                    const Op access = name[0] == 'L' ? Op::Load : Op::Store;
                    EXPECT_EQ(m.count(access), shared && lse2 ? 1u : 2u) << name;
                    const auto at = std::ranges::find(m.block.insts, access, &ir::Inst::op);
                    EXPECT_EQ(ir::width(at->mtype), (wide ? 64u : 32u) * (shared && lse2 ? 2 : 1)) << name;
                }
        }
}

// --- faults: no register has changed
TEST(Memory, FaultsLeaveRegisters) {
    struct {
        const char* name;
        u32 fields;
    } const cases[] = {{"LDR_pre", size(3) | imm9(8)},
                       {"LDR_post", size(0) | imm9(8)},
                       {"STR_pre", size(2) | imm9(8)},
                       {"STR_post", size(3) | imm9(8)},
                       {"LDRS_pre", size(0) | imm9(8)},
                       {"LDR_q_pre", imm9(8)},
                       {"STR_v_post", size(3) | imm9(8)},
                       {"LDP_pre", kX | imm7(1) | rt2(3)},
                       {"STP_v_post", size(2) | imm7(1) | rt2(3)},
                       {"LDPSW_post", imm7(1) | rt2(3)}};
    for (const auto& c : cases) {
        Machine m = prepared(kUnmapped);
        const auto r = m.run({word(c.name) | c.fields | rt(0) | rn(1)});
        EXPECT_EQ(r.reason, ExitReason::MemoryFault) << c.name;
        EXPECT_EQ(r.pc, kCode) << c.name;
        EXPECT_EQ(m.x(0), kNew) << c.name;
        EXPECT_EQ(m.x(1), kUnmapped) << c.name;
        EXPECT_EQ(m.v(0), (Vector{kNew, ~kNew})) << c.name;
    }
    // The second half of a pair faults.
    Machine m = prepared(kData + kDataSize - 8);
    m.request.shared_memory = false;
    const auto r = m.run({word("LDP_post") | kX | imm7(2) | rt(0) | rt2(3) | rn(1)});
    EXPECT_EQ(r.reason, ExitReason::MemoryFault);
    EXPECT_EQ(r.value, kData + kDataSize);
    EXPECT_EQ(m.x(0), kNew);
    EXPECT_EQ(m.x(1), kData + kDataSize - 8);
}

// Once an address had a top byte, blocks ignore it: in loads, stores, pairs, atomics; the base keeps it.
TEST(Memory, TopByteIgnored) {
    constexpr u64 kTag = u64{0xab} << 56;
    Machine m = prepared(kAt | kTag);
    store_raw(&m.guest[kTaggedOffset], u64{1});
    set_at(m, kAt + 16, kOld);
    m.run({word("LDR_imm") | size(3) | imm12(2) | rt(2) | rn(1),
           word("STR_q_post") | imm9(32) | rt(0) | rn(1),
           word("LDP") | kX | imm7(-2) | rt(3) | rt2(4) | rn(1)});
    EXPECT_EQ(m.x(2), kOld);
    EXPECT_EQ(at(m, kAt), kNew);
    EXPECT_EQ(m.x(1), (kAt + 32) | kTag);
    EXPECT_EQ(m.x(3), kOld);
    m.set_x(1, kAt | kTag);
    m.run({word("LDADD") | size(3) | rs(0) | rt(2) | rn(1)});
    EXPECT_EQ(m.x(2), kNew);
    // Until then the address goes to memory as it is: the fault tells the engine.
    store_raw(&m.guest[kTaggedOffset], u64{0});
    const auto r = m.run({word("LDR_imm") | size(3) | rt(2) | rn(1)});
    EXPECT_EQ(r.reason, ExitReason::MemoryFault);
    EXPECT_EQ(r.value, kAt | kTag);
}

TEST(Memory, Prefetches) {
    Machine m;
    m.set_x(1, kUnmapped);
    const auto r = m.run({word("PRFM_imm") | imm12(4) | rn(1), word("PRFUM") | imm9(-8) | rn(1) | rt(16),
                          word("PRFM_reg") | rm(2) | 3 << 13 | rn(1), word("PRFM_lit") | imm19(64),
                          word("PRFM_imm") | rn(1) | rt(8)});
    EXPECT_EQ(r.reason, ExitReason::Next);
    EXPECT_EQ(m.count(ir::Op::Prefetch), 4u);  // not of instructions
}

// --- exclusives
TEST(Memory, ExclusivePairSucceedsOnce) {
    for (unsigned z = 0; z < 4; ++z)
        for (const u32 ordered : {0u, 1u << 15}) {
            Machine m;
            m.set_x(1, kAt);
            m.set_x(3, kNew);
            set_at(m, kAt, kOld);
            const u32 load = word("LDXR") | size(z) | ordered | rn(1) | rt(2);
            const u32 store = word("STXR") | size(z) | ordered | rs(4) | rn(1) | rt(3);
            m.run({load, store, store | rs(5)});
            const u64 mask = z == 3 ? ~u64{0} : zext(~u64{0}, 8u << z);
            EXPECT_EQ(m.x(2), kOld & mask);
            EXPECT_EQ(m.x(4), 0u);
            EXPECT_EQ(m.x(5), 1u);
            EXPECT_EQ(at(m, kAt), (kOld & ~mask) | (kNew & mask));
            // Between them: CLREX, another address.
            m.run({load, word("CLREX"), store});
            EXPECT_EQ(m.x(4), 1u);
            m.set_x(6, kAt + 8);
            m.run({load, word("STXR") | size(z) | rs(4) | rn(6) | rt(3)});
            EXPECT_EQ(m.x(4), 1u);
        }
}

TEST(Memory, ExclusiveOfTwo) {
    Machine m;
    m.set_x(1, kAt);
    m.set_x(2, kNew);
    m.set_x(3, ~kNew);
    set_at(m, kAt, kOld);
    set_at(m, kAt + 8, ~kOld);
    const u32 wide = 1u << 30;
    m.run({word("LDXP") | rt(4) | rt2(5) | rn(1), word("STXP") | rs(6) | rt(2) | rt2(3) | rn(1)});
    EXPECT_EQ(m.x(4), zext(kOld, 32));
    EXPECT_EQ(m.x(5), kOld >> 32);
    EXPECT_EQ(m.x(6), 0u);
    EXPECT_EQ(at(m, kAt), zext(kNew, 32) | ~kNew << 32);
    m.run(
        {word("LDXP") | wide | rt(4) | rt2(5) | rn(1), word("STXP") | wide | rs(6) | rt(2) | rt2(3) | rn(1)});
    EXPECT_EQ(m.x(4), zext(kNew, 32) | ~kNew << 32);
    EXPECT_EQ(m.x(5), ~kOld);
    EXPECT_EQ(m.x(6), 0u);
    EXPECT_EQ(at(m, kAt), kNew);
    EXPECT_EQ(at(m, kAt + 8), ~kNew);
}

TEST(Memory, AcquireAndRelease) {
    for (unsigned z = 0; z < 4; ++z) {
        Machine m;
        m.set_x(1, kAt);
        m.set_x(3, kNew);
        set_at(m, kAt, kOld);
        set_at(m, kAt + 16, kOld);
        m.run({word("LDAR") | size(z) | rn(1) | rt(2), word("LDAPR") | size(z) | rn(1) | rt(4),
               word("LDAPUR") | size(z) | imm9(16) | rn(1) | rt(5), word("STLR") | size(z) | rn(1) | rt(3),
               word("STLUR") | size(z) | imm9(16) | rn(1) | rt(3)});
        const u64 mask = z == 3 ? ~u64{0} : zext(~u64{0}, 8u << z);
        for (const unsigned r : {2u, 4u, 5u}) EXPECT_EQ(m.x(r), kOld & mask) << z << r;
        for (const u64 offset : {0, 16}) EXPECT_EQ(at(m, kAt + offset), (kOld & ~mask) | (kNew & mask)) << z;
        if (z == 3) continue;
        set_at(m, kAt, kNew);
        m.run({word("LDAPURS") | size(z) | rn(1) | rt(2)});
        EXPECT_EQ(m.x(2), static_cast<u64>(sext(kNew, 8u << z))) << z;
    }
    EXPECT_TRUE(Machine().undefined(word("LDAPURS") | size(2) | kTo32));
    EXPECT_TRUE(Machine().undefined(word("LDRS_imm") | size(2) | kTo32));
    EXPECT_TRUE(Machine().undefined(word("LDRS_reg") | size(2) | kTo32 | 3 << 13));
}

// --- atomics
struct Atomic {
    const char* name;
    u64 before, operand, after;
};
constexpr Atomic kAtomics[] = {
    {"LDADD", 0x7f, 3, 0x82},
    {"LDCLR", 0b1100, 0b1010, 0b0100},
    {"LDEOR", 0b1100, 0b1010, 0b0110},
    {"LDSET", 0b1100, 0b1010, 0b1110},
    {"SWP", 5, 6, 6},
    {"LDSMAX", neg(1), 1, 1},
    {"LDSMIN", neg(1), 1, neg(1)},
    {"LDUMAX", neg(1), 1, neg(1)},
    {"LDUMIN", neg(1), 1, 1},
};
TEST(Memory, Atomics) {
    for (const Atomic& a : kAtomics)
        for (unsigned z = 0; z < 4; ++z)
            for (unsigned order = 0; order < 4; ++order) {
                const u64 mask = z == 3 ? ~u64{0} : zext(~u64{0}, 8u << z);
                Machine m;
                m.set_x(1, kAt);
                m.set_x(2, a.operand);
                set_at(m, kAt, (kOld & ~mask) | (a.before & mask));
                m.run({word(a.name) | size(z) | order << 22 | rs(2) | rt(3) | rn(1)});
                EXPECT_EQ(m.x(3), a.before & mask) << a.name << z;
                EXPECT_EQ(at(m, kAt), (kOld & ~mask) | (a.after & mask)) << a.name << z;
                // Without a result: ST…
                m.run({word(a.name) | size(z) | rs(2) | rt(31) | rn(1)});
                EXPECT_EQ(m.x(2), a.operand);
            }
}

TEST(Memory, CompareAndSwap) {
    for (unsigned z = 0; z < 4; ++z) {
        const u64 mask = z == 3 ? ~u64{0} : zext(~u64{0}, 8u << z);
        Machine m;
        m.set_x(1, kAt);
        m.set_x(2, kOld);
        m.set_x(3, kNew);
        set_at(m, kAt, kOld);
        const u32 w = word("CAS") | size(z) | 1u << 22 | 1u << 15 | rs(2) | rt(3) | rn(1);
        m.run({w});
        EXPECT_EQ(m.x(2), kOld & mask) << z;
        EXPECT_EQ(at(m, kAt), (kOld & ~mask) | (kNew & mask)) << z;
        m.set_x(2, kOld);
        m.set_x(3, 0);
        m.run({w});
        EXPECT_EQ(m.x(2), kNew & mask) << z;
        EXPECT_EQ(at(m, kAt), (kOld & ~mask) | (kNew & mask)) << z;
    }
}

TEST(Memory, CompareAndSwapPairs) {
    for (const u32 wide : {0u, 1u << 30}) {
        Machine m;
        m.set_x(1, kAt);
        const auto low = [&](u64 v) { return wide ? v : zext(v, 32); };
        m.set_x(2, low(kOld));
        m.set_x(3, wide ? ~kOld : kOld >> 32);
        m.set_x(4, kNew);
        m.set_x(5, ~kNew);
        set_at(m, kAt, kOld);
        set_at(m, kAt + 8, ~kOld);
        const u32 w = word("CASP") | wide | rs(2) | rt(4) | rn(1);
        m.run({w});
        EXPECT_EQ(m.x(2), low(kOld));
        EXPECT_EQ(m.x(3), wide ? ~kOld : kOld >> 32);
        EXPECT_EQ(at(m, kAt), wide ? kNew : zext(kNew, 32) | ~kNew << 32);
        EXPECT_EQ(at(m, kAt + 8), wide ? ~kNew : ~kOld);
        m.run({w});  // what is there is not what x2 and x3 hold
        EXPECT_EQ(m.x(2), low(kNew));
        EXPECT_EQ(m.x(3), low(~kNew));
        EXPECT_TRUE(m.undefined(w | rs(3)));
        EXPECT_TRUE(m.undefined(w | rt(5)));
    }
}

// With FEAT_LSE2 any address inside 16 bytes does; without it natural alignment is asked for.
TEST(Memory, AlignmentOfAtomics) {
    struct {
        const char* name;
        u32 fields;
        u64 address;
        bool with_lse2, without;
    } const cases[] = {
        {"LDADD", size(3), kAt + 4, true, false},  {"LDADD", size(3), kAt + 12, false, false},
        {"LDADD", size(0), kAt + 15, true, true},  {"LDXR", size(1), kAt + 1, true, false},
        {"STLR", size(2), kAt + 14, false, false}, {"LDXP", 1u << 30 | rt2(3), kAt + 8, false, false},
        {"LDXP", rt2(3), kAt + 8, true, true},     {"CASP", 1u << 30, kAt + 8, false, false},
    };
    for (const auto& c : cases)
        for (const bool lse2 : {false, true}) {
            Machine m;
            m.request.features = ~u64{0} & ~(lse2 ? 0 : u64{1} << LSE2);
            m.set_x(1, c.address);
            const auto r = m.run({word(c.name) | c.fields | rn(1) | rt(2)});
            const bool fine = lse2 ? c.with_lse2 : c.without;
            EXPECT_EQ(r.reason, fine ? ExitReason::Next : ExitReason::Misaligned) << c.name << lse2;
            if (!fine) {
                EXPECT_EQ(r.value, c.address) << c.name;
            }
        }
    // Ordinary accesses may stand anywhere.
    Machine m = prepared(kAt + 3);
    EXPECT_EQ(m.run({word("STR_q_imm") | rt(0) | rn(1)}).reason, ExitReason::Next);
}

TEST(Memory, ZeroOfABlock) {
    Machine m;
    m.data.fill(0xff);
    m.set_x(1, kAt + 77);
    m.run({word("DC_ZVA") | rt(1)});
    for (u64 k = 0; k < kDataSize; ++k)
        ASSERT_EQ(m.data[k], k / kCacheLine == (2048 + 77) / kCacheLine ? 0 : 0xff) << k;
}

}  // namespace
}  // namespace vm::frontend::arm64::test
