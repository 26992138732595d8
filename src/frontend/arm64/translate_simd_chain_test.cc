// Advanced SIMD instructions one after the other, with forwarding: what the translator sees of how a
// register's value was made must change nothing but the work.
#include <bit>

#include "frontend/arm64/simd_lanes_test.h"

namespace vm::frontend::arm64::test {
namespace {

constexpr u32 kLastRegister = 3;

u64 next(u64* state) {
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 16;
}

/// Random fields; vectors of v0 … v3, every other one of 64 bits where the encoding lets that be.
u32 dense(Insn id, u64* state) {
    const InsnInfo& i = info(id);
    for (;;) {
        u32 w = i.match | (static_cast<u32>(next(state)) & ~i.mask);
        for (const unsigned at : {0, 5, 10, 16})
            if ((i.mask >> at & 31) == 0) w &= ~(u32{31 & ~kLastRegister} << at);
        if (!(i.mask & kQ) && next(state) % 2) w &= ~kQ;
        if (decode(w, ~u64{0}).id == id && !Machine().undefined(w)) return w;
    }
}

TEST(SimdChain, ForwardingChangesNothing) {
    constexpr auto kFirst = static_cast<u16>(Insn::SHADD_v), kLast = static_cast<u16>(Insn::BFMLALT_e);
    u64 state = 5;
    for (int round = 0; round < 400; ++round) {
        Machine plain;
        for (unsigned n = 0; n < 32; ++n) plain.set_x(n, next(&state) << 32 ^ next(&state));
        for (unsigned n = 0; n <= kLastRegister; ++n)
            plain.set_v(n, {next(&state) << 32 ^ next(&state), next(&state) << 32 ^ next(&state)});
        for (int k = 0; k < 16; ++k)
            plain.put(dense(static_cast<Insn>(kFirst + next(&state) % (kLast - kFirst + 1)), &state));
        plain.request.max_insns = 16;
        Machine forwarding = plain;
        forwarding.request.forward_state = true;
        plain.translate();
        plain.interpret();
        forwarding.translate();
        forwarding.interpret();
        ASSERT_EQ(plain.guest, forwarding.guest) << plain.text() << forwarding.text();
        ASSERT_EQ(plain.fp.flags, forwarding.fp.flags);
    }
}

Machine forwarding(const std::vector<u32>& words, Vector v1, Vector v2 = {}) {
    Machine m;
    m.request.forward_state = true;
    m.set_v(1, v1);
    m.set_v(2, v2);
    m.set_x(1, v1.low);
    m.run(words);
    return m;
}

// Sums of operands whose upper halves are zero have none to be cleared.
TEST(SimdChain, UpperHalvesAreClearedOnce) {
    const u32 add = word("ADD_v");
    const Machine m = forwarding({add | rd(0) | rn(1) | rm(2), add | rd(3) | rn(0) | rm(0),
                                  add | rd(4) | rn(3) | rm(0), word("SSHR_i") | 0xf << 16 | rd(5) | rn(3)},
                                 {5, 6}, {7, 8});
    EXPECT_EQ(m.count(ir::Op::VLow64), 1u) << m.text();
    EXPECT_EQ(m.v(3), (Vector{24, 0}));
    EXPECT_EQ(m.v(4), (Vector{36, 0}));
    // Not so for what is not zero of zeros.
    const Machine n = forwarding({add | rd(0) | rn(1) | rm(2), word("NOT_v") | rd(3) | rn(0),
                                  word("CMEQ_v") | rd(4) | rn(0) | rm(1), word("CLZ_v") | rd(5) | rn(0)},
                                 {5, 6}, {7, 8});
    for (const unsigned r : {3, 4, 5}) EXPECT_EQ(n.v(r).high, 0u) << r;
}

// Also of numbers, as long as no zero can become -0.
TEST(SimdChain, UpperHalvesOfNumbersAreClearedOnce) {
    const u32 mul = word("FMUL_v"), add = word("FADD_v"), sub = word("FSUB_v"), div = word("FDIV_v");
    constexpr Vector kTwos{0x4000000040000000, ~u64{0}}, kSingleOnes{0x3f8000003f800000, 1};
    const Machine m = forwarding({mul | rd(0) | rn(1) | rm(2), add | rd(3) | rn(0) | rm(0),
                                  div | rd(4) | rn(3) | rm(0), word("FMLA_v") | rd(0) | rn(0) | rm(0)},
                                 kTwos, kSingleOnes);
    EXPECT_EQ(m.count(ir::Op::VLow64), 2u) << m.text();
    EXPECT_EQ(m.v(0), (Vector{0x40c0000040c00000, 0}));
    EXPECT_EQ(m.v(3), (Vector{0x4080000040800000, 0}));
    EXPECT_EQ(m.v(4), (Vector{0x4000000040000000, 0}));
    EXPECT_EQ(m.fp.flags, 0);
    Machine down;
    down.request.forward_state = true;
    down.set_fpcr(u64{2} << 22);
    down.run({sub | rd(0) | rn(1) | rm(2), word("FMLS_v") | rd(3) | rn(1) | rm(2)});
    EXPECT_EQ(down.v(0), (Vector{0x8000000080000000, 0}));
    EXPECT_EQ(down.v(3), (Vector{0x8000000080000000, 0}));
}

// CNT and then a sum of its bytes.
TEST(SimdChain, CountsOfBits) {
    const u32 cnt = word("CNT_v") | rd(0) | rn(1);
    const Vector x{0xf0f0f0f0f0f0f0f3, ~u64{0}};
    const u64 low = std::popcount(x.low), both = low + 64;
    for (const char* sum : {"ADDV_v", "UADDLV_v", "SADDLV_v"}) {
        const u32 add = word(sum) | rd(2) | rn(0);
        EXPECT_EQ(forwarding({cnt, add}, x).v(2), (Vector{low, 0})) << sum;
        EXPECT_EQ(forwarding({cnt, add | kQ}, x).v(2), (Vector{low, 0})) << sum;
        EXPECT_EQ(forwarding({cnt | kQ, add}, x).v(2), (Vector{low, 0})) << sum;
        EXPECT_EQ(forwarding({cnt | kQ, add | kQ}, x).v(2), (Vector{both, 0})) << sum;
        EXPECT_EQ(forwarding({cnt | kQ, add | kQ}, {~u64{0}, ~u64{0}}).v(2), (Vector{128, 0})) << sum;
    }
    // As compilers count the bits of a general register.
    const Machine m =
        forwarding({word("INS_gen") | 8 << 16 | rd(0) | rn(1), cnt & ~rn(31), word("ADDV_v")}, x);
    EXPECT_EQ(m.v(0), (Vector{low, 0}));
    EXPECT_EQ(m.count(ir::Op::Popcnt), 1u);
    // Wider lanes of the counts are no counts.
    EXPECT_EQ(forwarding({cnt, word("ADDV_v") | 1 << 22 | rd(2)}, {0x0103, 0}).v(2), (Vector{0x0102, 0}));
}

}  // namespace
}  // namespace vm::frontend::arm64::test
