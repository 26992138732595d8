// Faults that a handler sees and repairs: address, code, pc and registers; return to the same instruction with another address,
// to the next one with a result, or out by longjmp. Each often enough that the code is compiled in between.
#include "isa.h"
#include <setjmp.h>

FUNCTION(load, LOAD)
FUNCTION(store, STORE)
FUNCTION(byte, LOAD_BYTE)
FUNCTION(call, JUMP)
FUNCTION(illegal, ILLEGAL)
FUNCTION(trap, TRAP)

static enum { kRetry, kSkip, kJump } how;
static long good;
static char *expect_pc, *expect_addr, *next;
static int expect_signal, expect_code, seen, wrong;
static sigjmp_buf env;

static void handler(int sig, siginfo_t *si, void *u) {
    unsigned long *r = REGS((ucontext_t *)u);
    seen++;
    if (sig != expect_signal || si->si_signo != sig || si->si_code != expect_code) wrong |= 1;
    if (expect_addr && si->si_addr != expect_addr) wrong |= 2;
    if ((char *)r[kPc] != expect_pc) wrong |= 4;
    for (unsigned i = 0; i < sizeof kKnown / sizeof *kKnown; i++)
        if ((long)r[kKnown[i]] != kValues[i]) wrong |= 8;
    if (how == kJump) siglongjmp(env, 5);
    if (how == kRetry) {
        r[kAddress] = (unsigned long)&good;
    } else {
        r[kPc] = (unsigned long)next;
        r[kResult] = 55;
    }
}

static void try(const char *what, long (*f)(void *), char *pc, char *after, void *address, void *addr, int sig, int code, int retry) {
    expect_pc = pc, expect_addr = addr, expect_signal = sig, expect_code = code, next = after;
    for (how = retry ? kRetry : kSkip; how <= kJump; how++) {
        long sum = 0;
        seen = wrong = 0;
        for (int i = 0; i < 50; i++) {
            int r = sigsetjmp(env, 1);
            good = 7;
            if (r == 0) sum += f(address);
            sum += r;
        }
        say("%s: how %d seen %d wrong %d sum %ld\n", what, how, seen, wrong, sum);
    }
}

int main(void) {
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    for (int i = 0; i < 4; i++) sigaction((int[]){SIGSEGV, SIGBUS, SIGILL, SIGTRAP}[i], &sa, NULL);
    // readable, none, read-only, absent
    char *m = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(m + 4096, 4096, PROT_NONE);
    mprotect(m + 8192, 4096, PROT_READ);
    munmap(m + 3 * 4096, 4096);
    char name[] = "/tmp/faults-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    ftruncate(fd, 4096);
    char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
#define TRY(f, address, addr, sig, code, retry) try(#f " " #address, f, f##_pc, f##_next, address, addr, sig, code, retry)
    TRY(load, (char *)8, (char *)8, SIGSEGV, SEGV_MAPERR, 1);
    TRY(load, m + 4096, m + 4096, SIGSEGV, SEGV_ACCERR, 1);
    TRY(load, m + 4096 - 3, m + 4096, SIGSEGV, SEGV_ACCERR, 1);  // the second part of the access
    TRY(byte, m + 8191, m + 8191, SIGSEGV, SEGV_ACCERR, 1);
    TRY(store, m + 8192 + 40, m + 8192 + 40, SIGSEGV, SEGV_ACCERR, 1);
    TRY(store, m + 3 * 4096 - 8, m + 3 * 4096 - 8, SIGSEGV, SEGV_ACCERR, 1);
    TRY(load, m + 3 * 4096, m + 3 * 4096, SIGSEGV, SEGV_MAPERR, 1);
    TRY(byte, m + 4 * 4096 - 1, m + 4 * 4096 - 1, SIGSEGV, SEGV_MAPERR, 1);
    TRY(load, file + 4096, file + 4096, SIGBUS, BUS_ADRERR, 1);
    TRY(store, file + 8184, file + 8184, SIGBUS, BUS_ADRERR, 1);
    TRY(load, file + 4092, file + 4096, SIGBUS, BUS_ADRERR, 1);
    TRY(illegal, m, illegal_pc, SIGILL, kIllegal, 0);
    try("trap m", trap, TRAP_PC, trap_next, m, NULL, SIGTRAP, kTrap, 0);
    // a jump to what cannot be executed: the pc is there already
    try("call m", call, m, call_next, m, m, SIGSEGV, SEGV_ACCERR, 0);
    try("call absent", call, m + 3 * 4096, call_next, m + 3 * 4096, m + 3 * 4096, SIGSEGV, SEGV_MAPERR, 0);
    return 0;
}
