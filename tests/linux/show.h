// Tests print what the system calls answered; the same source runs natively and as a guest, and the texts
// must be equal.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// Result of a call that may fail: "text = value" or "text = ENAME".
#define show(call)                                              \
    do {                                                        \
        errno = 0;                                              \
        long show_r = (long)(call);                             \
        if (show_r == -1)                                       \
            printf("%s = %s\n", #call, strerrorname_np(errno)); \
        else                                                    \
            printf("%s = %ld\n", #call, show_r);                \
        fflush(stdout);                                         \
    } while (0)
/// Success or failure only, where the value is a descriptor, a pid or an address.
#define works(call)                                                                \
    do {                                                                           \
        errno = 0;                                                                 \
        long show_r = (long)(call);                                                \
        printf("%s %s\n", #call, show_r == -1 ? strerrorname_np(errno) : "works"); \
        fflush(stdout);                                                            \
    } while (0)
#define say(...) (printf(__VA_ARGS__), fflush(stdout))
