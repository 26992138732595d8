// A program with threads, signals and floating point for a debugger.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

volatile long watched, turns, caught, go_on = 1;
double ratio = 1.5;
static pthread_barrier_t barrier;

__attribute__((noinline)) long inner(long n) {
    turns += n;
    return turns;
}

__attribute__((noinline)) long outer(long n, double x) {
    long sum = inner(n) + (long)x;
    watched = sum;
    return sum;
}

__attribute__((noinline)) void worker_at_work(long n) { turns = turns + 0 * n; }

static void* worker(void* arg) {
    pthread_barrier_wait(&barrier);
    worker_at_work((long)arg);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return arg;
}

static void* sleeper(void* arg) {
    int* fds = arg;
    char c;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    if (read(fds[0], &c, 1) != 1 || c != 'x') abort();
    pthread_barrier_wait(&barrier);
    return 0;
}

static void on_signal(int sig) { caught = sig; }

__attribute__((noinline)) void spin(void) {
    while (go_on) turns++;
}

int main(int argc, char** argv) {
    if (argc > 1 && !strcmp(argv[1], "crash")) *(volatile int*)16 = 1;
    if (argc > 1 && !strcmp(argv[1], "abort")) abort();
    signal(SIGUSR1, on_signal);
    if (argc > 1 && !strcmp(argv[1], "spin")) {
        spin();
        printf("spun %ld\n", caught);
        return 5;
    }
    int fds[2];
    if (pipe(fds)) return 1;
    pthread_barrier_init(&barrier, 0, 4);
    pthread_t threads[3];
    pthread_create(&threads[0], 0, worker, (void*)1);
    pthread_create(&threads[1], 0, worker, (void*)2);
    pthread_create(&threads[2], 0, sleeper, fds);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (long n = 1; n <= 3; n++) outer(n, ratio);
    raise(SIGUSR1);
    if (write(fds[1], "x", 1) != 1) return 1;
    pthread_barrier_wait(&barrier);
    for (int n = 0; n < 3; n++) pthread_join(threads[n], 0);
    printf("caught %ld, turns %ld\n", caught, turns);
    fflush(stdout);
    return 7;
}
