// What programs for machines of our own share: CSRs, and a check a line, by the put_byte() of whoever includes
// this.
#pragma once

typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

#define CSR_READ(csr)                                           \
    ({                                                          \
        u64 v_;                                                 \
        __asm__ volatile("csrr %0, " #csr : "=r"(v_)::"memory"); \
        v_;                                                     \
    })
#define CSR_WRITE(csr, v) __asm__ volatile("csrw " #csr ", %0" ::"r"((u64)(v)) : "memory")
#define CSR_SET(csr, v) __asm__ volatile("csrs " #csr ", %0" ::"r"((u64)(v)) : "memory")
#define CSR_CLEAR(csr, v) __asm__ volatile("csrc " #csr ", %0" ::"r"((u64)(v)) : "memory")

static int failures;
static void put_byte(u8 c);

static void put(const char* s) {
    for (; *s; s++) put_byte((u8)*s);
}
static void hex(u64 v) {
    for (int shift = 60; shift >= 0; shift -= 4) put_byte((u8)"0123456789abcdef"[v >> shift & 15]);
}
static void check(const char* what, u64 got, u64 want) {
    put(got == want ? "ok   " : "FAIL ");
    put(what);
    if (got != want) {
        failures++;
        put(": ");
        hex(got);
        put(", not ");
        hex(want);
    }
    put("\n");
}
