// class: call
// Naive recursion.
#include "kernel.h"
static NOINLINE u64 fib(u64 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static u64 run(long scale) {
    u64 sum = 0;
    for (long r = 0; r < 2 * scale; r++) sum += fib(36 + (r & 1));
    return sum;
}
