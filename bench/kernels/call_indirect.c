// class: call
// Calls through a table of functions.
#include "kernel.h"
static NOINLINE u64 f0(u64 x) { return x + 3; }
static NOINLINE u64 f1(u64 x) { return x * 5; }
static NOINLINE u64 f2(u64 x) { return x ^ x >> 9; }
static NOINLINE u64 f3(u64 x) { return x - (x << 3); }
static u64 (*volatile table[8])(u64) = {f0, f1, f2, f3, f2, f0, f1, f3};
static u64 run(long scale) {
    u64 x = 1;
    for (long r = 0; r < 60000000 * scale; r++) x = table[r & 7](x);
    return x;
}
