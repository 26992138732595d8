// What kernels of our own share: traps, CSRs, calls of SBI, the serial port, checks a line each. Included
// once.
#pragma once

#include "say.h"

struct {
    u64 cause, value, pc, count, resume, kept;
} last;

struct sbi_result {
    long error, value;
};
static inline struct sbi_result sbi_call(long ext, long fn, long x, long y, long z, long u, long v) {
    register long a0 __asm__("a0") = x;
    register long a1 __asm__("a1") = y;
    register long a2 __asm__("a2") = z;
    register long a3 __asm__("a3") = u;
    register long a4 __asm__("a4") = v;
    register long a6 __asm__("a6") = fn;
    register long a7 __asm__("a7") = ext;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){a0, a1};
}
static inline long sbi(long ext, long fn, long x, long y, long z) {
    return sbi_call(ext, fn, x, y, z, 0, 0).error;
}

static volatile u8* const uart = (u8*)0x10000000;
static void put_byte(u8 c) {
    while (!(uart[5] & 0x20)) {
    }
    uart[0] = c;
}

void finish(void) {
    *(volatile u32*)0x100000 = failures ? (3 << 16 | 0x3333) : 0x5555;
    for (;;) __asm__ volatile("wfi");
}
