// Freestanding start-up and system calls for the demo guests. Compiles for every guest and, to have something
// to compare with, for the host's x86-64. No libc.
#pragma once

typedef unsigned long ulong;

#if defined(__riscv)
#define SYS_WRITE 64
#define SYS_EXIT 93
static inline long sys3(long n, long a, long b, long c) {
    register long a7 __asm__("a7") = n, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}
__asm__(
    ".globl _start\n_start:\n.option push\n.option norelax\nla gp, __global_pointer$\n.option pop\nandi sp, "
    "sp, -16\ncall start_c\n");
#elif defined(__aarch64__)
#define SYS_WRITE 64
#define SYS_EXIT 93
static inline long sys3(long n, long a, long b, long c) {
    register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
__asm__(".globl _start\n_start:\nmov x29, #0\nmov x30, #0\nbl start_c\n");
#elif defined(__x86_64__)
#define SYS_WRITE 1
#define SYS_EXIT 60
static inline long sys3(long n, long a, long b, long c) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return r;
}
__asm__(".globl _start\n_start:\nand $-16, %rsp\ncall start_c\n");
#endif

static inline void put_text(const char* s) {
    long n = 0;
    while (s[n]) n++;
    sys3(SYS_WRITE, 1, (long)s, n);
}
static inline void put_number(const char* name, ulong v) {
    char buf[32];
    int i = 31;
    buf[i] = 0;
    do buf[--i] = (char)('0' + v % 10);
    while (v /= 10);
    put_text(name);
    put_text(" ");
    put_text(buf + i);
    put_text("\n");
}
int guest_main(void);
void start_c(void) {
    sys3(SYS_EXIT, guest_main(), 0, 0);
    for (;;) {
    }
}
