// class: integer
// Edit distance of two generated strings, dynamic programming.
#include "kernel.h"
enum { N = 1500 };
static char a[N], b[N];
static int row[N + 1];
static u64 run(long scale) {
    u64 seed = 43, sum = 0;
    for (int i = 0; i < N; i++) a[i] = (char)('a' + next_random(&seed) % 4), b[i] = (char)('a' + next_random(&seed) % 4);
    for (long r = 0; r < 30 * scale; r++) {
        for (int j = 0; j <= N; j++) row[j] = j;
        for (int i = 1; i <= N; i++) {
            int diag = row[0];
            row[0] = i;
            for (int j = 1; j <= N; j++) {
                int cost = diag + (a[i - 1] != b[j - 1]);
                diag = row[j];
                int best = diag < row[j - 1] ? diag + 1 : row[j - 1] + 1;
                row[j] = cost < best ? cost : best;
            }
        }
        sum = sum * 31 + (u64)row[N];
        a[r] = b[r];
    }
    return sum;
}
