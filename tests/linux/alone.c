// A process with one thread has one thread, whatever the machine below does to make its loops fast.
#include "show.h"
#include <dirent.h>
#include <sched.h>

static unsigned table[1 << 12];
static unsigned __attribute__((noinline)) step(unsigned x) {
    for (int i = 0; i < 1 << 12; i++) table[i] = x = x * 1664525 + 1013904223 + (table[i] >> 3);
    return x;
}
static unsigned __attribute__((noinline)) other(unsigned x) {
    for (int i = 1; i < 1 << 12; i++) x ^= table[i] < table[i - 1] ? table[i] : x >> 1;
    return x;
}
/// About a fifth of a second of processor time.
static unsigned work(unsigned x) {
    unsigned (*volatile f[])(unsigned) = {step, other};
    struct timespec t;
    do {
        for (int i = 0; i < 200; i++) x = f[i % 2](x);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    } while (t.tv_sec == 0 && t.tv_nsec < 200000000);
    return x;
}
static unsigned fixed(void) {
    memset(table, 0, sizeof table);
    unsigned x = 1;
    for (int i = 0; i < 40; i++) x = other(step(x));
    return x;
}
static int tasks(void) {
    DIR *d = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}
static int field(const char *file, int nth, const char *key) {
    char text[8192];
    FILE *f = fopen(file, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = 0;
    if (f) fclose(f);
    if (key) {
        char *at = strstr(text, key);
        return at ? atoi(at + strlen(key)) : -1;
    }
    char *at = strrchr(text, ')');
    for (int k = 2; at && k < nth; k++) at = strchr(at + 1, ' ');
    return at ? atoi(at) : -1;
}
static void counts(const char *when) {
    say("%s: %d %d %d\n", when, tasks(), field("/proc/self/stat", 20, NULL), field("/proc/self/status", 0, "Threads:"));
}
static void in_child(const char *what, pid_t p) {
    int st = 0;
    if (p == 0) {
        counts(what);
        say("%s %u\n", what, fixed());
        work(2);
        say("%s %u\n", what, fixed());
        _exit(3);
    }
    waitpid(p, &st, __WALL);
    say("%s exited %d\n", what, WEXITSTATUS(st));
}

int main(void) {
    counts("at first");
    say("%u\n", fixed());
    work(1);
    counts("after some work");
    say("%u\n", fixed());
    in_child("fork", fork());
    in_child("clone", syscall(SYS_clone, SIGCHLD | CLONE_FS, 0, 0, 0, 0));
    for (int i = 0; i < 20; i++) {  // while the other thread compiles, perhaps
        pid_t p = fork();
        if (p == 0) {
            free(malloc(100000));
            _exit(fixed() & 63);
        }
        int st = 0;
        waitpid(p, &st, 0);
        if (WEXITSTATUS(st) != (int)(fixed() & 63)) say("fork %d: %x\n", i, st);
    }
    work(3);
    pid_t p = vfork();
    if (p == 0) {
        counts("in a vfork");
        _exit(0);
    }
    waitpid(p, NULL, 0);
    show(unshare(CLONE_NEWUSER));
    counts("in a namespace");
    say("%u\n", fixed());
    return 0;
}
