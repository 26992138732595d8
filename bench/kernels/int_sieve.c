// class: integer
// Sieve of Eratosthenes.
#include "kernel.h"
static u8 composite[4000000];
static u64 run(long scale) {
    u64 sum = 0;
    for (long r = 0; r < 12 * scale; r++) {
        memset(composite, 0, sizeof composite);
        for (u64 i = 2; i < sizeof composite; i++) {
            if (composite[i]) continue;
            sum += i;
            for (u64 j = i * i; j < sizeof composite; j += i) composite[j] = 1;
        }
    }
    return sum;
}
