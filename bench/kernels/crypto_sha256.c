// class: crypto
// flags: crypto
// SHA-256 over 64 KiB: SHA256H, SHA256H2, SHA256SU0 and SHA256SU1, the host's SHA instructions, or plain C.
#include "kernel.h"
enum { N = 1 << 16 };
static u32 data[N / 4];  // words as they are hashed
static const u32 K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
#if defined(__ARM_FEATURE_SHA2)
#include <arm_neon.h>
static NOINLINE void compress(u32* h, const u32* block) {
    uint32x4_t a = vld1q_u32(h), e = vld1q_u32(h + 4), m[4];
    for (int i = 0; i < 4; i++) m[i] = vld1q_u32(block + 4 * i);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        uint32x4_t wk = vaddq_u32(m[i & 3], vld1q_u32(K + 4 * i)), t = a;
        a = vsha256hq_u32(a, e, wk), e = vsha256h2q_u32(e, t, wk);
        if (i < 12) m[i & 3] = vsha256su1q_u32(vsha256su0q_u32(m[i & 3], m[(i + 1) & 3]), m[(i + 2) & 3], m[(i + 3) & 3]);
    }
    vst1q_u32(h, vaddq_u32(a, vld1q_u32(h))), vst1q_u32(h + 4, vaddq_u32(e, vld1q_u32(h + 4)));
}
#elif defined(__SHA__)
#include <immintrin.h>
static NOINLINE void compress(u32* h, const u32* block) {
    __m128i lo = _mm_shuffle_epi32(_mm_loadu_si128((const void*)h), 0xb1), hi = _mm_shuffle_epi32(_mm_loadu_si128((const void*)(h + 4)), 0x1b), m[4];
    __m128i abef = _mm_alignr_epi8(lo, hi, 8), cdgh = _mm_blend_epi16(hi, lo, 0xf0), abef0 = abef, cdgh0 = cdgh;
    for (int i = 0; i < 4; i++) m[i] = _mm_loadu_si128((const void*)(block + 4 * i));
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        __m128i wk = _mm_add_epi32(m[i & 3], _mm_loadu_si128((const void*)(K + 4 * i)));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
        if (i < 12) {
            __m128i t = _mm_add_epi32(_mm_sha256msg1_epu32(m[i & 3], m[(i + 1) & 3]), _mm_alignr_epi8(m[(i + 3) & 3], m[(i + 2) & 3], 4));
            m[i & 3] = _mm_sha256msg2_epu32(t, m[(i + 3) & 3]);
        }
    }
    abef = _mm_shuffle_epi32(_mm_add_epi32(abef, abef0), 0x1b), cdgh = _mm_shuffle_epi32(_mm_add_epi32(cdgh, cdgh0), 0xb1);
    _mm_storeu_si128((void*)h, _mm_blend_epi16(abef, cdgh, 0xf0)), _mm_storeu_si128((void*)(h + 4), _mm_alignr_epi8(cdgh, abef, 8));
}
#else
static inline u32 ror(u32 x, int n) { return x >> n | x << (32 - n); }
static NOINLINE void compress(u32* h, const u32* block) {
    u32 w[64], s[8];
    for (int i = 0; i < 16; i++) w[i] = block[i];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] + (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
        u32 t1 = s[7] + (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
        u32 t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        s[7] = s[6], s[6] = s[5], s[5] = s[4], s[4] = s[3] + t1, s[3] = s[2], s[2] = s[1], s[1] = s[0], s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
}
#endif
static u64 run(long scale) {
    u64 seed = 59, sum = 0;
    u32 h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (int i = 0; i < N / 4; i++) data[i] = (u32)next_random(&seed);
    for (long r = 0; r < 1200 * scale; r++) {
        for (int i = 0; i < N / 4; i += 16) compress(h, data + i);
        data[r % (N / 4)] ^= h[0];
    }
    for (int i = 0; i < 8; i++) sum = sum * 31 + h[i];
    return sum;
}
