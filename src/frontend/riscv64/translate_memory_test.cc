// Loads, stores, atomics and cache-block operations: values, addresses, and that a fault at each of them
// leaves the registers as they were.
#include "frontend/riscv64/machine_test.h"

namespace vm::frontend::riscv64::test {
namespace {

constexpr u64 kOld = 0x8182838485868788, kNew = 0x1122334455667788;

struct Load {
    std::string_view name;
    u64 result;  ///< of kOld
    bool fp = false;
};
constexpr Load kLoads[] = {
    {"LB", 0xffffffffffffff88},
    {"LH", 0xffffffffffff8788},
    {"LW", 0xffffffff85868788},
    {"LD", kOld},
    {"LBU", 0x88},
    {"LHU", 0x8788},
    {"LWU", 0x85868788},
    {"FLH", kBoxHalf | 0x8788, true},
    {"FLW", kBoxSingle | 0x85868788, true},
    {"FLD", kOld, true},
};

struct Store {
    std::string_view name;
    unsigned size;
    bool fp = false;
};
constexpr Store kStores[] = {
    {"SB", 1}, {"SH", 2}, {"SW", 4}, {"SD", 8}, {"FSH", 2, true}, {"FSW", 4, true}, {"FSD", 8, true},
};

struct Amo {
    std::string_view name;  ///< without _W, _D
    u64 before, operand, after;
};
constexpr Amo kAmos[] = {
    {"AMOSWAP", 5, 7, 7},      {"AMOADD", 5, 7, 12},       {"AMOXOR", 5, 7, 2},
    {"AMOAND", 5, 6, 4},       {"AMOOR", 5, 6, 7},         {"AMOMIN", ~u64{0}, 1, ~u64{0}},
    {"AMOMAX", ~u64{0}, 1, 1}, {"AMOMINU", ~u64{0}, 1, 1}, {"AMOMAXU", ~u64{0}, 1, ~u64{0}},
};

u64 at(const Machine& m, u64 offset) { return load_raw<u64>(&m.data[offset]); }
void set_at(Machine& m, u64 offset, u64 v) { store_raw(&m.data[offset], v); }

TEST(Memory, LoadsAtEveryAlignment) {
    for (const Load& c : kLoads)
        for (i64 imm : {-2048, -1, 0, 3, 8, 2040}) {
            Machine m;
            m.set_x(kA, kData + 2048);
            set_at(m, static_cast<u64>(2048 + imm), kOld);
            const auto r = m.run({word(c.name) | rd(kD) | rs1(kA) | imm_i(imm)});
            EXPECT_EQ(r.reason, ir::ExitReason::Next) << c.name;
            EXPECT_EQ(c.fp ? m.f(kD) : m.x(kD), c.result) << c.name << "\n" << m.text();
        }
}

TEST(Memory, LoadIntoItsBaseAndIntoX0) {
    Machine m;
    m.set_x(kA, kData);
    set_at(m, 0, kOld);
    m.run({word("LD") | rd(kA) | rs1(kA)});
    EXPECT_EQ(m.x(kA), kOld);
    m.set_x(kA, kUnmapped);
    EXPECT_EQ(m.run({word("LD") | rd(0) | rs1(kA)}).reason, ir::ExitReason::MemoryFault);
}

TEST(Memory, Stores) {
    for (const Store& c : kStores)
        for (i64 imm : {-2048, -1, 0, 5, 2040}) {
            Machine m;
            m.set_x(kA, kData + 2048);
            m.set_x(kB, kNew);
            m.set_f(kB, kNew);
            set_at(m, static_cast<u64>(2048 + imm), kOld);
            m.run({word(c.name) | rs1(kA) | rs2(kB) | imm_s(imm)});
            const u64 mask = c.size == 8 ? ~u64{0} : (u64{1} << c.size * 8) - 1;
            EXPECT_EQ(at(m, static_cast<u64>(2048 + imm)), (kOld & ~mask) | (kNew & mask)) << c.name << "\n"
                                                                                           << m.text();
        }
}

TEST(Memory, Amos) {
    for (const Amo& c : kAmos)
        for (unsigned order = 0; order < 4; ++order) {
            Machine m;
            m.set_x(kA, kData + 8);
            m.set_x(kB, c.operand);
            set_at(m, 8, c.before);
            m.run({word(std::string(c.name) + "_D") | rd(kD) | rs1(kA) | rs2(kB) | aqrl(order)});
            EXPECT_EQ(m.x(kD), c.before) << c.name;
            EXPECT_EQ(at(m, 8), c.after) << c.name << "\n" << m.text();

            // 32 bits: the neighbours stay, the old value is sign-extended; rd may be the operand register.
            m.set_x(kB, 0x5555555500000000 | zext(c.operand, 32));
            set_at(m, 8, zext(c.before, 32) | 0xabcd000000000000);
            m.run({word(std::string(c.name) + "_W") | rd(kB) | rs1(kA) | rs2(kB) | aqrl(order)});
            EXPECT_EQ(m.x(kB), static_cast<u64>(sext(c.before, 32))) << c.name;
            EXPECT_EQ(at(m, 8), zext(c.after, 32) | 0xabcd000000000000) << c.name << "\n" << m.text();
        }
}

TEST(Memory, CompareAndSwap) {
    Machine m;
    m.set_x(kA, kData + 16);
    m.set_x(kB, kNew);
    for (bool equal : {true, false}) {
        set_at(m, 16, kOld);
        m.set_x(kD, equal ? kOld : kOld + 1);
        m.run({word("AMOCAS_D") | rd(kD) | rs1(kA) | rs2(kB)});
        EXPECT_EQ(m.x(kD), kOld);
        EXPECT_EQ(at(m, 16), equal ? kNew : kOld);

        // Only the low halves of rd and rs2 count.
        set_at(m, 16, kOld);
        m.set_x(kD, 0x1234567800000000 | zext(equal ? kOld : kOld + 1, 32));
        m.run({word("AMOCAS_W") | rd(kD) | rs1(kA) | rs2(kB)});
        EXPECT_EQ(m.x(kD), static_cast<u64>(sext(kOld, 32)));
        EXPECT_EQ(at(m, 16), equal ? (kOld & ~u64{0xffffffff}) | zext(kNew, 32) : kOld);
    }
}

TEST(Memory, CompareAndSwapOfPairs) {
    constexpr unsigned kPairD = 12, kPairB = 14;
    for (bool equal : {true, false}) {
        Machine m;
        m.set_x(kA, kData + 16);
        set_at(m, 16, kOld);
        set_at(m, 24, kOld + 1);
        m.set_x(kPairD, kOld);
        m.set_x(kPairD + 1, equal ? kOld + 1 : kOld);
        m.set_x(kPairB, kNew);
        m.set_x(kPairB + 1, kNew + 1);
        m.run({word("AMOCAS_Q") | rd(kPairD) | rs1(kA) | rs2(kPairB)});
        EXPECT_EQ(m.x(kPairD), kOld);
        EXPECT_EQ(m.x(kPairD + 1), kOld + 1);
        EXPECT_EQ(at(m, 16), equal ? kNew : kOld) << m.text();
        EXPECT_EQ(at(m, 24), equal ? kNew + 1 : kOld + 1);
    }
    // x0 as a pair is 128 zero bits, and x1 is not its other half.
    Machine m;
    m.set_x(1, 99);
    m.set_x(kA, kData);
    m.set_x(kPairB, kNew);
    m.run({word("AMOCAS_Q") | rd(0) | rs1(kA) | rs2(kPairB)});
    EXPECT_EQ(at(m, 0), kNew);
    EXPECT_EQ(m.x(1), 99u);
    m.set_x(kPairD, kNew);
    m.run({word("AMOCAS_Q") | rd(kPairD) | rs1(kA) | rs2(0)});
    EXPECT_EQ(at(m, 0), 0u);
    EXPECT_EQ(at(m, 8), 0u);
    // Odd register numbers are reserved.
    EXPECT_EQ(m.run({word("AMOCAS_Q") | rd(kPairD + 1) | rs1(kA) | rs2(0)}).reason, ir::ExitReason::Illegal);
    EXPECT_EQ(m.run({word("AMOCAS_Q") | rd(kPairD) | rs1(kA) | rs2(1)}).reason, ir::ExitReason::Illegal);
}

TEST(Memory, LoadReservedStoreConditional) {
    for (std::string_view suffix : {"_W", "_D"}) {
        const u32 lr = word(fmt::format("LR{}", suffix)) | rd(kD) | rs1(kA);
        const u32 sc = word(fmt::format("SC{}", suffix)) | rd(kD) | rs1(kA) | rs2(kB);
        Machine m;
        m.set_x(kA, kData + 8);
        m.set_x(kB, kNew);
        set_at(m, 8, kOld);

        m.run({sc});  // without a reservation
        EXPECT_EQ(m.x(kD), 1u);
        EXPECT_EQ(at(m, 8), kOld);

        m.run({lr});
        EXPECT_EQ(m.x(kD), suffix == "_D" ? kOld : static_cast<u64>(sext(kOld, 32)));
        m.run({sc});
        EXPECT_EQ(m.x(kD), 0u);
        EXPECT_EQ(at(m, 8), suffix == "_D" ? kNew : (kOld & ~u64{0xffffffff}) | zext(kNew, 32));

        m.run({sc});  // the first one used it up
        EXPECT_EQ(m.x(kD), 1u);
    }
}

TEST(Memory, MisalignedAtomicsTrap) {
    std::vector<std::pair<std::string, u64>> all{{"LR_W", 4}, {"SC_W", 4}, {"LR_D", 8}, {"SC_D", 8}};
    all.insert(all.end(), {{"AMOCAS_W", 4}, {"AMOCAS_D", 8}, {"AMOCAS_Q", 16}});
    for (const Amo& c : kAmos) {
        all.emplace_back(std::string(c.name) + "_W", 4);
        all.emplace_back(std::string(c.name) + "_D", 8);
    }
    for (const auto& [name, size] : all) {
        Machine m;
        m.set_x(kA, kData + size / 2);
        const auto before = m.guest;
        const u32 second = name.starts_with("LR") ? 0 : rs2(14);
        const auto r = m.run({word(name) | rd(kD) | rs1(kA) | second});
        EXPECT_EQ(r.reason, ir::ExitReason::Misaligned) << name;
        EXPECT_EQ(r.pc, kCode) << name;
        EXPECT_EQ(r.value, kData + size / 2) << name;
        EXPECT_EQ(m.guest, before) << name;
    }
}

TEST(Memory, CacheBlocks) {
    Machine m;
    m.data.fill(0xee);
    m.set_x(kA, kData + 64 + 17);
    m.run({word("CBO_ZERO") | rs1(kA)});
    for (u64 i = 0; i < 256; ++i) EXPECT_EQ(m.data[i], i >= 64 && i < 128 ? 0 : 0xee) << i;
    const auto before = m.data;
    for (std::string_view name : {"CBO_CLEAN", "CBO_FLUSH", "CBO_INVAL"})
        EXPECT_EQ(m.run({word(name) | rs1(kA)}).reason, ir::ExitReason::Next);
    EXPECT_EQ(m.data, before);
}

TEST(Memory, PrefetchesNeverFault) {
    Machine m;
    m.set_x(kA, kUnmapped);
    for (std::string_view name : {"PREFETCH_I", "PREFETCH_R", "PREFETCH_W"}) {
        const auto r = m.run({word(name) | rs1(kA) | imm_s(-64)});
        EXPECT_EQ(r.reason, ir::ExitReason::Next) << name;
        EXPECT_EQ(m.count(ir::Op::Prefetch), name == "PREFETCH_I" ? 0u : 1u);
        for (const ir::Inst& i : m.block.insts) {
            if (i.op != ir::Op::Prefetch) continue;
            const ir::Inst& address = m.block.insts[i.args[0]];
            EXPECT_EQ(address.op, ir::Op::Add);
            EXPECT_EQ(m.block.insts[address.args[1]].imm, ~u64{63});
        }
    }
}

TEST(Memory, FaultsArePrecise) {
    std::vector<u32> words;
    Names names;
    const auto add = [&](std::string_view name, u32 fields) {
        words.push_back(word(name) | fields);
        names.emplace_back(name);
    };
    for (const Load& c : kLoads) add(c.name, rd(kA) | rs1(kA) | imm_i(-8));
    for (const Store& c : kStores) add(c.name, rs1(kA) | rs2(kB) | imm_s(-8));
    for (const Amo& c : kAmos) {
        add(std::string(c.name) + "_W", rd(kA) | rs1(kA) | rs2(kB));
        add(std::string(c.name) + "_D", rd(kA) | rs1(kA) | rs2(kB));
    }
    for (std::string_view n : {"LR_W", "LR_D"}) add(n, rd(kA) | rs1(kA));
    for (std::string_view n : {"AMOCAS_W", "AMOCAS_D", "AMOCAS_Q"}) add(n, rd(kA) | rs1(kA) | rs2(14));
    for (std::string_view n : {"CBO_ZERO", "CBO_CLEAN", "CBO_FLUSH", "CBO_INVAL"}) add(n, rs1(kA));
    for (size_t i = 0; i < words.size(); ++i) {
        Machine m;
        for (unsigned n = 1; n < 32; ++n) m.set_x(n, 0x1111 * n);
        m.set_x(kA, kUnmapped);
        const auto before = m.guest;
        // An instruction before it has its effect, one after it has none.
        const u32 inc = word("ADDI") | rd(9) | rs1(9) | imm_i(1);
        const auto r = m.run({inc, words[i], inc});
        EXPECT_EQ(r.reason, ir::ExitReason::MemoryFault) << names[i];
        EXPECT_EQ(r.pc, kCode + 4) << names[i];
        EXPECT_EQ(
            r.value & ~u64{63},
            (kUnmapped -
             (names[i].starts_with("A") || names[i].starts_with("C") || names[i].starts_with("LR") ? 0 : 8)) &
                ~u64{63})
            << names[i];
        EXPECT_EQ(m.x(9), 0x1111u * 9 + 1) << names[i];
        m.set_x(9, 0x1111u * 9);
        EXPECT_EQ(m.guest, before) << names[i] << "\n" << m.text();
    }
}

}  // namespace

Names memory_names() {
    Names n{"LR_W",     "LR_D",      "SC_W",      "SC_D",      "AMOCAS_W",   "AMOCAS_D",   "AMOCAS_Q",
            "CBO_ZERO", "CBO_CLEAN", "CBO_FLUSH", "CBO_INVAL", "PREFETCH_I", "PREFETCH_R", "PREFETCH_W"};
    for (const Load& c : kLoads) n.emplace_back(c.name);
    for (const Store& c : kStores) n.emplace_back(c.name);
    for (const Amo& c : kAmos) {
        n.push_back(std::string(c.name) + "_W");
        n.push_back(std::string(c.name) + "_D");
    }
    return n;
}

}  // namespace vm::frontend::riscv64::test
