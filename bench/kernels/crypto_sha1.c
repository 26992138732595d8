// class: crypto
// flags: crypto
// SHA-1 over 64 KiB: SHA1C, SHA1P, SHA1M, SHA1SU0 and SHA1SU1, the host's SHA instructions, or plain C.
#include "kernel.h"
enum { N = 1 << 16 };
static u32 data[N / 4];  // words as they are hashed
#if defined(__ARM_FEATURE_SHA2)
#include <arm_neon.h>
static NOINLINE void compress(u32* h, const u32* block) {
    uint32x4_t abcd = vld1q_u32(h), m[4], wk;
    const uint32x4_t k[4] = {vdupq_n_u32(0x5a827999), vdupq_n_u32(0x6ed9eba1), vdupq_n_u32(0x8f1bbcdc), vdupq_n_u32(0xca62c1d6)};
    u32 e = h[4];
    for (int i = 0; i < 4; i++) m[i] = vld1q_u32(block + 4 * i);
#define ROUNDS(i)                                                                                                     \
    wk = vaddq_u32(m[i & 3], k[i / 5]);                                                                               \
    {                                                                                                                 \
        u32 next = vsha1h_u32(vgetq_lane_u32(abcd, 0));                                                               \
        abcd = i / 5 == 0 ? vsha1cq_u32(abcd, e, wk) : i / 5 == 2 ? vsha1mq_u32(abcd, e, wk) : vsha1pq_u32(abcd, e, wk); \
        e = next;                                                                                                     \
    }                                                                                                                 \
    if (i < 16) m[i & 3] = vsha1su1q_u32(vsha1su0q_u32(m[i & 3], m[(i + 1) & 3], m[(i + 2) & 3]), m[(i + 3) & 3]);
    ROUNDS(0) ROUNDS(1) ROUNDS(2) ROUNDS(3) ROUNDS(4) ROUNDS(5) ROUNDS(6) ROUNDS(7) ROUNDS(8) ROUNDS(9)
    ROUNDS(10) ROUNDS(11) ROUNDS(12) ROUNDS(13) ROUNDS(14) ROUNDS(15) ROUNDS(16) ROUNDS(17) ROUNDS(18) ROUNDS(19)
    vst1q_u32(h, vaddq_u32(abcd, vld1q_u32(h)));
    h[4] += e;
}
#elif defined(__SHA__)
#include <immintrin.h>
static NOINLINE void compress(u32* h, const u32* block) {
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const void*)h), 0x1b), first = abcd, e = _mm_set_epi32((int)h[4], 0, 0, 0), e_first = e, m[4], x;
    for (int i = 0; i < 4; i++) m[i] = _mm_shuffle_epi32(_mm_loadu_si128((const void*)(block + 4 * i)), 0x1b);
#define ROUNDS(i)                                                                            \
    x = i == 0 ? _mm_add_epi32(e, m[0]) : _mm_sha1nexte_epu32(e, m[i & 3]);                  \
    e = abcd;                                                                                \
    abcd = _mm_sha1rnds4_epu32(abcd, x, i / 5);                                              \
    if (i < 16) m[i & 3] = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(m[i & 3], m[(i + 1) & 3]), m[(i + 2) & 3]), m[(i + 3) & 3]);
    ROUNDS(0) ROUNDS(1) ROUNDS(2) ROUNDS(3) ROUNDS(4) ROUNDS(5) ROUNDS(6) ROUNDS(7) ROUNDS(8) ROUNDS(9)
    ROUNDS(10) ROUNDS(11) ROUNDS(12) ROUNDS(13) ROUNDS(14) ROUNDS(15) ROUNDS(16) ROUNDS(17) ROUNDS(18) ROUNDS(19)
    e = _mm_sha1nexte_epu32(e, e_first);
    abcd = _mm_add_epi32(abcd, first);
    _mm_storeu_si128((void*)h, _mm_shuffle_epi32(abcd, 0x1b));
    h[4] = (u32)_mm_extract_epi32(e, 3);
}
#else
static u32 rol(u32 x, int n) { return x << n | x >> (32 - n); }
static NOINLINE void compress(u32* h, const u32* block) {
    static const u32 k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    u32 w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; i++) {
        w[i] = i < 16 ? block[i] : rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        u32 f = i < 20 ? (b & c) | (~b & d) : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
        u32 t = rol(a, 5) + f + e + k[i / 20] + w[i];
        e = d, d = c, c = rol(b, 30), b = a, a = t;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}
#endif
static u64 run(long scale) {
    u64 seed = 53;
    u32 h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    for (int i = 0; i < N / 4; i++) data[i] = (u32)next_random(&seed);
    for (long r = 0; r < 1200 * scale; r++) {
        for (int i = 0; i < N / 4; i += 16) compress(h, data + i);
        data[r % (N / 4)] ^= h[0];
    }
    return ((u64)h[0] << 32 | h[1]) ^ ((u64)h[2] << 32 | h[3]) ^ h[4];
}
