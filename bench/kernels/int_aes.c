// class: integer
// AES-128 encryption in counter mode, one table, computed at start.
#include "kernel.h"
static u8 sbox[256];
static u32 T[256];
static inline u32 ror(u32 x, int n) { return x >> n | x << (32 - n); }
static inline u8 xtime(u8 x) { return (u8)(x << 1 ^ (x >> 7) * 0x1b); }
static void tables(void) {
    u8 p = 1, q = 1;
    do {
        p = (u8)(p ^ xtime(p));
        q ^= (u8)(q << 1), q ^= (u8)(q << 2), q ^= (u8)(q << 4);
        if (q & 0x80) q ^= 0x09;
        u8 x = (u8)(q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4));
        sbox[p] = x ^ 0x63;
    } while (p != 1);
    sbox[0] = 0x63;
    for (int i = 0; i < 256; i++) {
        u8 s = sbox[i], d = xtime(s);
        T[i] = (u32)d | (u32)s << 8 | (u32)s << 16 | (u32)(d ^ s) << 24;
    }
}
static void expand(u32* w, const u32* key) {
    u8 rcon = 1;
    for (int i = 0; i < 44; i++) {
        if (i < 4) { w[i] = key[i]; continue; }
        u32 t = w[i - 1];
        if (i % 4 == 0) {
            t = ror(t, 8);
            t = (u32)sbox[t & 255] | (u32)sbox[t >> 8 & 255] << 8 | (u32)sbox[t >> 16 & 255] << 16 | (u32)sbox[t >> 24] << 24;
            t ^= rcon, rcon = xtime(rcon);
        }
        w[i] = w[i - 4] ^ t;
    }
}
#define COLUMN(a, b, c, d) \
    (T[a & 255] ^ ror(T[b >> 8 & 255], 24) ^ ror(T[c >> 16 & 255], 16) ^ ror(T[d >> 24], 8))
#define LAST(a, b, c, d) \
    ((u32)sbox[a & 255] | (u32)sbox[b >> 8 & 255] << 8 | (u32)sbox[c >> 16 & 255] << 16 | (u32)sbox[d >> 24] << 24)
static NOINLINE void encrypt(u32* out, const u32* in, const u32* w) {
    u32 a = in[0] ^ w[0], b = in[1] ^ w[1], c = in[2] ^ w[2], d = in[3] ^ w[3];
    for (int r = 1; r < 10; r++) {
        u32 e = COLUMN(a, b, c, d) ^ w[4 * r], f = COLUMN(b, c, d, a) ^ w[4 * r + 1];
        u32 g = COLUMN(c, d, a, b) ^ w[4 * r + 2], h = COLUMN(d, a, b, c) ^ w[4 * r + 3];
        a = e, b = f, c = g, d = h;
    }
    out[0] = LAST(a, b, c, d) ^ w[40], out[1] = LAST(b, c, d, a) ^ w[41];
    out[2] = LAST(c, d, a, b) ^ w[42], out[3] = LAST(d, a, b, c) ^ w[43];
}
static u64 run(long scale) {
    tables();
    u32 key[4] = {0x16157e2b, 0xa6d2ae28, 0x8815f7ab, 0x3c4fcf09}, w[44], out[4];
    expand(w, key);
    u64 sum = 0;
    for (long r = 0; r < 1600000 * scale; r++) {
        u32 in[4] = {(u32)r, (u32)(r >> 32), (u32)sum, 7};
        encrypt(out, in, w);
        sum = sum * 31 + out[0] + ((u64)out[3] << 32);
    }
    return sum;
}
