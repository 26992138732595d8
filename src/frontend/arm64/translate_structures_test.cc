// Loads and stores of structures against the manual's loops over elements; faults; the stack pointer as a
// base.
#include "frontend/arm64/simdfp_model_test.h"

namespace vm::frontend::arm64::test {
namespace {

/// What a word does, element by element.
struct Structures {
    bool load, post, single, replicate;
    unsigned width, registers, elements;  ///< elements: in a structure; else LD1 of several registers
    unsigned index = 0, q;
    unsigned rt, rn, rm;

    explicit Structures(Fields f)
        : load(f.at(22, 1)),
          post(f.at(23, 1)),
          single(f.at(24, 1)),
          replicate(single && f.at(14, 2) == 3),
          q(f.q()),
          rt(f.rd()),
          rn(f.rn()),
          rm(f.rm()) {
        if (!single) {
            constexpr u8 kRegisters[16] = {4, 0, 4, 0, 3, 0, 3, 1, 2, 0, 2, 0, 0, 0, 0, 0};
            const unsigned opcode = f.at(12, 4);
            registers = kRegisters[opcode];
            elements = opcode & 2 ? 1 : registers;
            width = 8u << f.at(10, 2);
            return;
        }
        registers = elements = (f.at(13, 1) << 1 | f.at(21, 1)) + 1;
        const unsigned kind = f.at(14, 2), s_size = f.at(10, 3);
        const unsigned log = replicate ? f.at(10, 2) : kind < 2 ? kind : 2 + (s_size & 1);
        width = 8u << log;
        if (!replicate) index = (q << 3 | s_size) >> log;
    }
    unsigned lanes() const { return (q ? 128 : 64) / width; }
    unsigned bytes() const { return single ? registers * width / 8 : registers * (q ? 16 : 8); }
    u64 advance(const Machine& m) const { return rm == 31 ? bytes() : m.x(rm); }

    /// Calls f(register, lane, byte in memory) in the manual's order.
    template <class F>
    void each(F f) const {
        unsigned at = 0;
        const auto element = [&](unsigned r, unsigned i) {
            f((rt + r) % 32, i, at);
            at += width / 8;
        };
        if (single) {
            for (unsigned e = 0; e < elements; ++e) element(e, index);
        } else if (elements == 1) {
            for (unsigned r = 0; r < registers; ++r)
                for (unsigned i = 0; i < lanes(); ++i) element(r, i);
        } else {
            for (unsigned i = 0; i < lanes(); ++i)
                for (unsigned e = 0; e < elements; ++e) element(e, i);
        }
    }
};

const char* const kNames[] = {"LD1_x1",     "LD1_x2",     "LD1_x3",     "LD1_x4",     "LD2",
                              "LD3",        "LD4",        "ST1_x1",     "ST1_x2",     "ST1_x3",
                              "ST1_x4",     "ST2",        "ST3",        "ST4",        "LDn_lane_b",
                              "LDn_lane_h", "LDn_lane_s", "LDn_lane_d", "STn_lane_b", "STn_lane_h",
                              "STn_lane_s", "STn_lane_d", "LDnR"};

/// The state after, if nothing faults.
void execute(const Structures& s, u64 address, Machine& m) {
    std::array<Vector, 32> v;
    for (unsigned r = 0; r < 32; ++r) v[r] = m.v(r);
    if (s.load && !s.single)
        for (unsigned r = 0; r < s.registers; ++r) v[(s.rt + r) % 32] = {};
    s.each([&](unsigned r, unsigned i, unsigned at) {
        u8* memory = &m.data[address + at - kData];
        if (!s.load) {
            const u64 x = lane(v[r], s.width, i);
            std::memcpy(memory, &x, s.width / 8);
            return;
        }
        u64 x = 0;
        std::memcpy(&x, memory, s.width / 8);
        if (s.replicate) {
            v[r] = {};
            for (unsigned k = 0; k < s.lanes(); ++k) set_lane(v[r], s.width, k, x);
        } else {
            set_lane(v[r], s.width, i, x);
        }
    });
    const u64 base = m.x(s.rn) + s.advance(m);
    for (unsigned r = 0; r < 32; ++r) m.set_v(r, v[r]);
    if (s.post) m.set_x(s.rn, base);
}

void randomize(Random& random, Machine& m) {
    for (unsigned r = 0; r < 32; ++r) m.set_v(r, {random.next(), random.next()});
    for (unsigned r = 0; r < 31; ++r) m.set_x(r, random.next());
    for (u8& b : m.data) b = static_cast<u8>(random.next());
}

TEST(Structures, ElementByElement) {
    Random random;
    u64 state = 3;
    for (const std::string name : kNames)
        for (const std::string suffix : {"", "_post"})
            for (unsigned n = 0; n < 400; ++n) {
                const Fields f{random_encoding(by_name(name + suffix), &state)};
                const Structures s(f);
                Machine m;
                randomize(random, m);
                const bool reserved = !s.single && s.elements > 1 && s.width == 64 && !s.q;
                ASSERT_EQ(m.undefined(f.word), reserved) << fmt::format("{:#010x}", f.word);
                if (reserved) continue;
                const u64 address = kData + 16 * random.below(100) + (s.rn == 31 ? 0 : random.below(16));
                m.set_x(s.rn, address);
                Machine want = m;
                execute(s, address, want);
                const auto r = m.run({f.word});
                const bool sp_moved = s.post && s.rn == 31 && want.sp() % 16 != 0;
                ASSERT_EQ(r.reason, sp_moved ? ir::ExitReason::ModeChange : ir::ExitReason::Next)
                    << fmt::format("{:#010x}", f.word);
                ASSERT_EQ(r.pc, kCode + 4);
                ASSERT_EQ(m.guest, want.guest) << fmt::format("{} {:#010x}", name, f.word);
                ASSERT_EQ(m.data, want.data) << fmt::format("{} {:#010x}", name, f.word);
            }
}

// Where an access faults, registers are as before, and of memory only what lies before may have changed.
TEST(Structures, Faults) {
    Random random;
    u64 state = 4;
    for (const std::string name : kNames)
        for (const std::string suffix : {"", "_post"})
            for (unsigned n = 0; n < 100; ++n) {
                const Fields f{random_encoding(by_name(name + suffix), &state)};
                const Structures s(f);
                Machine m;
                randomize(random, m);
                if (m.undefined(f.word) || s.rn == 31 || s.bytes() == 1) continue;
                const u64 inside = random.below(s.bytes());
                const u64 address = kData + kDataSize - inside;
                m.set_x(s.rn, address);
                Machine before = m, all = m;
                const auto r = m.run({f.word});
                ASSERT_EQ(r.reason, ir::ExitReason::MemoryFault) << fmt::format("{:#010x}", f.word);
                ASSERT_GE(r.value + 16, kData + kDataSize);
                ASSERT_LT(r.value, address + s.bytes());
                ASSERT_EQ(m.guest, before.guest) << fmt::format("{:#010x}", f.word);
                if (s.load) {
                    ASSERT_EQ(m.data, before.data);
                }
                for (size_t i = 0; i + inside < kDataSize; ++i) ASSERT_EQ(m.data[i], before.data[i]);
            }
}

TEST(Structures, TopByteIgnored) {
    Machine m;
    store_raw(&m.guest[kTaggedOffset], u64{1});
    for (unsigned i = 0; i < 64; ++i) m.data[i] = static_cast<u8>(i);
    m.set_x(1, kData | u64{0xab} << 56);
    m.run({word("LD4_post") | kQ | rt(30) | rn(1) | rm(31)});
    EXPECT_EQ(m.v(30), (Vector{0x1c1814100c080400, 0x3c3834302c282420}));
    EXPECT_EQ(m.v(1), (Vector{0x1f1b17130f0b0703, 0x3f3b37332f2b2723}));
    EXPECT_EQ(m.x(1), (kData | u64{0xab} << 56) + 64);
}

}  // namespace

std::vector<std::string> names_of_structure_tests() {
    std::vector<std::string> names;
    for (const std::string name : kNames)
        for (const char* suffix : {"", "_post"}) names.push_back(name + suffix);
    return names;
}

}  // namespace vm::frontend::arm64::test
