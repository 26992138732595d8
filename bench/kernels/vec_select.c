// class: simd
// flags: -O3
// Comparisons and selections of words that a compiler vectorizes: clamping, counting, minima, conversions to and from floating point.
#include "kernel.h"
typedef int32_t s32;
enum { N = 4096 };
static s32 v[N], w[N];
static float f[N];
static NOINLINE u32 count(s32 limit) {
    u32 n = 0;
    for (int i = 0; i < N; i++) n += v[i] > limit;
    return n;
}
static NOINLINE s32 least(void) {
    s32 m = 0x7fffffff;
    for (int i = 0; i < N; i++) m = v[i] < m ? v[i] : m;
    return m;
}
static NOINLINE void mix(s32 key) {
    for (int i = 0; i < N; i++) w[i] = (s32)(v[i] & 1 ? (u32)v[i] ^ (u32)key : (u32)v[i] + (u32)key) >> 1;
    for (int i = 0; i < N; i++) f[i] = (float)w[i] * 0.75f;
    for (int i = 0; i < N; i++) v[i] = (s32)((u32)(s32)f[i] + ((u32)w[i] << 3));
}
static u64 run(long scale) {
    u64 seed = 17, sum = 0;
    for (int i = 0; i < N; i++) v[i] = (s32)next_random(&seed);
    for (long r = 0; r < 8000 * scale; r++) {
        mix((s32)(r * 2654435761u));
        sum = sum * 31 + count((s32)r << 16) + (u64)(u32)least();
    }
    return sum;
}
