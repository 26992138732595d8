// class: integer
// Conway's game of life on a byte grid.
#include "kernel.h"
enum { W = 256, H = 256 };
static u8 grid[2][H][W];
static u64 run(long scale) {
    u64 seed = 47, alive = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) grid[0][y][x] = next_random(&seed) % 3 == 0;
    for (long g = 0; g < 360 * scale; g++) {
        u8(*from)[W] = grid[g & 1], (*to)[W] = grid[~g & 1];
        for (int y = 0; y < H; y++) {
            const u8 *up = from[(y + H - 1) % H], *mid = from[y], *down = from[(y + 1) % H];
            for (int x = 0; x < W; x++) {
                int l = (x + W - 1) % W, r = (x + 1) % W;
                int n = up[l] + up[x] + up[r] + mid[l] + mid[r] + down[l] + down[x] + down[r];
                to[y][x] = n == 3 || (n == 2 && mid[x]);
            }
        }
    }
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) alive = alive * 3 + grid[0][y][x];
    return alive;
}
