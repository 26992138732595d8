// A kernel that tests the machine it runs on, and says so line by line: traps, page tables, code that is seen at
// several addresses or changes, accesses and instructions over page borders, atomics, timers, user mode.
#include "kernel.h"

extern u8 user_code[];

// --- page tables: Sv39, the first 4 GiB mapped to themselves in gigabytes, and pages of their own at BASE
enum { V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128 };
static u64 root[512] __attribute__((aligned(4096))), middle[512] __attribute__((aligned(4096))),
    leaves[512] __attribute__((aligned(4096)));
static u8 pages[8][4096] __attribute__((aligned(4096)));
#define BASE 0x3200000000UL

static void map(u64 n, void* page, u64 flags) { leaves[n] = (u64)page >> 12 << 10 | flags; }
static void fence(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
static void page_tables(void) {
    for (u64 g = 0; g < 4; g++) root[g] = g << 28 | V | R | W | X | A | D;
    root[BASE >> 30] = (u64)middle >> 12 << 10 | V;
    middle[0] = (u64)leaves >> 12 << 10 | V;
    fence();
    CSR_WRITE(satp, 8UL << 60 | (u64)root >> 12);
    fence();
}
static u64 at(u64 page, u64 offset) { return BASE + page * 4096 + offset; }

// An access that may fault: 1 if it did.
static int try_load(u64 address, u64* value) {
    u64 before = last.count, v = 0;
    __asm__ volatile(".option push\n.option norvc\nld %0, 0(%1)\n.option pop" : "=r"(v) : "r"(address) : "memory");
    *value = v;
    return last.count != before;
}
static int try_store(u64 address, u64 value) {
    u64 before = last.count;
    __asm__ volatile(".option push\n.option norvc\nsd %0, 0(%1)\n.option pop" ::"r"(value), "r"(address) : "memory");
    return last.count != before;
}
static u64 call(u64 address) {
    register u64 a0 __asm__("a0") = 0;
    __asm__ volatile("la t0, 1f\nsd t0, %1\njalr ra, %2\n1:\nsd zero, %1"
                     : "+r"(a0), "+m"(last.resume)
                     : "r"(address)
                     : "ra", "t0", "t1", "memory");
    return a0;
}

static void traps(void) {
    u64 before = last.count;
    __asm__ volatile(".word 0");  // undefined
    check("an undefined instruction traps", last.count - before, 1);
    check("its cause", last.cause, 2);
    check("its bits", last.value, 0);
    __asm__ volatile(".option push\n.option norvc\nebreak\n.option pop");
    check("a breakpoint's cause", last.cause, 3);
    u64 v;
    __asm__ volatile("csrr %0, mstatus" : "=r"(v));
    check("a CSR of M-mode is none here", last.cause, 2);
}

static void translation(void) {
    map(0, pages[0], V | R | W | A | D);
    map(1, pages[1], V | R | A);
    map(2, pages[0], V | R | W | A | D);
    fence();
    u64 v = 0;
    *(u64*)pages[0] = 0x1122334455667788;
    check("a page is seen", try_load(at(0, 0), &v) == 0 && v == 0x1122334455667788, 1);
    check("a store to it arrives", try_store(at(0, 8), 77) == 0 && *(u64*)(pages[0] + 8) == 77, 1);
    check("its other address sees it", try_load(at(2, 8), &v) == 0 && v == 77, 1);
    check("a store to a page for reading faults", try_store(at(1, 16), 1), 1);
    check("cause", last.cause, 15);
    check("address", last.value, at(1, 16));
    check("a load where nothing is faults", try_load(at(5, 24), &v), 1);
    check("cause", last.cause, 13);
    check("address", last.value, at(5, 24));
    check("one over its end names the second page", try_load(at(2, 4092), &v), 1);
    check("address", last.value, at(3, 0));
    map(3, pages[3], V | R | W | A | D);
    fence();
    check("two pages that are no neighbours", try_store(at(2, 4092), 0x8877665544332211), 0);
    check("the first", *(u32*)(pages[0] + 4092), 0x44332211);
    check("the second", *(u32*)pages[3], 0x88776655);
    check("read again", try_load(at(2, 4092), &v) == 0 && v == 0x8877665544332211, 1);
    map(2, pages[3], V | R | W | A | D);
    __asm__ volatile("sfence.vma %0" ::"r"(at(2, 0)) : "memory");
    check("a page that moved", try_load(at(2, 0), &v) == 0 && (u32)v == 0x88776655, 1);
    check("out of all memory", try_load(0x50000, &v), 1);
    check("cause", last.cause, 5);
}

// jalr target: returns its own address (auipc) and falls over a page's end if told to
static void code(void) {
    u32* p = (u32*)pages[4];
    p[0] = 0x00000517;  // auipc a0, 0
    p[1] = 0x00008067;  // ret
    map(6, pages[4], V | R | X | A);
    map(7, pages[4], V | R | X | A);
    fence();
    __asm__ volatile("fence.i");
    check("code knows where it runs", call(at(6, 0)), at(6, 0));
    check("and where else", call(at(7, 0)), at(7, 0));
    check("at its own place", call((u64)pages[4]), (u64)pages[4]);
    for (int n = 0; n < 100; n++) call(at(6 + n % 2, 0));
    check("again, when it is hot", call(at(6, 0)) + call(at(7, 0)), at(6, 0) + at(7, 0));
    p[0] = 0x00700513;  // li a0, 7
    __asm__ volatile("fence.i");
    check("code that changed", call(at(6, 0)), 7);
    u64 sum = 0;
    for (u32 n = 0; n < 200; n++) {
        p[0] = n << 20 | 0x00000513;
        __asm__ volatile("fence.i");
        sum += call(at(6 + n % 2, 0));
    }
    check("that changes all the time", sum, 199 * 200 / 2);
    check("no code there", (call(at(1, 0)), last.cause), 12);
    check("address", last.value, at(1, 0));

    // an instruction of four bytes, two on each page; the pages are no neighbours
    u16* end = (u16*)(pages[5] + 4094);
    *end = 0x0513;                    // li a0, 99: first half
    *(u16*)pages[6] = 99 << 4;        // second half
    *(u16*)(pages[6] + 2) = 0x8082;   // ret
    map(10, pages[5], V | R | X | A);
    map(11, pages[6], V | R | X | A);
    fence();
    __asm__ volatile("fence.i");
    for (int n = 0; n < 10; n++) call(at(10, 4094));
    check("an instruction over a page's end", call(at(10, 4094)), 99);
    leaves[11] = 0;
    fence();
    call(at(10, 4094));
    check("whose second page is gone", last.cause, 12);
    check("address", last.value, at(11, 0));
    check("pc", last.pc, at(10, 4094));
    *(u16*)(pages[7] + 0) = 55 << 4;
    *(u16*)(pages[7] + 2) = 0x8082;
    map(11, pages[7], V | R | X | A);
    fence();
    check("and another comes", call(at(10, 4094)), 55);
}

static void atomics(void) {
    u64* p = (u64*)at(0, 64);
    *p = 5;
    u64 old;
    __asm__ volatile("amoadd.d %0, %1, (%2)" : "=r"(old) : "r"(3UL), "r"(p) : "memory");
    check("amoadd", old == 5 && *p == 8, 1);
    u64 v, failed;
    __asm__ volatile("lr.d %0, (%2)\naddi %0, %0, 1\nsc.d %1, %0, (%2)" : "=&r"(v), "=&r"(failed) : "r"(p) : "memory");
    check("lr and sc", failed == 0 && *p == 9, 1);
    __asm__ volatile("sc.d %0, %1, (%2)" : "=&r"(failed) : "r"(1UL), "r"(p) : "memory");
    check("sc without lr", failed != 0 && *p == 9, 1);
    u64 before = last.count;
    __asm__ volatile("amoadd.d %0, %1, (%2)" : "=r"(old) : "r"(3UL), "r"((u64)p + 1) : "memory");
    check("amoadd that is not aligned traps", last.count - before, 1);
    check("cause", last.cause, 6);
}

static void ad_bits(void) {
    map(12, pages[2], V | R | W);
    fence();
    u64 v;
    check("a page that was not accessed", try_load(at(12, 0), &v), 0);
    check("is marked", leaves[12] & (A | D), A);
    check("a store", try_store(at(12, 0), 1), 0);
    check("marks it, too", leaves[12] & (A | D), A | D);
}

static void timer(void) {
    u64 before = last.count, now;
    CSR_SET(sie, 1 << 5);
    __asm__ volatile("rdtime %0" : "=r"(now));
    sbi(0x54494d45, 0, (long)(now + 10000), 0, 0);  // in a millisecond
    CSR_SET(sstatus, 2);
    while (last.count == before) __asm__ volatile("wfi");
    check("the timer's cause", last.cause, 1UL << 63 | 5);
    u64 then;
    __asm__ volatile("rdtime %0" : "=r"(then));
    check("not early", then - now >= 10000, 1);
    CSR_CLEAR(sstatus, 2);
    before = last.count;
    CSR_SET(sie, 1 << 5);
    __asm__ volatile("rdtime %0" : "=r"(now));
    sbi(0x54494d45, 0, (long)(now + 10000), 0, 0);
    CSR_SET(sstatus, 2);
    u64 turns = 0;
    while (*(volatile u64*)&last.count == before) turns++;
    check("it interrupts a loop", turns > 0, 1);
    CSR_CLEAR(sstatus, 2);
}

static void user(void) {
    map(20, user_code, V | R | X | U | A);
    fence();
    u64 before = last.count, v;
    check("memory of the user is not the kernel's", try_load(at(20, 0), &v), 1);
    CSR_SET(sstatus, 1 << 18);
    check("but with SUM it is", try_load(at(20, 0), &v), 0);
    CSR_CLEAR(sstatus, 1 << 18);
    before = last.count;
    CSR_CLEAR(sstatus, 0x100);
    __asm__ volatile("la t0, 1f\nsd t0, %0\ncsrw sepc, %1\nsret\n1:\nsd zero, %0"
                     : "+m"(last.resume)
                     : "r"(at(20, 0))
                     : "t0", "a7", "memory");
    check("user mode came back", last.count - before, 1);
    check("by its call", last.cause, 8);
    check("from there", last.pc, at(20, 4));
}

// System calls, often enough to be compiled, and what each must change. The handler counts those, notes what it
// sees, and leaves at anything else. User code reads from a1, calls a0 times, then reads from a4.
static struct {
    u64 t5, status, pc, count, cause, resume, value;
} calls;
extern u8 call_entry[], calling_code[], calling_call[];
__asm__(".pushsection .text\n.balign 4\ncall_entry:\n"
        "csrrw t6, sscratch, t6\nsd t5, 0(t6)\ncsrr t5, sstatus\nsd t5, 8(t6)\ncsrr t5, sepc\nsd t5, 16(t6)\n"
        "addi t5, t5, 4\ncsrw sepc, t5\ncsrr t5, stval\nsd t5, 48(t6)\ncsrr t5, scause\nsd t5, 32(t6)\n"
        "addi t5, t5, -8\nbnez t5, 1f\nld t5, 24(t6)\naddi t5, t5, 1\nsd t5, 24(t6)\nj 2f\n"
        "1: csrci sie, 2\nld t5, 40(t6)\ncsrw sepc, t5\nli t5, 0x100\ncsrs sstatus, t5\n"
        "2: ld t5, 0(t6)\ncsrrw t6, sscratch, t6\nsret\n"
        ".balign 4096\n.option push\n.option norvc\ncalling_code:\n"
        "1: ld a2, 0(a1)\ncalling_call: ecall\naddi a0, a0, -1\nbnez a0, 1b\nld a2, 0(a4)\n.option pop\n"
        ".balign 4096\n.popsection");

static void run_calls(u64 times, u64 address, u64 last_address) {
    register u64 a0 __asm__("a0") = times;
    register u64 a1 __asm__("a1") = address;
    register u64 a4 __asm__("a4") = last_address;
    __asm__ volatile("csrr t0, sscratch\ncsrw sscratch, %3\nla t1, 1f\nsd t1, 40(%3)\ncsrw sepc, %4\n"
                     "li t1, 0x100\ncsrc sstatus, t1\nsret\n1: csrw sscratch, t0"
                     : "+r"(a0), "+r"(a1), "+r"(a4)
                     : "r"(&calls), "r"(at(26, 0))
                     : "t0", "t1", "a2", "memory");
}

static void user_calls(void) {
    map(26, calling_code, V | R | X | U | A);
    map(27, pages[5], V | R | U | A);
    map(28, pages[6], V | R | A);
    fence();
    const u64 old = CSR_READ(stvec);
    CSR_WRITE(stvec, call_entry);
    u64 wrong = 0, v;
    for (u64 n = 0; n < 30; n++) {
        calls.count = 0;
        if (n % 2)  // SPIE at the entry is SIE before
            CSR_SET(sstatus, 1 << 5);
        else
            CSR_CLEAR(sstatus, 1 << 5);
        run_calls(n + 1, at(27, 0), at(28, 8));
        wrong += calls.count != n + 1;
        wrong += calls.cause != 13 || calls.value != at(28, 8) || calls.pc != at(26, 16);
        wrong += (calls.status & 0x100) != 0 || (calls.status & 2) != 0;
        wrong += (CSR_READ(sstatus) & 2) != (calls.status >> 4 & 2);  // the way back made SIE of SPIE
        CSR_CLEAR(sstatus, 2);
        run_calls(1, at(28, 0), 0);
        wrong += calls.count != n + 1 || calls.cause != 13 || calls.pc != at(26, 0);
    }
    check("system calls come, and leave what they should", wrong, 0);
    wrong = 0;
    for (u64 n = 0; n < 30; n++) {  // an interrupt that waited for user mode
        calls.count = 0;
        CSR_CLEAR(sstatus, 2);
        CSR_SET(sie, 1 << 1);
        CSR_SET(sip, 1 << 1);
        run_calls(100, at(27, 0), at(28, 8));
        CSR_CLEAR(sip, 1 << 1);
        CSR_CLEAR(sie, 1 << 1);
        wrong += calls.count != 0 || calls.cause != (1UL << 63 | 1) || calls.pc != at(26, 0);
    }
    CSR_CLEAR(sstatus, 2);
    check("an interrupt comes before the first instruction there", wrong, 0);
    wrong = 0;
    for (u64 n = 0; n < 30; n++) {  // with SUM the kernel sees the user's page, without it does not, whoever ran between
        CSR_SET(sstatus, 1 << 18);
        run_calls(3, at(27, 0), at(28, 8));
        wrong += (CSR_READ(sstatus) >> 18 & 1) != 1;
        CSR_WRITE(stvec, old);
        wrong += try_load(at(27, 0), &v) != 0;
        CSR_CLEAR(sstatus, 1 << 18);
        wrong += try_load(at(27, 0), &v) != 1;
        CSR_WRITE(stvec, call_entry);
        run_calls(3, at(27, 0), at(28, 8));
        CSR_WRITE(stvec, old);
        wrong += try_load(at(27, 0), &v) != 1;
        CSR_WRITE(stvec, call_entry);
    }
    check("each mode has its own view of memory", wrong, 0);
    CSR_WRITE(stvec, old);
}

// Accesses close together from one register: that the first may be done does not say that all may.
static void stores4(u64 middle, u64 v) {
    __asm__ volatile(".option push\n.option norvc\n"
                     "sd %1, -16(%0)\nsd %1, -8(%0)\nsd %1, 0(%0)\nsd %1, 8(%0)\n.option pop" ::"r"(middle), "r"(v) : "memory");
}
static u64 loads4(u64 middle) {
    u64 a, b, c, d;
    __asm__ volatile(".option push\n.option norvc\n"
                     "ld %0, -16(%4)\nld %1, -8(%4)\nld %2, 0(%4)\nld %3, 8(%4)\n.option pop"
                     : "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d)
                     : "r"(middle)
                     : "memory");
    return a + 2 * b + 4 * c + 8 * d;
}
static void groups(void) {
    map(21, pages[1], V | R | W | A | D);
    map(22, pages[2], V | R | A);
    map(23, pages[3], V | R | W | A | D);
    map(24, pages[7], V | R | W | A | D);
    fence();
    u64 faults = 0, wrong = 0;
    for (u64 n = 1; n <= 60; n++) {
        const u64 before = last.count;
        const int bad = n % 3 == 0;  // else they lie on one page, or on two that are both for writing
        const u64 middle = bad ? at(22, 0) : n % 3 == 1 ? at(21, 512) : at(24, 0);
        stores4(middle, n);
        faults += last.count - before;
        if (bad && (last.value != at(22, 8) || last.cause != 15)) wrong++;
        if (*(volatile u64*)(middle - 16) != n || *(volatile u64*)(middle - 8) != n) wrong++;
        if (!bad && loads4(middle) != 15 * n) wrong++;
        if (bad && (*(volatile u64*)middle == n || *(volatile u64*)(middle + 8) == n)) wrong++;
    }
    check("stores over the end of what may be written", faults, 2 * 20);
    check("nothing else is written, and all that may be", wrong, 0);
    map(25, user_code, V | R | U | A);
    fence();
    faults = wrong = 0;
    for (u64 n = 0; n < 60; n++) {
        const u64 before = last.count;
        u64 a, b, c = 0;
        __asm__ volatile(".option push\n.option norvc\n"
                         "csrs sstatus, %4\nld %0, 0(%3)\nld %1, 8(%3)\ncsrc sstatus, %4\nld %2, 8(%3)\n.option pop"
                         : "=&r"(a), "=&r"(b), "+r"(c)
                         : "r"(at(25, 0)), "r"(1UL << 18)
                         : "memory");
        faults += last.count - before;
        wrong += a != *(u64*)user_code || c == b;
    }
    check("each access under its own SUM", faults, 60);
    check("what was read", wrong, 0);
}

// sstatus and what hangs on it, often enough to be compiled.
static void status(void) {
    u64 wrong = 0, before = last.count, v;
    for (u64 n = 0; n < 50; n++) {
        CSR_CLEAR(sstatus, 3 << 13);
        wrong += CSR_READ(sstatus) >> 63;
        __asm__ volatile("fmv.d.x fa0, %0" ::"r"(n));
        __asm__ volatile("csrr %0, fcsr" : "=r"(v));
        CSR_SET(sstatus, 1 << 13);
        __asm__ volatile("fmv.d.x fa0, %1\nfmv.x.d %0, fa0" : "=r"(v) : "r"(n));
        wrong += v != n;
        wrong += (CSR_READ(sstatus) >> 13 & 3) != 3 || !(CSR_READ(sstatus) >> 63);
        CSR_WRITE(sscratch, n);
        CSR_WRITE(sepc, n | 1);
        CSR_WRITE(stval, ~n);
        wrong += CSR_READ(sscratch) != n || CSR_READ(sepc) != (n & ~1UL) || CSR_READ(stval) != ~n;
    }
    check("floating point that is off traps", last.count - before, 100);
    check("what CSRs hold", wrong, 0);
    wrong = 0;
    CSR_CLEAR(sstatus, 2);
    for (u64 n = 0; n < 50; n++) {
        before = last.count;
        CSR_SET(sie, 1 << 1);
        CSR_SET(sip, 1 << 1);
        wrong += last.count != before;
        __asm__ volatile("csrsi sstatus, 2");
        wrong += last.count != before + 1 || last.cause != (1UL << 63 | 1);
        __asm__ volatile("csrci sstatus, 2");
        CSR_CLEAR(sip, 1 << 1);
        __asm__ volatile("csrsi sstatus, 2\ncsrci sstatus, 2");
        wrong += last.count != before + 1;
    }
    check("an interrupt waits for SIE, and no longer", wrong, 0);
}

int main(void) {
    put("vm machine test\n");
#ifdef WAITS
    for (;;) __asm__ volatile("wfi");
#endif
    traps();
    page_tables();
    translation();
    code();
    atomics();
    ad_bits();
    user();
    user_calls();
    groups();
    status();
    timer();
#ifdef FAILS
    failures = 1;
#endif
    put(failures ? "failed\n" : "passed\n");
    return 0;
}
