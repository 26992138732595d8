// Runs inside the guest machines of bench/machine.py. Each result is one line:
//   RUN NAME user_us system_us wall_us OUTPUT      OUTPUT: the first word that the program printed, or -
// runner kernels PROGRAM...     each once
// runner forks N | execs N      a child that ends at once, N times
// runner command NAME N PROGRAM ARGUMENT...
#define _GNU_SOURCE
#include <libgen.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char* what) {
    perror(what);
    exit(1);
}

/// In microseconds: the clock, and what children have used so far.
struct figures {
    long user, sys, wall;
};

static struct figures figures(void) {
    struct rusage u;
    struct timespec t;
    getrusage(RUSAGE_CHILDREN, &u);
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (struct figures){.user = u.ru_utime.tv_sec * 1000000L + u.ru_utime.tv_usec,
                            .sys = u.ru_stime.tv_sec * 1000000L + u.ru_stime.tv_usec,
                            .wall = t.tv_sec * 1000000L + t.tv_nsec / 1000};
}

static void must_end_well(pid_t pid, const char* what) {
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) fail(what);
    if (status != 0) {
        fprintf(stderr, "%s: status %#x\n", what, status);
        exit(1);
    }
}

/// Runs a program and keeps the first word of its output.
static void execute(char** argv, char word[64]) {
    int ends[2];
    if (pipe(ends) != 0) fail("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], argv);
        _exit(127);
    }
    close(ends[1]);
    FILE* f = fdopen(ends[0], "r");
    char rest[4096];
    if (fscanf(f, "%63s", word) != 1) strcpy(word, "-");
    while (fread(rest, 1, sizeof rest, f) > 0) continue;
    fclose(f);
    must_end_well(pid, argv[0]);
}

static void report(const char* name, struct figures before, const char* word) {
    struct figures now = figures();
    printf("RUN %s %ld %ld %ld %s\n", name, now.user - before.user, now.sys - before.sys,
           now.wall - before.wall, word);
    fflush(stdout);
}

static void forks(int count) {
    for (int n = 0; n < count; n++) {
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        must_end_well(pid, "fork");
    }
}

static void execs(int count) {
    char* command[] = {"/proc/self/exe", "child", NULL};
    for (int n = 0; n < count; n++) {
        pid_t pid;
        if (posix_spawn(&pid, command[0], NULL, NULL, command, NULL) != 0) fail("posix_spawn");
        must_end_well(pid, "exec");
    }
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "child") == 0) return 0;
    if (argc < 3) return 2;
    char word[64] = "-";
    if (strcmp(argv[1], "kernels") == 0) {
        for (int i = 2; i < argc; i++) {
            char* command[] = {argv[i], NULL};
            struct figures before = figures();
            execute(command, word);
            report(basename(argv[i]), before, word);
        }
        return 0;
    }
    const char* name = argv[1];
    struct figures before = figures();
    if (strcmp(argv[1], "forks") == 0) {
        forks(atoi(argv[2]));
    } else if (strcmp(argv[1], "execs") == 0) {
        execs(atoi(argv[2]));
    } else if (strcmp(argv[1], "command") == 0 && argc > 4) {
        name = argv[2];
        for (int n = atoi(argv[3]); n > 0; n--) execute(argv + 4, word);
    } else {
        return 2;
    }
    report(name, before, word);
    return 0;
}
