// class: integer
// Bit tricks: population counts, reversals, leading zeros by hand, 64-bit divides.
#include "kernel.h"
static NOINLINE u64 work(u64 x) {
    u64 p = x - (x >> 1 & 0x5555555555555555ull);
    p = (p & 0x3333333333333333ull) + (p >> 2 & 0x3333333333333333ull);
    p = ((p + (p >> 4)) & 0x0f0f0f0f0f0f0f0full) * 0x0101010101010101ull >> 56;
    u64 r = (x >> 1 & 0x5555555555555555ull) | (x & 0x5555555555555555ull) << 1;
    r = (r >> 2 & 0x3333333333333333ull) | (r & 0x3333333333333333ull) << 2;
    int lead = 0;
    for (u64 y = x | 1; !(y >> 63); y <<= 1) lead++;
    return r / (p + 3) + r % (u64)(lead + 7);
}
static u64 run(long scale) {
    u64 seed = 13, sum = 0;
    for (long r = 0; r < 12000000 * scale; r++) sum += work(next_random(&seed));
    return sum;
}
