// What only arm64 Linux has: natively every line says what is right there.
#include "show.h"
#ifdef __aarch64__
#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <ucontext.h>
#define check(condition) say("%s: %s\n", #condition, (condition) ? "yes" : "NO")
#define TAG (0xa5ul << 56)
#define WITH_TAG(p) ((void *)((uintptr_t)(p) | TAG))

static sigjmp_buf env;
static volatile int code, seen;
static void *volatile address;
static volatile uint64_t esr, fault_address, frame_fp;
static void *records(ucontext_t *u, uint32_t magic) {
    for (char *at = (char *)u->uc_mcontext.__reserved;; at += ((uint32_t *)at)[1]) {
        if (((uint32_t *)at)[0] == magic) return at;
        if (((uint32_t *)at)[0] == 0) return NULL;
    }
}
static void on_fault(int s, siginfo_t *si, void *context) {
    ucontext_t *u = context;
    void *e = records(u, 0x45535201);
    seen = s, code = si->si_code, address = si->si_addr;
    esr = e ? ((uint64_t *)e)[1] : 0;
    fault_address = u->uc_mcontext.fault_address;
    siglongjmp(env, 1);
}
static void handle(int sig, int flags) {
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | flags};
    sigaction(sig, &sa, NULL);
}
#define FAULT(statement) (seen = 0, sigsetjmp(env, 1) == 0 ? ({ statement; 0; }) : seen)

static void spoil(int s, siginfo_t *si, void *context) {
    ucontext_t *u = context;
    seen = records(u, 0x46508001) != NULL;
    uint64_t *record = __builtin_frame_address(0);  // this frame, then the kernel's, which leads to the interrupted one
    frame_fp = ((uint64_t *)record[0])[0] == u->uc_mcontext.regs[29] && ((uint64_t *)record[0])[1] == u->uc_mcontext.regs[30];
    __asm__ volatile("msr fpcr, %0\nmsr fpsr, %1\nmovi v0.16b, #1\nmovi v31.16b, #2\ncmp xzr, xzr" ::"r"(3ul << 22), "r"(0x1ful)
                     : "v0", "v31", "cc");
}
/// Registers around a signal: flags, FPCR, FPSR, v0, v31.
static int survive(void) {
    uint64_t nzcv, fpcr, fpsr, a, b, pid = getpid(), number = SYS_kill;
    register uint64_t x8 __asm__("x8") = number, x0 __asm__("x0") = pid, x1 __asm__("x1") = SIGUSR1;
    __asm__ volatile(
        "mov x9, 0x60000000\nmsr nzcv, x9\nmov x9, 0x800000\nmsr fpcr, x9\nmov x9, 2\nmsr fpsr, x9\n"
        "movi v0.16b, #0x55\nmovi v31.16b, #0x66\nsvc 0\n"
        "mrs %0, nzcv\nmrs %1, fpcr\nmrs %2, fpsr\nmov %3, v0.d[1]\nmov %4, v31.d[1]\nmsr fpcr, xzr"
        : "=&r"(nzcv), "=&r"(fpcr), "=&r"(fpsr), "=&r"(a), "=&r"(b), "+r"(x0)
        : "r"(x8), "r"(x1)
        : "x9", "v0", "v31", "cc", "memory");
    return nzcv == 0x60000000 && fpcr == 0x800000 && fpsr == 2 && a == 0x5555555555555555 && b == 0x6666666666666666;
}
static uint64_t pacia(uint64_t p, uint64_t m) { __asm__ volatile(".arch_extension pauth\npacia %0, %1" : "+r"(p) : "r"(m)); return p; }
static uint64_t autia(uint64_t p, uint64_t m) { __asm__ volatile(".arch_extension pauth\nautia %0, %1" : "+r"(p) : "r"(m)); return p; }
static void jump_to(uint64_t at) { __asm__ volatile("br %0" ::"r"(at)); }
static void use_sp(void) { __asm__ volatile("mov x9, sp\nsub sp, sp, 8\nldr x10, [sp]\nmov sp, x9" ::: "x9", "x10", "memory"); }
static void exclusive(void *at) { uint64_t v; __asm__ volatile("ldxr %0, [%1]" : "=r"(v) : "r"(at) : "memory"); }
// Guarded pages: functions of 16 bytes each that return their number, most behind a landing pad.
enum { kNoPad, kPadC, kPadJ, kPadJc, kPadNone, kPadPaciasp, kPadBrk, kJumpX1, kJumpX17, kPads };
static void landing_pads(uint32_t *at) {
    static const uint32_t pads[kPads][2] = {{0xd503201f, 0}, {0xd503245f, 0}, {0xd503249f, 0}, {0xd50324df, 0}, {0xd503241f, 0},
                                            {0xd503233f, 0xd50323bf}, {0xd4200000, 0}, {0xd503245f, 0xd61f0020}, {0xd503245f, 0xd61f0220}};
    for (int i = 0; i < kPads; i++, at += 4)
        at[0] = pads[i][0], at[1] = pads[i][1] ? pads[i][1] : 0xd503201f, at[2] = 0x52800000 | i << 5, at[3] = 0xd65f03c0;
    __builtin___clear_cache((char *)at - 16 * kPads, (char *)at);
}
/// Reaches function `i` of the page by `insn` with its address in x9; `then` goes to x1 and x17.
#define BY(name, insn)                                                                              \
    static long name(char *page, int i, int then) {                                                 \
        register uint64_t to __asm__("x9") = (uint64_t)page + 16 * i;                               \
        register uint64_t x1 __asm__("x1") = (uint64_t)page + 16 * then, x17 __asm__("x17") = x1;   \
        register long x0 __asm__("x0");                                                             \
        __asm__ volatile("mov x16, x9\nadr x30, 1f\n" insn "\n1:" : "=r"(x0), "+r"(x1), "+r"(x17) : "r"(to) : "x16", "x30", "memory"); \
        return x0;                                                                                  \
    }
BY(by_call, "blr x9")
BY(by_jump, "br x9")
BY(by_x16, "br x16")
BY(by_return, "ret x9")
static uint64_t btype;
static int bad_branch(char *page, int i) {
    btype = esr & 3;
    return code == ILL_ILLOPC && address == page + 16 * i && esr >> 26 == 0x0d;
}
static long on_page;
static const char *slurp(const char *name) {
    static char text[8192];
    int fd = open(name, O_RDONLY), n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return text;
}
static const char *cpuinfo(const char *key) {
    static char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) break;
    fclose(f);
    return line;
}
#else
#define check(condition) say("%s: yes\n", #condition)
#endif

int main(void) {
#ifdef __aarch64__
    struct utsname u;
    uname(&u);
    uint64_t isar0, *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uint64_t none = (uint64_t)mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uint64_t read_only = (uint64_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)*(volatile char *)read_only;
    __asm__("mrs %0, id_aa64isar0_el1" : "=r"(isar0));
    int p[2];
    pipe(p);
    struct iovec v = {WITH_TAG(m), 4};
    for (int i = 0; i < 4; i++) handle((int[]){SIGSEGV, SIGBUS, SIGILL, SIGTRAP}[i], 0);
#endif
    // what the processor is said to be
    check(strcmp(u.machine, "aarch64") == 0);
    check(strcmp((char *)getauxval(AT_PLATFORM), "aarch64") == 0);
    check((getauxval(AT_HWCAP) & 3) == 3);
    check(getauxval(AT_MINSIGSTKSZ) == 4720);
    check((getauxval(AT_HWCAP) >> 8 & 1) == ((isar0 >> 20 & 15) != 0));
    check(strstr(cpuinfo("Features"), " fp asimd ") != NULL);
    check((strstr(cpuinfo("Features"), " atomics") != NULL) == (getauxval(AT_HWCAP) >> 8 & 1));
    check(strcmp(cpuinfo("CPU architecture"), "CPU architecture: 8\n") == 0);
    check(strstr(slurp("/proc/self/status"), "untag_mask:\t0xffffffffffffff\n") != NULL || !strstr(slurp("/proc/self/status"), "untag_mask"));
    // the top byte of an address
    check((*m = 7, *(uint64_t *)WITH_TAG(m) == 7));
    check((*(uint64_t *)WITH_TAG(m) = 8, *m == 8));
    check(write(p[1], WITH_TAG(m), 8) == -1 && errno == EFAULT);
    check(prctl(PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0) == 0);
    check(prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE, 0, 0, 0) == 0);
    check(write(p[1], WITH_TAG(m), 8) == 8);
    check(writev(p[1], WITH_TAG(&v), 1) == 4);
    check(read(p[0], WITH_TAG(m), 12) == 12);
    check(mprotect(WITH_TAG(m), 4096, PROT_READ | PROT_WRITE) == 0);
    check(mmap(WITH_TAG(m), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
    check(prctl(PR_SET_TAGGED_ADDR_CTRL, 0, 0, 0, 0) == 0);
    check(prctl(PR_SET_TAGGED_ADDR_CTRL, 0x10, 0, 0, 0) == -1 && errno == EINVAL);
    check(mprotect(m, 4096, PROT_READ | PROT_WRITE | 0x20) == -1 && errno == EINVAL);
    // faults, as siginfo and the frame tell them
    check(FAULT(*(volatile int *)8) == SIGSEGV && code == SEGV_MAPERR && address == (void *)8 && fault_address == 8);
    check(esr >> 26 == 0x24 && (esr & 0x3c) == 4 && !(esr & 0x40));
    check(FAULT(*(volatile int *)read_only = 1) == SIGSEGV && code == SEGV_ACCERR && (esr & 0x7c) == 0x4c);
    check(FAULT(*(volatile int *)WITH_TAG(none)) == SIGSEGV && code == SEGV_ACCERR && address == (void *)none);
    check(FAULT(*(volatile int *)~0xful) == SIGSEGV && code == SEGV_MAPERR && address == (void *)~0xful);
    check(FAULT(jump_to((uint64_t)m)) == SIGSEGV && code == SEGV_ACCERR && address == m && esr >> 26 == 0x20);
    check(FAULT(jump_to((uint64_t)m + 2)) == SIGBUS && code == BUS_ADRALN && address == (char *)m + 2 && esr >> 26 == 0x22);
    check(FAULT(use_sp()) == SIGBUS && code == BUS_ADRALN && (uint64_t)address % 16 == 8 && esr >> 26 == 0x26);
    check(FAULT(exclusive((char *)m + 12)) == SIGBUS && code == BUS_ADRALN && address == (char *)m + 12 && (esr & 0x3f) == 0x21);
    check(FAULT(__asm__ volatile(".inst 0")) == SIGILL && code == ILL_ILLOPC && esr == 0);
    check(FAULT(__asm__ volatile("hlt 5")) == SIGILL && code == ILL_ILLOPC);
    check(FAULT(__asm__ volatile("brk 5")) == SIGTRAP && code == TRAP_BRKPT);
    // a handler gives everything back
#ifdef __aarch64__
    struct sigaction sa = {.sa_sigaction = spoil, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &sa, NULL);
#endif
    check(survive() && seen && frame_fp);
    // pointer authentication
    check(getauxval(AT_HWCAP) >> 30 == 3);
    check(autia(pacia((uint64_t)m, 5), 5) == (uint64_t)m);
#ifdef __aarch64__
    uint64_t first = pacia((uint64_t)m, 5), wrong = 0;
    for (uint64_t i = 0; i < 64 && !wrong; i++)
        if (pacia((uint64_t)m, i) != first) wrong = i + 1;
#endif
    check(FAULT(autia(first, wrong - 1)) == SIGILL && code == ILL_ILLOPN);
    check(prctl(PR_PAC_SET_ENABLED_KEYS, PR_PAC_APIAKEY, 0, 0, 0) == 0);
    check(pacia((uint64_t)m, wrong - 1) == (uint64_t)m && autia(first, wrong - 1) == first);
    check(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0) == (PR_PAC_APIBKEY | PR_PAC_APDAKEY | PR_PAC_APDBKEY));
    check(prctl(PR_PAC_SET_ENABLED_KEYS, PR_PAC_APIAKEY, PR_PAC_APIAKEY, 0, 0) == 0 && pacia((uint64_t)m, 5) == first);
#ifdef __aarch64__
    pid_t child = fork();
    if (child == 0) _exit(pacia((uint64_t)m, 5) == first);
    int status = 0;
    waitpid(child, &status, 0);
    uint64_t changed = 0;
    for (int i = 0; i < 8 && !changed; i++) {
        if (prctl(PR_PAC_RESET_KEYS, PR_PAC_APIAKEY, 0, 0, 0)) break;
        changed = pacia((uint64_t)m, 5) != first;
    }
#endif
    check(WEXITSTATUS(status) == 1);
    check(changed);
    check(prctl(PR_PAC_RESET_KEYS, 0x20, 0, 0, 0) == -1 && errno == EINVAL);
    // branch targets of guarded pages
#ifdef __aarch64__
    char *g = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    landing_pads((uint32_t *)g);
    mprotect(g, 4096, PROT_READ | PROT_EXEC);
#endif
    check(getauxval(AT_HWCAP2) >> 17 & 1);
    check(by_call(g, kNoPad, 0) == kNoPad && by_jump(g, kPadC, 0) == kPadC && by_call(g, kPadJ, 0) == kPadJ);
    check(mprotect(g, 4096, PROT_READ | PROT_EXEC | 0x10) == 0);
    check(FAULT(by_call(g, kNoPad, 0)) == SIGILL && bad_branch(g, kNoPad) && btype == 2);
    check(FAULT(by_call(g, kPadJ, 0)) == SIGILL && bad_branch(g, kPadJ) && btype == 2);
    check(FAULT(by_call(g, kPadNone, 0)) == SIGILL && bad_branch(g, kPadNone));
    check(by_call(g, kPadC, 0) == kPadC && by_call(g, kPadJc, 0) == kPadJc && by_call(g, kPadPaciasp, 0) == kPadPaciasp);
    check(FAULT(by_call(g, kPadBrk, 0)) == SIGTRAP && address == g + 16 * kPadBrk);
    check(FAULT(by_jump(g, kNoPad, 0)) == SIGILL && bad_branch(g, kNoPad) && btype == 1);
    check(by_jump(g, kPadC, 0) == kPadC && by_jump(g, kPadJ, 0) == kPadJ && by_jump(g, kPadJc, 0) == kPadJc);
    check(by_x16(g, kPadC, 0) == kPadC && by_x16(g, kPadPaciasp, 0) == kPadPaciasp);
    check(FAULT(by_call(g, kJumpX1, kPadC)) == SIGILL && bad_branch(g, kPadC) && btype == 3);
    check(FAULT(by_call(g, kJumpX1, kPadPaciasp)) == SIGILL && bad_branch(g, kPadPaciasp) && btype == 3);
    check(by_call(g, kJumpX1, kPadJ) == kPadJ && by_call(g, kJumpX17, kPadC) == kPadC && by_call(g, kJumpX17, kPadJ) == kPadJ);
    check(by_return(g, kNoPad, 0) == kNoPad);
    check((on_page = 0, ({ for (int i = 0; i < 1000; i++) on_page += by_call(g, kPadC, 0) + by_jump(g, kPadJ, 0); on_page; }) == 3000));
    check(FAULT(by_call(g, kPadJ, 0)) == SIGILL && bad_branch(g, kPadJ));
    check(mprotect(g, 4096, PROT_READ | PROT_EXEC) == 0 && by_call(g, kPadJ, 0) == kPadJ);
#ifdef __aarch64__
    mprotect(g, 4096, PROT_READ | PROT_EXEC | 0x10);
    sa.sa_sigaction = (void *)(g + 16 * kPadC);  // a handler is called
    sigaction(SIGUSR1, &sa, NULL);
    seen = FAULT(raise(SIGUSR1));
#endif
    check(seen == 0);
#ifdef __aarch64__
    sa.sa_sigaction = (void *)(g + 16 * kPadJ);
    sigaction(SIGUSR1, &sa, NULL);
#endif
    check(FAULT(raise(SIGUSR1)) == SIGILL && bad_branch(g, kPadJ) && btype == 2);
    check(prctl(PR_SVE_GET_VL) == -1 && errno == EINVAL);
    return 0;
}
