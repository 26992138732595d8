// class: simd
// flags: -O3
// Elementwise double precision that a compiler vectorizes: distances with division and square root.
#include "kernel.h"
enum { N = 2048 };
static double x[N], y[N], d[N];
static NOINLINE void distances(double cx, double cy) {
    for (int i = 0; i < N; i++) {
        double dx = x[i] - cx, dy = y[i] - cy;
        d[i] = d[i] * 0.5 + 1.0 / (1.0 + __builtin_sqrt(dx * dx + dy * dy));
    }
    for (int i = 0; i < N; i++) x[i] = x[i] * 0.99 + d[i] * 0.01, y[i] = y[i] * 0.98 - d[i] * 0.02;
}
static u64 run(long scale) {
    u64 seed = 5, sum = 0;
    for (int i = 0; i < N; i++) x[i] = (double)(next_random(&seed) % 1000), y[i] = (double)(next_random(&seed) % 1000);
    for (long r = 0; r < 10000 * scale; r++) distances((double)(r % 17), (double)(r % 13));
    for (int i = 0; i < N; i++) {
        u64 b;
        memcpy(&b, &d[i], 8);
        sum = sum * 31 + b;
    }
    return sum;
}
