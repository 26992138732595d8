// A kernel that tests its hart's counters and SBI's PMU extension: exact numbers of instructions, whatever runs in
// between, overflow, events of the firmware, what is refused.
#include "kernel.h"

enum { PMU = 0x504d55, TIME = 0x54494d45, LCOFI = 13 };
enum { NOT_SUPPORTED = -2, INVALID = -3, STARTED = -7, STOPPED = -8 };
enum { CLEAR = 2, AUTO = 4 };
enum { CYCLES = 1, INSTRUCTIONS = 2, CACHE_MISSES = 4, LOAD_TLB_MISSES = 0x10019, SET_TIMER = 0xf0005 };
#define ALL_COUNTERS 0x7fffffffdL

static struct sbi_result match(long event, long flags) { return sbi_call(PMU, 2, 0, ALL_COUNTERS, flags, event, 0); }
static struct sbi_result start(long counter, long flags, u64 value) {
    return sbi_call(PMU, 3, counter, 1, flags, (long)value, 0);
}
static struct sbi_result stop(long counter, long flags) { return sbi_call(PMU, 4, counter, 1, flags, 0, 0); }
static u64 firmware(long counter) { return (u64)sbi_call(PMU, 5, counter, 0, 0, 0, 0).value; }

static void information(void) {
    check("there is an extension", sbi_call(0x10, 3, PMU, 0, 0, 0, 0).value != 0, 1);
    check("counters", (u64)sbi_call(PMU, 0, 0, 0, 0, 0, 0).value, 35);
    check("cycle", (u64)sbi_call(PMU, 1, 0, 0, 0, 0, 0).value, 63UL << 12 | 0xc00);
    check("time is none", (u64)sbi_call(PMU, 1, 1, 0, 0, 0, 0).error, (u64)INVALID);
    check("hpmcounter18", (u64)sbi_call(PMU, 1, 18, 0, 0, 0, 0).value, 63UL << 12 | 0xc12);
    check("one of the firmware", (u64)sbi_call(PMU, 1, 34, 0, 0, 0, 0).value, 1UL << 63 | 63UL << 12);
    check("no more", (u64)sbi_call(PMU, 1, 35, 0, 0, 0, 0).error, (u64)INVALID);
    check("cache misses are not counted", (u64)match(CACHE_MISSES, 0).error, (u64)NOT_SUPPORTED);
    check("no snapshots", (u64)sbi_call(PMU, 7, 0, 0, 0, 0, 0).error, (u64)NOT_SUPPORTED);
}

// Differences of counter 3 around code whose length is known.
#define COUNTED(code, ...)                                                                                       \
    ({                                                                                                           \
        u64 a_, b_;                                                                                              \
        __asm__ volatile(".option push\n.option norvc\ncsrr %0, hpmcounter3\n" code "\ncsrr %1, hpmcounter3\n"   \
                         ".option pop"                                                                           \
                         : "=&r"(a_), "=&r"(b_)                                                                  \
                         : __VA_ARGS__                                                                           \
                         : "t0", "t1", "t2", "a0", "a1", "a6", "a7", "memory");                                                          \
        b_ - a_;                                                                                                 \
    })

static u8 memory[2][4096] __attribute__((aligned(4096)));
enum { HANDLER = 24 };  // instructions of trap_entry for an exception
static void instructions(void) {
    struct sbi_result r = match(INSTRUCTIONS, CLEAR | AUTO);
    check("instructions have a counter", (u64)r.error, 0);
    check("which", (u64)r.value, 3);
    check("two reads", COUNTED("", "r"(0)), 1);
    check("a loop", COUNTED("li t0, 1000\n1:\naddi t0, t0, -1\nbnez t0, 1b", "r"(0)), 2002);
    check("and again", COUNTED("li t0, 1000\n1:\naddi t0, t0, -1\nbnez t0, 1b", "r"(0)), 2002);
    check("loads of a device", COUNTED("li t0, 100\n1:\nlbu t1, 5(%2)\nlbu t1, 7(%2)\naddi t0, t0, -1\nbnez t0, 1b", "r"(uart)), 402);
    check("neighbouring accesses, some over the end of a page",
          COUNTED("li t0, 100\nmv t2, %2\n1:\nld t1, 0(t2)\nld t1, 8(t2)\nsd t1, 16(t2)\nsd t1, 24(t2)\naddi t0, t0, -1\nbnez t0, 1b",
                  "r"(memory[1] - 12)),
          603);
    check("CSRs", COUNTED("li t0, 100\n1:\ncsrw sscratch, t0\ncsrr t1, sip\naddi t0, t0, -1\nbnez t0, 1b", "r"(0)), 402);
    check("calls that count nothing but themselves",
          COUNTED("li t0, 100\n1:\nmv a7, %2\nli a6, 0\nli a0, -1\necall\naddi t0, t0, -1\nbnez t0, 1b", "r"((u64)TIME)),
          502);
    const u64 before = last.count, with = COUNTED(".word 0\n.word 0\n.word 0", "r"(0)),
              one = COUNTED(".word 0", "r"(0)) - 1;
    check("traps", last.count - before, 4);
    check("what trapped was not executed", with - 1, 3 * one);
    check("its handler was", one, HANDLER);

    check("stop", (u64)stop(3, 0).error, 0);
    check("it is", (u64)stop(3, 0).error, (u64)STOPPED);
    check("it stands", COUNTED("nop\nnop", "r"(0)), 0);
    r = start(3, 1, 500);
    const u64 now = CSR_READ(hpmcounter3);
    check("start", (u64)r.error, 0);
    check("from there", now >= 500 && now < 600, 1);
    check("it runs", (u64)start(3, 1, 500).error, (u64)STARTED);
    check("stop and forget", (u64)stop(3, 1).error, 0);
    check("what has no event cannot start", (u64)start(3, 0, 0).error, (u64)INVALID);

    u64 a, b;
    __asm__ volatile("csrr %0, instret\nnop\nnop\ncsrr %1, instret" : "=r"(a), "=r"(b));
    check("instret", b - a, 3);
}

static void overflow(void) {
    u64 before = last.count, then, now;
    struct sbi_result r = match(CYCLES, CLEAR);
    check("cycles have a counter", (u64)r.error, 0);
    CSR_SET(sie, 1 << LCOFI);
    CSR_SET(sstatus, 2);
    const u64 cycles = 2000000;
    __asm__ volatile("csrr %0, cycle" : "=r"(then));
    check("start before the end", (u64)start(r.value, 1, -cycles).error, 0);
    u64 turns = 0;
    while (*(volatile u64*)&last.count == before) turns++;
    __asm__ volatile("csrr %0, cycle" : "=r"(now));
    check("it interrupts a loop", turns > 0 && last.count == before + 1, 1);
    check("cause", last.cause, 1UL << 63 | LCOFI);
    check("not early", now - then >= cycles, 1);
    check("which overflowed", CSR_READ(0xda0), 1UL << r.value);
    check("the interrupt stays", CSR_READ(sip) >> LCOFI & 1, 1);
    CSR_CLEAR(sip, 1 << LCOFI);
    check("until it is cleared", CSR_READ(sip) >> LCOFI & 1, 0);
    stop(r.value, 0);
    start(r.value, 1, -cycles);
    check("started again it has not overflowed", CSR_READ(0xda0), 0);
    before = last.count;
    CSR_SET(sie, 1 << LCOFI);
    while (*(volatile u64*)&last.count == before) __asm__ volatile("wfi");
    check("it ends a wait, too", last.cause, 1UL << 63 | LCOFI);
    CSR_CLEAR(sip, 1 << LCOFI);
    CSR_CLEAR(sstatus, 2);
    stop(r.value, 1);
}

static void others(void) {
    struct sbi_result r = match(SET_TIMER, CLEAR | AUTO);
    check("timers that were set have a counter", (u64)r.error, 0);
    check("one of the firmware", r.value >= 19 && r.value < 35, 1);
    for (int n = 0; n < 5; n++) sbi(TIME, 0, -1, 0, 0);
    check("five", firmware(r.value), 5);
    stop(r.value, 0);
    sbi(TIME, 0, -1, 0, 0);
    check("it stands", firmware(r.value), 5);
    start(r.value, 1, 100);
    sbi(TIME, 0, -1, 0, 0);
    check("from a hundred", firmware(r.value), 101);
    check("no firmware counter", (u64)sbi_call(PMU, 5, 3, 0, 0, 0, 0).error, (u64)INVALID);
    stop(r.value, 1);
    r = match(LOAD_TLB_MISSES, CLEAR | AUTO);
    check("misses of the TLB have one", (u64)r.error, 0);
    for (int n = 0; n < 10; n++) {
        __asm__ volatile("sfence.vma" ::: "memory");
        *(volatile u64*)memory[1];
    }
    const u64 misses = CSR_READ(hpmcounter3);
    check("ten at least", misses >= 10 && misses < 1000, 1);
    stop(r.value, 1);
}

int main(void) {
    put("vm counters test\n");
    information();
    instructions();
    overflow();
    others();
    put(failures ? "failed\n" : "passed\n");
    return 0;
}
