// class: string
// memcpy, memset, strlen, memchr, strcmp of libc at mixed sizes.
#include "kernel.h"
static char a[70000], b[70000];
static u64 run(long scale) {
    u64 seed = 37, sum = 0;
    memset(a, 'x', sizeof a - 1);
    for (long r = 0; r < 900000 * scale; r++) {
        size_t n = next_random(&seed) % 2000, o = seed % 64;
        memcpy(b + o, a + (seed >> 20) % 64, n);
        b[o + n] = 0;
        sum += strlen(b + o) + (size_t)((char*)memchr(b + o, 0, n + 1) - b) + (size_t)(strcmp(b + o, a) < 0);
        memset(a + o, (int)('a' + r % 26), n / 4);
    }
    return sum;
}
