// What a process says and asks about itself: prctl, personality, limits, barriers.
#include "show.h"
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static char text[1 << 18];
static char *slurp(const char *path) {
    int fd = open(path, O_RDONLY), n = 0, r;
    while ((r = read(fd, text + n, sizeof text - 1 - n)) > 0) n += r;
    text[n < 0 ? 0 : n] = 0;
    close(fd);
    return text;
}
/// For what not every kernel can: silent where it is right.
#define right(condition) ((condition) ? 0 : say("wrong: %s\n", #condition))

int main(void) {
    int v = -1;
    unsigned long w = 0;
    char name[17] = {0};
    show(prctl(PR_SET_NAME, "a name that is too long"));
    show(prctl(PR_GET_NAME, name));
    say("%s\n", name);
    show(prctl(PR_SET_NAME, (void *)8));
    show(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    show(prctl(PR_GET_PDEATHSIG, &v));
    show(v);
    show(prctl(PR_SET_PDEATHSIG, 99));
    show(prctl(PR_SET_PDEATHSIG, 0));
    show(prctl(PR_GET_PDEATHSIG, (void *)8));
    show(prctl(PR_GET_DUMPABLE));
    show(prctl(PR_SET_DUMPABLE, 7));
    show(prctl(PR_SET_KEEPCAPS, 1));
    show(prctl(PR_GET_KEEPCAPS));
    show(prctl(PR_SET_TIMERSLACK, 12345));
    show(prctl(PR_GET_TIMERSLACK));
    show(prctl(PR_SET_CHILD_SUBREAPER, 1));
    show(prctl(PR_GET_CHILD_SUBREAPER, &v));
    show(v);
    show(prctl(PR_SET_CHILD_SUBREAPER, 0));
    show(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    show(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    show(prctl(PR_CAPBSET_READ, 0));
    show(prctl(PR_CAPBSET_READ, 99));
    show(prctl(PR_GET_SECUREBITS));
    show(prctl(PR_GET_TIMING));
    show(prctl(PR_SET_TIMING, 1));
    show(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    show(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
    show(prctl(PR_TASK_PERF_EVENTS_DISABLE));
    show(prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0));
    show(prctl(PR_GET_SECCOMP));
    show(prctl(12345));
    show(prctl(PR_SET_ENDIAN, 0));
    show(prctl(PR_GET_TID_ADDRESS, &w, 0, 0, 0));
    show(w != 0);
    unsigned long aux[100] = {0};
    show(prctl(0x41555856, aux, sizeof aux, 0, 0) > 100);
    show(aux[0] == AT_SYSINFO_EHDR);
    show(prctl(0x41555856, aux, 8, 0, 0) > 100);
    show(prctl(0x41555856, aux, 8, 1, 0));
    char *m = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, m + 4096, 4096, "my heap") == 0) {  // CONFIG_ANON_VMA_NAME
        char want[100], *line;
        slurp("/proc/self/maps");
        sprintf(want, "%lx-%lx ", (long)m + 4096, (long)m + 8192);
        line = strstr(text, want);
        right(line && strchr(line, '[') && strncmp(strchr(line, '['), "[anon:my heap]", 14) == 0);
        right(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, m + 4096, 4096, NULL) == 0);
        right(strstr(slurp("/proc/self/maps"), "my heap") == NULL);
        right(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, m + 1, 4096, "x") == -1 && errno == EINVAL);
        right(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, m, 4096, "x[y") == -1 && errno == EINVAL);
        right(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 4096, 4096, "x") == -1 && errno == ENOMEM);
        right(prctl(PR_SET_VMA, 5, m, 4096, "x") == -1 && errno == EINVAL);
    }
    // what its arguments read as
    strcpy(m, "another");
    unsigned size = 0;
    if (prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0) {
        show(size);
        struct prctl_mm_map map;
        memset(&map, 0, sizeof map);
        map.start_code = map.start_data = (long)main & -4096;
        map.end_code = map.end_data = ((long)main & -4096) + 4096;
        map.start_brk = map.brk = (long)sbrk(0);
        map.start_stack = (long)&map;
        map.arg_start = (long)m, map.arg_end = (long)m + 8;
        map.env_start = map.env_end = (long)m + 8;
        map.exe_fd = -1;
        show(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0));
        say("%s\n", slurp("/proc/self/cmdline"));
        map.arg_end = (long)m - 8;
        show(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0));
        show(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, 8, 0));
        fflush(stdout);
        if (fork() == 0) {
            char path[50];
            sprintf(path, "/proc/%d/cmdline", getppid());
            say("%s\n", slurp(path));
            _exit(0);
        }
        wait(NULL);
    }
    show(prctl(PR_SET_MM, 99, 0, 0, 0));
    // personality
    show(personality(0xffffffff));
    show(personality(ADDR_NO_RANDOMIZE | UNAME26));
    show(personality(0xffffffff) == (ADDR_NO_RANDOMIZE | UNAME26));
    show(personality(0) == (ADDR_NO_RANDOMIZE | UNAME26));
    // close_range
    int a = dup(1), b = dup(1);
    show(syscall(SYS_close_range, a, ~0u, 0));
    show(fcntl(b, F_GETFD));
    a = dup(1);
    show(syscall(SYS_close_range, a, a, 4));
    show(fcntl(a, F_GETFD));
    show(syscall(SYS_close_range, 5, 4, 0));
    show(syscall(SYS_close_range, 500, 600, 99));
    // barriers
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0) > 0);
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0));
    show(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 1));
    show(syscall(SYS_membarrier, 1 << 20, 0));
    // limits
    struct rlimit lim;
    show(getrlimit(RLIMIT_CORE, &lim));
    lim = (struct rlimit){10, 5};
    show(setrlimit(RLIMIT_NOFILE, &lim));
    show(setrlimit(99, &lim));
    lim = (struct rlimit){1l << 40, RLIM_INFINITY};
    show(setrlimit(RLIMIT_AS, &lim));
    show(mmap(NULL, 1l << 41, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED);
    show(errno == ENOMEM);
    return 0;
}
