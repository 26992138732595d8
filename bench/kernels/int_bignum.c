// class: integer
// 2048-bit modular exponentiation in Montgomery form, 64-bit limbs.
#include "kernel.h"
enum { L = 32 };
typedef unsigned __int128 u128;
static NOINLINE void montmul(u64* r, const u64* a, const u64* b, const u64* m, u64 inv) {
    u64 t[L + 2] = {0};
    for (int i = 0; i < L; i++) {
        u64 carry = 0;
        for (int j = 0; j < L; j++) {
            u128 x = (u128)a[j] * b[i] + t[j] + carry;
            t[j] = (u64)x, carry = (u64)(x >> 64);
        }
        u128 top = (u128)t[L] + carry;
        t[L] = (u64)top, t[L + 1] = (u64)(top >> 64);
        u64 q = t[0] * inv;
        u128 x = (u128)q * m[0] + t[0];
        carry = (u64)(x >> 64);
        for (int j = 1; j < L; j++) {
            x = (u128)q * m[j] + t[j] + carry;
            t[j - 1] = (u64)x, carry = (u64)(x >> 64);
        }
        top = (u128)t[L] + carry;
        t[L - 1] = (u64)top, t[L] = t[L + 1] + (u64)(top >> 64);
    }
    u64 borrow = 0, d[L];
    for (int j = 0; j < L; j++) {
        u128 x = (u128)t[j] - m[j] - borrow;
        d[j] = (u64)x, borrow = (u64)(x >> 64) & 1;
    }
    memcpy(r, t[L] || !borrow ? d : t, sizeof d);
}
static u64 run(long scale) {
    u64 seed = 9, m[L], a[L], r[L], inv = 1;
    for (int i = 0; i < L; i++) m[i] = next_random(&seed), a[i] = next_random(&seed), r[i] = 0;
    m[0] |= 1, m[L - 1] |= 1ull << 63, r[0] = 1;
    for (int i = 0; i < 6; i++) inv *= 2 - m[0] * inv;
    inv = -inv;
    for (long k = 0; k < 40000 * scale; k++) {
        montmul(r, r, a, m, inv);
        if (k % 3 == 0) montmul(a, a, a, m, inv);
    }
    u64 sum = 0;
    for (int i = 0; i < L; i++) sum = sum * 31 + r[i];
    return sum;
}
