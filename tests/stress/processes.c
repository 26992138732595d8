// processes FORKS EXECS: that many children, one after the other and eight at a time, half of the execs after fork, half after vfork. Every child's
// answer is checked, and descriptors and memory before and after are compared. Prints one line and leaves with 0, or names what went wrong and
// leaves with 1. The same source runs natively.
#define _GNU_SOURCE
#include <dirent.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 8, MOST_GROWTH = 4 << 20 };
extern char** environ;

static void complain(const char* what) {
    fprintf(stderr, "processes: %s\n", what);
    _exit(1);
}
static long descriptors(void) {
    long n = 0;
    DIR* d = opendir("/proc/self/fd");
    if (!d) complain("/proc/self/fd does not open");
    while (readdir(d)) n++;
    closedir(d);
    return n;
}
static long pages(void) {
    long size, resident;
    FILE* f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2) complain("/proc/self/statm is not as it should be");
    fclose(f);
    return resident;
}
static void reap(int want) {
    int status;
    if (waitpid(-1, &status, 0) < 0) complain("waitpid failed");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != want) complain("a child's status is wrong");
}
static void run_forks(long count) {
    for (long i = 0; i < count; i++) {
        int p[2];
        long got = 0;
        if (pipe(p)) complain("pipe failed");
        pid_t pid = fork();
        if (pid < 0) complain("fork failed");
        if (pid == 0) {
            long answer = i * 3 + 1;
            _exit(write(p[1], &answer, sizeof answer) == sizeof answer ? 7 : 8);
        }
        if (i % 2) { // the others end when they like
            if (read(p[0], &got, sizeof got) != sizeof got || got != i * 3 + 1) complain("a forked child's answer is wrong");
            reap(7);
        } else {
            reap(7);
            if (read(p[0], &got, sizeof got) != sizeof got || got != i * 3 + 1) complain("an ended child's answer is wrong");
        }
        close(p[0]);
        close(p[1]);
    }
}
static void run_execs(long count) {
    long running = 0;
    for (long i = 0; i < count; i++) {
        char number[24];
        snprintf(number, sizeof number, "%ld", i);
        char* argv[] = {"processes", "child", number, 0};
        pid_t pid;
        if (i % 2) {
            pid = fork();
            if (pid == 0) {
                execv("/proc/self/exe", argv);
                _exit(99);
            }
        } else if (posix_spawn(&pid, "/proc/self/exe", 0, 0, argv, environ)) {
            complain("posix_spawn failed");
        }
        if (pid < 0) complain("fork failed");
        if (++running == AT_ONCE) running--, reap(3);
    }
    while (running--) reap(3);
}

int main(int argc, char** argv) {
    if (argc == 3 && !strcmp(argv[1], "child")) return atol(argv[2]) >= 0 ? 3 : 4;
    long forks = argc > 1 ? atol(argv[1]) : 100, execs = argc > 2 ? atol(argv[2]) : 20;
    run_forks(10);
    run_execs(10); // what is allocated once is there now
    long d = descriptors(), p = pages();
    run_forks(forks);
    run_execs(execs);
    long d2 = descriptors(), p2 = pages();
    fprintf(stderr, "processes: %ld descriptors, %ld pages before; %ld and %ld after\n", d, p, d2, p2);
    if (d2 != d) complain("descriptors leak");
    if ((p2 - p) * sysconf(_SC_PAGESIZE) > MOST_GROWTH) complain("memory leaks");
    if (waitpid(-1, 0, WNOHANG) != -1) complain("a child is left");
    printf("processes: ok: %ld forks, %ld execs\n", forks, execs);
    return 0;
}
