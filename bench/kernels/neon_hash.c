// class: simd
// flags: -O3
// A hash in the manner of XXH3 by NEON intrinsics: 32-bit multiplication into 64 bits, exchanges of halves, shifts of 64-bit lanes.
#include "kernel.h"
enum { N = 1 << 14 };
static u64 data[N / 8], secret[8 + N / 64];
#ifdef __aarch64__
#include <arm_neon.h>
static NOINLINE void accumulate(u64* acc) {
    uint64x2_t s[4];
    for (int k = 0; k < 4; k++) s[k] = vld1q_u64(acc + 2 * k);
    for (int i = 0; i < N / 8; i += 8) {
        for (int k = 0; k < 4; k++) {
            uint64x2_t v = vld1q_u64(data + i + 2 * k), key = veorq_u64(v, vld1q_u64(secret + i / 8 + 2 * k));
            s[k] = vaddq_u64(s[k], vextq_u64(v, v, 1));
            s[k] = vmlal_u32(s[k], vmovn_u64(key), vshrn_n_u64(key, 32));
        }
        if (i % 128 == 120)
            for (int k = 0; k < 4; k++) {
                uint64x2_t x = veorq_u64(veorq_u64(s[k], vshrq_n_u64(s[k], 47)), vld1q_u64(secret + 2 * k));
                s[k] = vmlal_u32(vshlq_n_u64(vmull_u32(vshrn_n_u64(x, 32), vdup_n_u32(0x9e3779b1)), 32), vmovn_u64(x), vdup_n_u32(0x9e3779b1));
            }
    }
    for (int k = 0; k < 4; k++) vst1q_u64(acc + 2 * k, s[k]);
}
#else
static NOINLINE void accumulate(u64* acc) {
    for (int i = 0; i < N / 8; i += 8) {
        for (int k = 0; k < 8; k++) {
            u64 key = data[i + k] ^ secret[i / 8 + k];
            acc[k] += data[i + (k ^ 1)] + (key & 0xffffffff) * (key >> 32);
        }
        if (i % 128 == 120)
            for (int k = 0; k < 8; k++) acc[k] = (acc[k] ^ acc[k] >> 47 ^ secret[k]) * 0x9e3779b1;
    }
}
#endif
static u64 run(long scale) {
    u64 seed = 43, sum = 0, acc[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (int i = 0; i < N / 8; i++) data[i] = next_random(&seed);
    for (int i = 0; i < 8 + N / 64; i++) secret[i] = next_random(&seed);
    for (long r = 0; r < 20000 * scale; r++) {
        accumulate(acc);
        data[r % (N / 8)] ^= acc[r % 8];
    }
    for (int k = 0; k < 8; k++) sum = sum * 31 + acc[k];
    return sum;
}
