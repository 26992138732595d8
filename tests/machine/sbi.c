// A kernel that SBI suspends and wakes, and that reads what is typed ("abcdef") by turns from SBI's consoles and
// from the serial port.
#include "kernel.h"

enum { HSM = 0x48534d, SUSP = 0x53555350, TIME = 0x54494d45, DBCN = 0x4442434e, GETCHAR = 2 };
#define NON_RETENTIVE 0x80000000L

// Suspends until the timer, `ticks` from now. What it came back with: 0 by a return, else by waking up there.
static u64 sleep_until_timer(long ext, long fn, long type, u64 ticks) {
    u64 now;
    __asm__ volatile("rdtime %0" : "=r"(now));
    CSR_SET(sie, 1 << 5);
    sbi(TIME, 0, (long)(now + ticks), 0, 0);
    register long a0 __asm__("a0") = type;
    register long a6 __asm__("a6") = fn;
    register long a7 __asm__("a7") = ext;
    __asm__ volatile(
        "la a1, 1f\nmv a2, sp\necall\nli a1, 0\nj 2f\n.balign 4\n"
        "1:\n.option push\n.option norelax\nla gp, __global_pointer$\n.option pop\nmv sp, a1\nli a1, 1\n2:\nmv a0, a1"
        : "+r"(a0), "+r"(a6), "+r"(a7)::"ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a1", "a2", "a3", "a4", "a5", "s1", "s2",
          "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "memory");
    const u64 woken = (u64)a0;
    CSR_CLEAR(sie, 1 << 5);
    u64 then;
    __asm__ volatile("rdtime %0" : "=r"(then));
    check("not early", then - now >= ticks, 1);
    return woken;
}

static void suspends(void) {
    const u64 before = last.count;
    CSR_CLEAR(sstatus, 2);
    check("a hart waits and returns", sleep_until_timer(HSM, 3, 0, 20000), 0);
    check("a hart wakes up elsewhere", sleep_until_timer(HSM, 3, NON_RETENTIVE, 20000), 1);
    check("so does the system", sleep_until_timer(SUSP, 0, 0, 20000), 1);
    CSR_SET(sstatus, 2);
    check("the interrupts did not interrupt", last.count, before);
    CSR_CLEAR(sstatus, 2);
    check("no other sleep", (u64)sbi(SUSP, 0, 1, 0, 0), (u64)-3);
    check("nowhere", (u64)sbi(SUSP, 0, 0, 0x1000, 0), (u64)-5);
}

static u8 typed[4];
static u8 by_debug_console(u64 bytes) {
    while (sbi_call(DBCN, 1, (long)bytes, (long)typed, 0, 0, 0).value == 0) {
    }
    return typed[0];
}
static u8 by_legacy_call(void) {
    long c;
    while ((c = sbi(GETCHAR, 0, 0, 0, 0)) < 0) {
    }
    return (u8)c;
}
static u8 by_serial_port(void) {
    while (!(uart[5] & 1)) {
    }
    return uart[0];
}
static void console(void) {
    check("the debug console's", by_debug_console(1), 'a');
    check("the legacy console's", by_legacy_call(), 'b');
    check("the serial port's", by_serial_port(), 'c');
    check("the debug console's", by_debug_console(1), 'd');
    check("the serial port's", by_serial_port(), 'e');
    check("the debug console's, with room for more", by_debug_console(4), 'f');
    check("no more", (u64)sbi(GETCHAR, 0, 0, 0, 0), (u64)-1);
    check("no more", (u64)sbi_call(DBCN, 1, 4, (long)typed, 0, 0, 0).value, 0);
}

int main(void) {
    put("vm SBI test\n");
    suspends();
    console();
    put(failures ? "failed\n" : "passed\n");
    return 0;
}
