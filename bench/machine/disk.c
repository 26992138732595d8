// How fast a block device is, past the page cache: disk DEVICE SECONDS CASE..., CASE = seqread|seqwrite|randread|randwrite|syncwrite:BYTES:PROCESSES.
// Prints "BENCH CASE RATE ns": requests a second, and how long that was measured. syncwrite: each write is followed by fdatasync.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    fprintf(stderr, "disk: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/// Requests of one process until the time is over.
static uint64_t requests(const char *device, const char *mode, uint64_t bytes, uint64_t until, unsigned process, unsigned processes) {
    const int fd = open(device, O_RDWR | O_DIRECT);
    uint64_t size = 0, n = 0, seed = process * 7919 + 1;
    if (fd < 0) fail(device);
    if (ioctl(fd, BLKGETSIZE64, &size)) fail("its size");
    const uint64_t blocks = size / bytes, first = blocks / processes * process;
    void *buffer = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED) fail("memory");
    memset(buffer, (int)process + 1, bytes);
    const int random = !strncmp(mode, "rand", 4), reads = !strcmp(mode + (random ? 4 : 3), "read"), sync = !strncmp(mode, "sync", 4);
    for (; now() < until; n++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        const uint64_t block = random ? (seed >> 20) % blocks : (first + n) % blocks;
        const ssize_t done = reads ? pread(fd, buffer, bytes, block * bytes) : pwrite(fd, buffer, bytes, block * bytes);
        if (done != (ssize_t)bytes) fail(reads ? "read" : "write");
        if (sync && fdatasync(fd)) fail("sync");
    }
    return n;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    uint64_t *counts = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 3; i < argc; i++) {
        char mode[16];
        unsigned long bytes;
        unsigned processes;
        if (sscanf(argv[i], "%15[a-z]:%lu:%u", mode, &bytes, &processes) != 3 || processes == 0 || processes > 64) return 2;
        const uint64_t start = now(), until = start + strtoull(argv[2], 0, 10) * 1000000000ull;
        for (unsigned p = 0; p < processes; p++)
            if (fork() == 0) {
                counts[p] = requests(argv[1], mode, bytes, until, p, processes);
                exit(0);
            }
        uint64_t sum = 0;
        int status;
        for (unsigned p = 0; p < processes; p++)
            if (wait(&status) < 0 || status != 0) return 1;
        const uint64_t spent = now() - start;
        for (unsigned p = 0; p < processes; p++) sum += counts[p];
        printf("BENCH %s %.1f %llu\n", argv[i], sum * 1e9 / spent, (unsigned long long)spent);
        fflush(stdout);
    }
    return 0;
}
