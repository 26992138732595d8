// class: fp
// Divisions, square roots, conversions and comparisons.
#include "kernel.h"
static u64 run(long scale) {
    double acc = 0;
    u64 bits;
    for (long i = 1; i < 6000000 * scale; i++) {
        double x = (double)i, g = x * 0.5 + 1;
        for (int k = 0; k < 4; k++) g = 0.5 * (g + x / g);
        acc += g > 1000.0 ? sqrt(g) : (double)(long)g;
    }
    memcpy(&bits, &acc, 8);
    return bits;
}
