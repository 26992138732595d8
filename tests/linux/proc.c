#include "show.h"
#include <dirent.h>
#include <elf.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static char text[1 << 20];
static char *slurp(const char *path) {
    int fd = open(path, O_RDONLY);
    int n = 0, r;
    if (fd >= 0) {
        while ((r = read(fd, text + n, sizeof text - 1 - n)) > 0) n += r;
        close(fd);
    }
    text[n] = 0;
    return text;
}
static long status(const char *key) {
    char *at = strstr(slurp("/proc/self/status"), key);
    return at ? strtol(at + strlen(key) + 1, NULL, 10) : -1;
}
static unsigned long long set(const char *path, const char *key) {
    char *at = strstr(slurp(path), key);
    return at ? strtoull(at + strlen(key) + 1, NULL, 16) : 0;
}
static unsigned long long field(const char *path, int n) {
    char *at = strrchr(slurp(path), ')') + 1;
    for (int i = 3; i < n; i++) at = strchr(at + 1, ' ');
    return strtoull(at, NULL, 10);
}
/// Sum of mapped kB; what `name` maps, in *begin and *end. Only what lies in user space counts.
static long mapped(const char *name, unsigned long *begin, unsigned long *end) {
    FILE *f = fopen("/proc/self/maps", "r");
    char line[600];
    long sum = 0;
    *begin = *end = 0;
    while (fgets(line, sizeof line, f)) {
        unsigned long b, e;
        if (sscanf(line, "%lx-%lx", &b, &e) != 2 || strstr(line, "[vsyscall]")) continue;
        sum += (e - b) >> 10;
        if (name && strstr(line, name)) {
            if (!*begin) *begin = b;
            *end = e;
        }
    }
    fclose(f);
    return sum;
}
/// A number of the mapping that contains `addr` in smaps.
static long smaps(void *addr, const char *key) {
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[600];
    int inside = 0;
    long v = -1;
    while (fgets(line, sizeof line, f)) {
        unsigned long b, e;
        if (sscanf(line, "%lx-%lx ", &b, &e) == 2 && strchr(line, '-') < strchr(line, ' ')) inside = (unsigned long)addr >= b && (unsigned long)addr < e;
        else if (inside && strncmp(line, key, strlen(key)) == 0) {
            if (strcmp(key, "VmFlags") == 0) say("%.9s\n", line + 9);
            else v = atol(strchr(line, ':') + 1);
        }
    }
    fclose(f);
    return v;
}
static int entries(const char *path) {
    DIR *d = opendir(path);
    int n = 0;
    while (d && readdir(d)) n++;
    closedir(d);
    return n - 2;
}
static int tid;
static pthread_barrier_t there, gone;
static void *thread(void *arg) {
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &s, NULL);
    tid = syscall(SYS_gettid);
    prctl(PR_SET_NAME, "worker");
    pthread_barrier_wait(&there);
    pthread_barrier_wait(&gone);
    return arg;
}
static char *base(char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

int main(int argc, char **argv) {
    static volatile char data[10000] = {1};
    char path[100], link[300] = {0};
    unsigned long b, e;
    (void)argc;
    // status, stat, statm
    say("%.5s\n", slurp("/proc/self/comm"));
    show(strncmp(slurp("/proc/self/status"), "Name:\tproc", 10));
    show(status("Threads:"));
    long size = mapped("[stack]", &b, &e);
    show(labs(status("VmSize:") - size) <= 400 && status("VmSize:") > 0);
    show(status("VmPeak:") >= status("VmSize:"));
    show(status("VmRSS:") > 0 && status("VmRSS:") <= status("VmSize:"));
    show(status("VmStk:") >= 100 && status("VmStk:") <= (long)(e - b) >> 10);
    show(status("VmExe:") > 100 && status("VmExe:") < 2000);
    show(status("Pid:") == getpid());
    show(field("/proc/self/stat", 23) >> 10 > 500);
    show(labs((long)(field("/proc/self/stat", 23) >> 10) - status("VmSize:")) < 400);
    unsigned long start = field("/proc/self/stat", 28);
    show(start >= b && start < e);
    mapped("proc.", &b, &e);
    show(field("/proc/self/stat", 26) >= b && field("/proc/self/stat", 27) < e);
    show((unsigned long)main >= field("/proc/self/stat", 26) && (unsigned long)main < field("/proc/self/stat", 27));
    show((unsigned long)data >= field("/proc/self/stat", 45) && (unsigned long)data < e);
    show((unsigned long)argv[0] == field("/proc/self/stat", 48));
    show(field("/proc/self/stat", 1 + 3) == getppid());
    long pages = 0, resident = 0, shared = 0;
    show(sscanf(slurp("/proc/self/statm"), "%ld %ld %ld", &pages, &resident, &shared));
    show(labs(pages * 4 - status("VmSize:")) < 400 && resident > 0 && resident <= pages);
    // signals
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, exit);
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGHUP);
    sigprocmask(SIG_BLOCK, &s, NULL);
    show(set("/proc/self/status", "SigBlk:"));
    show(set("/proc/self/status", "SigIgn:"));
    show(set("/proc/self/status", "SigCgt:"));
    show(field("/proc/self/stat", 32));
    show(field("/proc/self/stat", 33));
    show(field("/proc/self/stat", 34));
    kill(getpid(), SIGHUP);
    show(set("/proc/self/status", "ShdPnd:"));
    sigignore(SIGHUP);
    // smaps
    char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(m, 1 << 20, MADV_NOHUGEPAGE);
    mprotect(m + (1 << 19), 1 << 19, PROT_READ);
    for (int i = 0; i < 16; i++) m[i * 4096] = 1;
    show(smaps(m, "Size"));
    show(smaps(m, "Rss"));
    show(smaps(m, "Private_Dirty"));
    show(smaps(m, "Anonymous"));
    smaps(m, "VmFlags");
    mprotect(m, 1 << 19, PROT_READ | PROT_EXEC);  // apart from its neighbour only for the guest
    show(smaps(m, "Size"));
    show(smaps(m, "Rss"));
    smaps(m, "VmFlags");
    show(smaps(m + (1 << 19), "Rss"));
    show(smaps(main, "Rss") > 0);
    show(strstr(slurp("/proc/self/smaps_rollup"), "[rollup]") != NULL);
    show(strstr(text, "\nRss:") != NULL);
    // the rest of the directory
    show(strcmp(slurp("/proc/self/cmdline"), argv[0]));
    unsigned long aux[64] = {0}, pagesize = 0, entry = 0;
    int fd = open("/proc/self/auxv", O_RDONLY);
    read(fd, aux, sizeof aux);
    close(fd);
    for (int i = 0; i < 64 && aux[i]; i += 2) {
        if (aux[i] == AT_PAGESZ) pagesize = aux[i + 1];
        if (aux[i] == AT_ENTRY) entry = aux[i + 1];
    }
    show(pagesize);
    show(entry >= b && entry < e);
    show(strncmp(slurp("/proc/self/environ"), environ[0] ? environ[0] : "", environ[0] ? strlen(environ[0]) : 0));
    fd = open("/proc/self/mem", O_RDONLY);
    char buf[8] = {0};

    show(pread(fd, buf, 4, (long)"word"));
    say("%s\n", buf);
    close(fd);
    fd = open("/proc/self/pagemap", O_RDONLY);
    unsigned long word = 0;
    show(pread(fd, &word, 8, (unsigned long)m / 4096 * 8));
    show(word >> 63);
    close(fd);
    show(readlink("/proc/self/exe", link, sizeof link - 1) > 0);
    show(strncmp(base(link), "proc.", 5));
    struct rlimit lim = {1l << 40, 1l << 41};
    show(setrlimit(RLIMIT_AS, &lim));
    show(strstr(slurp("/proc/self/limits"), "1099511627776        2199023255552        bytes") != NULL);
    show(open("/proc/self/stat", O_RDONLY | O_DIRECTORY));
    fd = open("/proc/self/status", O_RDONLY);
    show(write(fd, "x", 1));
    close(fd);
    // relative names
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
    fd = openat(dir, "cmdline", O_RDONLY);
    memset(text, 0, 100);
    read(fd, text, 100);
    show(strcmp(text, argv[0]));
    close(fd);
    close(dir);
    // threads
    pthread_t t;
    pthread_barrier_init(&there, NULL, 2);
    pthread_barrier_init(&gone, NULL, 2);
    pthread_create(&t, NULL, thread, NULL);
    pthread_barrier_wait(&there);
    show(entries("/proc/self/task"));
    show(status("Threads:"));
    sprintf(path, "/proc/self/task/%d/comm", tid);
    say("%s", slurp(path));
    sprintf(path, "/proc/self/task/%d/status", tid);
    show(set(path, "SigBlk:"));
    show(strncmp(slurp(path), "Name:\tworker", 12));
    sprintf(path, "/proc/self/task/%d/stat", tid);
    show(field(path, 28) == start);
    sprintf(path, "/proc/%d/cmdline", tid);
    show(strcmp(slurp(path), argv[0]));
    sprintf(path, "/proc/self/task/%d/comm", tid);
    fd = open(path, O_WRONLY);
    show(write(fd, "renamed", 7));
    close(fd);
    say("%s", slurp(path));
    pthread_barrier_wait(&gone);
    pthread_join(t, NULL);
    show(strncmp(slurp("/proc/thread-self/status"), "Name:\tproc", 10));
    // as another process sees it
    fflush(stdout);
    if (fork() == 0) {
        sprintf(path, "/proc/%d/cmdline", getppid());
        show(strcmp(slurp(path), argv[0]));
        sprintf(path, "/proc/%d/comm", getppid());
        say("%.5s\n", slurp(path));
        sprintf(path, "/proc/%d/exe", getppid());
        memset(link, 0, sizeof link);
        show(readlink(path, link, sizeof link - 1) > 0);
        show(strncmp(base(link), "proc.", 5));
        struct stat x, y;
        show(stat(path, &x));
        stat("/proc/self/exe", &y);
        show(x.st_ino == y.st_ino);
        sprintf(path, "/proc/%d/stat", getppid());
        show(field(path, 28) == start);
        show(field(path, 48) == (unsigned long)argv[0]);
        sprintf(path, "/proc/%d/environ", getppid());
        show(strncmp(slurp(path), environ[0], strlen(environ[0])));
        _exit(0);
    }
    wait(NULL);
    // a program may change what its arguments read as
    strcpy(argv[0], "x");
    show(strcmp(slurp("/proc/self/cmdline"), "x"));
    show(access("/proc/self/nothing", F_OK));
    show(entries("/proc/self/fd") < 20);
    return 0;
}
