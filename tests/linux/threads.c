#include "show.h"
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdatomic.h>

enum { kThreads = 8, kRounds = 2000 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter, turn;
static atomic_long atomic_counter;
static __thread long tls = 5;
static pthread_barrier_t barrier;
static pthread_key_t key;
static atomic_int destroyed;

static void destroy(void *v) { (void)v; destroyed++; }
static void *work(void *arg) {
    pthread_setspecific(key, arg ? arg : (void *)99);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < kRounds; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        atomic_counter++;
        tls++;
    }
    return (void *)(tls + (long)arg);
}
static void *ping(void *arg) {
    long me = (long)arg;
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != me) pthread_cond_wait(&cond, &mutex);
        turn = !me;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}
static void *sleeper(void *arg) { (void)arg; for (;;) sleep(100); }
static void *locks_and_dies(void *m) { pthread_mutex_lock(m); return NULL; }
static volatile sig_atomic_t hit;
static pthread_t hit_thread;
static void on_usr1(int s) { (void)s; hit_thread = pthread_self(); hit = 1; }
static void *waits_for_signal(void *arg) { (void)arg; while (!hit) usleep(1000); return NULL; }
static void *exits_later(void *arg) { (void)arg; usleep(30000); say("after main\n"); exit(21); }

int main(void) {
    pthread_t t[kThreads];
    pthread_key_create(&key, destroy);
    pthread_barrier_init(&barrier, NULL, kThreads);
    for (long i = 0; i < kThreads; i++) pthread_create(&t[i], NULL, work, (void *)i);
    for (int i = 0; i < kThreads; i++) {
        void *r;
        pthread_join(t[i], &r);
        show((long)r);
    }
    show(counter);
    show(atomic_counter);
    show(tls);
    show(destroyed);
    pthread_create(&t[0], NULL, ping, (void *)0);
    pthread_create(&t[1], NULL, ping, (void *)1);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    show(turn);
    pthread_create(&t[0], NULL, sleeper, NULL);
    usleep(10000);
    show(pthread_cancel(t[0]));
    void *r;
    pthread_join(t[0], &r);
    show(r == PTHREAD_CANCELED);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_t robust;
    pthread_mutex_init(&robust, &a);
    pthread_create(&t[0], NULL, locks_and_dies, &robust);
    pthread_join(t[0], NULL);
    show(pthread_mutex_lock(&robust) == EOWNERDEAD);
    show(pthread_mutex_consistent(&robust));
    show(pthread_mutex_unlock(&robust));
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutex_init(shared, &a);
    pid_t p = fork();
    if (p == 0) { pthread_mutex_lock(shared); _exit(0); }
    waitpid(p, NULL, 0);
    show(pthread_mutex_lock(shared) == EOWNERDEAD);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += ts.tv_nsec >= 980000000, ts.tv_nsec = (ts.tv_nsec + 20000000) % 1000000000;
    pthread_mutex_lock(&mutex);
    show(pthread_cond_timedwait(&cond, &mutex, &ts) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
    int word = 1;
    show(syscall(SYS_futex, &word, FUTEX_WAIT, 2, NULL, NULL, 0));
    show(syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0));
    show(syscall(SYS_futex, (void *)1, FUTEX_WAKE, 1, NULL, NULL, 0));
    signal(SIGUSR1, on_usr1);
    pthread_create(&t[0], NULL, waits_for_signal, NULL);
    show(pthread_kill(t[0], SIGUSR1));
    pthread_join(t[0], NULL);
    show(pthread_equal(hit_thread, t[0]) != 0);
    hit = 0;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_create(&t[0], NULL, waits_for_signal, NULL);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    show(kill(getpid(), SIGUSR1));  // the process's: only the other thread takes it
    pthread_join(t[0], NULL);
    show(pthread_equal(hit_thread, t[0]) != 0);
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    pthread_create(&t[0], NULL, sleeper, NULL);
    fflush(stdout);
    p = fork();  // of a process with threads
    if (p == 0) {
        pthread_create(&t[1], NULL, locks_and_dies, &mutex);
        pthread_join(t[1], NULL);
        _exit(33);
    }
    int st;
    waitpid(p, &st, 0);
    show(WEXITSTATUS(st));
    pthread_create(&t[1], NULL, exits_later, NULL);
    pthread_exit(NULL);
}
