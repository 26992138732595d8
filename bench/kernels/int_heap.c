// class: latency
// Binary heap as an event queue: pop the earliest, push a later one.
#include "kernel.h"
enum { N = 2000 };
typedef struct { u32 time, id; } event;
static event heap[N + 1];
static NOINLINE void sift_down(int n) {
    event e = heap[1];
    int i = 1;
    for (int c; (c = 2 * i) <= n; i = c) {
        if (c < n && heap[c + 1].time < heap[c].time) c++;
        if (e.time <= heap[c].time) break;
        heap[i] = heap[c];
    }
    heap[i] = e;
}
static u64 run(long scale) {
    u64 seed = 17, sum = 0;
    for (int i = 1; i <= N; i++) heap[i].time = (u32)i, heap[i].id = (u32)i;
    for (long r = 0; r < 1500000 * scale; r++) {
        sum += heap[1].id ^ heap[1].time;
        heap[1].time += 1 + (u32)(next_random(&seed) % 5000);
        sift_down(N);
    }
    return sum;
}
