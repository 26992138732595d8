// class: latency
// Heap sort of 64-bit keys.
#include "kernel.h"
enum { N = 200000 };
static u64 v[N];
static NOINLINE void sift(u64* a, long root, long end) {
    for (;;) {
        long child = 2 * root + 1;
        if (child >= end) return;
        if (child + 1 < end && a[child] < a[child + 1]) child++;
        if (a[root] >= a[child]) return;
        u64 t = a[root];
        a[root] = a[child], a[child] = t, root = child;
    }
}
static u64 run(long scale) {
    u64 seed = 7, sum = 0;
    for (long r = 0; r < 5 * scale; r++) {
        for (int i = 0; i < N; i++) v[i] = next_random(&seed);
        for (long i = N / 2 - 1; i >= 0; i--) sift(v, i, N);
        for (long end = N - 1; end > 0; end--) {
            u64 t = v[0];
            v[0] = v[end], v[end] = t;
            sift(v, 0, end);
        }
        for (int i = 0; i < N; i += 1000) sum = sum * 31 + v[i];
    }
    return sum;
}
