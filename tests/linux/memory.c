#include "show.h"
#include <setjmp.h>

static sigjmp_buf env;
static volatile int code;
static void on_fault(int sig, siginfo_t *si, void *u) {
    (void)u;
    code = si->si_code;
    siglongjmp(env, sig);
}
/// Touches *p; prints the signal that this raised, if any.
#define touch(what, stmt)                                                        \
    do {                                                                         \
        int s = sigsetjmp(env, 1);                                               \
        if (s == 0) { stmt; say("%s fine\n", what); }                            \
        else say("%s signal %d code %d\n", what, s, code);                       \
    } while (0)

int main(void) {
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    long page = sysconf(_SC_PAGESIZE);
    show(page);
    char *m = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    m[0] = 1, m[7 * page] = 2;
    touch("write", m[page] = 1);
    show(mprotect(m + page, page, PROT_READ));
    touch("read of read-only", (void)*(volatile char *)(m + page));
    touch("write to read-only", m[page] = 1);
    show(mprotect(m + page, page, PROT_NONE));
    touch("read of none", (void)*(volatile char *)(m + page));
    show(mprotect(m + page, page, PROT_READ | PROT_WRITE));
    touch("write again", m[page] = 3);
    show(munmap(m + 2 * page, page));
    touch("read of hole", (void)*(volatile char *)(m + 2 * page));
    show(mprotect(m, 8 * page, PROT_READ));
    show(mprotect(m + 1, page, PROT_READ));
    show(munmap(m + 1, page));
    show(mmap(m + 2 * page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == m + 2 * page);
    show(mmap(m + 2 * page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ? -1 : 0);
    show(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    show(mmap(NULL, page, PROT_READ, MAP_PRIVATE, 999, 0) == MAP_FAILED ? -1 : 0);
    show(mmap(NULL, page, PROT_READ, MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    show(mmap((void *)(page + 1), page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0);
    char path[] = "/tmp/vmmemXXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    show(ftruncate(fd, 2 * page));
    char *f = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(f, "shared text");
    show(msync(f, 2 * page, MS_SYNC));
    char buf[20] = {0};
    show(pread(fd, buf, 11, 0));
    say("%s\n", buf);
    touch("beyond the file", f[3 * page] = 1);
    char *g = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, page);
    strcpy(g, "private");
    show(f[page]);
    show(mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 12) == MAP_FAILED ? -1 : 0);
    char *r = mremap(m + 4 * page, 2 * page, 2 * page, 0);
    show(r == m + 4 * page);
    char *n = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(n, "moves");
    n = mremap(n, page, 100 * page, MREMAP_MAYMOVE);
    say("%s\n", n);
    touch("grown", n[99 * page] = 1);
    show(mremap(n, 100 * page, page, 0) == n);
    touch("shrunk", n[2 * page] = 1);
    show(mremap(n, page, page, MREMAP_FIXED) == MAP_FAILED ? -1 : 0);
    show(madvise(m, page, MADV_DONTNEED));
    show(m[0]);
    show(madvise(m, page, 12345));
    unsigned char vec[4];
    show(mincore(f, 2 * page, vec));
    show(mincore((char *)f + 1, page, vec));
    show(mlock(m, 1));
    show(munlock(m, 1));
    int mfd = memfd_create("vm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    show(ftruncate(mfd, page));
    char *m1 = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, mfd, 0);
    char *m2 = mmap(NULL, page, PROT_READ, MAP_SHARED, mfd, 0);
    strcpy(m1, "mirrored");
    say("%s\n", m2);
    show(fcntl(mfd, F_ADD_SEALS, F_SEAL_GROW));
    show(fcntl(mfd, F_GET_SEALS));
    show(ftruncate(mfd, 2 * page));
    char *b = sbrk(0);
    show(sbrk(3 * page) == b);
    touch("heap", b[3 * page - 1] = 1);
    show(brk(b));
    show(sbrk(0) == b);
    pid_t p = fork();
    if (p == 0) {
        f[5] = 'X', g[0] = 'Q';
        _exit(0);
    }
    waitpid(p, NULL, 0);
    say("%s %s\n", f, g);
    touch("null", *(volatile int *)8 = 1);
    return 0;
}
