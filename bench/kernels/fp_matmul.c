// class: fp
#include "kernel.h"
enum { N = 200 };
static double a[N][N], b[N][N], c[N][N];
static u64 run(long scale) {
    u64 seed = 23, r8;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (double)(next_random(&seed) % 1000) / 999, b[i][j] = (double)(next_random(&seed) % 1000) / 999;
    double sum = 0;
    for (long r = 0; r < 20 * scale; r++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double s = 0;
                for (int k = 0; k < N; k++) s += a[i][k] * b[k][j];
                c[i][j] = s;
            }
        a[r % N][1] = c[3][3] / 60;
        sum += c[r % N][9];
    }
    memcpy(&r8, &sum, 8);
    return r8;
}
