// class: fp
#include "kernel.h"
static u64 run(long scale) {
    u64 total = 0;
    for (int y = 0; y < 300; y++)
        for (int x = 0; x < 300; x++) {
            double cr = x / 150.0 - 1.5, ci = y / 150.0 - 1.0, zr = 0, zi = 0;
            long i = 0;
            while (i < 1500 * scale && zr * zr + zi * zi < 4.0) {
                double t = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci, zr = t, i++;
            }
            total = total * 3 + (u64)i;
        }
    return total;
}
