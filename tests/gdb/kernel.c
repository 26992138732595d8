// A kernel with two harts for a debugger: both count, with page tables and with a timer that interrupts them.
typedef unsigned long u64;

struct {
    u64 cause, value, pc, count, resume, kept;
} last;                   // start.S of tests/machine keeps here what it trapped for
unsigned char never_used[1];
volatile u64 watched, counts[2], go_on = 1, answer;
double ratio = 0.5;

static long sbi(long ext, long fn, long x, long y, long z) {
    register long a0 __asm__("a0") = x;
    register long a1 __asm__("a1") = y;
    register long a2 __asm__("a2") = z;
    register long a6 __asm__("a6") = fn;
    register long a7 __asm__("a7") = ext;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return a0;
}

void finish(void) {
    *(volatile unsigned*)0x100000 = answer == 42 ? 0x5555 : (3 << 16 | 0x3333);
    for (;;) __asm__ volatile("wfi");
}

__attribute__((noinline)) u64 inner(u64 n) {
    counts[0] += n;
    return counts[0];
}

__attribute__((noinline)) u64 outer(u64 n) {
    u64 sum = inner(n) + 1;
    watched = sum;
    return sum;
}

__attribute__((noinline)) void hart1_work(u64 n) {
    counts[1] = n;
}

void hart1_main(void) {
    for (u64 n = 1;; n++) hart1_work(n);
}

static unsigned char stack1[16384] __attribute__((aligned(16)));
__asm__(".globl hart1_entry\nhart1_entry:\n"
        ".option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
        "mv sp, a1\ncall hart1_main\n");
extern void hart1_entry(void);

static u64 root[512] __attribute__((aligned(4096)));

int main(void) {
    enum { V = 1, R = 2, W = 4, X = 8, A = 64, D = 128 };
    for (u64 g = 0; g < 4; g++) root[g] = g << 28 | V | R | W | X | A | D;
    root[256] = 2UL << 28 | V | R | W | A | D;  // RAM once more: 0xffffffc000000000 is 0x80000000
    __asm__ volatile("csrw satp, %0\nsfence.vma" ::"r"(8UL << 60 | (u64)root >> 12) : "memory");
    __asm__ volatile("csrs sstatus, %0" ::"r"(1UL << 13));  // floating point
    sbi(0x48534d, 0, 1, (long)hart1_entry, (long)(stack1 + sizeof stack1));
    for (u64 n = 1; go_on; n++) {
        outer(n & 7);
        ratio += 0.25;
    }
    answer = 42;
    return 0;
}
