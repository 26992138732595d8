// Advanced SIMD that moves lanes or joins them: pairs, across, reversals, permutations, tables, copies,
// constants.
#include <algorithm>
#include <numeric>
#include <span>

#include "frontend/arm64/simd_lanes_test.h"

namespace vm::frontend::arm64::test {
namespace {

struct Arrangement {
    unsigned width, count;  ///< of the lanes
};
using Lanes = std::vector<u64>;
Lanes lanes_of(const Vector& v, unsigned width, unsigned count) {
    Lanes r(count);
    for (unsigned i = 0; i < count; ++i) r[i] = lane(v, width, i);
    return r;
}
Lanes joined(Lanes n, const Lanes& m) {
    n.insert(n.end(), m.begin(), m.end());
    return n;
}
Vector vector_of(const Lanes& lanes, unsigned width) {
    Vector v;
    for (unsigned i = 0; i < lanes.size(); ++i) set_lane(v, width, i, lanes[i]);
    return v;
}

// --- tables: what becomes of the lanes of Rn, Rm (and Rd)
struct Registers {
    Lanes d, n, m;
};
using MoveLanes = Lanes (*)(const Registers&, const Arrangement&);
struct MoveCase {
    const char* name;
    std::string_view sizes;
    MoveLanes f;
};

/// Lane 2i and lane 2i + 1 of Rn, then of Rm.
template <typename F>
Lanes pairs(const Registers& r, const Arrangement&, F f) {
    const Lanes all = joined(r.n, r.m);
    Lanes out;
    for (size_t i = 0; i < all.size(); i += 2) out.push_back(f(all[i], all[i + 1]));
    return out;
}
template <bool kSigned>
bool less(u64 n, u64 m, unsigned width) {
    return kSigned ? sext(n, width) < sext(m, width) : n < m;
}
template <bool kSigned>
Lanes smaller_of_pairs(const Registers& r, const Arrangement& a) {
    return pairs(r, a, [&](u64 n, u64 m) { return less<kSigned>(n, m, a.width) ? n : m; });
}
template <bool kSigned>
Lanes larger_of_pairs(const Registers& r, const Arrangement& a) {
    return pairs(r, a, [&](u64 n, u64 m) { return less<kSigned>(n, m, a.width) ? m : n; });
}
template <unsigned kContainer>
Lanes reversed(const Registers& r, const Arrangement& a) {
    const unsigned group = kContainer / a.width;
    Lanes out = r.n;
    for (auto at = out.begin(); at != out.end(); at += group) std::reverse(at, at + group);
    return out;
}
template <unsigned kFirst>
Lanes every_second(const Registers& r, const Arrangement&) {
    const Lanes all = joined(r.n, r.m);
    Lanes out;
    for (size_t i = kFirst; i < all.size(); i += 2) out.push_back(all[i]);
    return out;
}
template <unsigned kHalf>
Lanes interleaved(const Registers& r, const Arrangement& a) {
    Lanes out;
    for (unsigned i = 0; i < a.count / 2; ++i)
        for (const Lanes* from : {&r.n, &r.m}) out.push_back((*from)[i + kHalf * a.count / 2]);
    return out;
}
/// As matrices of two rows, two by two.
template <unsigned kColumn>
Lanes transposed(const Registers& r, const Arrangement& a) {
    Lanes out;
    for (unsigned i = 0; i < a.count; i += 2)
        for (const Lanes* from : {&r.n, &r.m}) out.push_back((*from)[i + kColumn]);
    return out;
}
template <bool kSigned>
Lanes smallest(const Registers& r, const Arrangement& a) {
    return {*std::ranges::min_element(r.n, [&](u64 n, u64 m) { return less<kSigned>(n, m, a.width); })};
}
template <bool kSigned>
Lanes largest(const Registers& r, const Arrangement& a) {
    return {*std::ranges::max_element(r.n, [&](u64 n, u64 m) { return less<kSigned>(n, m, a.width); })};
}

constexpr MoveCase kMoves[] = {
    {"ADDP_v", "bhsd",
     [](const Registers& r, const Arrangement& a) {
         return pairs(r, a, [](u64 n, u64 m) { return n + m; });
     }},
    {"SMAXP_v", "bhs", larger_of_pairs<true>},
    {"UMAXP_v", "bhs", larger_of_pairs<false>},
    {"SMINP_v", "bhs", smaller_of_pairs<true>},
    {"UMINP_v", "bhs", smaller_of_pairs<false>},
    {"REV64_v", "bhs", reversed<64>},
    {"REV32_v", "bh", reversed<32>},
    {"REV16_v", "b", reversed<16>},
    {"UZP1_v", "bhsd", every_second<0>},
    {"UZP2_v", "bhsd", every_second<1>},
    {"ZIP1_v", "bhsd", interleaved<0>},
    {"ZIP2_v", "bhsd", interleaved<1>},
    {"TRN1_v", "bhsd", transposed<0>},
    {"TRN2_v", "bhsd", transposed<1>},
};
/// The result is one lane.
constexpr MoveCase kAcross[] = {
    {"ADDV_v", "bhs",
     [](const Registers& r, const Arrangement&) { return Lanes{std::reduce(r.n.begin(), r.n.end())}; }},
    {"SMAXV_v", "bhs", largest<true>},
    {"UMAXV_v", "bhs", largest<false>},
    {"SMINV_v", "bhs", smallest<true>},
    {"UMINV_v", "bhs", smallest<false>},
};

void run_moves(std::span<const MoveCase> cases, bool across) {
    Random random;
    for (const MoveCase& c : cases)
        for (const bool q : {false, true})
            for (unsigned size = 0; size < 4; ++size) {
                const u32 w = word(c.name) | lane_size(size) | (q ? kQ : 0);
                if (!has_size(c.sizes, size) || (!q && size == (across ? 2 : 3))) {
                    expect_undefined(c.name, w);
                    continue;
                }
                const unsigned width = 8u << size;
                const Arrangement a{width, (q ? 128 : 64) / width};
                compare(random, {c.name, w, free_bit(c.name, 16) ? 2u : 1u, width}, [&](const Operands& in) {
                    const auto lanes = [&](const Vector& v) { return lanes_of(v, width, a.count); };
                    return Outcome{vector_of(c.f({lanes(in.d), lanes(in.n), lanes(in.m)}, a), width)};
                });
            }
}
TEST(SimdShuffle, PairsAndPermutations) { run_moves(kMoves, false); }
TEST(SimdShuffle, AcrossLanes) { run_moves(kAcross, true); }

TEST(SimdShuffle, ScalarPair) {
    Random random;
    compare(random, {"ADDP_d", word("ADDP_d"), 1, 64}, [](const Operands& in) {
        return Outcome{{in.n.low + in.n.high, 0}};
    });
}

// --- sums in lanes twice as wide: of neighbours, of all
struct LongSum {
    const char* name;
    bool is_signed, accumulate, across;
};
constexpr LongSum kLongSums[] = {
    {"SADDLP_v", true, false, false}, {"UADDLP_v", false, false, false}, {"SADALP_v", true, true, false},
    {"UADALP_v", false, true, false}, {"SADDLV_v", true, false, true},   {"UADDLV_v", false, false, true},
};
TEST(SimdShuffle, LongSums) {
    Random random;
    for (const LongSum& c : kLongSums)
        for (const bool q : {false, true})
            for (unsigned size = 0; size < 4; ++size) {
                const u32 w = word(c.name) | lane_size(size) | (q ? kQ : 0);
                if (size == 3 || (c.across && size == 2 && !q)) {
                    expect_undefined(c.name, w);
                    continue;
                }
                const unsigned width = 8u << size, count = (q ? 128 : 64) / width;
                compare(random, {c.name, w, 1, width}, [&](const Operands& in) {
                    Outcome out;
                    for (unsigned i = 0; i < count; ++i) {
                        const unsigned to = c.across ? 0 : i / 2;
                        const u64 x = lane(in.n, width, i);
                        const u64 before = i % 2 == 0 && c.accumulate ? lane(in.d, 2 * width, to) : 0;
                        const u64 term = c.is_signed ? static_cast<u64>(sext(x, width)) : x;
                        set_lane(out.d, 2 * width, to, lane(out.d, 2 * width, to) + before + term);
                    }
                    return out;
                });
            }
}

// --- copies. imm5 is the lane size as its lowest bit, and above it the lane.
struct Imm5 {
    bool exists;
    unsigned size, width, index;
    explicit Imm5(unsigned imm5)
        : exists(imm5 % 16 != 0),
          size(imm5 & 1   ? 0
               : imm5 & 2 ? 1
               : imm5 & 4 ? 2
                          : 3),
          width(8u << size),
          index(imm5 / (2u << size)) {}
};
Vector filled(unsigned width, bool q, u64 x) { return vector_of(Lanes((q ? 128 : 64) / width, x), width); }

TEST(SimdShuffle, CopiesOfElements) {
    Random random;
    for (unsigned imm5 = 0; imm5 < 32; ++imm5) {
        const Imm5 l(imm5);
        // 64-bit registers have no lanes to insert into.
        for (const char* name : {"INS_gen", "INS_elem"})
            expect_undefined(name, (word(name) | rm(imm5)) & ~kQ);
        for (const bool q : {false, true}) {
            const u32 w = word("DUP_elem") | rm(imm5) | (q ? kQ : 0);
            if (!l.exists || (l.size == 3 && !q))
                expect_undefined("DUP_elem", w);
            else
                compare(random, {"DUP_elem", w, 1, l.width, 6}, [&](const Operands& in) {
                    return Outcome{filled(l.width, q, lane(in.n, l.width, l.index))};
                });
        }
        if (!l.exists) {
            expect_undefined("DUP_s", word("DUP_s") | rm(imm5));
            expect_undefined("INS_elem", word("INS_elem") | rm(imm5));
            continue;
        }
        compare(random, {"DUP_s", word("DUP_s") | rm(imm5), 1, l.width, 6}, [&](const Operands& in) {
            return Outcome{{lane(in.n, l.width, l.index), 0}};
        });
        for (unsigned imm4 = 0; imm4 < 16; ++imm4)  // bits below the lane size mean nothing
            compare(random, {"INS_elem", word("INS_elem") | rm(imm5) | imm4 << 11, 1, l.width, 4},
                    [&](const Operands& in) {
                        Outcome out{in.d};
                        set_lane(out.d, l.width, l.index, lane(in.n, l.width, imm4 >> l.size));
                        return out;
                    });
    }
}

TEST(SimdShuffle, CopiesFromGeneralRegisters) {
    constexpr u64 kValue = 0x8192a3b4c5d6e7f8;
    constexpr Vector kBefore{0x1122334455667788, 0x99aabbccddeeff00};
    for (unsigned imm5 = 0; imm5 < 32; ++imm5)
        for (const bool q : {false, true})
            for (const unsigned from : {5, 31}) {
                const Imm5 l(imm5);
                const u32 dup = word("DUP_gen") | rm(imm5) | (q ? kQ : 0) | rn(from) | rd(3);
                const u32 ins = word("INS_gen") | rm(imm5) | rn(from) | rd(3);
                Machine m;
                m.set_x(5, kValue);
                m.set_x(31, kValue);  // SP: no source of these
                const u64 x = from == 31 ? 0 : kValue;
                m.set_v(3, kBefore);
                if (!l.exists || (l.size == 3 && !q)) {
                    expect_undefined("DUP_gen", dup);
                } else {
                    m.run({dup});
                    EXPECT_EQ(m.v(3), filled(l.width, q, x)) << imm5;
                }
                if (!l.exists) {
                    expect_undefined("INS_gen", ins);
                    continue;
                }
                m.set_v(3, kBefore);
                m.run({ins});
                Vector want = kBefore;
                set_lane(want, l.width, l.index, x);
                EXPECT_EQ(m.v(3), want) << imm5;
            }
}

TEST(SimdShuffle, CopiesToGeneralRegisters) {
    constexpr Vector kValue{0x8192a3b445d6e7f8, 0x18293a4bcc6d7e8f};
    for (unsigned imm5 = 0; imm5 < 32; ++imm5)
        for (const bool q : {false, true}) {
            const Imm5 l(imm5);
            const u64 x = lane(kValue, l.width, l.index);
            const u32 fields = rm(imm5) | (q ? kQ : 0) | rn(9);
            Machine m;
            m.set_v(9, kValue);
            m.set_x(1, ~u64{0});
            m.set_x(2, ~u64{0});
            m.set_x(31, 77);
            if (l.exists && q == (l.size == 3)) {
                m.run({word("UMOV") | fields | rd(1), word("UMOV") | fields | rd(31)});
                EXPECT_EQ(m.x(1), x) << imm5;
                EXPECT_EQ(m.sp(), 77u);
            } else {
                expect_undefined("UMOV", word("UMOV") | fields);
            }
            if (l.exists && l.size < (q ? 3u : 2u)) {
                m.run({word("SMOV") | fields | rd(2), word("SMOV") | fields | rd(31)});
                EXPECT_EQ(m.x(2), zext(static_cast<u64>(sext(x, l.width)), q ? 64 : 32)) << imm5;
                EXPECT_EQ(m.sp(), 77u);
            } else {
                expect_undefined("SMOV", word("SMOV") | fields);
            }
        }
}

// --- bytes of two registers, of tables
TEST(SimdShuffle, Extract) {
    Random random;
    for (const bool q : {false, true})
        for (unsigned k = 0; k < 16; ++k) {
            const u32 w = word("EXT_v") | k << 11 | (q ? kQ : 0);
            const unsigned count = q ? 16 : 8;
            if (k >= count) {
                expect_undefined("EXT_v", w);
                continue;
            }
            compare(random, {"EXT_v", w, 2, 8, 6}, [&](const Operands& in) {
                const Lanes all = joined(lanes_of(in.n, 8, count), lanes_of(in.m, 8, count));
                return Outcome{vector_of({all.begin() + k, all.begin() + k + count}, 8)};
            });
        }
}

// One to four registers from Rn on, v0 after v31; Rm or Rd may be among them.
TEST(SimdShuffle, Tables) {
    Random random;
    for (const bool extend : {false, true})
        for (unsigned registers = 1; registers <= 4; ++registers)
            for (const bool q : {false, true})
                for (const RegisterFields r :
                     {RegisterFields{0, 1, 9, 0}, {31, 30, 8, 0}, {7, 6, 7, 0}, {5, 29, 0, 0}, {4, 4, 4, 0}})
                    for (unsigned round = 0; round < 20; ++round) {
                        Machine m;
                        for (unsigned i = 0; i < 32; ++i) m.set_v(i, {random.next(), random.next()});
                        Vector index;  // most inside the table, some just outside, some anywhere
                        for (unsigned i = 0; i < 16; ++i)
                            set_lane(index, 8, i,
                                     random.below(8) == 0 ? random.next() : random.below(16 * registers + 3));
                        m.set_v(r.m, index);
                        const Vector before = m.v(r.d);
                        Lanes table;
                        for (unsigned k = 0; k < registers; ++k)
                            table = joined(table, lanes_of(m.v((r.n + k) % 32), 8, 16));
                        index = m.v(r.m);
                        Vector want;
                        for (unsigned i = 0; i < (q ? 16 : 8); ++i) {
                            const u64 at = lane(index, 8, i);
                            set_lane(want, 8, i,
                                     at < table.size() ? table[at]
                                     : extend          ? lane(before, 8, i)
                                                       : 0);
                        }
                        m.run({word(extend ? "TBX" : "TBL") | (registers - 1) << 13 | (q ? kQ : 0) | rd(r.d) |
                               rn(r.n) | rm(r.m)});
                        ASSERT_EQ(m.v(r.d), want)
                            << (extend ? "TBX " : "TBL ") << registers << " by " << index;
                    }
}

// --- constants
/// What the lanes get, 64 bits of them; `before` is what the register has there.
u64 constant(bool op, unsigned cmode, u64 imm8, u64 before) {
    Vector v;
    const auto all = [&](unsigned width, u64 x) {
        for (unsigned i = 0; i < 64 / width; ++i) set_lane(v, width, i, x);
        return v.low;
    };
    if (cmode == 14 && !op) return all(8, imm8);
    if (cmode == 14) {
        for (unsigned i = 0; i < 8; ++i) set_lane(v, 8, i, imm8 >> i & 1 ? 0xff : 0);
        return v.low;
    }
    if (cmode >= 12) {  // shifting ones
        const unsigned by = cmode == 12 ? 8 : 16;
        const u64 x = all(32, (imm8 << by) + (u64{1} << by) - 1);
        return op ? ~x : x;
    }
    const u64 x = cmode >= 8 ? all(16, imm8 << (cmode & 2 ? 8 : 0)) : all(32, imm8 << 8 * (cmode / 2));
    if (cmode % 2 == 0) return op ? ~x : x;
    return op ? before & ~x : before | x;
}
TEST(SimdShuffle, Constants) {
    constexpr Vector kBefore{0x0f1e2d3c4b5a6978, 0x8796a5b4c3d2e1f0};
    for (const bool op : {false, true})
        for (unsigned cmode = 0; cmode < 15; ++cmode)
            for (const bool q : {false, true})
                for (u32 imm8 = 0; imm8 < 256; ++imm8) {
                    Machine m;
                    m.set_v(17, kBefore);
                    m.run({word("MOVI") | (q ? kQ : 0) | (op ? 1u << 29 : 0) | cmode << 12 | imm8 >> 5 << 16 |
                           (imm8 & 31) << 5 | rd(17)});
                    const Vector want{constant(op, cmode, imm8, kBefore.low),
                                      q ? constant(op, cmode, imm8, kBefore.high) : 0};
                    ASSERT_EQ(m.v(17), want) << op << " " << cmode << " " << imm8;
                }
}

}  // namespace

std::vector<std::string> names_of_shuffle_tests() {
    std::vector<std::string> names{"ADDP_d", "DUP_elem", "DUP_s", "DUP_gen", "INS_gen", "INS_elem",
                                   "UMOV",   "SMOV",     "EXT_v", "TBL",     "TBX",     "MOVI"};
    for (const MoveCase& c : kMoves) names.push_back(c.name);
    for (const MoveCase& c : kAcross) names.push_back(c.name);
    for (const LongSum& c : kLongSums) names.push_back(c.name);
    return names;
}

}  // namespace vm::frontend::arm64::test
