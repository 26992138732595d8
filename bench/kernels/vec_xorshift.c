// class: simd
// flags: -O3
// Independent generators in lanes that a compiler vectorizes: shifts, exclusive or, 32-bit multiplication, 64-bit addition.
#include "kernel.h"
enum { N = 1024 };
static u32 s[N];
static u64 t[N / 2];
static NOINLINE void step(void) {
    for (int i = 0; i < N; i++) {
        u32 x = s[i];
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        s[i] = x;
    }
    for (int i = 0; i < N; i++) s[i] = s[i] * 2654435761u + 12345;
    for (int i = 0; i < N / 2; i++) t[i] += (t[i] << 7 | t[i] >> 57) ^ s[i];
}
static u64 run(long scale) {
    u64 seed = 19, sum = 0;
    for (int i = 0; i < N; i++) s[i] = (u32)next_random(&seed);
    for (int i = 0; i < N / 2; i++) t[i] = next_random(&seed);
    for (long r = 0; r < 60000 * scale; r++) step();
    for (int i = 0; i < N / 2; i++) sum = sum * 31 + t[i] + s[i];
    return sum;
}
