// class: simd
// flags: -O3
// Searching bytes by NEON intrinsics, as C libraries do it: comparisons, narrowing shifts to a mask, maxima and sums across a register.
#include "kernel.h"
enum { N = 1 << 16 };
static u8 text[N];
#ifdef __aarch64__
#include <arm_neon.h>
static NOINLINE int find(const u8* p, u8 what) {
    const uint8x16_t w = vdupq_n_u8(what);
    for (int i = 0;; i += 16) {
        uint8x16_t eq = vceqq_u8(vld1q_u8(p + i), w);
        u64 mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(eq), 4)), 0);
        if (mask) return i + (__builtin_ctzll(mask) >> 2);
    }
}
static NOINLINE u32 count(const u8* p, int n, u8 lo, u8 hi) {
    u32 total = 0;
    for (int i = 0; i < n; i += 16) {
        uint8x16_t v = vld1q_u8(p + i), in = vandq_u8(vcgeq_u8(v, vdupq_n_u8(lo)), vcleq_u8(v, vdupq_n_u8(hi)));
        total += vaddvq_u8(vandq_u8(in, vdupq_n_u8(1)));
    }
    return total;
}
static NOINLINE u8 greatest(const u8* p, int n) {
    uint8x16_t m = vdupq_n_u8(0);
    for (int i = 0; i < n; i += 16) m = vmaxq_u8(m, vld1q_u8(p + i));
    return vmaxvq_u8(m);
}
#else
static NOINLINE int find(const u8* p, u8 what) {
    int i = 0;
    while (p[i] != what) i++;
    return i;
}
static NOINLINE u32 count(const u8* p, int n, u8 lo, u8 hi) {
    u32 total = 0;
    for (int i = 0; i < n; i++) total += p[i] >= lo && p[i] <= hi;
    return total;
}
static NOINLINE u8 greatest(const u8* p, int n) {
    u8 m = 0;
    for (int i = 0; i < n; i++) m = p[i] > m ? p[i] : m;
    return m;
}
#endif
static u64 run(long scale) {
    u64 seed = 37, sum = 0;
    for (int i = 0; i < N; i++) text[i] = (u8)('a' + next_random(&seed) % 20);
    text[N - 1] = 'z';
    for (long r = 0; r < 5000 * scale; r++) {
        sum = sum * 31 + (u64)find(text + (r & 0x7ff0), 'z');
        sum = sum * 31 + count(text, N / 4, (u8)('a' + r % 5), (u8)('k' + r % 7)) + greatest(text, N / 4);
        text[r % (N / 4)] = (u8)('a' + r % 23);
    }
    return sum;
}
