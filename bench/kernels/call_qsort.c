// class: call
// libc qsort with a comparison call-back.
#include "kernel.h"
enum { N = 200000 };
static u32 v[N];
static int cmp(const void* a, const void* b) {
    u32 x = *(const u32*)a, y = *(const u32*)b;
    return x < y ? -1 : x > y;
}
static u64 run(long scale) {
    u64 seed = 17, sum = 0;
    for (long r = 0; r < 6 * scale; r++) {
        for (int i = 0; i < N; i++) v[i] = (u32)next_random(&seed);
        qsort(v, N, sizeof *v, cmp);
        for (int i = 0; i < N; i += 999) sum = sum * 31 + v[i];
    }
    return sum;
}
