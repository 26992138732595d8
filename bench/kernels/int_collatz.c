// class: integer
// Longest Collatz chain.
#include "kernel.h"
static u64 run(long scale) {
    u64 best = 0, at = 0;
    for (u64 n = 1; n < 400000 * (u64)scale; n++) {
        u64 steps = 0;
        for (u64 x = n; x != 1; steps++) x = x & 1 ? 3 * x + 1 : x / 2;
        if (steps > best) best = steps, at = n;
    }
    return at * 1000 + best;
}
