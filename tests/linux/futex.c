#include "show.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

static long futex(volatile uint32_t *a, int op, uint32_t v, void *t, volatile uint32_t *b, uint32_t v3) { return syscall(SYS_futex, a, op, v, t, b, v3); }
static struct timespec soon = {0, 20000000};
static volatile uint32_t word, word2, pi, ready;
static volatile int woken;

static void *waits(void *arg) {
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    while (futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0) == -1 && errno == EINTR) {}
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    return arg;
}
static void *locks_pi(void *arg) {
    ready = 1;
    long r = futex(&pi, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    woken = r == 0 && (pi & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid);
    futex(&pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    return arg;
}
static void *requeued_pi(void *arg) {
    ready = 1;
    long r = futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &pi, 0);
    woken = r == 0 && (pi & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid);
    futex(&pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    return arg;
}
static void settle(void) {
    while (!ready) usleep(1000);
    usleep(50000);
}
static pthread_mutex_t *shared_mutex(int kind, int protocol) {
    pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&a, kind);
    pthread_mutexattr_setprotocol(&a, protocol);
    pthread_mutex_init(m, &a);
    return m;
}
static void *dies_with(void *m) {
    pthread_mutex_lock(m);
    return NULL;
}
/// The owner goes away in every way there is; who comes next learns of it.
static void robust(const char *what, int protocol) {
    pthread_mutex_t *m = shared_mutex(PTHREAD_MUTEX_ROBUST, protocol);
    pthread_t t;
    pthread_create(&t, NULL, dies_with, m);
    pthread_join(t, NULL);
    say("%s thread: %s", what, strerrorname_np(pthread_mutex_lock(m)));
    say(" %d", pthread_mutex_consistent(m));
    say(" %d\n", pthread_mutex_unlock(m));
    for (int how = 0; how < 4; how++) {
        fflush(stdout);
        pid_t p = fork();
        if (p == 0) {
            pthread_mutex_lock(m);
            if (how == 0) _exit(0);
            if (how == 1) raise(SIGKILL);
            if (how == 2) execl("/bin/true", "true", NULL);
            raise(SIGTERM);
        }
        waitpid(p, NULL, 0);
        int r = pthread_mutex_lock(m);
        say("%s process %d: %s", what, how, r ? strerrorname_np(r) : "0");
        if (r == EOWNERDEAD) say(" %d", pthread_mutex_consistent(m));
        say(" %d\n", pthread_mutex_unlock(m));
    }
    // waiting while the owner dies
    fflush(stdout);
    pid_t p = fork();
    if (p == 0) {
        pthread_mutex_lock(m);
        usleep(100000);
        raise(SIGKILL);
    }
    usleep(50000);
    int r = pthread_mutex_lock(m);
    say("%s waited: %s\n", what, r ? strerrorname_np(r) : "0");
    waitpid(p, NULL, 0);
    // not made consistent: lost for good
    if (r == EOWNERDEAD) {
        pthread_mutex_unlock(m);
        r = pthread_mutex_lock(m);
        say("%s then: %s\n", what, r ? strerrorname_np(r) : "0");
    }
}

int main(void) {
    pthread_t t, u;
    show(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
    show(futex(&word, FUTEX_WAIT, 0, &soon, NULL, 0));
    show(futex(&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &soon, NULL, 0));
    struct timespec past = {1, 0}, invalid = {0, 2000000000};
    show(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &past, NULL, 1));
    show(futex(&word, FUTEX_WAIT_BITSET, 0, &past, NULL, 0));
    show(futex(&word, FUTEX_WAIT, 0, &invalid, NULL, 0));
    show(futex((void *)8, FUTEX_WAIT, 0, &soon, NULL, 0));
    show(futex((void *)1, FUTEX_WAKE, 1, NULL, NULL, 0));
    show(futex(&word, 99, 0, NULL, NULL, 0));
    show(futex(&word, FUTEX_FD, 0, NULL, NULL, 0));
    show(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    // requeue and wake-op
    pthread_create(&t, NULL, waits, NULL);
    pthread_create(&u, NULL, waits, NULL);
    while (ready < 2) usleep(1000);
    usleep(50000);
    show(futex(&word, FUTEX_CMP_REQUEUE, 0, (void *)10, &word2, 5));
    show(futex(&word, FUTEX_CMP_REQUEUE, 0, (void *)10, &word2, 0));
    show(futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0));
    show(futex(&word2, FUTEX_WAKE, 1, NULL, NULL, 0));
    show(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, &word2, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0)));
    show(word2);
    pthread_join(t, NULL);
    pthread_join(u, NULL);
    show(woken);
    // priority inheritance
    woken = ready = 0;
    show(futex(&pi, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    show((pi & FUTEX_TID_MASK) == (uint32_t)getpid());
    show(futex(&pi, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    pthread_create(&t, NULL, locks_pi, NULL);
    settle();
    show((pi & FUTEX_WAITERS) != 0);
    show(futex(&pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    pthread_join(t, NULL);
    show(woken);
    show(pi);
    show(futex(&pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    pi = 0;
    woken = ready = word = 0;
    pthread_create(&t, NULL, requeued_pi, NULL);
    settle();
    show(futex(&pi, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, NULL, &pi, 0));
    show(futex(&pi, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    pthread_join(t, NULL);
    show(woken);
    // several at once
    struct waiter { uint64_t val, uaddr; uint32_t flags, reserved; } w[2] = {{0, (uintptr_t)&word, 2, 0}, {0, (uintptr_t)&word2, 2, 0}};
    word = 0, word2 = 7;
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    show(syscall(449, w, 2, 0, &at, CLOCK_MONOTONIC));
    w[1].val = 7;
    show(syscall(449, w, 2, 0, &at, CLOCK_MONOTONIC));
    show(syscall(449, w, 0, 0, &at, CLOCK_MONOTONIC));
    show(syscall(449, (void *)8, 2, 0, &at, CLOCK_MONOTONIC));
    w[0].flags = 99;
    show(syscall(449, w, 2, 0, &at, CLOCK_MONOTONIC));
    // lists of robust locks
    void *head = NULL;
    size_t len = 0;
    show(syscall(SYS_get_robust_list, 0, &head, &len));
    show(head != NULL);
    show(len);
    show(syscall(SYS_set_robust_list, head, 8));
    show(syscall(SYS_set_robust_list, head, 24));
    show(syscall(SYS_get_robust_list, 1 << 22, &head, &len));
    robust("plain", PTHREAD_PRIO_NONE);
    robust("pi", PTHREAD_PRIO_INHERIT);
    return 0;
}
