// class: simd
// flags: -O3
// Elementwise single precision that a compiler vectorizes: multiply and add, maxima, clamping.
#include "kernel.h"
enum { N = 4096 };
static float x[N], y[N], z[N];
static NOINLINE void step(float a, float lo, float hi) {
    for (int i = 0; i < N; i++) y[i] = a * x[i] + 0.5f * y[i];
    for (int i = 0; i < N; i++) z[i] = z[i] > y[i] ? z[i] : y[i];
    for (int i = 0; i < N; i++) {
        float v = y[i] - z[i] * 0.25f;
        v = v < lo ? lo : v;
        x[i] = v > hi ? hi : v;
    }
}
static u64 run(long scale) {
    u64 seed = 3, sum = 0;
    for (int i = 0; i < N; i++) x[i] = (float)(next_random(&seed) % 2001) / 1000.0f - 1.0f;
    for (long r = 0; r < 25000 * scale; r++) step(1.0f + (float)(r % 7) / 8.0f, -3.0f, 3.0f);
    for (int i = 0; i < N; i++) {
        u32 b;
        memcpy(&b, &x[i], 4);
        sum = sum * 31 + b;
    }
    return sum;
}
