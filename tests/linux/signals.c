#include "isa.h"
#include <setjmp.h>
#include <sys/signalfd.h>

static volatile int count, depth, raised, order[32], codes[32], values[32], on_alt;
static char alt[65536];
static void note(int s, siginfo_t *si, void *u) {
    (void)u;
    order[count] = s;
    codes[count] = si->si_code;
    values[count++] = si->si_value.sival_int;
    char here;
    on_alt = &here >= alt && &here < alt + sizeof alt;
}
static void nested(int s, siginfo_t *si, void *u) {
    (void)si, (void)u;
    int me = ++depth;
    say("enter %d depth %d\n", s, me);
    if (s == SIGUSR1) raise(SIGUSR2);
    if (s == SIGUSR2 && raised++ < 2) raise(SIGUSR1);
    say("leave %d depth %d\n", s, me);
    depth--;
}
static void set(int sig, void (*h)(int, siginfo_t *, void *), int flags) {
    struct sigaction sa = {.sa_sigaction = h, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&sa.sa_mask);
    show(sigaction(sig, &sa, NULL));
}
static sigjmp_buf env;
static void jump(int s, siginfo_t *si, void *u) { (void)si, (void)u; siglongjmp(env, s); }
static void skip(int s, siginfo_t *si, void *u) {  // edits the saved pc
    (void)s, (void)si;
    REGS((ucontext_t *)u)[kPc] += kSkippedBytes;
    count++;
}
static double keep(double x) { __asm__ volatile("" ::: "memory"); return x; }
static void spoil_fp(int s, siginfo_t *si, void *u) { (void)s, (void)si, (void)u; volatile double d = 1; for (int i = 0; i < 50; i++) d = d * 1.5 + keep(d); count++; }
static void interrupted_read(int flags, const char *what) {
    int p[2];
    pipe(p);
    set(SIGALRM, note, flags);
    pid_t c = fork();
    if (c == 0) { usleep(30000); kill(getppid(), SIGALRM); usleep(60000); write(p[1], "x", 1); _exit(0); }
    char b;
    errno = 0;
    long r = read(p[0], &b, 1);
    say("%s: %ld %s\n", what, r, r < 0 ? strerrorname_np(errno) : "");
    while (waitpid(c, NULL, 0) < 0) {}
    close(p[0]), close(p[1]);
}

int main(void) {
    sigset_t s, old;
    set(SIGUSR1, note, 0);
    show(raise(SIGUSR1));
    say("%d code %d\n", order[0], codes[0] == SI_TKILL);
    show(kill(getpid(), SIGUSR1));
    say("%d code %d\n", order[1], codes[1] == SI_USER);
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    show(sigprocmask(SIG_BLOCK, &s, &old));
    count = 0;
    raise(SIGUSR1), raise(SIGUSR1);
    show(count);
    sigset_t pend;
    show(sigpending(&pend));
    show(sigismember(&pend, SIGUSR1));
    show(sigprocmask(SIG_UNBLOCK, &s, NULL));
    show(count);
    // real-time signals queue, in order of number and of sending
    int rt = SIGRTMIN + 2;
    set(rt, note, 0), set(rt + 1, note, 0);
    sigemptyset(&s);
    sigaddset(&s, rt), sigaddset(&s, rt + 1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    count = 0;
    union sigval v;
    for (int i = 0; i < 3; i++) {
        v.sival_int = 10 + i;
        show(sigqueue(getpid(), rt + 1, v));
        show(sigqueue(getpid(), rt, v));
    }
    siginfo_t si;
    struct timespec ts = {0, 0};
    show(sigtimedwait(&s, &si, &ts) - rt);
    show(si.si_value.sival_int);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    for (int i = 0; i < count; i++) say("rt+%d value %d code %d\n", order[i] - rt, values[i], codes[i] == SI_QUEUE);
    sigprocmask(SIG_BLOCK, &s, NULL);
    show(sigtimedwait(&s, &si, &ts));
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    // nesting
    set(SIGUSR1, nested, SA_NODEFER), set(SIGUSR2, nested, SA_NODEFER);
    raise(SIGUSR1);
    raised = 0;
    set(SIGUSR1, nested, 0), set(SIGUSR2, nested, 0);
    raise(SIGUSR1);
    // alternate stack, one-shot
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt}, oss;
    show(sigaltstack(&ss, &oss));
    show(oss.ss_flags == SS_DISABLE);
    count = 0;
    set(SIGUSR1, note, SA_ONSTACK | SA_RESETHAND);
    raise(SIGUSR1);
    show(on_alt);
    struct sigaction sa;
    sigaction(SIGUSR1, NULL, &sa);
    show(sa.sa_handler == SIG_DFL);
    ss.ss_flags = SS_DISABLE;
    show(sigaltstack(&ss, NULL));
    ss = (stack_t){.ss_sp = alt, .ss_size = 100};
    show(sigaltstack(&ss, NULL));
    show(sigaction(SIGKILL, &sa, NULL));
    show(sigaction(65, &sa, NULL));
    // system calls that a signal interrupts
    interrupted_read(0, "read");
    interrupted_read(SA_RESTART, "read with SA_RESTART");
    signal(SIGCHLD, SIG_DFL);
    // waiting with a mask
    set(SIGUSR1, note, 0);
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    raise(SIGUSR1);
    sigemptyset(&old);
    count = 0;
    show(sigsuspend(&old));
    show(count);
    sigprocmask(0, NULL, &old);
    show(sigismember(&old, SIGUSR1));
    int fd = signalfd(-1, &s, 0);
    raise(SIGUSR1);
    struct signalfd_siginfo fi;
    show(read(fd, &fi, sizeof fi) == sizeof fi);
    show(fi.ssi_signo);
    // faults: longjmp out, and skipping the instruction
    set(SIGSEGV, jump, 0);
    for (int i = 0; i < 3; i++) {
        int r = sigsetjmp(env, 1);
        if (r == 0) *(volatile int *)8 = 1;
        say("came back with %d\n", r);
    }
    count = 0;
    set(SIGSEGV, skip, 0);
    SKIPPED_STORE;
    show(count);
    set(SIGFPE, note, 0), set(SIGILL, jump, 0), set(SIGTRAP, note, 0);
    raise(SIGFPE);
    int r = sigsetjmp(env, 1);
    if (r == 0) __asm__ volatile(ILLEGAL);
    show(r);
    // registers survive a handler
    set(SIGALRM, spoil_fp, SA_RESTART);
    volatile double sum = 0;
    double acc = 1;
    count = 0;
    ualarm(1000, 1000);
    while (count < 20)
        for (int i = 0; i < 1000; i++) acc = acc * 1.0000001 + 0.5, acc = acc > 100 ? acc - 99 : acc;
    ualarm(0, 0);
    for (int k = 0; k < 1000; k++) sum += 0.1 * k;
    say("%.6f %d\n", sum, acc > 0 && acc < 101);
    // blocked and raised by the processor: the process dies
    pid_t p = fork();
    if (p == 0) {
        sigset_t b;
        sigfillset(&b);
        sigprocmask(SIG_BLOCK, &b, NULL);
        *(volatile int *)8 = 1;
        _exit(0);
    }
    int st;
    waitpid(p, &st, 0);
    say("died %d by %d\n", WIFSIGNALED(st), WTERMSIG(st));
    p = fork();
    if (p == 0) { signal(SIGINT, SIG_IGN); kill(getpid(), SIGINT); signal(SIGWINCH, SIG_DFL); raise(SIGWINCH); _exit(4); }
    waitpid(p, &st, 0);
    show(WEXITSTATUS(st));
    return 0;
}
