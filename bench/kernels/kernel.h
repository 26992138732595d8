// A kernel prints one checksum line; bench/run.py compares it between native, vm and QEMU. SCALE multiplies
// the work.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;
#define NOINLINE __attribute__((noinline))
static inline u64 next_random(u64* s) {
    u64 x = *s;
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return *s = x;
}
static u64 run(long scale);
int main(int argc, char** argv) {
    long scale = argc > 1 ? atol(argv[1]) : 1;
    printf("%016llx\n", (unsigned long long)run(scale));
    return 0;
}
