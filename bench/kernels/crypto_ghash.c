// class: crypto
// flags: crypto
// Multiplication in GF(2^128), as GHASH and POLYVAL have it: PMULL, PCLMULQDQ, or shifts and exclusive or.
#include "kernel.h"
#if defined(__ARM_FEATURE_AES)
#include <arm_neon.h>
static void product(u64 a, u64 b, u64* lo, u64* hi) {
    uint64x2_t r = vreinterpretq_u64_p128(vmull_p64((poly64_t)a, (poly64_t)b));
    *lo = vgetq_lane_u64(r, 0), *hi = vgetq_lane_u64(r, 1);
}
#elif defined(__PCLMUL__)
#include <immintrin.h>
static void product(u64 a, u64 b, u64* lo, u64* hi) {
    __m128i r = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a), _mm_cvtsi64_si128((long long)b), 0);
    *lo = (u64)_mm_cvtsi128_si64(r), *hi = (u64)_mm_cvtsi128_si64(_mm_unpackhi_epi64(r, r));
}
#else
static void product(u64 a, u64 b, u64* lo, u64* hi) {
    u64 l = b & 1 ? a : 0, h = 0;
    for (int i = 1; i < 64; i++)
        if (b >> i & 1) l ^= a << i, h ^= a >> (64 - i);
    *lo = l, *hi = h;
}
#endif
static NOINLINE void multiply(u64* x, const u64* h) {
    u64 l0, l1, m0, m1, n0, n1, h0, h1, t0, t1;
    product(x[0], h[0], &l0, &l1), product(x[1], h[1], &h0, &h1);
    product(x[0], h[1], &m0, &m1), product(x[1], h[0], &n0, &n1);
    l1 ^= m0 ^ n0, h0 ^= m1 ^ n1;
    // modulo x^128 + x^127 + x^126 + x^121 + 1, bit-reflected
    product(l0, 0xc200000000000000u, &t0, &t1);
    u64 s = l1 ^ t0;
    h0 ^= l0 ^ t1;
    product(s, 0xc200000000000000u, &t0, &t1);
    x[0] = h0 ^ t0, x[1] = h1 ^ s ^ t1;
}
static u64 run(long scale) {
    u64 seed = 71, x[2] = {1, 2}, h[2] = {next_random(&seed), next_random(&seed)}, data[64];
    for (int i = 0; i < 64; i++) data[i] = next_random(&seed);
    for (long r = 0; r < 4000000 * scale; r++) {
        x[0] ^= data[2 * r & 63], x[1] ^= data[(2 * r + 1) & 63];
        multiply(x, h);
    }
    return x[0] ^ x[1] * 31;
}
