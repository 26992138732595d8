// class: crypto
// flags: crypto
// Keccak-f[1600], the permutation of SHA-3, on two states at once: EOR3, RAX1, XAR and BCAX, or plain C, natively too.
#include "kernel.h"
static const u64 RC[24] = {0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
                           0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
                           0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
                           0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};
#if defined(__ARM_FEATURE_SHA3)
#include <arm_neon.h>
typedef uint64x2_t lane;
#define LOAD(p) vld1q_u64(p)
#define STORE(p, v) vst1q_u64(p, v)
#define BOTH(c) vdupq_n_u64(c)
#define XOR(a, b) veorq_u64(a, b)
#define XOR3(a, b, c) veor3q_u64(a, b, c)
#define XOR_ROL1(a, b) vrax1q_u64(a, b)
#define XOR_ROL(a, b, n) vxarq_u64(a, b, (64 - n) & 63)
#define CHI(a, b, c) vbcaxq_u64(a, c, b)
#else
typedef struct { u64 v[2]; } lane;
static inline lane load(const u64* p) { return (lane){{p[0], p[1]}}; }
static inline void store(u64* p, lane x) { p[0] = x.v[0], p[1] = x.v[1]; }
static inline u64 rol(u64 x, int n) { return n ? x << n | x >> (64 - n) : x; }
#define LOAD(p) load(p)
#define STORE(p, v) store(p, v)
#define BOTH(c) ((lane){{c, c}})
static inline lane xor2(lane a, lane b) { return (lane){{a.v[0] ^ b.v[0], a.v[1] ^ b.v[1]}}; }
static inline lane rolled(lane a, int n) { return (lane){{rol(a.v[0], n), rol(a.v[1], n)}}; }
static inline lane chi(lane a, lane b, lane c) { return (lane){{a.v[0] ^ (~b.v[0] & c.v[0]), a.v[1] ^ (~b.v[1] & c.v[1])}}; }
#define XOR(a, b) xor2(a, b)
#define XOR3(a, b, c) xor2(xor2(a, b), c)
#define XOR_ROL1(a, b) xor2(a, rolled(b, 1))
#define XOR_ROL(a, b, n) rolled(xor2(a, b), n)
#define CHI(a, b, c) chi(a, b, c)
#endif
static NOINLINE void permute(u64* state) {
    lane a[25], b[25], c[5], d[5];
    for (int i = 0; i < 25; i++) a[i] = LOAD(state + 2 * i);
    for (int r = 0; r < 24; r++) {
#pragma GCC unroll 5
        for (int x = 0; x < 5; x++) c[x] = XOR3(XOR3(a[x], a[x + 5], a[x + 10]), a[x + 15], a[x + 20]);
#pragma GCC unroll 5
        for (int x = 0; x < 5; x++) d[x] = XOR_ROL1(c[(x + 4) % 5], c[(x + 1) % 5]);
#define MOVE(to, from, n) b[to] = XOR_ROL(a[from], d[from % 5], n)
        MOVE(0, 0, 0), MOVE(10, 1, 1), MOVE(20, 2, 62), MOVE(5, 3, 28), MOVE(15, 4, 27), MOVE(16, 5, 36), MOVE(1, 6, 44), MOVE(11, 7, 6), MOVE(21, 8, 55);
        MOVE(6, 9, 20), MOVE(7, 10, 3), MOVE(17, 11, 10), MOVE(2, 12, 43), MOVE(12, 13, 25), MOVE(22, 14, 39), MOVE(23, 15, 41), MOVE(8, 16, 45);
        MOVE(18, 17, 15), MOVE(3, 18, 21), MOVE(13, 19, 8), MOVE(14, 20, 18), MOVE(24, 21, 2), MOVE(9, 22, 61), MOVE(19, 23, 56), MOVE(4, 24, 14);
#pragma GCC unroll 25
        for (int i = 0; i < 25; i++) a[i] = CHI(b[i], b[i / 5 * 5 + (i + 1) % 5], b[i / 5 * 5 + (i + 2) % 5]);
        a[0] = XOR(a[0], BOTH(RC[r]));
    }
    for (int i = 0; i < 25; i++) STORE(state + 2 * i, a[i]);
}
static u64 run(long scale) {
    u64 seed = 73, sum = 0, state[50];
    for (int i = 0; i < 50; i++) state[i] = next_random(&seed);
    for (long r = 0; r < 120000 * scale; r++) {
        state[r % 50] ^= (u64)r;
        permute(state);
    }
    for (int i = 0; i < 50; i++) sum = sum * 31 + state[i];
    return sum;
}
