// class: integer
// LZ77 compressor with hash chains, then decompression and check.
#include "kernel.h"
enum { N = 1 << 20 };
static u8 in[N], out[2 * N], back[N];
static int head[1 << 15];
static inline u32 word(const u8* p) { u32 w; memcpy(&w, p, 4); return w; }
static NOINLINE long squeeze(void) {
    long o = 0, i = 0;
    memset(head, 0xff, sizeof head);
    while (i < N - 8) {
        u32 h = word(in + i) * 2654435761u >> 17;
        int cand = head[h];
        head[h] = (int)i;
        long len = 0;
        if (cand >= 0 && i - cand < 65536)
            while (len < 255 && i + len < N && in[cand + len] == in[i + len]) len++;
        if (len >= 4) {
            out[o++] = 1, out[o++] = (u8)len, out[o++] = (u8)(i - cand), out[o++] = (u8)((i - cand) >> 8);
            i += len;
        } else
            out[o++] = 0, out[o++] = in[i++];
    }
    while (i < N) out[o++] = 0, out[o++] = in[i++];
    return o;
}
static NOINLINE long expand(long n) {
    long o = 0;
    for (long i = 0; i < n;) {
        if (out[i] == 0) { back[o++] = out[i + 1], i += 2; continue; }
        long len = out[i + 1], dist = out[i + 2] | out[i + 3] << 8;
        for (long k = 0; k < len; k++) back[o + k] = back[o + k - dist];
        o += len, i += 4;
    }
    return o;
}
static u64 run(long scale) {
    u64 seed = 5, sum = 0;
    for (int i = 0; i < N; i++) in[i] = next_random(&seed) % 5 ? in[i > 700 ? i - 700 + (int)(seed % 3) : 0] + (u8)(i & 1) : (u8)seed;
    for (long r = 0; r < 12 * scale; r++) {
        long n = squeeze();
        if (expand(n) != N || memcmp(in, back, N)) return 0;
        sum += (u64)n;
        in[r * 17 + 5] ^= 1;
    }
    return sum;
}
