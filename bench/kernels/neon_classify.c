// class: simd
// flags: -O3
// Bytes of JSON classified by NEON intrinsics: nibbles looked up in tables, pairwise additions to a mask of 64 bits.
#include "kernel.h"
enum { N = 1 << 15 };
static u8 text[N];
static u64 masks[N / 64];
static const u8 low_table[16] = {16, 0, 0, 0, 0, 0, 0, 0, 0, 8, 12, 1, 2, 9, 0, 0}, high_table[16] = {8, 0, 18, 4, 0, 1, 0, 1, 0, 0, 0, 3, 2, 1, 0, 0};
#ifdef __aarch64__
#include <arm_neon.h>
static NOINLINE void classify(void) {
    static const u8 weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t lo = vld1q_u8(low_table), hi = vld1q_u8(high_table), bit = vld1q_u8(weights), nibble = vdupq_n_u8(15);
    for (int i = 0; i < N; i += 64) {
        uint8x16_t m[4];
        for (int k = 0; k < 4; k++) {
            uint8x16_t v = vld1q_u8(text + i + 16 * k);
            m[k] = vandq_u8(vtstq_u8(vqtbl1q_u8(lo, vandq_u8(v, nibble)), vqtbl1q_u8(hi, vshrq_n_u8(v, 4))), bit);
        }
        uint8x16_t s = vpaddq_u8(vpaddq_u8(m[0], m[1]), vpaddq_u8(m[2], m[3]));
        masks[i / 64] = vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(s, s)), 0);
    }
}
#else
static NOINLINE void classify(void) {
    for (int i = 0; i < N; i += 64) {
        u64 mask = 0;
        for (int k = 0; k < 64; k++) mask |= (u64)((low_table[text[i + k] & 15] & high_table[text[i + k] >> 4]) != 0) << k;
        masks[i / 64] = mask;
    }
}
#endif
static u64 run(long scale) {
    static const char pieces[] = "{\"name\": \"value\", \"list\": [1, 2.5e3, true, null], \"nested\": {\"a\": -7}},\n";
    u64 sum = 0;
    for (int i = 0; i < N; i++) text[i] = (u8)pieces[i % (sizeof pieces - 1)];
    for (long r = 0; r < 1500 * scale; r++) {
        classify();
        for (int i = 0; i < N / 64; i += 16) sum = sum * 31 + masks[i];
        text[r % N] = (u8)(masks[r % (N / 64)] & 127);
    }
    for (int i = 0; i < N / 64; i++) sum = sum * 31 + masks[i];
    return sum;
}
