// What tests must say in the language of each processor: a few instructions, registers in a signal frame,
// numbers of calls.
#pragma once
#include "show.h"  // first: it says _GNU_SOURCE

#include <elf.h>
#include <ucontext.h>

// FUNCTION(NAME, INSN): long NAME(void *address) with known values in other registers, then one instruction
// at NAME_pc, then NAME_next, which returns register kResult. kAddress holds the argument. REGS(uc): the
// registers of a frame as an array. TRAP_PC: where trap() is when it is reported. kIllegal, kTrap: si_code.
// SKIPPED_STORE: a store to address 8 that is SKIPPED_BYTES long. ILLEGAL: no instruction.
// put_code(at, n): code that returns n. sync_here(at): whatever this thread needs to see it.
// LOOP: long loop_begin(void (*f)(long), long n), which for n … 1 calls f(n) and adds 1 behind that, at
// loop_insn; it may be copied, up to loop_end. put_step(at, n): the addition there is of n (0 … 100) now.
#if defined(__riscv)
#define FUNCTION(NAME, INSN)                                                                             \
    __asm__(".pushsection .text\n.option push\n.option norvc\n.globl " #NAME "\n" #NAME                  \
            ":\n"                                                                                        \
            "li a1, 101\nli a2, 102\nli a3, 103\nli a4, 104\nli a5, 105\nli t3, 106\nli t6, 107\n" #NAME \
            "_pc:\n" INSN "\n" #NAME "_next:\nmv a0, a1\nret\n.option pop\n.popsection");                \
    long NAME(void*);                                                                                    \
    extern char NAME##_pc[], NAME##_next[];
#define LOAD "ld a1, 0(a0)"
#define STORE "sd a1, 0(a0)"
#define LOAD_BYTE "lb a1, 0(a0)"
#define JUMP "jalr t0, 0(a0)"  // leaves ra alone
#define ILLEGAL "unimp"
#define TRAP "ebreak"
enum { kAddress = 10, kResult = 11, kPc = 0, kIllegal = ILL_ILLOPC, kTrap = TRAP_BRKPT };
static const int kKnown[] = {12, 13, 14, 15, 28, 31};
static const long kValues[] = {102, 103, 104, 105, 106, 107};
#define REGS(uc) ((unsigned long*)(uc)->uc_mcontext.__gregs)
#define TRAP_PC trap_pc
#define SKIPPED_STORE \
    __asm__ volatile(".option push\n.option norvc\nsw zero, 8(zero)\n.option pop" ::: "memory")
enum { kSkippedBytes = 4, kMachine = EM_RISCV };
static inline void put_code(void* at, int n) {  // li a0, n; ret
    uint32_t c[2] = {(uint32_t)n << 20 | 10 << 7 | 0x13, 0x8067};
    memcpy(at, c, sizeof c);
}
#define LOOP                                                                                              \
    ".option push\n.option norvc\nloop_begin:\naddi sp, sp, -32\nsd ra, 0(sp)\nsd s0, 8(sp)\nsd s1, "     \
    "16(sp)\n"                                                                                            \
    "sd s2, 24(sp)\nmv s0, a0\nmv s1, a1\nli s2, 0\n1: mv a0, s1\njalr s0\nloop_insn: addi s2, s2, 1\n"   \
    "addi s1, s1, -1\nbnez s1, 1b\nmv a0, s2\nld ra, 0(sp)\nld s0, 8(sp)\nld s1, 16(sp)\nld s2, 24(sp)\n" \
    "addi sp, sp, 32\nret\nloop_end:\n.option pop\n"
static inline void put_step(void* at, int n) {
    *(uint32_t*)at = (uint32_t)n << 20 | 18 << 15 | 18 << 7 | 0x13;
}
static inline void sync_here(void* at) { __asm__ volatile("fence.i" ::"r"(at) : "memory"); }

#elif defined(__aarch64__)
#define FUNCTION(NAME, INSN)                                                                                 \
    __asm__(                                                                                                 \
        ".pushsection .text\n.globl " #NAME ", " #NAME "_pc, " #NAME "_next\n" #NAME                         \
        ":\n"                                                                                                \
        "mov x1, 101\nmov x2, 102\nmov x3, 103\nmov x4, 104\nmov x5, 105\nmov x9, 106\nmov x16, 107\n" #NAME \
        "_pc:\n" INSN "\n" #NAME "_next:\nmov x0, x1\nret\n.popsection");                                    \
    long NAME(void*);                                                                                        \
    extern char NAME##_pc[], NAME##_next[];
#define LOAD "ldr x1, [x0]"
#define STORE "str x1, [x0]"
#define LOAD_BYTE "ldrsb x1, [x0]"
#define JUMP "br x0"  // leaves x30 alone
#define ILLEGAL ".inst 0"
#define TRAP "brk 0"
enum { kAddress = 0, kResult = 1, kPc = 32, kIllegal = ILL_ILLOPC, kTrap = TRAP_BRKPT };  // x0 … x30, sp, pc
static const int kKnown[] = {2, 3, 4, 5, 9, 16};
static const long kValues[] = {102, 103, 104, 105, 106, 107};
#define REGS(uc) ((unsigned long*)&(uc)->uc_mcontext + 1)  // behind the address of the fault
#define TRAP_PC trap_pc
#define SKIPPED_STORE __asm__ volatile("str wzr, [%0]" ::"r"(8L) : "memory")
enum { kSkippedBytes = 4, kMachine = EM_AARCH64 };
static inline void put_code(void* at, int n) {  // mov w0, n; ret
    uint32_t c[2] = {0x52800000 | (uint32_t)n << 5, 0xd65f03c0};
    memcpy(at, c, sizeof c);
}
#define LOOP                                                                                                \
    "loop_begin:\nstp x30, x19, [sp, -32]!\nstp x20, x21, [sp, 16]\nmov x19, x0\nmov x20, x1\nmov x21, 0\n" \
    "1: mov x0, x20\nblr x19\nloop_insn: add x21, x21, 1\nsub x20, x20, 1\ncbnz x20, 1b\nmov x0, x21\n"     \
    "ldp x20, x21, [sp, 16]\nldp x30, x19, [sp], 32\nret\nloop_end:\n"
static inline void put_step(void* at, int n) {
    *(uint32_t*)at = 0x91000000 | (uint32_t)n << 10 | 21 << 5 | 21;
}
static inline void sync_here(void* at) {
    __asm__ volatile("dc cvau, %0\ndsb ish\nic ivau, %0\ndsb ish\nisb" ::"r"(at) : "memory");
}

#else
#define FUNCTION(NAME, INSN)                                                                                 \
    __asm__(".pushsection .text\n.globl " #NAME "\n" #NAME                                                   \
            ":\n"                                                                                            \
            "mov $101, %rsi\nmov $102, %rdx\nmov $103, %rcx\nmov $104, %r8\nmov $105, %r9\nmov $106, %r10\n" \
            "mov $107, %r11\n" #NAME "_pc:\n" INSN "\n" #NAME "_next:\nmov %rsi, %rax\nret\n.popsection");   \
    long NAME(void*);                                                                                        \
    extern char NAME##_pc[], NAME##_next[];
#define LOAD "mov (%rdi), %rsi"
#define STORE "mov %rsi, (%rdi)"
#define LOAD_BYTE "movsbq (%rdi), %rsi"
#define JUMP "call *%rdi"
#define ILLEGAL "ud2"
#define TRAP "int3"
enum { kAddress = REG_RDI, kResult = REG_RSI, kPc = REG_RIP, kIllegal = ILL_ILLOPN, kTrap = SI_KERNEL };
static const int kKnown[] = {REG_RDX, REG_RCX, REG_R8, REG_R9, REG_R10, REG_R11};
static const long kValues[] = {102, 103, 104, 105, 106, 107};
#define REGS(uc) ((unsigned long*)(uc)->uc_mcontext.gregs)
#define TRAP_PC trap_next  // int3 is over when it traps
#define SKIPPED_STORE __asm__ volatile("movl %%eax, (%0)" ::"r"(8L) : "memory")
enum { kSkippedBytes = 2, kMachine = EM_X86_64 };
static inline void put_code(void* at, int n) {  // mov eax, n; ret
    unsigned char c[8] = {0xb8, n, n >> 8, 0, 0, 0xc3, 0x90, 0x90};
    memcpy(at, c, sizeof c);
}
#define LOOP                                                                                           \
    "loop_begin:\npush %rbx\npush %rbp\npush %r12\nmov %rdi, %rbx\nmov %rsi, %rbp\nxor %r12d, %r12d\n" \
    "1: mov %rbp, %rdi\ncall *%rbx\nloop_insn: add $1, %r12\nsub $1, %rbp\njnz 1b\nmov %r12, %rax\n"   \
    "pop %r12\npop %rbp\npop %rbx\nret\nloop_end:\n"
static inline void put_step(void* at, int n) { ((unsigned char*)at)[3] = n; }
static inline void sync_here(void* at) { (void)at; }
#endif
