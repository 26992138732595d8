// class: simd
// flags: -O3
// Sixteen words sorted by NEON intrinsics: a network of minima and maxima, transposed with ZIP, merged with reversals and TRN.
#include "kernel.h"
typedef int32_t s32;
enum { N = 1 << 14 };
static s32 v[N];
#ifdef __aarch64__
#include <arm_neon.h>
#define SWAP(a, b)                        \
    {                                     \
        int32x4_t t = vminq_s32(a, b);    \
        b = vmaxq_s32(a, b), a = t;       \
    }
static NOINLINE void sort_columns(s32* p) {  // every fourth word, then the rows of the transposed matrix
    int32x4_t a = vld1q_s32(p), b = vld1q_s32(p + 4), c = vld1q_s32(p + 8), d = vld1q_s32(p + 12);
    SWAP(a, b) SWAP(c, d) SWAP(a, c) SWAP(b, d) SWAP(b, c)
    int32x4_t t0 = vzip1q_s32(a, c), t1 = vzip2q_s32(a, c), t2 = vzip1q_s32(b, d), t3 = vzip2q_s32(b, d);
    vst1q_s32(p, vzip1q_s32(t0, t2)), vst1q_s32(p + 4, vzip2q_s32(t0, t2)), vst1q_s32(p + 8, vzip1q_s32(t1, t3)), vst1q_s32(p + 12, vzip2q_s32(t1, t3));
}
static NOINLINE void merge(s32* p) {  // two sorted rows of four into one of eight
    int32x4_t a = vld1q_s32(p), b = vld1q_s32(p + 4);
    b = vrev64q_s32(vextq_s32(b, b, 2));
    SWAP(a, b)
    int32x4_t lo = vcombine_s32(vget_low_s32(a), vget_low_s32(b)), hi = vcombine_s32(vget_high_s32(a), vget_high_s32(b));
    SWAP(lo, hi)
    int32x4_t e = vtrn1q_s32(lo, hi), o = vtrn2q_s32(lo, hi);
    SWAP(e, o)
    lo = vzip1q_s32(e, o), hi = vzip2q_s32(e, o);
    vst1q_s32(p, vcombine_s32(vget_low_s32(lo), vget_low_s32(hi)));
    vst1q_s32(p + 4, vcombine_s32(vget_high_s32(lo), vget_high_s32(hi)));
}
#else
static void order(s32* a, s32* b) {
    s32 x = *a, y = *b;
    *a = x < y ? x : y, *b = x < y ? y : x;
}
static NOINLINE void sort_columns(s32* p) {
    s32 t[16];
    for (int i = 0; i < 4; i++) {
        order(p + i, p + 4 + i), order(p + 8 + i, p + 12 + i), order(p + i, p + 8 + i), order(p + 4 + i, p + 12 + i), order(p + 4 + i, p + 8 + i);
    }
    for (int i = 0; i < 16; i++) t[i] = p[4 * (i & 3) + (i >> 2)];
    memcpy(p, t, sizeof t);
}
static NOINLINE void merge(s32* p) {
    s32 t[8];
    memcpy(t, p, sizeof t);
    for (int i = 0, a = 0, b = 4; i < 8; i++) p[i] = b == 8 || (a < 4 && t[a] <= t[b]) ? t[a++] : t[b++];
}
#endif
static u64 run(long scale) {
    u64 seed = 47, sum = 0;
    for (long r = 0; r < 600 * scale; r++) {
        for (int i = 0; i < N; i += 4) {
            u64 x = next_random(&seed);
            v[i] = (s32)x, v[i + 1] = (s32)(x >> 32), v[i + 2] = (s32)(x >> 13), v[i + 3] = (s32)(x >> 27);
        }
        for (int i = 0; i < N; i += 16) sort_columns(v + i), merge(v + i), merge(v + i + 8);
        for (int i = 0; i < N; i += 8) sum = sum * 31 + (u32)v[i] + (u32)v[i + 7];
    }
    return sum;
}
