// class: integer
// Number-theoretic transform modulo 998244353.
#include "kernel.h"
enum { N = 4096, P = 998244353 };
static u32 x[N], root[N];
static u32 power(u64 b, u32 e) {
    u64 r = 1;
    for (; e; e >>= 1, b = b * b % P)
        if (e & 1) r = r * b % P;
    return (u32)r;
}
static NOINLINE void transform(void) {
    for (u32 i = 1, j = 0; i < N; i++) {
        u32 bit = N >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) { u32 t = x[i]; x[i] = x[j], x[j] = t; }
    }
    for (u32 len = 2; len <= N; len <<= 1)
        for (u32 i = 0; i < N; i += len)
            for (u32 k = 0; k < len / 2; k++) {
                u32 u = x[i + k], v = (u32)((u64)x[i + k + len / 2] * root[k * (N / len)] % P);
                u32 s = u + v, d = u + P - v;
                x[i + k] = s >= P ? s - P : s, x[i + k + len / 2] = d >= P ? d - P : d;
            }
}
static u64 run(long scale) {
    u64 seed = 21, sum = 0;
    u32 g = power(3, (P - 1) / N);
    root[0] = 1;
    for (int i = 1; i < N; i++) root[i] = (u32)((u64)root[i - 1] * g % P);
    for (int i = 0; i < N; i++) x[i] = (u32)(next_random(&seed) % P);
    for (long r = 0; r < 1500 * scale; r++) transform(), sum = sum * 5 + x[r % N];
    return sum;
}
