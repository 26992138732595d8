// class: atomic
// Fetch-and-add, exchange and compare-and-swap loops on one thread.
#include "kernel.h"
static u64 counter, word;
static u64 run(long scale) {
    u64 sum = 0;
    for (long r = 0; r < 15000000 * scale; r++) {
        __atomic_fetch_add(&counter, (u64)r, __ATOMIC_SEQ_CST);
        u64 old = __atomic_load_n(&word, __ATOMIC_ACQUIRE);
        while (!__atomic_compare_exchange_n(&word, &old, old * 3 + 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
        sum += __atomic_exchange_n(&counter, counter & 0xffff, __ATOMIC_RELAXED);
    }
    return sum ^ word;
}
