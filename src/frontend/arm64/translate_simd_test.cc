// Advanced SIMD, integers, lane by lane: the manual's definitions in unbounded arithmetic, then wrapped or
// saturated.
#include <cmath>

#include "frontend/arm64/simd_lanes_test.h"

namespace vm::frontend::arm64::test {
namespace {

using enum Shape;
using enum Finish;

i128 carryless(i128 n, i128 m) {
    i128 r = 0;
    for (unsigned i = 0; i < 64; ++i)
        if (m >> i & 1) r ^= n << i;
    return r;
}
/// Rounding adds a half of the result's last bit.
i128 high_half(i128 v, unsigned width, bool rounded) {
    return (v + (rounded ? i128{1} << (width - 1) : 0)) >> width;
}
i128 distance(i128 n, i128 m) { return n > m ? n - m : m - n; }
i128 mask(bool holds) { return holds ? -1 : 0; }
i128 top_bits(i128 n, unsigned width, bool first) {
    unsigned k = 0;
    while (k < width && (n >> (width - 1 - k) & 1) == first) ++k;
    return k;
}
i128 reversed(i128 n, unsigned width) {
    i128 r = 0;
    for (unsigned i = 0; i < width; ++i) r |= (n >> i & 1) << (width - 1 - i);
    return r;
}
/// The manual's tables, as it once defined them: in double precision, of the middle of the interval.
i128 reciprocal_estimate(i128 n) {
    if (n < i128{1} << 31) return 0xffffffff;
    const auto a = static_cast<int>(n >> 23);  // of 512
    return i128{static_cast<i64>(256 * (1 / ((a + 0.5) / 512)) + 0.5)} << 23;
}
i128 root_estimate(i128 n) {
    if (n < i128{1} << 30) return 0xffffffff;
    const bool low_half = n < i128{1} << 31;
    const double parts = low_half ? 512 : 256;
    const auto a = static_cast<int>(n >> (low_half ? 23 : 24));
    return i128{static_cast<i64>(256 * (1 / std::sqrt((a + 0.5) / parts)) + 0.5)} << 23;
}

constexpr LaneCase kLanes[] = {
    // three registers
    {"SHADD", "UHADD", "bhs", "", Same, Wrap, [](Lane& l) { return (l.n + l.m) >> 1; }},
    {"SRHADD", "URHADD", "bhs", "", Same, Wrap, [](Lane& l) { return (l.n + l.m + 1) >> 1; }},
    {"SHSUB", "UHSUB", "bhs", "", Same, Wrap, [](Lane& l) { return (l.n - l.m) >> 1; }},
    {"SQADD", "UQADD", "bhsd", "bhsd", Same, Saturate, [](Lane& l) { return l.n + l.m; }},
    {"SQSUB", "UQSUB", "bhsd", "bhsd", Same, Saturate, [](Lane& l) { return l.n - l.m; }},
    {"CMGT", "CMHI", "bhsd", "d", Same, Wrap, [](Lane& l) { return mask(l.n > l.m); }},
    {"CMGE", "CMHS", "bhsd", "d", Same, Wrap, [](Lane& l) { return mask(l.n >= l.m); }},
    {"CMTST", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return mask((l.n & l.m) != 0); }},
    {"CMEQ", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return mask(l.n == l.m); }},
    {"SMAX", "UMAX", "bhs", "", Same, Wrap, [](Lane& l) { return l.n > l.m ? l.n : l.m; }},
    {"SMIN", "UMIN", "bhs", "", Same, Wrap, [](Lane& l) { return l.n < l.m ? l.n : l.m; }},
    {"SABD", "UABD", "bhs", "", Same, Wrap, [](Lane& l) { return distance(l.n, l.m); }},
    {"SABA", "UABA", "bhs", "", Same, Wrap, [](Lane& l) { return l.a + distance(l.n, l.m); }},
    {"ADD", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return l.n + l.m; }},
    {"SUB", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return l.n - l.m; }},
    {"MUL", "", "bhs", "", Same, Wrap, [](Lane& l) { return l.n * l.m; }, true},
    {"MLA", "", "bhs", "", Same, Wrap, [](Lane& l) { return l.a + l.n * l.m; }, true},
    {"MLS", "", "bhs", "", Same, Wrap, [](Lane& l) { return l.a - l.n * l.m; }, true},
    {"", "PMUL", "b", "", Same, Wrap, [](Lane& l) { return carryless(l.n, l.m); }},
    {"SQDMULH", "", "hs", "hs", Same, Saturate,
     [](Lane& l) { return high_half(2 * l.n * l.m, l.width, false); }, true},
    {"SQRDMULH", "", "hs", "hs", Same, Saturate,
     [](Lane& l) { return high_half(2 * l.n * l.m, l.width, true); }, true},
    {"SQRDMLAH", "", "hs", "hs", Same, Saturate,
     [](Lane& l) { return high_half((l.a << l.width) + 2 * l.n * l.m, l.width, true); }, true},
    {"SQRDMLSH", "", "hs", "hs", Same, Saturate,
     [](Lane& l) { return high_half((l.a << l.width) - 2 * l.n * l.m, l.width, true); }, true},
    {"AND", "", "b", "", Same, Wrap, [](Lane& l) { return l.n & l.m; }},
    {"BIC", "", "b", "", Same, Wrap, [](Lane& l) { return l.n & ~l.m; }},
    {"ORR", "", "b", "", Same, Wrap, [](Lane& l) { return l.n | l.m; }},
    {"ORN", "", "b", "", Same, Wrap, [](Lane& l) { return l.n | ~l.m; }},
    {"EOR", "", "b", "", Same, Wrap, [](Lane& l) { return l.n ^ l.m; }},
    {"BSL", "", "b", "", Same, Wrap, [](Lane& l) { return (l.a & l.n) | (~l.a & l.m); }},
    {"BIT", "", "b", "", Same, Wrap, [](Lane& l) { return (l.m & l.n) | (~l.m & l.a); }},
    {"BIF", "", "b", "", Same, Wrap, [](Lane& l) { return (~l.m & l.n) | (l.m & l.a); }},
    // long, wide, narrow
    {"SADDL", "UADDL", "bhs", "", Long, Wrap, [](Lane& l) { return l.n + l.m; }},
    {"SSUBL", "USUBL", "bhs", "", Long, Wrap, [](Lane& l) { return l.n - l.m; }},
    {"SADDW", "UADDW", "bhs", "", Wide, Wrap, [](Lane& l) { return l.n + l.m; }},
    {"SSUBW", "USUBW", "bhs", "", Wide, Wrap, [](Lane& l) { return l.n - l.m; }},
    {"ADDHN", "", "bhs", "", Narrow, Wrap, [](Lane& l) { return high_half(l.n + l.m, l.width, false); }},
    {"SUBHN", "", "bhs", "", Narrow, Wrap, [](Lane& l) { return high_half(l.n - l.m, l.width, false); }},
    {"RADDHN", "", "bhs", "", Narrow, Wrap, [](Lane& l) { return high_half(l.n + l.m, l.width, true); }},
    {"RSUBHN", "", "bhs", "", Narrow, Wrap, [](Lane& l) { return high_half(l.n - l.m, l.width, true); }},
    {"SABDL", "UABDL", "bhs", "", Long, Wrap, [](Lane& l) { return distance(l.n, l.m); }},
    {"SABAL", "UABAL", "bhs", "", Long, Wrap, [](Lane& l) { return l.a + distance(l.n, l.m); }},
    {"SMULL", "UMULL", "bhs", "", Long, Wrap, [](Lane& l) { return l.n * l.m; }, true},
    {"SMLAL", "UMLAL", "bhs", "", Long, Wrap, [](Lane& l) { return l.a + l.n * l.m; }, true},
    {"SMLSL", "UMLSL", "bhs", "", Long, Wrap, [](Lane& l) { return l.a - l.n * l.m; }, true},
    {"SQDMULL", "", "hs", "hs", Long, Saturate, [](Lane& l) { return 2 * l.n * l.m; }, true},
    {"SQDMLAL", "", "hs", "hs", Long, Saturate,
     [](Lane& l) { return l.a + l.clamp(2 * l.n * l.m, 2 * l.width); }, true},
    {"SQDMLSL", "", "hs", "hs", Long, Saturate,
     [](Lane& l) { return l.a - l.clamp(2 * l.n * l.m, 2 * l.width); }, true},
    {"", "PMULL", "b", "", Long, Wrap, [](Lane& l) { return carryless(l.n, l.m); }},
    // two registers
    {"SUQADD", "", "bhsd", "bhsd", Same, Saturate, [](Lane& l) { return l.a + unsigned_of(l.n, l.width); }},
    {"", "USQADD", "bhsd", "bhsd", Same, Saturate, [](Lane& l) { return l.a + signed_of(l.n, l.width); }},
    {"CLS", "", "bhs", "", Same, Wrap, [](Lane& l) { return top_bits(l.n, l.width, l.n < 0) - 1; }},
    {"", "CLZ", "bhs", "", Same, Wrap, [](Lane& l) { return top_bits(l.n, l.width, false); }},
    {"", "CNT", "b", "", Same, Wrap, [](Lane& l) { return i128{std::popcount(low(l.n))}; }},
    {"NOT", "", "b", "", Same, Wrap, [](Lane& l) { return -1 - l.n; }},
    {"", "RBIT", "b", "", Same, Wrap, [](Lane& l) { return reversed(l.n, l.width); }},
    {"SQABS", "", "bhsd", "bhsd", Same, Saturate, [](Lane& l) { return distance(l.n, 0); }},
    {"SQNEG", "", "bhsd", "bhsd", Same, Saturate, [](Lane& l) { return -l.n; }},
    {"ABS", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return distance(l.n, 0); }},
    {"NEG", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return -l.n; }},
    {"CMGT_Z", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return mask(l.n > 0); }},
    {"CMEQ_Z", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return mask(l.n == 0); }},
    {"CMLT_Z", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return mask(l.n < 0); }},
    {"CMGE_Z", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return mask(l.n >= 0); }},
    {"CMLE_Z", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return mask(l.n <= 0); }},
    {"XTN", "", "bhs", "", Narrow, Wrap, [](Lane& l) { return l.n; }},
    {"SQXTN", "UQXTN", "bhs", "bhs", Narrow, Saturate, [](Lane& l) { return l.n; }},
    {"SQXTUN", "", "bhs", "bhs", Narrow, SaturateToUnsigned, [](Lane& l) { return l.n; }},
    {"SHLL", "", "bhs", "", Long, Wrap, [](Lane& l) { return l.n << l.width; }},
    {"", "URECPE", "s", "", Same, Wrap, [](Lane& l) { return reciprocal_estimate(l.n); }},
    {"", "URSQRTE", "s", "", Same, Wrap, [](Lane& l) { return root_estimate(l.n); }},
};

template <typename F>
void each_name(F f) {
    for (const LaneCase& c : kLanes)
        for (const bool is_signed : {true, false})
            if (const std::string stem = is_signed ? c.signed_name : c.unsigned_name; !stem.empty())
                f(c, stem, is_signed);
}

TEST(SimdLanes, Vectors) {
    Random random;
    each_name([&](const LaneCase& c, const std::string& stem, bool is_signed) {
        run_registers(random, c, stem, is_signed, false);
    });
}
TEST(SimdLanes, Scalars) {
    Random random;
    each_name([&](const LaneCase& c, const std::string& stem, bool is_signed) {
        if (!c.scalar_sizes.empty()) run_registers(random, c, stem, is_signed, true);
    });
}
TEST(SimdLanes, ByElement) {
    Random random;
    each_name([&](const LaneCase& c, const std::string& stem, bool is_signed) {
        if (!c.by_element) return;
        run_elements(random, c, stem, is_signed, false);
        if (!c.scalar_sizes.empty()) run_elements(random, c, stem, is_signed, true);
    });
}

// Next to encodings whose size is fixed.
TEST(SimdLanes, ReservedSizes) {
    for (const u32 q : {u32{0}, kQ})
        for (const unsigned size : {1, 2}) expect_undefined("PMULL_v", word("PMULL_v") | lane_size(size) | q);
    for (const u32 q : {u32{0}, kQ}) {
        expect_undefined("URECPE_v", word("URECPE_v") | lane_size(3) | q);
        expect_undefined("URSQRTE_v", word("URSQRTE_v") | lane_size(3) | q);
        for (const unsigned size : {2, 3}) expect_undefined("NOT_v", word("NOT_v") | lane_size(size) | q);
    }
}
TEST(SimdLanes, PolynomialsOf64Bits) {
    Random random;
    for (const bool q : {false, true})
        compare(random, {"PMULL_q", word("PMULL_q") | (q ? kQ : 0), 2, 64, 100}, [&](const Operands& in) {
            const auto r = static_cast<u128>(carryless(static_cast<i128>(q ? in.n.high : in.n.low),
                                                       static_cast<i128>(q ? in.m.high : in.m.low)));
            return Outcome{{static_cast<u64>(r), static_cast<u64>(r >> 64)}};
        });
}

// Once set, FPSR.QC stays until FPSR is written.
TEST(SimdLanes, SaturationIsCumulative) {
    constexpr u32 kFpsr = 3 << 19 | 3 << 16 | 4 << 12 | 4 << 8 | 1 << 5;
    const u32 add = word("SQADD_v") | lane_size(1) | kQ | rd(0) | rn(1);
    Machine m;
    m.set_v(1, {0x7fff, 0});
    m.set_v(2, {1, 0});
    m.run({add | rm(3), word("MRS") | kFpsr | rt(0), add | rm(2), word("MRS") | kFpsr | rt(1), add | rm(3),
           word("MRS") | kFpsr | rt(2), word("MSR") | kFpsr | rt(3), word("MRS") | kFpsr | rt(4)});
    EXPECT_EQ(m.x(0), 0u);
    EXPECT_EQ(m.x(1), kFpsrQc);
    EXPECT_EQ(m.x(2), kFpsrQc);
    EXPECT_EQ(m.x(4), 0u);
}

// Every encoding of a64_simd.isa, the first to the last, is tested here or beside.
TEST(Simd, EveryEncodingIsTested) {
    std::set<std::string> tested;
    for (const auto& names :
         {names_of_lane_tests(), names_of_shift_tests(), names_of_shuffle_tests(), names_of_crypto_tests()})
        for (const std::string& name : names) {
            EXPECT_NE(by_name(name), Insn::Invalid);
            EXPECT_TRUE(tested.insert(name).second) << name << " twice";
        }
    for (auto i = static_cast<u16>(Insn::SHADD_v); i <= static_cast<u16>(Insn::XAR); ++i)
        EXPECT_TRUE(tested.contains(std::string(info(static_cast<Insn>(i)).name)))
            << info(static_cast<Insn>(i)).name;
}

}  // namespace

std::vector<std::string> names_of_lane_tests() {
    std::vector<std::string> names{"PMULL_q"};
    for (const LaneCase& c : kLanes) add_names(names, c, "_v", "_s");
    return names;
}

}  // namespace vm::frontend::arm64::test
