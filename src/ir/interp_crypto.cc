// AES (FIPS 197) and SHA-1, SHA-256, SHA-512 (FIPS 180-4), a step at a time as the Arm instructions cut them.
// Not for secrets of the host: table lookups take time that depends on the data.
#include "ir/interp_vec.h"

namespace vm::ir {
namespace {

// --- AES. The state is four columns of four bytes, column by column.

/// Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
constexpr u8 gf_mul(unsigned a, unsigned b) {
    unsigned r = 0;
    for (; b != 0; b >>= 1) {
        if (b & 1) r ^= a;
        a = a << 1 ^ (a & 0x80 ? 0x11b : 0);
    }
    return static_cast<u8>(r);
}

struct AesTables {
    std::array<u8, 256> box{}, inverse{};
};
/// The S-box is the inverse in the field (0 for 0), then an affine map of its bits.
constexpr AesTables kAes = [] {
    AesTables t;
    u8 power = 1, inverse = 1;  // of 3, which generates the field's group, and of its inverse 0xf6
    const auto set = [&t](u8 v, u8 inv) {
        unsigned s = 0x63;
        for (unsigned i = 0; i < 5; ++i) s ^= std::rotl(inv, static_cast<int>(i));
        t.box[v] = static_cast<u8>(s);
        t.inverse[t.box[v]] = v;
    };
    set(0, 0);
    for (unsigned i = 0; i < 255; ++i) {
        set(power, inverse);
        power = gf_mul(power, 3);
        inverse = gf_mul(inverse, 0xf6);
    }
    return t;
}();
static_assert(kAes.box[0x53] == 0xed && kAes.inverse[0xed] == 0x53);

u128 aes_encrypt(u128 state) {
    const auto in = lanes_of<u8>(state);
    LaneArray<u8> out{};
    for (size_t column = 0; column < 4; ++column)
        for (size_t row = 0; row < 4; ++row)
            out[4 * column + row] = kAes.box[in[4 * ((column + row) % 4) + row]];
    return vector_of<u8>(out);
}

u128 aes_decrypt(u128 state) {
    const auto in = lanes_of<u8>(state);
    LaneArray<u8> out{};
    for (size_t column = 0; column < 4; ++column)
        for (size_t row = 0; row < 4; ++row)
            out[4 * ((column + row) % 4) + row] = kAes.inverse[in[4 * column + row]];
    return vector_of<u8>(out);
}

/// Every column times the polynomial with these coefficients, of which the first belongs to the byte's own
/// row.
u128 mix_columns(u128 state, const std::array<u8, 4>& coefficients) {
    const auto in = lanes_of<u8>(state);
    LaneArray<u8> out{};
    for (size_t i = 0; i < 16; ++i)
        for (size_t k = 0; k < 4; ++k)
            out[i] = static_cast<u8>(out[i] ^ gf_mul(in[i / 4 * 4 + (i + k) % 4], coefficients[k]));
    return vector_of<u8>(out);
}

// --- SHA

template <class T>
T choose(T x, T y, T z) {
    return (x & y) ^ (~x & z);
}
template <class T>
T majority(T x, T y, T z) {
    return (x & y) ^ (x & z) ^ (y & z);
}
template <class T>
T parity(T x, T y, T z) {
    return x ^ y ^ z;
}

template <class F>
u128 sha1_rounds(u128 x, u128 y, u128 z, F f) {
    auto v = lanes_of<u32>(x);
    const auto w = lanes_of<u32>(z);
    u32 e = static_cast<u32>(y);
    for (const u32 word : w) {
        const u32 next = e + std::rotl(v[0], 5) + f(v[1], v[2], v[3]) + word;
        e = v[3];
        v = {next, v[0], std::rotl(v[1], 30), v[2]};
    }
    return vector_of<u32>(v);
}

u128 sha1_schedule1(u128 x, u128 y) {
    const u128 t = x ^ y >> 32;
    auto v = lanes_of<u32>(t);
    for (u32& word : v) word = std::rotl(word, 1);
    v[3] ^= std::rotl(static_cast<u32>(t), 2);
    return vector_of<u32>(v);
}

/// Four rounds; the first four working variables, or the last four.
u128 sha256_rounds(u128 abcd, u128 efgh, u128 schedule, bool first) {
    auto a = lanes_of<u32>(abcd), e = lanes_of<u32>(efgh);
    for (const u32 word : lanes_of<u32>(schedule)) {
        const u32 sum1 = std::rotr(e[0], 6) ^ std::rotr(e[0], 11) ^ std::rotr(e[0], 25);
        const u32 sum0 = std::rotr(a[0], 2) ^ std::rotr(a[0], 13) ^ std::rotr(a[0], 22);
        const u32 t = e[3] + sum1 + choose(e[0], e[1], e[2]) + word;
        const u32 top = t + sum0 + majority(a[0], a[1], a[2]);
        e = {a[3] + t, e[0], e[1], e[2]};
        a = {top, a[0], a[1], a[2]};
    }
    return vector_of<u32>(first ? a : e);
}

u32 sha256_sigma0(u32 v) { return std::rotr(v, 7) ^ std::rotr(v, 18) ^ v >> 3; }
u32 sha256_sigma1(u32 v) { return std::rotr(v, 17) ^ std::rotr(v, 19) ^ v >> 10; }

u128 sha256_schedule0(u128 x, u128 y) {
    auto v = lanes_of<u32>(x);
    const auto next = lanes_of<u32>(x >> 32 | y << 96);
    for (size_t i = 0; i < 4; ++i) v[i] += sha256_sigma0(next[i]);
    return vector_of<u32>(v);
}

u128 sha256_schedule1(u128 x, u128 y, u128 z) {
    auto v = lanes_of<u32>(x);
    const auto seventh = lanes_of<u32>(y >> 32 | z << 96);
    const auto last = lanes_of<u32>(z);
    for (size_t i = 0; i < 4; ++i) v[i] += seventh[i] + sha256_sigma1(i < 2 ? last[2 + i] : v[i - 2]);
    return vector_of<u32>(v);
}

u64 sha512_sum0(u64 v) { return std::rotr(v, 28) ^ std::rotr(v, 34) ^ std::rotr(v, 39); }
u64 sha512_sum1(u64 v) { return std::rotr(v, 14) ^ std::rotr(v, 18) ^ std::rotr(v, 41); }
u64 sha512_sigma0(u64 v) { return std::rotr(v, 1) ^ std::rotr(v, 8) ^ v >> 7; }
u64 sha512_sigma1(u64 v) { return std::rotr(v, 19) ^ std::rotr(v, 61) ^ v >> 6; }

u128 sha512_hash(u128 x, u128 y, u128 z) {
    const auto w = lanes_of<u64>(x), fg = lanes_of<u64>(y), de = lanes_of<u64>(z);
    const u64 first = choose(de[1], fg[0], fg[1]) + sha512_sum1(de[1]) + w[1];
    const u64 e = first + de[0];
    const u64 second = choose(e, de[1], fg[0]) + sha512_sum1(e) + w[0];
    return vector_of<u64>({second, first});
}

u128 sha512_hash2(u128 x, u128 y, u128 z) {
    const auto w = lanes_of<u64>(x), ab = lanes_of<u64>(z);
    const u64 c = static_cast<u64>(y);
    const u64 first = majority(c, ab[1], ab[0]) + sha512_sum0(ab[0]) + w[1];
    const u64 second = majority(first, ab[0], ab[1]) + sha512_sum0(first) + w[0];
    return vector_of<u64>({second, first});
}

u128 sha512_schedule0(u128 x, u128 y) {
    const auto w = lanes_of<u64>(x);
    return vector_of<u64>({w[0] + sha512_sigma0(w[1]), w[1] + sha512_sigma0(static_cast<u64>(y))});
}

u128 sha512_schedule1(u128 x, u128 y, u128 z) {
    auto w = lanes_of<u64>(x);
    const auto last = lanes_of<u64>(y), seventh = lanes_of<u64>(z);
    for (size_t i = 0; i < 2; ++i) w[i] += sha512_sigma1(last[i]) + seventh[i];
    return vector_of<u64>(w);
}

}  // namespace

u128 interp_crypto(Op op, u128 x, u128 y, u128 z) {
    switch (op) {
        case Op::VAesE: return aes_encrypt(x ^ y);
        case Op::VAesD: return aes_decrypt(x ^ y);
        case Op::VAesMc: return mix_columns(x, {2, 3, 1, 1});
        case Op::VAesImc: return mix_columns(x, {14, 11, 13, 9});
        case Op::VSha1C: return sha1_rounds(x, y, z, choose<u32>);
        case Op::VSha1P: return sha1_rounds(x, y, z, parity<u32>);
        case Op::VSha1M: return sha1_rounds(x, y, z, majority<u32>);
        case Op::VSha1Su0: return (x >> 64 | y << 64) ^ x ^ z;
        case Op::VSha1Su1: return sha1_schedule1(x, y);
        case Op::VSha256H: return sha256_rounds(x, y, z, true);
        case Op::VSha256H2: return sha256_rounds(y, x, z, false);
        case Op::VSha256Su0: return sha256_schedule0(x, y);
        case Op::VSha256Su1: return sha256_schedule1(x, y, z);
        case Op::VSha512H: return sha512_hash(x, y, z);
        case Op::VSha512H2: return sha512_hash2(x, y, z);
        case Op::VSha512Su0: return sha512_schedule0(x, y);
        default: return sha512_schedule1(x, y, z);
    }
}

}  // namespace vm::ir
