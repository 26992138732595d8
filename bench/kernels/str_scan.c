// class: string
// Byte loops: length, compare, search, copy, case folding, written out.
#include "kernel.h"
enum { N = 1 << 16 };
static char text[N + 1], copy[N + 1];
static NOINLINE size_t length(const char* s) { size_t n = 0; while (s[n]) n++; return n; }
static NOINLINE long find(const char* s, const char* what) {
    for (const char* p = s; *p; p++) {
        const char *a = p, *b = what;
        while (*b && *a == *b) a++, b++;
        if (!*b) return p - s;
    }
    return -1;
}
static NOINLINE void upper(char* to, const char* from) {
    while ((*to = *from >= 'a' && *from <= 'z' ? (char)(*from - 32) : *from)) to++, from++;
}
static u64 run(long scale) {
    u64 seed = 31, sum = 0;
    for (int i = 0; i < N; i++) text[i] = (char)('a' + next_random(&seed) % 26);
    memcpy(text + N - 20, "needle", 6);
    for (long r = 0; r < 700 * scale; r++) {
        upper(copy, text);
        sum += length(copy) + (u64)find(text, "needle") + (u64)copy[r];
        text[r] = (char)('a' + r % 26);
    }
    return sum;
}
