// class: fp
// Planetary orbits, double precision.
#include "kernel.h"
static double p[5][3], v[5][3], m[5];
static u64 run(long scale) {
    u64 seed = 19;
    for (int i = 0; i < 5; i++) {
        m[i] = i ? 1e-3 * (double)(next_random(&seed) % 90 + 10) : 39.4;
        for (int k = 0; k < 3; k++) p[i][k] = i ? (double)(next_random(&seed) % 2000) / 50 + 1 : 0, v[i][k] = (double)(next_random(&seed) % 1000) / 500 - 1;
    }
    for (long step = 0; step < 600000 * scale; step++) {
        for (int i = 0; i < 5; i++)
            for (int j = i + 1; j < 5; j++) {
                double dx = p[i][0] - p[j][0], dy = p[i][1] - p[j][1], dz = p[i][2] - p[j][2];
                double d2 = dx * dx + dy * dy + dz * dz + 0.01, mag = 0.001 / (d2 * sqrt(d2));
                v[i][0] -= dx * m[j] * mag, v[i][1] -= dy * m[j] * mag, v[i][2] -= dz * m[j] * mag;
                v[j][0] += dx * m[i] * mag, v[j][1] += dy * m[i] * mag, v[j][2] += dz * m[i] * mag;
            }
        for (int i = 0; i < 5; i++)
            for (int k = 0; k < 3; k++) p[i][k] += 0.001 * v[i][k];
    }
    u64 r;
    memcpy(&r, &p[1][1], 8);
    return r;
}
