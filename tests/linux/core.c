#include "isa.h"
#include <dirent.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static char marker[8192] = "a text that is to be found in the core file";
static void *sleeper(void *arg) {
    for (;;) pause();
}
static void *spinner(void *arg) {
    for (volatile long x = 0;; x++) {}
}
static void limit(rlim_t bytes) {
    struct rlimit r = {bytes, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &r);
}
/// Runs `what` in a child in an empty directory; says how it died and what its core file holds.
static void dies(const char *name, void (*what)(void)) {
    char dir[] = "/tmp/vm-core-XXXXXX";
    int st;
    mkdtemp(dir);
    fflush(stdout);
    pid_t p = fork();
    if (p == 0) {
        chdir(dir);
        what();
        _exit(0);
    }
    waitpid(p, &st, 0);
    say("%s: signal %d core %d", name, WTERMSIG(st), WCOREDUMP(st) != 0);
    DIR *d = opendir(dir);
    struct dirent *e;
    char path[400];
    int files = 0;
    while ((e = readdir(d))) {
        if (e->d_name[0] == '.') continue;
        files++;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        int fd = open(path, O_RDONLY);
        struct stat s;
        fstat(fd, &s);
        say(", named core %d, mode %o", strncmp(e->d_name, "core", 4) == 0, s.st_mode & 07777);
        char *m = mmap(NULL, s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        Elf64_Ehdr *h = (void *)m;
        if (s.st_size <= 8192) {
            say(", short %d", memcmp(h->e_ident, ELFMAG, 4));
        } else {
            Elf64_Phdr *ph = (void *)(m + h->e_phoff);
            int threads = 0, fps = 0, others = 0, first = 1, info = 0, named = 0, pid = 0;
            for (size_t at = ph[0].p_offset; at < ph[0].p_offset + ph[0].p_filesz;) {
                Elf64_Nhdr *n = (void *)(m + at);
                char *data = m + at + sizeof *n + 8;
                if (n->n_namesz == 5 && n->n_type == NT_PRSTATUS) {
                    threads++;
                    if (first) pid = *(int *)(data + 32);
                    first = 0;
                }
                if (n->n_type == NT_PRFPREG) fps++;
                if (n->n_type == NT_AUXV || n->n_type == NT_PRPSINFO) others++;
                if (n->n_type == NT_SIGINFO) info = *(int *)data;
                if (n->n_type == NT_FILE) named = memmem(data, n->n_descsz, "linux/core.", 11) != NULL;
                at += sizeof *n + ((n->n_namesz + 3) & ~3) + ((n->n_descsz + 3) & ~3);
            }
            int found = 0, loads = 0, past = 0;
            for (int i = 1; i < h->e_phnum; i++) {
                loads += ph[i].p_type == PT_LOAD;
                past |= ph[i].p_offset + ph[i].p_filesz > s.st_size;
                unsigned long off = (unsigned long)marker - ph[i].p_vaddr;
                if ((unsigned long)marker >= ph[i].p_vaddr && off < ph[i].p_filesz && !past) found = strcmp(m + ph[i].p_offset + off, marker) == 0;
            }
            say(", type %d, machine %d, notes first %d, threads %d, fp %d, others %d, signal %d, file %d, pid %d, marker %d, loads %d, cut %d",
                h->e_type, h->e_machine == kMachine, ph[0].p_type == PT_NOTE, threads, fps, others, info, named,
                pid == p, found, loads > 5, past);
        }
        munmap(m, s.st_size);
        close(fd);
        unlink(path);
    }
    closedir(d);
    rmdir(dir);
    say(", files %d\n", files);
}
static void segv(void) { *(volatile int *)8 = 1; }
static void threads(void) {
    pthread_t t;
    pthread_create(&t, NULL, sleeper, NULL);
    pthread_create(&t, NULL, spinner, NULL);
    usleep(50000);
    segv();
}
static void sent(void) {
    kill(getpid(), SIGQUIT);
    for (;;) pause();
}
static void trap(void) { __builtin_trap(); }
static void small(void) {
    limit(8192);
    segv();
}
static void none(void) {
    limit(0);
    segv();
}
static void undumpable(void) {
    prctl(PR_SET_DUMPABLE, 0);
    segv();
}
static void terminated(void) { raise(SIGTERM); }
static void unwritable(void) {
    chdir("/proc/self");
    segv();
}
static void filtered(void) {
    int fd = open("/proc/self/coredump_filter", O_WRONLY);
    write(fd, "0x10", 4);
    close(fd);
    segv();
}
static void dontdump(void) {
    long page = sysconf(_SC_PAGESIZE);
    char *at = (char *)((unsigned long)(marker + page) & -page);
    strcpy(at, "x");
    madvise((void *)((unsigned long)marker & -page), page, MADV_DONTDUMP);
    segv();
}
static void vfork_child(void) {
    int st;
    pid_t p = vfork();
    if (p == 0) segv();
    waitpid(p, &st, 0);
    say("vfork child: signal %d; ", WTERMSIG(st));  // its parent goes on
    unlink("core");
    raise(SIGTERM);
}

int main(void) {
    char pattern[200] = "";
    FILE *f = fopen("/proc/sys/kernel/core_pattern", "r");
    fgets(pattern, sizeof pattern, f);
    fclose(f);
    if (strncmp(pattern, "core", 4) != 0 || strchr(pattern, '/')) {  // another test machine: nothing to compare
        say("no core files here\n");
        return 0;
    }
    marker[0] = 'A';
    limit(RLIM_INFINITY);
    dies("segv", segv);
    dies("abort", abort);
    dies("sent", sent);
    dies("threads", threads);
    dies("small limit", small);
    dies("no limit", none);
    dies("undumpable", undumpable);
    dies("terminated", terminated);
    dies("unwritable", unwritable);
    dies("filtered", filtered);
    dies("not to be dumped", dontdump);
    dies("vfork", vfork_child);
    return 0;
}
