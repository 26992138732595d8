// class: call
// Byte-code interpreter with computed goto.
#include "kernel.h"
static u64 run(long scale) {
    static const void* const ops[] = {&&inc, &&mul, &&xorr, &&rot, &&loop, &&end};
    static const u8 code[] = {0, 1, 2, 3, 0, 2, 1, 3, 3, 0, 4, 5};
    const u8* pc = code;
    u64 x = 1, n = (u64)(12000000 * scale);
#define NEXT goto* ops[*pc++]
    NEXT;
inc: x += 3; NEXT;
mul: x *= 7; NEXT;
xorr: x ^= x >> 11; NEXT;
rot: x = x << 9 | x >> 55; NEXT;
loop: if (--n) pc = code; NEXT;
end: return x;
}
