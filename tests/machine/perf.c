// Runs under Debian's kernel: opens counters by perf_event_open and says what they count. A line a check.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int failures;
static void check(const char *what, int good, uint64_t got) {
    printf("%s %s: %llu\n", good ? "ok  " : "FAIL", what, (unsigned long long)got);
    failures += !good;
}

static int open_event(uint32_t type, uint64_t config, int exclude_kernel) {
    struct perf_event_attr a = {.size = sizeof a, .type = type, .config = config, .disabled = 1, .exclude_kernel = exclude_kernel,
                                .read_format = PERF_FORMAT_TOTAL_TIME_RUNNING};
    errno = 0;
    return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}
/// All ones: it has not run.
static uint64_t value(int fd) {
    uint64_t v[2] = {0};
    return read(fd, v, sizeof v) == sizeof v && v[1] != 0 ? v[0] : UINT64_MAX;
}
__attribute__((noinline)) static void spin(uint64_t turns) {
    __asm__ volatile("1:\naddi %0, %0, -1\nbnez %0, 1b" : "+r"(turns));
}
static uint64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void counts(void) {
    const int instructions = open_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, 1);
    check("instructions can be counted", instructions >= 0, errno);
    uint64_t values[3];
    const uint64_t turns[3] = {1000000, 2000000, 3000000};
    for (int n = 0; n < 3; n++) {
        ioctl(instructions, PERF_EVENT_IOC_RESET, 0);
        ioctl(instructions, PERF_EVENT_IOC_ENABLE, 0);
        spin(turns[n]);
        ioctl(instructions, PERF_EVENT_IOC_DISABLE, 0);
        values[n] = value(instructions);
    }
    check("a loop of two million", values[0] >= 2000000 && values[0] < 2000200, values[0]);
    check("a million turns more are two million more", values[1] - values[0] == 2000000, values[1] - values[0]);
    check("and again", values[2] - values[1] == 2000000, values[2] - values[1]);
    close(instructions);

    const int cycles = open_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, 0);
    check("cycles can be counted", cycles >= 0, errno);
    ioctl(cycles, PERF_EVENT_IOC_ENABLE, 0);
    const uint64_t before = nanoseconds();
    while (nanoseconds() - before < 20000000) {
    }
    ioctl(cycles, PERF_EVENT_IOC_DISABLE, 0);
    // of this process: less if others ran
    check("cycles are 1 GHz", value(cycles) > 1000000 && value(cycles) <= nanoseconds() - before + 1000000, value(cycles));
    close(cycles);
    check("cache misses cannot", open_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES, 0) < 0 && errno == ENOENT, errno);
}

static void tlb(void) {
    const int fd = open_event(PERF_TYPE_HW_CACHE, PERF_COUNT_HW_CACHE_DTLB | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16, 1);
    check("TLB misses can be counted", fd >= 0, errno);
    enum { PAGES = 64 };
    volatile char *p = mmap(NULL, PAGES * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    for (int n = 0; n < PAGES; n++) (void)p[n * 4096];
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    check("pages that were not touched before miss", value(fd) >= PAGES && value(fd) < 100 * PAGES, value(fd));
    close(fd);
}

static void firmware(void) {
    enum { ILLEGAL = 4, HFENCE_SENT = 14 };
    const int fd = open_event(PERF_TYPE_RAW, 1ull << 63 | ILLEGAL, 0);
    check("events of the firmware can be counted", fd >= 0, errno);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    check("none happened", value(fd) == 0, value(fd));
    close(fd);
    const int hypervisor = open_event(PERF_TYPE_RAW, 1ull << 63 | HFENCE_SENT, 0);
    if (hypervisor >= 0) ioctl(hypervisor, PERF_EVENT_IOC_ENABLE, 0);
    check("one that nobody counts does not run", hypervisor < 0 || value(hypervisor) == UINT64_MAX, value(hypervisor));
}

// Sampling: the interrupt of an overflow reaches the kernel.
static void samples(void) {
    struct perf_event_attr a = {.size = sizeof a, .type = PERF_TYPE_HARDWARE, .config = PERF_COUNT_HW_CPU_CYCLES, .disabled = 1};
    a.sample_period = 1000000;
    a.sample_type = PERF_SAMPLE_IP;
    a.exclude_kernel = 1;
    errno = 0;
    const int fd = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
    check("samples can be taken", fd >= 0, errno);
    struct perf_event_mmap_page *page = mmap(NULL, 9 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check("their buffer", page != MAP_FAILED, errno);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    const uint64_t before = nanoseconds();
    while (nanoseconds() - before < 100000000) spin(10000);
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    uint64_t cycles = 0;
    check("cycles", read(fd, &cycles, sizeof cycles) == sizeof cycles && cycles != 0, cycles);
    const uint64_t millions = cycles / 1000000;
    uint64_t found = 0, in_spin = 0;
    const char *data = (const char *)page + 4096;
    for (uint64_t at = 0; at < page->data_head;) {
        const struct perf_event_header *h = (const void *)(data + at);
        if (h->type == PERF_RECORD_SAMPLE) {
            uint64_t ip;
            memcpy(&ip, h + 1, sizeof ip);
            found++;
            in_spin += ip - (uint64_t)&spin < 64;
        }
        at += h->size;
    }
    // Fewer where the host is busy: an interrupt that comes late counts for several.
    check("at most one for every million cycles", found > 0 && found <= millions + 1, found);
    check("some of them in the loop", in_spin > 0, in_spin);
    close(fd);
}

int main(void) {
    counts();
    tlb();
    firmware();
    samples();
    printf("PERF %s\n", failures ? "failed" : "passed");
    return failures != 0;
}
