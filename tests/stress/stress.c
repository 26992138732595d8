// stress [SECONDS [THREADS [apart]]]: threads, signals, futexes, forks and code patching at once. Prints one line and leaves with 0, or names
// what went wrong and leaves with 1. The same source runs natively.
// THREADS: besides main's and the short-lived ones, 4 if not given. Descriptors, threads and memory are compared between a quarter of the time
// and its end.
// apart: the forks follow when the other threads have ended, for hosts whose C runtime a fork of several threads can break.
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WORKERS = 256, FORKS_APART = 100, MOST_GROWTH = 32 << 20 };
static atomic_int stop;
static atomic_long signals_sent, signals_seen, calls, forks, adds;
static atomic_long waits;
static long counter, turn;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, turn_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static pthread_t workers[MOST_WORKERS];
static long worker_count = 4, waiter_count;

static void complain(const char* what) {
    fprintf(stderr, "stress: %s\n", what);
    _exit(1);
}
static void on_signal(int sig) {
    (void)sig;
    atomic_fetch_add(&signals_seen, 1);
}

// writes `return value` at p and makes it visible
static void patch(unsigned char* p, unsigned value) {
#if defined(__riscv)
    unsigned code[2] = {0x00000513u | (value & 0x7ff) << 20, 0x00008067u};
#elif defined(__aarch64__)
    unsigned code[2] = {0x52800000u | (value & 0xffff) << 5, 0xd65f03c0u};
#else
    unsigned char code[6] = {0xb8, (unsigned char)value, (unsigned char)(value >> 8), 0, 0, 0xc3};
#endif
    memcpy(p, code, sizeof code);
    __builtin___clear_cache((char*)p, (char*)p + 64);
}
static void* patcher(void* arg) {
    unsigned char* page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) complain("mmap of code failed");
    unsigned seed = (unsigned)(size_t)arg;
    while (!atomic_load(&stop)) {
        unsigned value = seed++ & 0x3ff, slot = seed % 16;
        patch(page + 64 * slot, value);
        if (((unsigned (*)(void))(void*)(page + 64 * slot))() != value) complain("stale code was executed");
        atomic_fetch_add(&calls, 1);
    }
    munmap(page, 4096);
    return 0;
}
static void* adder(void* arg) {
    (void)arg;
    while (!atomic_load(&stop)) {
        for (int i = 0; i < 100; i++) {
            pthread_mutex_lock(&lock);
            counter++;
            pthread_mutex_unlock(&lock);
        }
        atomic_fetch_add(&adds, 100);
    }
    return 0;
}
// the waiters take turns: every one sleeps in a futex until the one before it has had its turn
static void* waiter(void* arg) {
    long me = (long)arg;
    pthread_mutex_lock(&turn_lock);
    while (!atomic_load(&stop)) {
        if (turn % waiter_count == me) {
            turn++;
            atomic_fetch_add(&waits, 1);
            pthread_cond_broadcast(&turn_changed);
        } else {
            pthread_cond_wait(&turn_changed, &turn_lock);
        }
    }
    pthread_cond_broadcast(&turn_changed);
    pthread_mutex_unlock(&turn_lock);
    return 0;
}
static void fork_once(void) {
    pid_t pid = fork();
    if (pid < 0) complain("fork failed");
    if (pid == 0) _exit(42);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {}
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 42) complain("child's status is wrong");
    atomic_fetch_add(&forks, 1);
}
static void* forker(void* arg) {
    (void)arg;
    while (!atomic_load(&stop)) fork_once();
    return 0;
}
static void* short_lived(void* arg) { return arg; }

// what a long run must not collect
struct held {
    long descriptors, pages;
};
static struct held held_now(void) {
    struct held h = {0, 0};
    DIR* d = opendir("/proc/self/fd");
    if (!d) complain("/proc/self/fd does not open");
    while (readdir(d)) h.descriptors++;
    closedir(d);
    long size;
    FILE* f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &size, &h.pages) != 2) complain("/proc/self/statm is not as it should be");
    fclose(f);
    return h;
}

int main(int argc, char** argv) {
    int seconds = argc > 1 ? atoi(argv[1]) : 2, apart = argc > 3 && !strcmp(argv[3], "apart");
    if (argc > 2) worker_count = atoi(argv[2]);
    if (worker_count < 4 || worker_count > MOST_WORKERS) complain("THREADS is between 4 and 256");
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &sa, 0);
    void* (*bodies[])(void*) = {patcher, patcher, adder, apart ? adder : forker, waiter, waiter, adder, patcher};
    for (long i = 4; i < worker_count; i++) waiter_count += bodies[i % 8] == waiter;
    for (long i = 0, waiters = 0; i < worker_count; i++) {
        void* (*body)(void*) = i == 3 || bodies[i % 8] != forker ? bodies[i % 8] : i < 16 ? forker : adder; // two at most: a fork stops all
        if (pthread_create(&workers[i], 0, body, (void*)(body == waiter ? waiters++ : i * 100))) complain("pthread_create failed");
    }
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    long made = 0;
    struct held early = {0, 0}, late;
    do {
        for (int i = 0; i < worker_count; i++)
            if (pthread_kill(workers[i], SIGUSR1) == 0) atomic_fetch_add(&signals_sent, 1);
        pthread_t t;
        void* got = 0;
        if (pthread_create(&t, 0, short_lived, &made)) complain("pthread_create failed later");
        pthread_join(t, &got);
        if (got != &made) complain("thread's result is wrong");
        made++;
        usleep(1000);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (!early.pages && now.tv_sec - start.tv_sec >= (seconds + 3) / 4) early = held_now();
    } while (now.tv_sec - start.tv_sec < seconds);
    late = held_now();
    atomic_store(&stop, 1);
    pthread_mutex_lock(&turn_lock);
    pthread_cond_broadcast(&turn_changed);
    pthread_mutex_unlock(&turn_lock);
    for (int i = 0; i < worker_count; i++) pthread_join(workers[i], 0);
    if (apart)
        for (int i = 0; i < FORKS_APART; i++) {
            raise(SIGUSR1);
            atomic_fetch_add(&signals_sent, 1);
            fork_once();
        }
    if (counter != atomic_load(&adds)) complain("the mutex lost an addition");
    if (!signals_seen || !calls || !forks || !adds || (waiter_count && !waits)) complain("a part made no progress");
    fprintf(stderr, "stress: %ld signals sent, %ld seen, %ld patched calls, %ld forks, %ld additions, %ld turns, %ld threads; after a quarter %ld descriptors, %ld pages, at the end %ld and %ld\n",
            (long)signals_sent, (long)signals_seen, (long)calls, (long)forks, (long)adds, (long)waits, made, early.descriptors, early.pages,
            late.descriptors, late.pages);
    if (early.pages && late.descriptors != early.descriptors) complain("descriptors leak");
    if (early.pages && seconds >= 60 && (late.pages - early.pages) * sysconf(_SC_PAGESIZE) > MOST_GROWTH) complain("memory leaks");
    printf("stress: ok: %s\n", "threads, signals, futexes, forks and patched code");
    return 0;
}
