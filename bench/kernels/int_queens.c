// class: latency
// Counts the solutions of the N queens problem with bit masks and an explicit stack.
#include "kernel.h"
static u64 run(long scale) {
    u64 total = 0;
    for (long r = 0; r < 60 * scale; r++) {
        enum { N = 11 };
        u32 all = (1u << N) - 1, cols[N + 1] = {0}, left[N + 1] = {0}, right[N + 1] = {0}, open[N + 1];
        int d = 0;
        open[0] = all;
        while (d >= 0) {
            if (!open[d]) { d--; continue; }
            u32 bit = open[d] & -open[d];
            open[d] ^= bit;
            if (d == N - 1) { total++; continue; }
            cols[d + 1] = cols[d] | bit, left[d + 1] = (left[d] | bit) << 1, right[d + 1] = (right[d] | bit) >> 1;
            d++;
            open[d] = all & ~(cols[d] | left[d] | right[d]);
        }
    }
    return total;
}
