// class: simd
// flags: -O3
// A filter of halfwords by NEON intrinsics: multiplication by lanes into words, extraction across registers, saturating narrowing.
#include "kernel.h"
typedef int16_t s16;
enum { N = 8192, TAPS = 16 };
static s16 in[N + TAPS], out[N], tap[TAPS];
#ifdef __aarch64__
#include <arm_neon.h>
#define TAP4(k, c)                                                                   \
    v = vld1q_s16(in + i + k), w = vld1q_s16(in + i + k + 8);                         \
    lo = vmlal_lane_s16(lo, vget_low_s16(v), c, 0), hi = vmlal_lane_s16(hi, vget_high_s16(v), c, 0); \
    x = vextq_s16(v, w, 1), lo = vmlal_lane_s16(lo, vget_low_s16(x), c, 1), hi = vmlal_lane_s16(hi, vget_high_s16(x), c, 1); \
    x = vextq_s16(v, w, 2), lo = vmlal_lane_s16(lo, vget_low_s16(x), c, 2), hi = vmlal_lane_s16(hi, vget_high_s16(x), c, 2); \
    x = vextq_s16(v, w, 3), lo = vmlal_lane_s16(lo, vget_low_s16(x), c, 3), hi = vmlal_lane_s16(hi, vget_high_s16(x), c, 3)
static NOINLINE void filter(void) {
    int16x4_t c0 = vld1_s16(tap), c1 = vld1_s16(tap + 4), c2 = vld1_s16(tap + 8), c3 = vld1_s16(tap + 12);
    for (int i = 0; i < N; i += 8) {
        int32x4_t lo = vdupq_n_s32(0), hi = lo;
        int16x8_t v, w, x;
        TAP4(0, c0);
        TAP4(4, c1);
        TAP4(8, c2);
        if (i + 24 <= N + TAPS - 4) { TAP4(12, c3); }
        vst1q_s16(out + i, vcombine_s16(vqrshrn_n_s32(lo, 12), vqrshrn_n_s32(hi, 12)));
    }
}
#else
static NOINLINE void filter(void) {
    for (int i = 0; i < N; i++) {
        int sum = 0, taps = (i & ~7) + 24 <= N + TAPS - 4 ? TAPS : TAPS - 4;
        for (int k = 0; k < taps; k++) sum += in[i + k] * tap[k];
        sum = (sum + 2048) >> 12;
        out[i] = (s16)(sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum);
    }
}
#endif
static u64 run(long scale) {
    u64 seed = 29, sum = 0;
    for (int i = 0; i < N + TAPS; i++) in[i] = (s16)next_random(&seed);
    for (int i = 0; i < TAPS; i++) tap[i] = (s16)((int)(next_random(&seed) % 3001) - 1500);
    for (long r = 0; r < 3000 * scale; r++) {
        filter();
        sum = sum * 31 + (u64)(uint16_t)out[r % N];
        in[r % N] = out[(r * 3) % N];
    }
    for (int i = 0; i < N; i++) sum = sum * 31 + (u64)(uint16_t)out[i];
    return sum;
}
