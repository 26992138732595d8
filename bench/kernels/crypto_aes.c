// class: crypto
// flags: crypto
// AES-128 in counter mode, four blocks at a time: AESE and AESMC, AES-NI, or tables.
#include "kernel.h"
static u8 round_keys[11][16];
static u8 sbox[256];
static u8 xtime(u8 x) { return (u8)(x << 1 ^ (x >> 7) * 0x1b); }
static void expand(const u8* key) {
    u8 p = 1, q = 1, rcon = 1;
    do {
        p = (u8)(p ^ xtime(p));
        q ^= (u8)(q << 1), q ^= (u8)(q << 2), q ^= (u8)(q << 4);
        if (q & 0x80) q ^= 0x09;
        sbox[p] = (u8)(q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4) ^ 0x63);
    } while (p != 1);
    sbox[0] = 0x63;
    u8* w = &round_keys[0][0];
    memcpy(w, key, 16);
    for (int i = 16; i < 176; i += 4) {
        u8 t[4] = {w[i - 4], w[i - 3], w[i - 2], w[i - 1]};
        if (i % 16 == 0) {
            u8 first = t[0];
            t[0] = sbox[t[1]] ^ rcon, t[1] = sbox[t[2]], t[2] = sbox[t[3]], t[3] = sbox[first], rcon = xtime(rcon);
        }
        for (int k = 0; k < 4; k++) w[i + k] = w[i + k - 16] ^ t[k];
    }
}
#if defined(__ARM_FEATURE_AES)
#include <arm_neon.h>
static NOINLINE void encrypt4(u8* p) {
    uint8x16_t s[4], k;
    for (int b = 0; b < 4; b++) s[b] = vld1q_u8(p + 16 * b);
    for (int r = 0; r < 9; r++) {
        k = vld1q_u8(round_keys[r]);
        for (int b = 0; b < 4; b++) s[b] = vaesmcq_u8(vaeseq_u8(s[b], k));
    }
    for (int b = 0; b < 4; b++) vst1q_u8(p + 16 * b, veorq_u8(vaeseq_u8(s[b], vld1q_u8(round_keys[9])), vld1q_u8(round_keys[10])));
}
#elif defined(__AES__)
#include <immintrin.h>
static NOINLINE void encrypt4(u8* p) {
    __m128i s[4], k = _mm_loadu_si128((const void*)round_keys[0]);
    for (int b = 0; b < 4; b++) s[b] = _mm_xor_si128(_mm_loadu_si128((const void*)(p + 16 * b)), k);
    for (int r = 1; r < 10; r++) {
        k = _mm_loadu_si128((const void*)round_keys[r]);
        for (int b = 0; b < 4; b++) s[b] = _mm_aesenc_si128(s[b], k);
    }
    for (int b = 0; b < 4; b++) _mm_storeu_si128((void*)(p + 16 * b), _mm_aesenclast_si128(s[b], _mm_loadu_si128((const void*)round_keys[10])));
}
#else
static void encrypt(u8* s) {
    for (int i = 0; i < 16; i++) s[i] ^= round_keys[0][i];
    for (int r = 1; r <= 10; r++) {
        u8 t[16];
        for (int i = 0; i < 16; i++) t[i] = sbox[s[(i + 4 * (i & 3)) & 15]];
        for (int c = 0; c < 16; c += 4) {
            u8 all = t[c] ^ t[c + 1] ^ t[c + 2] ^ t[c + 3];
            for (int i = 0; i < 4; i++) s[c + i] = round_keys[r][c + i] ^ t[c + i] ^ (r == 10 ? 0 : all ^ xtime(t[c + i] ^ t[c + ((i + 1) & 3)]));
        }
    }
}
static NOINLINE void encrypt4(u8* p) {
    for (int b = 0; b < 4; b++) encrypt(p + 16 * b);
}
#endif
static u64 run(long scale) {
    static const u8 key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
    u64 sum = 0, block[8];
    expand(key);
    for (long r = 0; r < 1000000 * scale; r++) {
        for (int i = 0; i < 8; i++) block[i] = i & 1 ? (u64)r * 4 + (u64)i : sum;
        encrypt4((u8*)block);
        sum = sum * 31 + (block[0] ^ block[3] ^ block[5] ^ block[6]);
    }
    return sum;
}
