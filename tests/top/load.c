// load WORKERS: that many threads compute, one more starts short-lived threads. Obeys the lines of standard input and answers each with one:
// rest, work, fork (the child's pid; it computes until it is killed), vfork (the child's pid; it sleeps until it is killed, and so does the
// thread that made it), exec (the same program anew), end.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_WORKERS = 16 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long resting, busy;
static atomic_int rest;
static volatile unsigned long sink;

static __attribute__((noinline)) unsigned long compute(unsigned long x) {
    for (int i = 0; i < 20000; i++) x = x * 6364136223846793005ul + (x >> 7);
    return x;
}
static __attribute__((noinline)) unsigned long another(unsigned long x) {
    for (int i = 0; i < 5000; i++) x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    return x;
}
static void wait_while_resting(void) {
    if (!atomic_load(&rest)) return;
    pthread_mutex_lock(&lock);
    resting++;
    pthread_cond_broadcast(&changed);
    while (atomic_load(&rest)) pthread_cond_wait(&changed, &lock);
    resting--;
    pthread_mutex_unlock(&lock);
}
static void* worker(void* arg) {
    unsigned long (*volatile calls[])(unsigned long) = {compute, another};
    for (unsigned long n = 0, x = (unsigned long)arg;; n++) {
        sink = x = calls[n % 2](x);
        wait_while_resting();
    }
    return 0;
}
static void* short_lived(void* arg) { return arg; }
static void* starter(void* arg) {
    for (;;) {
        pthread_t t;
        if (pthread_create(&t, 0, short_lived, arg)) abort();
        pthread_join(t, 0);
        usleep(500);
        wait_while_resting();
    }
}
static void* parent_of_vfork(void* arg) {
    pid_t pid = vfork();
    if (pid == 0) {
        char line[32];
        int n = snprintf(line, sizeof line, "%d\n", (int)getpid());
        if (write(1, line, (size_t)n) != n) _exit(1);
        for (;;) pause();
    }
    return arg;
}
static void start(void* (*body)(void*), long arg) {
    pthread_t t;
    if (pthread_create(&t, 0, body, (void*)arg)) abort();
}
static void set_rest(int to) {
    pthread_mutex_lock(&lock);
    atomic_store(&rest, to);
    pthread_cond_broadcast(&changed);
    while (resting != (to ? busy : 0)) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

int main(int argc, char** argv) {
    long workers = argc > 1 ? atol(argv[1]) : 2;
    if (workers > MOST_WORKERS) return 2;
    for (long i = 0; i < workers; i++) start(worker, i + 1);
    start(starter, 0);
    busy = workers + 1;
    puts("ready");
    fflush(stdout);
    for (char line[64]; fgets(line, sizeof line, stdin);) {
        line[strcspn(line, "\n")] = 0;
        if (!strcmp(line, "rest") || !strcmp(line, "work")) {
            set_rest(line[0] == 'r');
            puts("done");
        } else if (!strcmp(line, "fork")) {
            pid_t pid = fork();
            if (pid == 0) worker((void*)1);
            printf("%d\n", (int)pid);
        } else if (!strcmp(line, "vfork")) {
            start(parent_of_vfork, 0); // its child answers
        } else if (!strcmp(line, "exec")) {
            execv("/proc/self/exe", argv);
            return 3;
        } else if (!strcmp(line, "end")) {
            return 0;
        }
        fflush(stdout);
    }
    return 4;
}
