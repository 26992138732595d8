// class: fp
// Radix-2 FFT, in place.
#include "kernel.h"
enum { N = 1 << 13 };
static double re[N], im[N], wr[N / 2], wi[N / 2];
static NOINLINE void fft(void) {
    for (int i = 1, j = 0; i < N; i++) {
        int bit = N >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) {
            double t = re[i]; re[i] = re[j], re[j] = t;
            t = im[i], im[i] = im[j], im[j] = t;
        }
    }
    for (int len = 2; len <= N; len <<= 1)
        for (int i = 0; i < N; i += len)
            for (int k = 0; k < len / 2; k++) {
                int w = k * (N / len), x = i + k, y = x + len / 2;
                double tr = re[y] * wr[w] - im[y] * wi[w], ti = re[y] * wi[w] + im[y] * wr[w];
                re[y] = re[x] - tr, im[y] = im[x] - ti, re[x] += tr, im[x] += ti;
            }
}
static u64 run(long scale) {
    u64 seed = 29, r8;
    double c = 1, s = 0, dc = 0.99999970586288221916, ds = 0.00076699031874270452;
    for (int i = 0; i < N / 2; i++) {
        wr[i] = c, wi[i] = -s;
        double t = c * dc - s * ds;
        s = s * dc + c * ds, c = t;
    }
    for (int i = 0; i < N; i++) re[i] = (double)(next_random(&seed) % 1000) / 500 - 1, im[i] = 0;
    for (long r = 0; r < 350 * scale; r++) {
        fft();
        for (int i = 0; i < N; i++) re[i] /= 90, im[i] /= 91;
    }
    memcpy(&r8, &re[5], 8);
    return r8;
}
