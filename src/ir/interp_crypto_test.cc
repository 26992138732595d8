// The cryptographic ops: the examples of the standards, computed the way programs for Arm do it.
#include <gtest/gtest.h>

#include <string_view>

#include "ir/interp_vec.h"
#include "ir/random_block.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace vm::ir {
namespace {

u128 run(Op op, u128 x, u128 y = 0, u128 z = 0) {
    return interp_vec({.op = op, .type = Type::V128}, x, y, z);
}
template <class T>
u128 add(u128 x, u128 y) {
    return interp_vec({.op = Op::VAdd, .type = Type::V128, .mtype = sizeof(T) == 4 ? Type::I32 : Type::I64},
                      x, y, 0);
}
u128 ext8(u128 x, u128 y) { return x >> 64 | y << 64; }

u128 from_hex(std::string_view text) {
    std::array<u8, 16> v{};
    for (size_t i = 0; i < 32; ++i) {
        const char c = text[i];
        v[i / 2] = static_cast<u8>(v[i / 2] << 4 | (c <= '9' ? c - '0' : c - 'a' + 10));
    }
    return std::bit_cast<u128>(v);
}

/// FIPS 197, 5.2, for a key of 128 bits; SubWord by the first half of AESE.
std::array<u128, 11> expand_key(u128 key) {
    std::array<std::array<u32, 4>, 11> words{lanes_of<u32>(key)};
    u32 constant = 1;
    for (size_t i = 1; i < 11; ++i) {
        const u32 rotated = std::rotr(words[i - 1][3], 8);
        const u128 everywhere =
            vector_of<u32>({rotated, rotated, rotated, rotated});  // rows shift to themselves
        words[i][0] = words[i - 1][0] ^ static_cast<u32>(run(Op::VAesE, everywhere)) ^ constant;
        for (size_t k = 1; k < 4; ++k) words[i][k] = words[i - 1][k] ^ words[i][k - 1];
        constant = constant << 1 ^ (constant & 0x80 ? 0x11b : 0);
    }
    std::array<u128, 11> keys{};
    for (size_t i = 0; i < 11; ++i) keys[i] = vector_of<u32>(words[i]);
    return keys;
}

TEST(InterpCrypto, AesExampleOfTheStandard) {
    const auto keys = expand_key(from_hex("000102030405060708090a0b0c0d0e0f"));
    EXPECT_TRUE(keys[10] == from_hex("13111d7fe3944a17f307a78b4d2b30c5"));
    const u128 plain = from_hex("00112233445566778899aabbccddeeff");
    u128 state = plain;
    for (size_t i = 0; i < 9; ++i) state = run(Op::VAesMc, run(Op::VAesE, state, keys[i]));
    state = run(Op::VAesE, state, keys[9]) ^ keys[10];
    EXPECT_TRUE(state == from_hex("69c4e0d86a7b0430d8cdb78070b4c55a"));
    for (size_t i = 10; i > 1; --i)
        state = run(Op::VAesImc, run(Op::VAesD, state, i == 10 ? keys[i] : run(Op::VAesImc, keys[i])));
    state = run(Op::VAesD, state, run(Op::VAesImc, keys[1])) ^ keys[0];
    EXPECT_TRUE(state == plain);
}

#if defined(__x86_64__)
__attribute__((target("aes,sse2"))) std::array<u128, 4> host_aes(u128 x) {
    const auto v = std::bit_cast<__m128i>(x);
    const __m128i zero = _mm_setzero_si128();
    return {std::bit_cast<u128>(_mm_aesenclast_si128(v, zero)),
            std::bit_cast<u128>(_mm_aesdeclast_si128(v, zero)),
            std::bit_cast<u128>(_mm_aesenc_si128(v, zero)), std::bit_cast<u128>(_mm_aesimc_si128(v))};
}

TEST(InterpCrypto, AesAgreesWithTheHost) {
    if (!__builtin_cpu_supports("aes")) GTEST_SKIP() << "host has no AES-NI";
    testing::Rng rng(1);
    for (unsigned i = 0; i < 2000; ++i) {
        const u128 x = u128{rng.next()} << 64 | rng.next(), key = u128{rng.next()} << 64 | rng.next();
        const auto host = host_aes(x);
        EXPECT_TRUE(run(Op::VAesE, x ^ key, key) == host[0]);
        EXPECT_TRUE(run(Op::VAesD, x ^ key, key) == host[1]);
        EXPECT_TRUE(run(Op::VAesMc, host[0]) == host[2]);
        EXPECT_TRUE(run(Op::VAesImc, x) == host[3]);
    }
}
#endif

// --- The constants of FIPS 180-4 are the first fraction bits of roots of primes.

/// Whether v^exponent <= prime * 2^(64 * exponent), where v has at most 68 bits.
bool power_fits(u128 v, unsigned exponent, u64 prime) {
    std::array<u64, 6> r{1};  // v^k, lowest word first
    for (unsigned k = 0; k < exponent; ++k) {
        std::array<u64, 6> next{};
        for (unsigned half = 0; half < 2; ++half) {
            u64 carry = 0;
            for (size_t i = 0; i + half < next.size(); ++i) {
                const u128 t = u128{r[i]} * static_cast<u64>(v >> (64 * half)) + next[i + half] + carry;
                next[i + half] = static_cast<u64>(t);
                carry = static_cast<u64>(t >> 64);
            }
        }
        r = next;
    }
    for (size_t i = 5; i > exponent; --i)
        if (r[i] != 0) return false;
    return r[exponent] < prime;  // the root is irrational
}

/// The first n primes' roots: 64 fraction bits.
std::vector<u64> root_fractions(unsigned n, unsigned exponent) {
    std::vector<u64> result;
    for (u64 p = 2; result.size() < n; ++p) {
        bool prime = true;
        for (u64 q = 2; q * q <= p; ++q) prime &= p % q != 0;
        if (!prime) continue;
        u128 root = 0;
        for (unsigned at = 69; at-- > 0;)
            if (power_fits(root | u128{1} << at, exponent, p)) root |= u128{1} << at;
        result.push_back(static_cast<u64>(root));
    }
    return result;
}

/// The message with padding, as big-endian words of type T.
template <class T>
std::vector<T> padded(std::string_view message) {
    std::vector<u8> bytes(message.begin(), message.end());
    bytes.push_back(0x80);
    const size_t block = 16 * sizeof(T);
    while (bytes.size() % block != block - 8) bytes.push_back(0);
    for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<u8>(message.size() * 8 >> (56 - 8 * i)));
    std::vector<T> words(bytes.size() / sizeof(T));
    for (size_t i = 0; i < bytes.size(); ++i)
        words[i / sizeof(T)] = static_cast<T>(words[i / sizeof(T)] << 8 | bytes[i]);
    return words;
}

template <class T>
std::array<u128, 16 / (16 / sizeof(T))> schedule(const std::vector<T>& words, size_t at) {
    std::array<u128, 16 / (16 / sizeof(T))> w{};
    for (size_t i = 0; i < w.size(); ++i) {
        LaneArray<T> lanes{};
        for (size_t k = 0; k < lanes.size(); ++k) lanes[k] = words[at + i * lanes.size() + k];
        w[i] = vector_of<T>(lanes);
    }
    return w;
}

std::array<u32, 5> sha1(std::string_view message) {
    constexpr u32 kConstants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    constexpr Op kRounds[] = {Op::VSha1C, Op::VSha1P, Op::VSha1M, Op::VSha1P};
    u128 abcd = vector_of<u32>({0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476});
    u32 e = 0xc3d2e1f0;
    const auto words = padded<u32>(message);
    for (size_t at = 0; at < words.size(); at += 16) {
        auto w = schedule(words, at);
        const u128 abcd_before = abcd;
        const u32 e_before = e;
        for (size_t i = 0; i < 20; ++i) {
            const u32 k = kConstants[i / 5];
            const u32 next_e = std::rotl(static_cast<u32>(abcd), 30);  // SHA1H
            abcd = run(kRounds[i / 5], abcd, e, add<u32>(w[0], vector_of<u32>({k, k, k, k})));
            e = next_e;
            w = {w[1], w[2], w[3], run(Op::VSha1Su1, run(Op::VSha1Su0, w[0], w[1], w[2]), w[3])};
        }
        abcd = add<u32>(abcd, abcd_before);
        e += e_before;
    }
    const auto v = lanes_of<u32>(abcd);
    return {v[0], v[1], v[2], v[3], e};
}

std::array<u32, 8> sha256(std::string_view message) {
    const auto k = root_fractions(64, 3), h = root_fractions(8, 2);
    const auto top = [](u64 v) { return static_cast<u32>(v >> 32); };
    u128 abcd = vector_of<u32>({top(h[0]), top(h[1]), top(h[2]), top(h[3])});
    u128 efgh = vector_of<u32>({top(h[4]), top(h[5]), top(h[6]), top(h[7])});
    const auto words = padded<u32>(message);
    for (size_t at = 0; at < words.size(); at += 16) {
        auto w = schedule(words, at);
        const u128 abcd_before = abcd, efgh_before = efgh;
        for (size_t i = 0; i < 64; i += 4) {
            const u128 wk =
                add<u32>(w[0], vector_of<u32>({top(k[i]), top(k[i + 1]), top(k[i + 2]), top(k[i + 3])}));
            const u128 old = abcd;
            abcd = run(Op::VSha256H, abcd, efgh, wk);
            efgh = run(Op::VSha256H2, efgh, old, wk);
            w = {w[1], w[2], w[3], run(Op::VSha256Su1, run(Op::VSha256Su0, w[0], w[1]), w[2], w[3])};
        }
        abcd = add<u32>(abcd, abcd_before);
        efgh = add<u32>(efgh, efgh_before);
    }
    const auto a = lanes_of<u32>(abcd), e = lanes_of<u32>(efgh);
    return {a[0], a[1], a[2], a[3], e[0], e[1], e[2], e[3]};
}

std::array<u64, 8> sha512(std::string_view message) {
    const auto k = root_fractions(80, 3), h = root_fractions(8, 2);
    std::array<u128, 4> state{};  // ab, cd, ef, gh
    for (size_t i = 0; i < 4; ++i) state[i] = vector_of<u64>({h[2 * i], h[2 * i + 1]});
    const auto words = padded<u64>(message);
    for (size_t at = 0; at < words.size(); at += 16) {
        auto w = schedule(words, at);
        const auto before = state;
        for (size_t i = 0; i < 80; i += 2) {
            const auto [ab, cd, ef, gh] = state;
            const u128 wk = add<u64>(w[0], vector_of<u64>({k[i], k[i + 1]}));
            const u128 t = run(Op::VSha512H, add<u64>(gh, ext8(wk, wk)), ext8(ef, gh), ext8(cd, ef));
            state = {run(Op::VSha512H2, t, cd, ab), ab, add<u64>(cd, t), ef};
            const u128 next = run(Op::VSha512Su1, run(Op::VSha512Su0, w[0], w[1]), w[7], ext8(w[4], w[5]));
            w = {w[1], w[2], w[3], w[4], w[5], w[6], w[7], next};
        }
        for (size_t i = 0; i < 4; ++i) state[i] = add<u64>(state[i], before[i]);
    }
    std::array<u64, 8> digest{};
    for (size_t i = 0; i < 8; ++i) digest[i] = lanes_of<u64>(state[i / 2])[i % 2];
    return digest;
}

constexpr std::string_view kLong = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

TEST(InterpCrypto, Sha1ExamplesOfTheStandard) {
    EXPECT_EQ(sha1("abc"), (std::array<u32, 5>{0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c, 0x9cd0d89d}));
    EXPECT_EQ(sha1(kLong), (std::array<u32, 5>{0x84983e44, 0x1c3bd26e, 0xbaae4aa1, 0xf95129e5, 0xe54670f1}));
}

TEST(InterpCrypto, Sha256ExamplesOfTheStandard) {
    EXPECT_EQ(sha256("abc"), (std::array<u32, 8>{0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3,
                                                 0x96177a9c, 0xb410ff61, 0xf20015ad}));
    EXPECT_EQ(sha256(kLong), (std::array<u32, 8>{0x248d6a61, 0xd20638b8, 0xe5c02693, 0x0c3e6039, 0xa33ce459,
                                                 0x64ff2167, 0xf6ecedd4, 0x19db06c1}));
}

TEST(InterpCrypto, Sha512ExampleOfTheStandard) {
    EXPECT_EQ(sha512("abc"), (std::array<u64, 8>{0xddaf35a193617aba, 0xcc417349ae204131, 0x12e6fa4e89a97ea2,
                                                 0x0a9eeee64b55d39a, 0x2192992a274fc1a8, 0x36ba3c23a3feebbd,
                                                 0x454d4423643ce80e, 0x2a9ac94fa54ca49f}));
}

}  // namespace
}  // namespace vm::ir
