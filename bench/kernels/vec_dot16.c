// class: simd
// flags: -O3
// Halfwords multiplied into words that a compiler vectorizes: dot products and a quantized layer with saturation.
#include "kernel.h"
typedef int16_t s16;
typedef int32_t s32;
enum { IN = 512, OUT = 64 };
static s16 weight[OUT][IN], in[IN];
static NOINLINE s32 dot(const s16* w, const s16* v) {
    s32 sum = 0;
    for (int i = 0; i < IN; i++) sum += (s32)w[i] * v[i];
    return sum;
}
static NOINLINE void activate(s16* v, const s32* acc, int n) {
    for (int i = 0; i < n; i++) {
        s32 x = acc[i] >> 9;
        x = x > 255 ? 255 : x;
        v[i] = (s16)(x < -256 ? -256 : x);
    }
}
static u64 run(long scale) {
    u64 seed = 13, sum = 0;
    s32 acc[OUT];
    for (int o = 0; o < OUT; o++)
        for (int i = 0; i < IN; i++) weight[o][i] = (s16)((int)(next_random(&seed) % 255) - 127);
    for (int i = 0; i < IN; i++) in[i] = (s16)((int)(next_random(&seed) % 511) - 255);
    for (long r = 0; r < 12000 * scale; r++) {
        for (int o = 0; o < OUT; o++) acc[o] = dot(weight[o], in);
        activate(in + (r % 8) * OUT, acc, OUT);
        sum = sum * 31 + (u64)(u32)acc[r % OUT];
    }
    return sum;
}
