// class: integer
// SipHash-2-4 of short messages.
#include "kernel.h"
static inline u64 rotl(u64 x, int n) { return x << n | x >> (64 - n); }
#define ROUND \
    (v0 += v1, v1 = rotl(v1, 13), v1 ^= v0, v0 = rotl(v0, 32), v2 += v3, v3 = rotl(v3, 16), v3 ^= v2, \
     v0 += v3, v3 = rotl(v3, 21), v3 ^= v0, v2 += v1, v1 = rotl(v1, 17), v1 ^= v2, v2 = rotl(v2, 32))
static NOINLINE u64 siphash(const u64* words, int n, u64 k0, u64 k1) {
    u64 v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d, v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
    for (int i = 0; i < n; i++) v3 ^= words[i], ROUND, ROUND, v0 ^= words[i];
    u64 last = (u64)n << 59;
    v3 ^= last, ROUND, ROUND, v0 ^= last, v2 ^= 0xff;
    ROUND, ROUND, ROUND, ROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}
static u64 run(long scale) {
    u64 words[8], sum = 0;
    for (int i = 0; i < 8; i++) words[i] = (u64)i * 0x9e3779b97f4a7c15;
    for (long r = 0; r < 3600000 * scale; r++) words[r & 7] ^= sum, sum += siphash(words, (int)(r & 7) + 1, (u64)r, sum);
    return sum;
}
