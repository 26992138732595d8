// Generated code against the table it comes from: for words near every encoding, decode() must name the
// encoding that a search through the table (fixed bits, constraints, features, precedence) finds, with the
// fields it finds.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/format.h"
#include "frontend/riscv64/rv64_decode.h"
#include "frontend/toy/toy_decode.h"
#include "isagen/table.h"

namespace vm::isagen {
namespace {

Table load(const std::string& path) {
    std::ifstream in(path);
    EXPECT_TRUE(in) << path;
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    auto table = parse_table(text, path);
    EXPECT_TRUE(table) << table.error().message;
    const auto ok = check_table(*table);
    EXPECT_TRUE(ok) << ok.error().message;
    return std::move(*table);
}

/// The encoding of `word` by the plain meaning of the table; null if there is none.
const Encoding* search(const Table& table, u32 word, u64 features) {
    const Encoding* best = nullptr;
    for (const Encoding& e : table.encodings) {
        const u64 needed = table.feature_mask(e);
        if (!e.matches(word) || (features & needed) != needed) continue;
        EXPECT_FALSE(best && best->rank == e.rank) << best->name << " and " << e.name;
        if (!best || e.rank > best->rank) best = &e;
    }
    return best;
}

/// Value of the field's letter in its member, bit by bit.
i64 member_value(const Field& f, u32 word) {
    u64 value = 0;
    for (const Piece& p : f.pieces)
        for (unsigned b = 0; b < p.width; ++b) value |= u64{bit(word, p.src + b)} << (p.dst + b);
    return (f.is_signed ? sext(value, f.sign_width) : static_cast<i64>(value)) + f.add;
}

u64 next(u64* state) {
    u64 z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

template <class Check>
void near_every_encoding(const Table& table, int rounds, Check check) {
    u64 state = 3;
    for (const Encoding& e : table.encodings) {
        for (int k = 0; k < rounds && !testing::Test::HasFailure(); ++k) {
            u32 word = static_cast<u32>(next(&state));
            if (k % 4) word = e.match | (word & ~e.mask);
            if (k % 4 == 3) word ^= u32{1} << (next(&state) & 31);
            const u64 features = k % 3 ? ~u64{0} : next(&state) | next(&state);
            check(word, features);
        }
    }
}

TEST(GeneratedDecoder, ToyIsWhatItsTableSays) {
    using namespace vm::frontend::toy;
    const Table table = load(VM_ISAGEN_TESTDATA "/toy.isa");
    ASSERT_EQ(table.encodings.size() + 1, static_cast<size_t>(Insn::Count_));
    std::vector<unsigned> hits(table.encodings.size());
    near_every_encoding(table, 20000, [&](u32 word, u64 features) {
        const Decoded d = decode(word, features);
        const Encoding* e = search(table, word, features);
        ASSERT_EQ(info(d.id).name, e ? e->name : "") << fmt::format("{:#x} features {:#x}", word, features);
        ASSERT_EQ(d.length, 4);
        if (!e) return;
        ++hits[static_cast<size_t>(e - table.encodings.data())];
        ASSERT_EQ(info(d.base).name, e->base);
        for (const Field& f : e->fields) {
            const i64 value = member_value(f, word);
            const std::string& m = f.members[0];
            const i64 got = m == "rd"     ? d.rd
                            : m == "rn"   ? d.rn
                            : m == "rm"   ? d.rm
                            : m == "cond" ? d.cond
                            : m == "imm"  ? static_cast<i64>(d.imm)
                                          : d.offset;
            ASSERT_EQ(got, value) << e->name << " " << m << fmt::format(" {:#x}", word);
        }
    });
    for (size_t k = 0; k < hits.size(); ++k) EXPECT_GT(hits[k], 100u) << table.encodings[k].name;
}

TEST(GeneratedDecoder, ToyTexts) {
    using namespace vm::frontend::toy;
    const auto text = [](u32 word) { return disassemble(decode(word, ~u64{0}), 0x1000); };
    EXPECT_EQ(text(0xe28f1005), "moval r1, #0x5");
    EXPECT_EQ(text(0xe28ff000), "nop");
    EXPECT_EQ(text(0xe2821fff), "addal r1, r2, #0xfff");
    EXPECT_EQ(text(0x0affffff), "beq 0xfff");
    EXPECT_EQ(text(0xfa1fffff), "bfar 0xfff");
    EXPECT_EQ(text(0xee800131), "wideal r1, 0x11, 0x800100000000");  // 16 + 1 has no name
    EXPECT_EQ(text(0x1ff00000), "svc 0x1f");
    EXPECT_EQ(text(0xde000010), ".4byte 0xde000010");
}

TEST(GeneratedDecoder, ToyRandomEncodings) {
    using namespace vm::frontend::toy;
    u64 state = 5;
    for (u16 k = 1; k < static_cast<u16>(Insn::Count_); ++k)
        for (int n = 0; n < 100; ++n)
            ASSERT_EQ(decode(random_encoding(static_cast<Insn>(k), &state), ~u64{0}).id,
                      static_cast<Insn>(k));
}

TEST(GeneratedDecoder, Rv64IsWhatItsTableSays) {
    using namespace vm::frontend::riscv64;
    const Table table = load(VM_ISAGEN_TESTDATA "/../../frontend/riscv64/rv64.isa");
    ASSERT_EQ(table.encodings.size() + 1, static_cast<size_t>(Insn::Count_));
    near_every_encoding(table, 150, [&](u32 word, u64 features) {
        const Decoded d = decode(word, features);
        // Short encodings are matched on the low half; their bits tell the length.
        const Encoding* e = search(table, (word & 3) == 3 ? word : word & 0xffff, features);
        ASSERT_EQ(info(d.id).name, e ? e->name : "") << fmt::format("{:#x} features {:#x}", word, features);
        ASSERT_EQ(d.length, (word & 3) == 3 ? 4 : 2);
    });
}

}  // namespace
}  // namespace vm::isagen
