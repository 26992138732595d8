// class: latency
// Mandelbrot set in 32.32 fixed point.
#include "kernel.h"
static inline long mul(long a, long b) { return (long)(((__int128)a * b) >> 28); }
static u64 run(long scale) {
    u64 sum = 0;
    for (long r = 0; r < 6 * scale; r++)
        for (int py = 0; py < 200; py++)
            for (int px = 0; px < 200; px++) {
                long cx = ((long)px << 28) * 3 / 200 - (2l << 28), cy = ((long)py << 28) / 100 - (1l << 28) + r, x = 0, y = 0;
                int n = 0;
                for (; n < 300; n++) {
                    long xx = mul(x, x), yy = mul(y, y);
                    if (xx + yy > 4l << 28) break;
                    y = 2 * mul(x, y) + cy, x = xx - yy + cx;
                }
                sum = sum * 7 + (u64)n;
            }
    return sum;
}
