// Faults that a handler sees and repairs: address, code, pc and registers; return to the same instruction with another address,
// to the next one with a result, or out by longjmp. Each often enough that the code is compiled in between.
#include "show.h"
#include <setjmp.h>
#include <ucontext.h>

// long NAME(long *address): known values in the other argument registers, then one instruction at NAME_pc, then NAME_next.
#ifdef __riscv
#define FUNCTION(NAME, INSN)                                                                         \
    __asm__(".pushsection .text\n.option push\n.option norvc\n.globl " #NAME "\n" #NAME ":\n"        \
            "li a1, 101\nli a2, 102\nli a3, 103\nli a4, 104\nli a5, 105\nli t3, 106\nli t6, 107\n"    \
            #NAME "_pc:\n" INSN "\n" #NAME "_next:\nmv a0, a1\nret\n.option pop\n.popsection");      \
    long NAME(void *);                                                                               \
    extern char NAME##_pc[], NAME##_next[];
FUNCTION(load, "ld a1, 0(a0)")
FUNCTION(store, "sd a1, 0(a0)")
FUNCTION(byte, "lb a1, 0(a0)")
FUNCTION(call, "jalr t0, 0(a0)")  // leaves ra alone
FUNCTION(illegal, "unimp")
FUNCTION(trap, "ebreak")
enum { kAddress = 10, kResult = 11, kPc = 0 };
static const int kKnown[] = {12, 13, 14, 15, 28, 31};
static const long kValues[] = {102, 103, 104, 105, 106, 107};
#define REGS(uc) ((unsigned long *)(uc)->uc_mcontext.__gregs)
#define TRAP_PC trap_pc
enum { kIllegal = ILL_ILLOPC, kTrap = TRAP_BRKPT };
#else
#define FUNCTION(NAME, INSN)                                                                                           \
    __asm__(".pushsection .text\n.globl " #NAME "\n" #NAME ":\n"                                                       \
            "mov $101, %rsi\nmov $102, %rdx\nmov $103, %rcx\nmov $104, %r8\nmov $105, %r9\nmov $106, %r10\n"            \
            "mov $107, %r11\n" #NAME "_pc:\n" INSN "\n" #NAME "_next:\nmov %rsi, %rax\nret\n.popsection");             \
    long NAME(void *);                                                                                                 \
    extern char NAME##_pc[], NAME##_next[];
FUNCTION(load, "mov (%rdi), %rsi")
FUNCTION(store, "mov %rsi, (%rdi)")
FUNCTION(byte, "movsbq (%rdi), %rsi")
FUNCTION(call, "call *%rdi")
FUNCTION(illegal, "ud2")
FUNCTION(trap, "int3")
enum { kAddress = REG_RDI, kResult = REG_RSI, kPc = REG_RIP };
static const int kKnown[] = {REG_RDX, REG_RCX, REG_R8, REG_R9, REG_R10, REG_R11};
static const long kValues[] = {102, 103, 104, 105, 106, 107};
#define REGS(uc) ((unsigned long *)(uc)->uc_mcontext.gregs)
#define TRAP_PC trap_next  // int3 is over when it traps
enum { kIllegal = ILL_ILLOPN, kTrap = SI_KERNEL };
#endif

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
