// class: simd
// flags: -O3
// Matrix multiplication by NEON intrinsics: fused multiply-add by lanes. The values are small integers, so that fusing changes nothing.
#include "kernel.h"
enum { N = 64 };
static float a[N][N], b[N][N], c[N][N];
#ifdef __aarch64__
#include <arm_neon.h>
static NOINLINE void multiply(void) {
    for (int i = 0; i < N; i += 4)
        for (int j = 0; j < N; j += 4) {
            float32x4_t r0 = vdupq_n_f32(0), r1 = r0, r2 = r0, r3 = r0;
            for (int k = 0; k < N; k += 4) {
                float32x4_t p0 = vld1q_f32(&a[i][k]), p1 = vld1q_f32(&a[i + 1][k]), p2 = vld1q_f32(&a[i + 2][k]), p3 = vld1q_f32(&a[i + 3][k]);
#define LANE(n)                                                                                  \
    {                                                                                            \
        float32x4_t q = vld1q_f32(&b[k + n][j]);                                                 \
        r0 = vfmaq_laneq_f32(r0, q, p0, n), r1 = vfmaq_laneq_f32(r1, q, p1, n);                  \
        r2 = vfmaq_laneq_f32(r2, q, p2, n), r3 = vfmaq_laneq_f32(r3, q, p3, n);                  \
    }
                LANE(0) LANE(1) LANE(2) LANE(3)
            }
            vst1q_f32(&c[i][j], r0), vst1q_f32(&c[i + 1][j], r1), vst1q_f32(&c[i + 2][j], r2), vst1q_f32(&c[i + 3][j], r3);
        }
}
#else
static NOINLINE void multiply(void) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) c[i][j] = 0;
        for (int k = 0; k < N; k++)
            for (int j = 0; j < N; j++) c[i][j] += a[i][k] * b[k][j];
    }
}
#endif
static u64 run(long scale) {
    u64 seed = 41, sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (float)((int)(next_random(&seed) % 17) - 8), b[i][j] = (float)((int)(next_random(&seed) % 17) - 8);
    for (long r = 0; r < 800 * scale; r++) {
        multiply();
        for (int i = 0; i < N; i++) a[r % N][i] = (float)((int)c[i][r % N] % 9), sum = sum * 31 + (u64)(long)c[r % N][i];
    }
    return sum;
}
