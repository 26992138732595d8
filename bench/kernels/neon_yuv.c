// class: simd
// flags: -O3
// Colour conversion by NEON intrinsics: interleaved loads and stores, widening multiplication, saturating narrowing shifts.
#include "kernel.h"
enum { N = 16384 };
static u8 y[N], uv[N], rgb[3 * N];
#ifdef __aarch64__
#include <arm_neon.h>
static NOINLINE void convert(void) {
    for (int i = 0; i < N; i += 16) {
        uint8x16_t luma = vld1q_u8(y + i);
        uint8x8x2_t c = vld2_u8(uv + i);  // u, v of pairs of pixels
        uint8x8x2_t u2 = vzip_u8(c.val[0], c.val[0]), v2 = vzip_u8(c.val[1], c.val[1]);
        uint8x8x3_t out;
        for (int h = 0; h < 2; h++) {
            int16x8_t l = vreinterpretq_s16_u16(vmull_u8(h ? vget_high_u8(luma) : vget_low_u8(luma), vdup_n_u8(64)));
            int16x8_t u = vreinterpretq_s16_u16(vsubl_u8(u2.val[h], vdup_n_u8(128))), v = vreinterpretq_s16_u16(vsubl_u8(v2.val[h], vdup_n_u8(128)));
            out.val[0] = vqrshrun_n_s16(vqaddq_s16(l, vmulq_n_s16(v, 90)), 6);
            out.val[1] = vqrshrun_n_s16(vqsubq_s16(vmlsq_n_s16(l, u, 22), vmulq_n_s16(v, 46)), 6);
            out.val[2] = vqrshrun_n_s16(vqaddq_s16(l, vmulq_n_s16(u, 113)), 6);
            vst3_u8(rgb + 3 * (i + 8 * h), out);
        }
    }
}
#else
static int sat16(int x) { return x > 32767 ? 32767 : x < -32768 ? -32768 : x; }
static u8 narrow(int x) { return x = (x + 32) >> 6, (u8)(x < 0 ? 0 : x > 255 ? 255 : x); }
static NOINLINE void convert(void) {
    for (int i = 0; i < N; i++) {
        int l = y[i] * 64, u = uv[i & ~1] - 128, v = uv[i | 1] - 128;
        rgb[3 * i] = narrow(sat16(l + v * 90));
        rgb[3 * i + 1] = narrow(sat16(l - u * 22 - v * 46));
        rgb[3 * i + 2] = narrow(sat16(l + u * 113));
    }
}
#endif
static u64 run(long scale) {
    u64 seed = 23, sum = 0;
    for (int i = 0; i < N; i++) y[i] = (u8)next_random(&seed), uv[i] = (u8)next_random(&seed);
    for (long r = 0; r < 2500 * scale; r++) {
        convert();
        sum = sum * 31 + rgb[r % (3 * N)];
        y[r % N] ^= rgb[(r * 7) % (3 * N)];
    }
    for (int i = 0; i < 3 * N; i++) sum = sum * 31 + rgb[i];
    return sum;
}
