// Advanced SIMD shifts, by a register and by every constant: exact, then wrapped or saturated.
#include <span>

#include "frontend/arm64/simd_lanes_test.h"

namespace vm::frontend::arm64::test {
namespace {

using enum Shape;
using enum Finish;

/// n / 2^by, downward; or to nearest, ties up.
i128 right(i128 n, unsigned by, bool rounded) {
    if (by > 66) by = 66;  // no lane has more than 64 bits
    return (n + (rounded ? i128{1} << (by - 1) : 0)) >> by;
}
/// Where no bit of a lane would stay, out of range for every lane, and wrapped to 0.
i128 left(i128 n, unsigned by, unsigned width) {
    if (by < width) return n << by;
    return i128{(n > 0) - (n < 0)} << 100;
}
/// By the lowest byte of Rm, which has a sign; right if negative.
i128 by_register(const Lane& l, bool rounded) {
    const auto by = static_cast<int>(signed_of(l.m, 8));
    return by >= 0 ? left(l.n, static_cast<unsigned>(by), l.width)
                   : right(l.n, static_cast<unsigned>(-by), rounded);
}

constexpr LaneCase kByRegister[] = {
    {"SSHL", "USHL", "bhsd", "d", Same, Wrap, [](Lane& l) { return by_register(l, false); }},
    {"SRSHL", "URSHL", "bhsd", "d", Same, Wrap, [](Lane& l) { return by_register(l, true); }},
    {"SQSHL", "UQSHL", "bhsd", "bhsd", Same, Saturate, [](Lane& l) { return by_register(l, false); }},
    {"SQRSHL", "UQRSHL", "bhsd", "bhsd", Same, Saturate, [](Lane& l) { return by_register(l, true); }},
};

i128 to_right(const Lane& l) { return right(l.n, l.right, false); }
i128 to_right_rounded(const Lane& l) { return right(l.n, l.right, true); }
constexpr LaneCase kByConstant[] = {
    {"SSHR", "USHR", "bhsd", "d", Same, Wrap, [](Lane& l) { return to_right(l); }},
    {"SSRA", "USRA", "bhsd", "d", Same, Wrap, [](Lane& l) { return l.a + to_right(l); }},
    {"SRSHR", "URSHR", "bhsd", "d", Same, Wrap, [](Lane& l) { return to_right_rounded(l); }},
    {"SRSRA", "URSRA", "bhsd", "d", Same, Wrap, [](Lane& l) { return l.a + to_right_rounded(l); }},
    {"SHL", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return l.n << l.left; }},
    {"SLI", "", "bhsd", "d", Same, Wrap, [](Lane& l) { return (l.n << l.left) + unsigned_of(l.a, l.left); }},
    {"", "SRI", "bhsd", "d", Same, Wrap,
     [](Lane& l) {
         const unsigned kept = l.width - l.right;  // bits that come from Rn
         return (l.a >> kept << kept) + (l.n >> l.right);
     }},
    {"SQSHLU", "", "bhsd", "bhsd", Same, SaturateToUnsigned, [](Lane& l) { return l.n << l.left; }},
    {"SQSHL", "UQSHL", "bhsd", "bhsd", Same, Saturate, [](Lane& l) { return l.n << l.left; }},
    {"SHRN", "", "bhs", "", Narrow, Wrap, [](Lane& l) { return to_right(l); }},
    {"RSHRN", "", "bhs", "", Narrow, Wrap, [](Lane& l) { return to_right_rounded(l); }},
    {"SQSHRN", "UQSHRN", "bhs", "bhs", Narrow, Saturate, [](Lane& l) { return to_right(l); }},
    {"SQRSHRN", "UQRSHRN", "bhs", "bhs", Narrow, Saturate, [](Lane& l) { return to_right_rounded(l); }},
    {"SQSHRUN", "", "bhs", "bhs", Narrow, SaturateToUnsigned, [](Lane& l) { return to_right(l); }},
    {"SQRSHRUN", "", "bhs", "bhs", Narrow, SaturateToUnsigned, [](Lane& l) { return to_right_rounded(l); }},
    {"SSHLL", "USHLL", "bhs", "", Long, Wrap, [](Lane& l) { return l.n << l.left; }},
};

using Run = void (*)(Random&, const LaneCase&, const std::string&, bool, bool);
void run_all(std::span<const LaneCase> cases, Run run, bool scalar) {
    Random random;
    for (const LaneCase& c : cases)
        for (const bool is_signed : {true, false}) {
            const std::string stem = is_signed ? c.signed_name : c.unsigned_name;
            if (!stem.empty() && (!scalar || !c.scalar_sizes.empty()))
                run(random, c, stem, is_signed, scalar);
        }
}
TEST(SimdShifts, VectorsByRegister) { run_all(kByRegister, run_registers, false); }
TEST(SimdShifts, ScalarsByRegister) { run_all(kByRegister, run_registers, true); }
TEST(SimdShifts, VectorsByConstant) { run_all(kByConstant, run_constant_shifts, false); }
TEST(SimdShifts, ScalarsByConstant) { run_all(kByConstant, run_constant_shifts, true); }

// Every byte as the count, on every lane size.
TEST(SimdShifts, EveryCount) {
    Random random;
    for (const LaneCase& c : kByRegister)
        for (const bool is_signed : {true, false})
            for (unsigned size = 0; size < 4; ++size) {
                const std::string name = std::string(is_signed ? c.signed_name : c.unsigned_name) + "_v";
                const Form f{.is_signed = is_signed, .scalar = false, .q = true, .size = size};
                Machine m;
                for (unsigned count = 0; count < 256; ++count) {
                    Vector by;
                    for (unsigned i = 0; i < 16u >> size; ++i)
                        set_lane(by, 8u << size, i, (random.next() & ~u64{0xff}) | count);
                    const Operands in{{}, random.vector(8u << size), by, {}};
                    m.set_v(1, in.n);
                    m.set_v(2, in.m);
                    store_raw(&m.guest[kQcOffset], u64{0});
                    store_raw(&m.guest[kQcOffset + 8], u64{0});
                    m.run({word(name) | lane_size(size) | kQ | rn(1) | rm(2)});
                    const Outcome want = run_model(c, f, in);
                    ASSERT_EQ(m.v(0), want.d) << name << " of " << in.n << " by " << in.m;
                    ASSERT_EQ(qc(m), want.qc) << name << " of " << in.n << " by " << in.m;
                }
            }
}

}  // namespace

std::vector<std::string> names_of_shift_tests() {
    std::vector<std::string> names;
    for (const LaneCase& c : kByRegister) add_names(names, c, "_v", "_s");
    for (const LaneCase& c : kByConstant) add_names(names, c, "_i", "_is");
    return names;
}

}  // namespace vm::frontend::arm64::test
