// Runs in a machine and writes to a block device, past the page cache.
//   disk records DEVICE SEQUENCE SEED   until the end of the world: numbered records in the first half, a flush behind some of them, then
//                                       "SYNCED n": all up to n are durable. Another process does anything to the second half.
//   disk verify DEVICE SEED OPERATIONS  what is written, zeroed and discarded is read back and compared: "VERIFIED n", or what differs
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
#include <unistd.h>

enum { RECORD = 4096, SECTOR = 512, LONGEST = 256 * SECTOR };
static uint64_t seed;
static int fd;
static uint8_t *buffer;

static void fail(const char *what) {
    printf("FAILED %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t any(uint64_t below) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 24) % below;
}

static void range(unsigned long request, uint64_t offset, uint64_t bytes) {
    uint64_t r[2] = {offset, bytes};
    if (ioctl(fd, request, r)) fail(request == BLKDISCARD ? "discard" : "zeroes");
}

static uint32_t crc(const uint8_t *p, size_t n) {
    uint32_t c = ~0u;
    while (n--) {
        c ^= *p++;
        for (int k = 0; k < 8; k++) c = c >> 1 ^ (0xedb88320u & -(c & 1));
    }
    return ~c;
}

/// magic, number, checksum of what follows, data
static void record(uint64_t number) {
    for (int i = 24; i < RECORD; i += 8) {
        const uint64_t v = any(UINT64_MAX);
        memcpy(buffer + i, &v, 8);
    }
    memcpy(buffer, "vmrecord", 8);
    memcpy(buffer + 8, &number, 8);
    const uint64_t sum = crc(buffer + 24, 256) | (uint64_t)crc(buffer + RECORD - 256, 256) << 32;
    memcpy(buffer + 16, &sum, 8);
}

static void noise(uint64_t begin, uint64_t end) {
    for (;;) {
        const uint64_t bytes = SECTOR * (1 + any(LONGEST / SECTOR)), offset = begin + SECTOR * any((end - begin - bytes) / SECTOR);
        switch (any(8)) {
            case 0: range(BLKDISCARD, offset, bytes); break;
            case 1: range(BLKZEROOUT, offset, bytes); break;
            case 2:
                if (pread(fd, buffer, bytes, offset) != (ssize_t)bytes) fail("read");
                break;
            default:
                if (pwrite(fd, buffer, bytes, offset) != (ssize_t)bytes) fail("write");
        }
    }
}

static void records(uint64_t size, uint64_t number) {
    const uint64_t places = size / 2 / RECORD;
    if (fork() == 0) {
        seed ^= 0x5555;
        noise(size / 2, size);
    }
    for (;;) {
        for (uint64_t left = 1 + any(24); left; left--, number++) {
            record(number);
            // The step is prime, so that each round writes all places in another order than they lie.
            if (pwrite(fd, buffer, RECORD, number * 40503 % places * RECORD) != RECORD) fail("write");
        }
        if (fdatasync(fd)) fail("flush");
        printf("SYNCED %llu\n", (unsigned long long)number - 1);
        fflush(stdout);
    }
}

/// What a sector holds: its number and how often it was written; or zeroes, or one cannot know.
enum { ZERO = 0, UNKNOWN = ~0u };
static uint32_t *generation;

static void fill(uint64_t first, uint64_t count) {
    for (uint64_t s = 0; s < count; s++)
        for (int i = 0; i < SECTOR; i += 8) {
            const uint64_t v = generation[first + s] == ZERO ? 0 : ((first + s) << 32 | generation[first + s]) * 0x9e3779b97f4a7c15ull + i;
            memcpy(buffer + s * SECTOR + i, &v, 8);
        }
}

static void compare(uint64_t first, uint64_t count) {
    static uint8_t read[LONGEST] __attribute__((aligned(4096)));
    if (pread(fd, read, count * SECTOR, first * SECTOR) != (ssize_t)(count * SECTOR)) fail("read");
    fill(first, count);
    for (uint64_t s = 0; s < count; s++)
        if (generation[first + s] != UNKNOWN && memcmp(buffer + s * SECTOR, read + s * SECTOR, SECTOR)) {
            printf("FAILED sector %llu, written %u times: is not what was written\n", (unsigned long long)(first + s), generation[first + s]);
            exit(1);
        }
}

static void verify(uint64_t size, uint64_t operations) {
    const uint64_t sectors = size / SECTOR;
    generation = calloc(sectors, 4);
    uint32_t last = 0;
    memset(generation, 0xff, sectors * 4);
    for (uint64_t n = 0; n < operations; n++) {
        const uint64_t count = 1 + any(any(4) ? 16 : LONGEST / SECTOR), first = any(sectors - count);
        const uint64_t what = any(16);
        const uint32_t now = what == 0 ? UNKNOWN : what == 1 ? ZERO : ++last;
        if (what >= 8) {
            compare(first, count);
            continue;
        }
        for (uint64_t s = 0; s < count; s++) generation[first + s] = now;
        if (what == 0) {
            range(BLKDISCARD, first * SECTOR, count * SECTOR);
        } else if (what == 1) {
            range(BLKZEROOUT, first * SECTOR, count * SECTOR);
        } else {
            fill(first, count);
            if (pwrite(fd, buffer, count * SECTOR, first * SECTOR) != (ssize_t)(count * SECTOR)) fail("write");
        }
        if (what == 2 && fdatasync(fd)) fail("flush");
    }
    for (uint64_t s = 0; s < sectors; s += LONGEST / SECTOR) compare(s, LONGEST / SECTOR);
    printf("VERIFIED %llu\n", (unsigned long long)operations);
}

int main(int argc, char **argv) {
    uint64_t size = 0;
    if (argc != 5) return 2;
    fd = open(argv[2], O_RDWR | O_DIRECT);
    if (fd < 0) fail(argv[2]);
    if (ioctl(fd, BLKGETSIZE64, &size)) fail("size");
    buffer = mmap(0, LONGEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED) fail("memory");
    if (!strcmp(argv[1], "verify")) {
        seed = strtoull(argv[3], 0, 10);
        verify(size, strtoull(argv[4], 0, 10));
    } else {
        seed = strtoull(argv[4], 0, 10);
        records(size, strtoull(argv[3], 0, 10));
    }
    return 0;
}
