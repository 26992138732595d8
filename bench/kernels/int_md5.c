// class: integer
// MD5 compression function.
#include "kernel.h"
static u32 K[64];
static const u8 S[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
static NOINLINE void compress(u32* h, const u32* m) {
    u32 a = h[0], b = h[1], c = h[2], d = h[3];
    for (int i = 0; i < 64; i++) {
        u32 f;
        int g;
        if (i < 16) f = (b & c) | (~b & d), g = i;
        else if (i < 32) f = (d & b) | (~d & c), g = 5 * i + 1;
        else if (i < 48) f = b ^ c ^ d, g = 3 * i + 5;
        else f = c ^ (b | ~d), g = 7 * i;
        u32 t = a + f + K[i] + m[g & 15];
        int s = S[i >> 4 << 2 | (i & 3)];
        a = d, d = c, c = b, b += t << s | t >> (32 - s);
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d;
}
static u64 run(long scale) {
    u32 h[4] = {1, 2, 3, 4}, m[16];
    for (int i = 0; i < 64; i++) K[i] = (u32)(fabs(sin(i + 1)) * 4294967296.0);
    for (long r = 0; r < 600000 * scale; r++) {
        for (int i = 0; i < 16; i++) m[i] = (u32)(r * 16 + i) ^ h[i & 3];
        compress(h, m);
    }
    return (u64)h[0] << 32 | h[3];
}
