// class: simd
// flags: -O3
// Bytes widened to halfwords that a compiler vectorizes: a separable 5-tap blur of an image.
#include "kernel.h"
enum { W = 512, H = 128 };
static u8 image[H][W], rows[H][W];
static NOINLINE void across(void) {
    for (int r = 0; r < H; r++)
        for (int i = 2; i < W - 2; i++)
            rows[r][i] = (u8)((image[r][i - 2] + 4 * image[r][i - 1] + 6 * image[r][i] + 4 * image[r][i + 1] + image[r][i + 2] + 8) >> 4);
}
static NOINLINE void down(void) {
    for (int r = 2; r < H - 2; r++)
        for (int i = 0; i < W; i++)
            image[r][i] = (u8)((rows[r - 2][i] + 4 * rows[r - 1][i] + 6 * rows[r][i] + 4 * rows[r + 1][i] + rows[r + 2][i] + 8) >> 4);
}
static u64 run(long scale) {
    u64 seed = 7, sum = 0;
    for (int r = 0; r < H; r++)
        for (int i = 0; i < W; i++) image[r][i] = (u8)next_random(&seed);
    for (long n = 0; n < 1500 * scale; n++) {
        across(), down();
        image[n % H][n % W] ^= 0x5a;
    }
    for (int r = 0; r < H; r++)
        for (int i = 0; i < W; i++) sum = sum * 31 + image[r][i];
    return sum;
}
