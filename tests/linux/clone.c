#include "show.h"
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/uio.h>
#include <linux/futex.h>

#define STACK (256 << 10)
static char *stack(void) { return (char *)mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + STACK; }
static void ended(const char *what, pid_t p) {
    int st = 0;
    pid_t r = waitpid(p, &st, __WALL);
    if (r != p) say("%s not waited for: %s\n", what, strerrorname_np(errno));
    else if (WIFEXITED(st)) say("%s exited %d\n", what, WEXITSTATUS(st));
    else if (WIFSIGNALED(st)) say("%s signal %d\n", what, WTERMSIG(st));
}
static volatile int shared, turn, ctid = -1, handled, private_fd = -1;

static int adder(void *arg) {
    for (int i = 0; i < 1000; i++) {
        while (turn != 1) sched_yield();
        shared++;
        turn = 0;
    }
    return (long)arg;
}
static int maps_too(void *arg) {  // what one maps the other sees
    char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(m, "from the child");
    *(char **)arg = m;
    return 0;
}
static int spins(void *arg) {
    turn = 1;
    for (;;) shared++;
    return 0;
}
static void on_usr1(int s) { handled = s; }
static int handles(void *arg) {
    signal(SIGUSR1, on_usr1);
    turn = 1;
    while (!handled) shared++;
    return handled;
}
static int execs(void *arg) {
    char *args[] = {"sh", "-c", "exit 6", NULL};
    execv("/bin/sh", args);
    return 99;
}
static int faults(void *arg) { return *(volatile int *)8; }
static int opens(void *arg) {
    private_fd = syscall(SYS_dup, 1);
    turn = 1;
    return 0;
}
static void *in_thread(void *arg) {
    (*(int *)arg)++;
    return NULL;
}
static int threads(void *arg) {  // a process beside its parent with threads of its own
    pthread_t t[4];
    int n = 0;
    for (int i = 0; i < 4; i++) {
        if (pthread_create(&t[i], NULL, in_thread, &n)) return 77;
        pthread_join(t[i], NULL);
    }
    return n;
}
static int forks(void *arg) {
    int st;
    pid_t p = fork();
    if (p == 0) _exit(21);
    waitpid(p, &st, 0);
    return WEXITSTATUS(st);
}

// a thread that does not share descriptors or the working directory
static int thread_fn(void *arg) {
    long r = syscall(SYS_chdir, "/");
    r |= syscall(SYS_close, (long)arg);
    *(volatile int *)&shared = r;
    __atomic_store_n(&turn, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_exit, 0);
    return 0;
}
static void *unsharer(void *arg) {
    show(unshare(CLONE_FILES | CLONE_FS));
    close((long)arg);
    chdir("/usr");
    return NULL;
}

static long clone3(struct clone_args *a) { return syscall(SYS_clone3, a, sizeof *a); }

int main(void) {
    pid_t p;
    // memory shared by processes that both run
    p = clone(adder, stack(), CLONE_VM | SIGCHLD, (void *)5);
    show(p > 0 && p != getpid());
    for (int i = 0; i < 1000; i++) {
        while (turn != 0) sched_yield();
        shared++;
        turn = 1;
    }
    ended("adder", p);
    show(shared);
    char *text = NULL;
    p = clone(maps_too, stack(), CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, &text);
    ended("mapper", p);
    say("%s\n", text);
    turn = 0;
    p = clone(spins, stack(), CLONE_VM | SIGCHLD, NULL);
    while (!turn) sched_yield();
    kill(p, SIGTERM);
    ended("spinner", p);
    turn = 0;
    p = clone(spins, stack(), CLONE_VM | SIGCHLD, NULL);
    while (!turn) sched_yield();
    kill(p, SIGKILL);
    ended("killed", p);
    turn = 0;
    p = clone(handles, stack(), CLONE_VM | SIGCHLD, NULL);
    while (!turn) sched_yield();
    kill(p, SIGUSR1);
    ended("handler", p);
    struct sigaction sa;
    sigaction(SIGUSR1, NULL, &sa);
    show(sa.sa_handler == SIG_DFL);  // handlers were not shared
    p = clone(handles, stack(), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);
    ended("with handlers shared", p);
    sigaction(SIGUSR1, NULL, &sa);
    show(sa.sa_handler == on_usr1);
    p = clone(execs, stack(), CLONE_VM | SIGCHLD, NULL);
    ended("executor", p);
    p = clone(faults, stack(), CLONE_VM | SIGCHLD, NULL);
    ended("faulter", p);
    // none that ends or is killed leaves a lock behind, which the forks would wait for
    for (int i = 0; i < 10; i++) {
        turn = 0;
        p = clone(spins, stack(), CLONE_VM | SIGCHLD, NULL);
        while (!turn) sched_yield();
        kill(p, SIGKILL);
        waitpid(p, NULL, 0);
        p = clone(threads, stack(), CLONE_VM | SIGCHLD, NULL);
        if (i < 9) waitpid(p, NULL, 0);
    }
    ended("with threads", p);
    p = clone(forks, stack(), CLONE_VM | SIGCHLD, NULL);
    ended("forker", p);
    turn = 0;
    p = clone(opens, stack(), CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
    ended("opener", p);
    show(close(private_fd));
    p = clone(opens, stack(), CLONE_VM | SIGCHLD, NULL);
    ended("opener", p);
    show(close(private_fd));
    p = clone(opens, stack(), CLONE_VM, NULL);  // no signal at its end
    ended("silent", p);
    ctid = 1;
    p = clone(maps_too, stack(), CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | SIGCHLD, &text, &shared, NULL, &ctid);
    ended("with tids", p);
    for (int i = 0; ctid && i < 1000; i++) usleep(1000);
    show(ctid);
    show(shared == p);
    show(clone(maps_too, stack(), CLONE_SIGHAND | SIGCHLD, &text));
    show(clone(maps_too, stack(), CLONE_THREAD | CLONE_VM, &text));
    show(clone(maps_too, stack(), CLONE_NEWNS | CLONE_FS | SIGCHLD, &text));
    for (int i = 0; i < 50; i++) {  // they come and go
        p = clone(maps_too, stack(), CLONE_VM | SIGCHLD, &text);
        int st;
        if (waitpid(p, &st, 0) != p || st) say("lost one\n");
    }
    // threads that share less
    int fd = dup(1);
    turn = 0;
    chdir("/tmp");
    show(clone(thread_fn, stack(), CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, (void *)(long)fd) > 0);
    while (!turn) sched_yield();
    show(shared);
    show(fcntl(fd, F_GETFD));
    char cwd[100];
    say("%s\n", getcwd(cwd, sizeof cwd));
    pthread_t t;
    pthread_create(&t, NULL, unsharer, (void *)(long)fd);
    pthread_join(t, NULL);
    show(fcntl(fd, F_GETFD));
    say("%s\n", getcwd(cwd, sizeof cwd));
    close(fd);
    // clone3
    int pidfd = -1, tid = 0;
    struct clone_args a = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&pidfd, .parent_tid = (uintptr_t)&tid, .exit_signal = SIGCHLD};
    p = clone3(&a);
    if (p == 0) _exit(3);
    show(p > 0 && tid == p && pidfd >= 0);
    siginfo_t si;
    show(waitid(P_PIDFD, pidfd, &si, WEXITED));
    show(si.si_status);
    close(pidfd);
    signal(SIGUSR1, on_usr1);
    signal(SIGUSR2, SIG_IGN);
    a = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    p = clone3(&a);
    if (p == 0) _exit(signal(SIGUSR1, SIG_DFL) == SIG_DFL && signal(SIGUSR2, SIG_DFL) == SIG_IGN ? 0 : 1);
    ended("cleared", p);
    pid_t want = 0;
    for (want = 31000; kill(want, 0) == 0; want++) {}
    a = (struct clone_args){.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&want, .set_tid_size = 1};
    p = clone3(&a);
    if (p == 0) _exit(getpid() == want ? 4 : 5);
    if (p < 0) say("chosen pid: %s\n", strerrorname_np(errno));
    else { show(p == want); ended("chosen", p); }
    a = (struct clone_args){.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = 12345};
    show(clone3(&a));
    a = (struct clone_args){.exit_signal = 65};
    show(clone3(&a));
    a = (struct clone_args){.flags = CLONE_DETACHED};
    show(clone3(&a));
    a = (struct clone_args){.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND};
    show(clone3(&a));
    a = (struct clone_args){.stack = 4096};
    show(clone3(&a));
    show(syscall(SYS_clone3, &a, 8));
    show(syscall(SYS_clone3, (void *)8, sizeof a));
    return 0;
}
