// Cryptography: the examples of FIPS 180-4 and FIPS 197 computed by guest instructions, each instruction
// against its definition on random operands, SHA-3's against their logic.
#include <algorithm>
#include <array>
#include <span>

#include "frontend/arm64/simd_lanes_test.h"

namespace vm::frontend::arm64::test {
namespace {

u32 ror(u32 v, int k) { return std::rotr(v, k); }
u64 ror(u64 v, int k) { return std::rotr(v, k); }

// --- lanes as C++ arrays, lane 0 first
template <typename T>
using Words = std::array<T, 16 / sizeof(T)>;
template <typename T>
Words<T> words(const Vector& v) {
    return std::bit_cast<Words<T>>(v);
}
template <typename T>
Vector vector(const Words<T>& w) {
    return std::bit_cast<Vector>(w);
}

// --- AES, from the field's arithmetic. A state is 16 bytes, column by column.
using State = std::array<u8, 16>;
u8 times(u8 a, u8 b) {
    u8 r = 0;
    for (; b != 0; b = static_cast<u8>(b >> 1)) {
        if (b & 1) r ^= a;
        a = static_cast<u8>(a << 1 ^ (a & 0x80 ? 0x1b : 0));
    }
    return r;
}
/// FIPS 197, 5.1.1: the inverse, then an affine map.
u8 substituted(u8 a) {
    u8 inverse = 1;
    for (unsigned i = 0; i < 254; ++i) inverse = times(inverse, a);
    u8 r = 0x63;
    for (int i = 0; i < 5; ++i) r ^= std::rotl(inverse, i);
    return r;
}
std::array<u8, 256> substitution(bool inverse) {
    std::array<u8, 256> t{};
    for (unsigned a = 0; a < 256; ++a) {
        const u8 s = substituted(static_cast<u8>(a));
        if (inverse)
            t[s] = static_cast<u8>(a);
        else
            t[a] = s;
    }
    return t;
}
State substituted_and_shifted(const Vector& v, bool inverse) {
    static const auto kForward = substitution(false), kInverse = substitution(true);
    const auto in = std::bit_cast<State>(v);
    State out;
    for (unsigned column = 0; column < 4; ++column)
        for (unsigned row = 0; row < 4; ++row) {
            const unsigned from = (inverse ? column + 4 - row : column + row) % 4;
            out[4 * column + row] = (inverse ? kInverse : kForward)[in[4 * from + row]];
        }
    return out;
}
/// Columns times the polynomial with these coefficients, of x^0 first.
State mixed(const Vector& v, std::array<u8, 4> polynomial) {
    const auto in = std::bit_cast<State>(v);
    State out{};
    for (unsigned i = 0; i < 16; ++i)
        for (unsigned k = 0; k < 4; ++k) out[i] ^= times(polynomial[(i - k) % 4], in[i / 4 * 4 + k]);
    return out;
}
Vector exclusive_or(const Vector& n, const Vector& m) { return {n.low ^ m.low, n.high ^ m.high}; }

// --- SHA-1 and SHA-2, FIPS 180-4, 4.1 and 6
template <typename T>
T choose(T x, T y, T z) {
    return (x & y) ^ (~x & z);
}
template <typename T>
T majority(T x, T y, T z) {
    return (x & y) ^ (x & z) ^ (y & z);
}
u32 parity(u32 x, u32 y, u32 z) { return x ^ y ^ z; }
/// Four rounds on a, b, c, d (Rd) and e (Rn), with the sums of K and W (Rm).
Outcome sha1_rounds(const Operands& in, u32 (*f)(u32, u32, u32)) {
    auto [a, b, c, d] = words<u32>(in.d);
    u32 e = words<u32>(in.n)[0];
    for (const u32 kw : words<u32>(in.m)) {
        const u32 t = std::rotl(a, 5) + f(b, c, d) + e + kw;
        e = d, d = c, c = ror(b, 2), b = a, a = t;
    }
    return {vector<u32>({a, b, c, d})};
}
/// Four rounds; `low` has a … d, `high` e … h.
std::pair<Vector, Vector> sha256_rounds(const Vector& low, const Vector& high, const Vector& kws) {
    auto [a, b, c, d] = words<u32>(low);
    auto [e, f, g, h] = words<u32>(high);
    for (const u32 kw : words<u32>(kws)) {
        const u32 t1 = h + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + choose(e, f, g) + kw;
        const u32 t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + majority(a, b, c);
        h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    return {vector<u32>({a, b, c, d}), vector<u32>({e, f, g, h})};
}
u32 sigma0(u32 x) { return ror(x, 7) ^ ror(x, 18) ^ x >> 3; }
u32 sigma1(u32 x) { return ror(x, 17) ^ ror(x, 19) ^ x >> 10; }
u64 sigma0(u64 x) { return ror(x, 1) ^ ror(x, 8) ^ x >> 7; }
u64 sigma1(u64 x) { return ror(x, 19) ^ ror(x, 61) ^ x >> 6; }
u64 sum0(u64 x) { return ror(x, 28) ^ ror(x, 34) ^ ror(x, 39); }
u64 sum1(u64 x) { return ror(x, 14) ^ ror(x, 18) ^ ror(x, 41); }

/// Schedules: the new words from 16 old ones, of which the instructions get parts.
Outcome sha1_schedule_0(const Operands& in) {
    const auto d = words<u32>(in.d), n = words<u32>(in.n), m = words<u32>(in.m);
    return {vector<u32>({d[0] ^ d[2] ^ m[0], d[1] ^ d[3] ^ m[1], d[2] ^ n[0] ^ m[2], d[3] ^ n[1] ^ m[3]})};
}
Outcome sha1_schedule_1(const Operands& in) {
    const auto d = words<u32>(in.d), n = words<u32>(in.n);
    const auto turned = [](u32 x) { return std::rotl(x, 1); };
    const u32 first = turned(d[0] ^ n[1]);
    return {vector<u32>({first, turned(d[1] ^ n[2]), turned(d[2] ^ n[3]), turned(d[3] ^ first)})};
}
Outcome sha256_schedule_0(const Operands& in) {
    const auto d = words<u32>(in.d), n = words<u32>(in.n);
    return {
        vector<u32>({d[0] + sigma0(d[1]), d[1] + sigma0(d[2]), d[2] + sigma0(d[3]), d[3] + sigma0(n[0])})};
}
/// Rn has W[t-8 …], Rm W[t-4 …]: W[t-7] and W[t-2] for four t.
Outcome sha256_schedule_1(const Operands& in) {
    const auto d = words<u32>(in.d), n = words<u32>(in.n), m = words<u32>(in.m);
    const u32 w0 = d[0] + n[1] + sigma1(m[2]), w1 = d[1] + n[2] + sigma1(m[3]);
    return {vector<u32>({w0, w1, d[2] + n[3] + sigma1(w0), d[3] + m[0] + sigma1(w1)})};
}

struct CryptoCase {
    const char* name;
    unsigned sources;
    Outcome (*f)(const Operands&);
};
const CryptoCase kCases[] = {
    {"AESE", 1,
     [](const Operands& in) {
         return Outcome{std::bit_cast<Vector>(substituted_and_shifted(exclusive_or(in.d, in.n), false))};
     }},
    {"AESD", 1,
     [](const Operands& in) {
         return Outcome{std::bit_cast<Vector>(substituted_and_shifted(exclusive_or(in.d, in.n), true))};
     }},
    {"AESMC", 1,
     [](const Operands& in) {
         return Outcome{std::bit_cast<Vector>(mixed(in.n, {2, 1, 1, 3}))};
     }},
    {"AESIMC", 1,
     [](const Operands& in) {
         return Outcome{std::bit_cast<Vector>(mixed(in.n, {14, 9, 13, 11}))};
     }},
    {"SHA1C", 2, [](const Operands& in) { return sha1_rounds(in, choose<u32>); }},
    {"SHA1P", 2, [](const Operands& in) { return sha1_rounds(in, parity); }},
    {"SHA1M", 2, [](const Operands& in) { return sha1_rounds(in, majority<u32>); }},
    {"SHA1H", 1,
     [](const Operands& in) {
         return Outcome{{std::rotl(words<u32>(in.n)[0], 30), 0}};
     }},
    {"SHA1SU0", 2, sha1_schedule_0},
    {"SHA1SU1", 1, sha1_schedule_1},
    {"SHA256H", 2, [](const Operands& in) { return Outcome{sha256_rounds(in.d, in.n, in.m).first}; }},
    {"SHA256H2", 2, [](const Operands& in) { return Outcome{sha256_rounds(in.n, in.d, in.m).second}; }},
    {"SHA256SU0", 1, sha256_schedule_0},
    {"SHA256SU1", 2, sha256_schedule_1},
    // Two rounds: Rd has their sums of h, K and W, Rn f and g behind, Rm d and e.
    {"SHA512H", 2,
     [](const Operands& in) {
         const u64 first = in.d.high + sum1(in.m.high) + choose(in.m.high, in.n.low, in.n.high);
         const u64 e = in.m.low + first;
         return Outcome{{in.d.low + sum1(e) + choose(e, in.m.high, in.n.low), first}};
     }},
    // Rm has b and a, Rn c.
    {"SHA512H2", 2,
     [](const Operands& in) {
         const u64 first = in.d.high + sum0(in.m.low) + majority(in.n.low, in.m.high, in.m.low);
         return Outcome{{in.d.low + sum0(first) + majority(first, in.m.low, in.m.high), first}};
     }},
    {"SHA512SU0", 1,
     [](const Operands& in) {
         return Outcome{{in.d.low + sigma0(in.d.high), in.d.high + sigma0(in.n.low)}};
     }},
    {"SHA512SU1", 2,
     [](const Operands& in) {
         return Outcome{{in.d.low + sigma1(in.n.low) + in.m.low, in.d.high + sigma1(in.n.high) + in.m.high}};
     }},
    {"EOR3", 3, [](const Operands& in) { return Outcome{exclusive_or(exclusive_or(in.n, in.m), in.a)}; }},
    {"BCAX", 3,
     [](const Operands& in) {
         return Outcome{exclusive_or(in.n, {in.m.low & ~in.a.low, in.m.high & ~in.a.high})};
     }},
    {"RAX1", 2,
     [](const Operands& in) {
         return Outcome{exclusive_or(in.n, {std::rotl(in.m.low, 1), std::rotl(in.m.high, 1)})};
     }},
};
TEST(Crypto, EachByItsDefinition) {
    Random random;
    for (const CryptoCase& c : kCases) compare(random, {c.name, word(c.name), c.sources, 32, 200}, c.f);
}
TEST(Crypto, RotationsOfXar) {
    Random random;
    for (int k = 0; k < 64; ++k)
        compare(random, {"XAR", word("XAR") | static_cast<u32>(k) << 10, 2, 64}, [&](const Operands& in) {
            return Outcome{{ror(in.n.low ^ in.m.low, k), ror(in.n.high ^ in.m.high, k)}};
        });
}

// --- the examples. Guest code that works on a block.
u32 op2(std::string_view name, unsigned d, unsigned n) { return word(name) | rd(d) | rn(n); }
u32 op3(std::string_view name, unsigned d, unsigned n, unsigned m) { return op2(name, d, n) | rm(m); }
u32 move(unsigned d, unsigned n) { return op3("ORR_v", d, n, n) | kQ; }
u32 add(unsigned size, unsigned d, unsigned n, unsigned m) {
    return op3("ADD_v", d, n, m) | lane_size(size) | kQ;
}
/// FIPS 197, C.1: the key 000102…, the text 00112233….
struct Aes {
    std::array<Vector, 11> keys;
    static Vector bytes(u8 step) {
        State s;
        for (unsigned i = 0; i < 16; ++i) s[i] = static_cast<u8>(step * i);
        return std::bit_cast<Vector>(s);
    }
    /// Key expansion, FIPS 197, 5.2. AESE of equal columns with a key of 0 substitutes the bytes of a word.
    Aes() {
        keys[0] = bytes(1);
        u8 constant = 1;
        for (unsigned i = 1; i < 11; ++i) {
            auto w = words<u32>(keys[i - 1]);
            Machine m;
            m.set_v(0, vector<u32>({w[3], w[3], w[3], w[3]}));
            m.run({op2("AESE", 0, 1)});
            w[0] ^= std::rotr(words<u32>(m.v(0))[2], 8) ^ constant;
            for (unsigned k = 1; k < 4; ++k) w[k] ^= w[k - 1];
            keys[i] = vector<u32>(w);
            constant = times(constant, 2);
        }
    }
};
constexpr State kCiphertext{0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                            0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
TEST(Crypto, Aes128Example) {
    const Aes aes;
    EXPECT_EQ(aes.keys[10], std::bit_cast<Vector>(State{0x13, 0x11, 0x1d, 0x7f, 0xe3, 0x94, 0x4a, 0x17, 0xf3,
                                                        0x07, 0xa7, 0x8b, 0x4d, 0x2b, 0x30, 0xc5}));
    Machine m;
    for (unsigned i = 0; i < 11; ++i) m.set_v(i, aes.keys[i]);
    m.set_v(16, Aes::bytes(0x11));
    std::vector<u32> code;
    for (unsigned i = 0; i < 9; ++i) code.insert(code.end(), {op2("AESE", 16, i), op2("AESMC", 16, 16)});
    code.insert(code.end(), {op2("AESE", 16, 9), op3("EOR_v", 16, 16, 10) | kQ});
    m.run(code);
    EXPECT_EQ(m.v(16), std::bit_cast<Vector>(kCiphertext));

    code.clear();  // back, by the equivalent inverse cipher
    for (unsigned i = 1; i < 10; ++i) code.push_back(op2("AESIMC", i, i));
    for (unsigned i = 10; i > 1; --i) code.insert(code.end(), {op2("AESD", 16, i), op2("AESIMC", 16, 16)});
    code.insert(code.end(), {op2("AESD", 16, 1), op3("EOR_v", 16, 16, 0) | kQ});
    m.run(code);
    EXPECT_EQ(m.v(16), Aes::bytes(0x11));
}

/// "abc" in its padded block.
template <typename T>
std::array<T, 16> block_of_abc() {
    std::array<T, 16> w{};
    w[0] = T{0x61626380} << (8 * sizeof(T) - 32);
    w[15] = 24;
    return w;
}
template <typename T>
void set_words(Machine& m, unsigned first, std::span<const T> values) {
    for (unsigned i = 0; i < values.size() * sizeof(T) / 16; ++i) {
        Words<T> w;
        std::copy_n(values.begin() + static_cast<long>(i * w.size()), w.size(), w.begin());
        m.set_v(first + i, vector<T>(w));
    }
}

// v0 … v3 hold W; v4 a … d, v5 and v6 e in turn, v7 the sums, v8 K.
TEST(Crypto, Sha1Example) {
    constexpr std::array<u32, 4> kStart{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    constexpr u32 kE = 0xc3d2e1f0, kRounds[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    constexpr const char* kNames[] = {"SHA1C", "SHA1P", "SHA1M", "SHA1P"};
    Machine m;
    const auto w = block_of_abc<u32>();
    set_words<u32>(m, 0, w);
    m.set_v(4, vector<u32>(kStart));
    m.set_v(5, {0xdead'0000'0000'0000 | kE, 0x1234});
    for (unsigned group = 0; group < 20; ++group) {
        const unsigned w0 = group % 4, w1 = (group + 1) % 4, w2 = (group + 2) % 4, w3 = (group + 3) % 4,
                       e = 5 + group % 2, next = 6 - group % 2;
        const u32 k = kRounds[group / 5];
        m.set_v(8, vector<u32>({k, k, k, k}));
        m.run({add(2, 7, w0, 8), op2("SHA1H", next, 4), op3(kNames[group / 5], 4, e, 7),
               op3("SHA1SU0", w0, w1, w2), op2("SHA1SU1", w0, w3)});
    }
    auto digest = words<u32>(m.v(4));
    for (unsigned i = 0; i < 4; ++i) digest[i] += kStart[i];
    EXPECT_EQ(digest, (Words<u32>{0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c}));
    EXPECT_EQ(words<u32>(m.v(5))[0] + kE, 0x9cd0d89d);
}

/// The first 64 bits of fractional parts of the n-th primes' roots: FIPS 180-4, 4.2 and 5.3.
u64 fraction_of_root(unsigned nth, unsigned degree) {
    unsigned prime = 1;
    for (unsigned found = 0; found <= nth;) {
        ++prime;
        bool composite = false;
        for (unsigned k = 2; k * k <= prime; ++k) composite |= prime % k == 0;
        found += !composite;
    }
    // The largest r of 64 fractional bits with r^degree <= prime. Products in pieces of 32 bits, the lowest
    // first.
    const auto power_exceeds = [&](u128 r) {
        std::vector<u64> product{1};
        for (unsigned d = 0; d < degree; ++d) {
            std::vector<u64> next(product.size() + 3);
            for (size_t i = 0; i < product.size(); ++i)
                for (size_t k = 0; k < 3; ++k) {
                    u64 carry = product[i] * static_cast<u32>(r >> 32 * k);
                    for (size_t at = i + k; carry != 0; ++at) {
                        carry += next[at];
                        next[at] = static_cast<u32>(carry);
                        carry >>= 32;
                    }
                }
            product = next;
        }
        const size_t point = 2 * degree;  // pieces below it are the fraction
        u64 whole = product[point];
        for (size_t i = point + 1; i < product.size(); ++i) whole |= product[i] != 0 ? u64{1} << 32 : 0;
        return whole >= prime;
    };
    u128 r = 0;
    for (int bit = 69; bit >= 0; --bit)
        if (const u128 more = r | u128{1} << bit; !power_exceeds(more)) r = more;
    return static_cast<u64>(r);
}

// v0 … v3 hold W; v4 a … d, v5 e … h, v6 the old a … d, v7 the sums, v8 K.
TEST(Crypto, Sha256Example) {
    std::array<u32, 8> start;
    for (unsigned i = 0; i < 8; ++i) start[i] = static_cast<u32>(fraction_of_root(i, 2) >> 32);
    EXPECT_EQ(start[0], 0x6a09e667u);
    Machine m;
    const auto w = block_of_abc<u32>();
    set_words<u32>(m, 0, w);
    set_words<u32>(m, 4, start);
    for (unsigned group = 0; group < 16; ++group) {
        const unsigned w0 = group % 4, w1 = (group + 1) % 4, w2 = (group + 2) % 4, w3 = (group + 3) % 4;
        Words<u32> k;
        for (unsigned i = 0; i < 4; ++i) k[i] = static_cast<u32>(fraction_of_root(4 * group + i, 3) >> 32);
        m.set_v(8, vector<u32>(k));
        m.run({add(2, 7, w0, 8), move(6, 4), op3("SHA256H", 4, 5, 7), op3("SHA256H2", 5, 6, 7),
               op2("SHA256SU0", w0, w1), op3("SHA256SU1", w0, w2, w3)});
    }
    std::array<u32, 8> digest;
    for (unsigned i = 0; i < 8; ++i) digest[i] = start[i] + words<u32>(m.v(4 + i / 4))[i % 4];
    EXPECT_EQ(digest, (std::array<u32, 8>{0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3,
                                          0x96177a9c, 0xb410ff61, 0xf20015ad}));
}

// v0 … v7 hold W; v8 a, b; v9 c, d; v10 e, f; v11 g, h; v12 K, then sums.
TEST(Crypto, Sha512Example) {
    std::array<u64, 8> start;
    for (unsigned i = 0; i < 8; ++i) start[i] = fraction_of_root(i, 2);
    EXPECT_EQ(start[0], 0x6a09e667f3bcc908u);
    Machine m;
    const auto w = block_of_abc<u64>();
    set_words<u64>(m, 0, w);
    set_words<u64>(m, 8, start);
    const auto across = [](unsigned d, unsigned n, unsigned next) {  // the upper half of n, the lower of next
        return op3("EXT_v", d, n, next) | 8 << 11 | kQ;
    };
    for (unsigned pair = 0; pair < 40; ++pair) {
        const auto at = [&](unsigned k) { return (pair + k) % 8; };
        m.set_v(12, {fraction_of_root(2 * pair, 3), fraction_of_root(2 * pair + 1, 3)});
        m.run({add(3, 12, 12, at(0)), across(12, 12, 12), add(3, 12, 12, 11), across(13, 10, 11),
               across(14, 9, 10), op3("SHA512H", 12, 13, 14), move(11, 10), add(3, 10, 9, 12),
               op3("SHA512H2", 12, 9, 8), move(9, 8), move(8, 12), op2("SHA512SU0", at(0), at(1)),
               across(13, at(4), at(5)), op3("SHA512SU1", at(0), at(7), 13)});
    }
    std::array<u64, 8> digest;
    for (unsigned i = 0; i < 8; ++i) digest[i] = start[i] + words<u64>(m.v(8 + i / 2))[i % 2];
    EXPECT_EQ(digest, (std::array<u64, 8>{0xddaf35a193617aba, 0xcc417349ae204131, 0x12e6fa4e89a97ea2,
                                          0x0a9eeee64b55d39a, 0x2192992a274fc1a8, 0x36ba3c23a3feebbd,
                                          0x454d4423643ce80e, 0x2a9ac94fa54ca49f}));
}

}  // namespace

std::vector<std::string> names_of_crypto_tests() {
    std::vector<std::string> names{"XAR"};
    for (const CryptoCase& c : kCases) names.push_back(c.name);
    return names;
}

}  // namespace vm::frontend::arm64::test
