// class: crypto
// flags: crypto
// CRC-32C over 64 KiB, eight bytes at a time in three streams: CRC32CX, the host's CRC32, or a table.
#include "kernel.h"
enum { N = 3 << 14 };
static u64 data[N / 8];
#if defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define STEP(c, x) (c = __crc32cd(c, x))
static void tables(void) {}
#elif defined(__SSE4_2__)
#include <immintrin.h>
#define STEP(c, x) (c = (u32)_mm_crc32_u64(c, x))
static void tables(void) {}
#else
static u32 table[256];
static void tables(void) {
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78u ^ (c >> 1) : c >> 1;
        table[i] = c;
    }
}
static inline u32 step(u32 c, u64 x) {
    for (int i = 0; i < 8; i++, x >>= 8) c = table[(c ^ x) & 255] ^ (c >> 8);
    return c;
}
#define STEP(c, x) (c = step(c, x))
#endif
static NOINLINE void crc(u32* c) {
    u32 a = c[0], b = c[1], d = c[2];
    for (int i = 0; i < N / 24; i++) STEP(a, data[i]), STEP(b, data[N / 24 + i]), STEP(d, data[N / 12 + i]);
    c[0] = a, c[1] = b, c[2] = d;
}
static u64 run(long scale) {
    u64 seed = 67;
    u32 c[3] = {~0u, ~0u, ~0u};
    tables();
    for (int i = 0; i < N / 8; i++) data[i] = next_random(&seed);
    for (long r = 0; r < 12000 * scale; r++) {
        crc(c);
        data[r % (N / 8)] ^= c[0];
    }
    return ((u64)c[0] << 32 | c[1]) ^ c[2];
}
