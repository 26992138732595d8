// class: fp
// Single precision: 1-D wave equation and a polynomial.
#include "kernel.h"
enum { N = 4096 };
static float u[N], v[N];
static u64 run(long scale) {
    for (int i = 0; i < N; i++) u[i] = (float)((i * 37) % 101) / 101.0f;
    for (long r = 0; r < 9000 * scale; r++) {
        for (int i = 1; i < N - 1; i++) v[i] += 0.1f * (u[i - 1] - 2.0f * u[i] + u[i + 1]);
        for (int i = 1; i < N - 1; i++) u[i] += 0.1f * v[i];
    }
    float s = 0;
    for (int i = 0; i < N; i++) s += u[i] * (1.0f + u[i] * (0.5f - u[i] * 0.25f));
    u32 r4;
    memcpy(&r4, &s, 4);
    return r4;
}
