// class: integer
// 32-bit integer matrix product.
#include "kernel.h"
enum { N = 200 };
static int a[N][N], b[N][N], c[N][N];
static u64 run(long scale) {
    u64 seed = 3, sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (int)next_random(&seed), b[i][j] = (int)next_random(&seed);
    for (long r = 0; r < 48 * scale; r++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                unsigned s = 0;
                for (int k = 0; k < N; k++) s += (unsigned)a[i][k] * (unsigned)b[k][j];
                c[i][j] = (int)s;
            }
        a[r % N][0] ^= c[3][5];
        sum += (u32)c[r % N][7];
    }
    return sum;
}
