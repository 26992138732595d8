// class: call
// Deep recursion.
#include "kernel.h"
static NOINLINE long ack(long m, long n) { return m == 0 ? n + 1 : n == 0 ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1)); }
static u64 run(long scale) {
    u64 sum = 0;
    for (long r = 0; r < 40 * scale; r++) sum += (u64)ack(2, 900 + r % 7) + (u64)ack(3, 7);
    return sum;
}
