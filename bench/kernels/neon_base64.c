// class: simd
// flags: -O3
// Base64 by NEON intrinsics: loads of triples, a table of 64 bytes in four registers, stores of quadruples.
#include "kernel.h"
enum { N = 12288 };
static const u8 alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static u8 in[N], out[N / 3 * 4];
#ifdef __aarch64__
#include <arm_neon.h>
static NOINLINE void encode(void) {
    const uint8x16x4_t table = vld1q_u8_x4(alphabet);
    const uint8x16_t six = vdupq_n_u8(63);
    for (int i = 0, o = 0; i < N; i += 48, o += 64) {
        uint8x16x3_t t = vld3q_u8(in + i);
        uint8x16x4_t q;
        q.val[0] = vshrq_n_u8(t.val[0], 2);
        q.val[1] = vandq_u8(vsliq_n_u8(vshrq_n_u8(t.val[1], 4), t.val[0], 4), six);
        q.val[2] = vandq_u8(vsliq_n_u8(vshrq_n_u8(t.val[2], 6), t.val[1], 2), six);
        q.val[3] = vandq_u8(t.val[2], six);
        for (int k = 0; k < 4; k++) q.val[k] = vqtbl4q_u8(table, q.val[k]);
        vst4q_u8(out + o, q);
    }
}
#else
static NOINLINE void encode(void) {
    for (int i = 0, o = 0; i < N; i += 3, o += 4) {
        u32 t = (u32)in[i] << 16 | (u32)in[i + 1] << 8 | in[i + 2];
        out[o] = alphabet[t >> 18], out[o + 1] = alphabet[t >> 12 & 63], out[o + 2] = alphabet[t >> 6 & 63], out[o + 3] = alphabet[t & 63];
    }
}
#endif
static u64 run(long scale) {
    u64 seed = 31, sum = 0;
    for (int i = 0; i < N; i++) in[i] = (u8)next_random(&seed);
    for (long r = 0; r < 9000 * scale; r++) {
        encode();
        sum = sum * 31 + out[r % (N / 3 * 4)];
        in[r % N] += out[(r * 5) % (N / 3 * 4)];
    }
    for (int i = 0; i < N / 3 * 4; i++) sum = sum * 31 + out[i];
    return sum;
}
