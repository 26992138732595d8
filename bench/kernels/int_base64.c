// class: integer
// Base64 encoding and decoding with tables, and an Adler-32 sum.
#include "kernel.h"
enum { N = 48 * 1024 };
static u8 raw[N], back[N];
static char text[N / 3 * 4];
static u8 value[256];
static u64 run(long scale) {
    static const char code[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    u64 seed = 53, sum = 0;
    for (int i = 0; i < 64; i++) value[(u8)code[i]] = (u8)i;
    for (int i = 0; i < N; i++) raw[i] = (u8)next_random(&seed);
    for (long r = 0; r < 1500 * scale; r++) {
        char* t = text;
        for (int i = 0; i < N; i += 3) {
            u32 v = (u32)raw[i] << 16 | (u32)raw[i + 1] << 8 | raw[i + 2];
            *t++ = code[v >> 18], *t++ = code[v >> 12 & 63], *t++ = code[v >> 6 & 63], *t++ = code[v & 63];
        }
        u32 s1 = 1, s2 = 0;
        for (int i = 0, o = 0; i < N / 3 * 4; i += 4) {
            u32 v = (u32)value[(u8)text[i]] << 18 | (u32)value[(u8)text[i + 1]] << 12 | (u32)value[(u8)text[i + 2]] << 6 | value[(u8)text[i + 3]];
            for (int k = 16; k >= 0; k -= 8) {
                back[o] = (u8)(v >> k);
                s1 += back[o++], s2 += s1;
            }
        }
        sum = sum * 31 + (s2 % 65521 << 16 | s1 % 65521);
        raw[r] ^= (u8)sum;
    }
    return sum;
}
