// class: simd
// flags: -O3
// Sums of absolute differences of bytes, as motion search has them, that a compiler vectorizes.
#include "kernel.h"
enum { W = 256, H = 96, B = 16 };
static u8 a[H * W], b[H * W];
static NOINLINE u32 block(const u8* p, const u8* q) {
    u32 sum = 0;
    for (int r = 0; r < B; r++)
        for (int i = 0; i < B; i++) {
            int d = p[r * W + i] - q[r * W + i];
            sum += (u32)(d < 0 ? -d : d);
        }
    return sum;
}
static u64 run(long scale) {
    u64 seed = 11, sum = 0;
    for (int i = 0; i < H * W; i++) a[i] = (u8)next_random(&seed), b[i] = (u8)(a[i] + next_random(&seed) % 9);
    for (long r = 0; r < 30 * scale; r++)
        for (int y = 0; y < H - B; y += 4)
            for (int x = 0; x + B <= W; x += B) {
                u32 best = ~0u;
                for (int dx = 0; dx < 32 && x + dx + B <= W; dx++) {
                    u32 s = block(a + y * W + x, b + y * W + x + dx);
                    best = s < best ? s : best;
                }
                sum = sum * 31 + best + (u64)r;
            }
    return sum;
}
