// class: integer
// Open-addressing hash table: inserts and look-ups, 64-bit multiply mixing.
#include "kernel.h"
enum { CAP = 1 << 16 };
static u64 keys[CAP], values[CAP];
static inline u64 mix(u64 x) { x *= 0x9e3779b97f4a7c15ull, x ^= x >> 32, x *= 0xd6e8feb86659fd93ull; return x ^ x >> 32; }
static NOINLINE u64* slot(u64 key) {
    u64 i = mix(key) & (CAP - 1);
    while (keys[i] && keys[i] != key) i = (i + 1) & (CAP - 1);
    keys[i] = key;
    return &values[i];
}
static u64 run(long scale) {
    u64 seed = 11, sum = 0;
    for (long r = 0; r < 12000000 * scale; r++) {
        u64* v = slot(1 + next_random(&seed) % 40000);
        *v += (u64)r, sum ^= *v;
    }
    return sum;
}
