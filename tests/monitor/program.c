// Says which descriptors, threads and children it has, then computes until a line comes: "exec" executes it anew, "end" ends it with status 7.
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int entries(const char* path, int print) {
    DIR* d = opendir(path);
    int own = dirfd(d), count = 0, fds[64];
    for (struct dirent* e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || (print && atoi(e->d_name) == own)) continue;
        if (count < 64) fds[count++] = atoi(e->d_name);
    }
    closedir(d);
    for (int n = 0; print && n < count; n++) {
        int least = n;
        for (int m = n; m < count; m++)
            if (fds[m] < fds[least]) least = m;
        int t = fds[n];
        fds[n] = fds[least], fds[least] = t;
        printf(" %d", fds[n]);
    }
    return count;
}

int main(int argc, char** argv) {
    printf("descriptors");
    entries("/proc/self/fd", 1);
    printf(", threads %d", entries("/proc/self/task", 0));
    printf(", child %s\n", waitpid(-1, NULL, WNOHANG) < 0 ? "no" : "yes");
    fflush(stdout);
    volatile unsigned long x = (unsigned long)argc;
    char line[64];
    for (;;) {
        struct pollfd p = {0, POLLIN, 0};
        while (poll(&p, 1, 0) == 0)
            for (int n = 0; n < 100000; n++) x = x * 6364136223846793005ul + 1;
        ssize_t n = read(0, line, sizeof line - 1);
        if (n <= 0) return 1;
        line[n] = 0;
        if (strcmp(line, "end\n") == 0) return 7;
        if (strcmp(line, "exec\n") == 0) execv("/proc/self/exe", argv);
    }
}
