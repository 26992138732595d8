// The flat image that kernels are (Linux, Documentation/arch/riscv/boot-image-header.rst), and what C needs.
    .section .head, "ax"
    .globl _start
_start:
    j begin
    .word 0
    .balign 8
    .dword 0x200000
    .dword _end - _start
    .dword 0
    .word 2
    .word 0
    .dword 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\x05"
    .word 0
begin:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, stack_top
    la t0, trap_entry
    csrw stvec, t0
    call main
    tail finish

// Every trap: what happened goes to `last`, execution goes on where `resume` says, or behind the instruction.
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw t6, sscratch, t6
    .option push
    .option norelax  // counters.c knows how many instructions these are
    la t6, last
    .option pop
    sd t5, 40(t6)
    csrr t5, scause
    sd t5, 0(t6)
    csrr t5, stval
    sd t5, 8(t6)
    csrr t5, sepc
    sd t5, 16(t6)
    ld t5, 24(t6)
    addi t5, t5, 1
    sd t5, 24(t6)
    csrr t5, scause
    bltz t5, 2f
    ld t5, 32(t6)
    beqz t5, 1f
    csrw sepc, t5
    li t5, 0x100
    csrs sstatus, t5
    j 3f
1:  csrr t5, sepc
    addi t5, t5, 4
    csrw sepc, t5
    j 3f
2:  li t5, 1 << 13 | 1 << 5 | 1 << 1
    csrc sie, t5
3:  ld t5, 40(t6)
    csrrw t6, sscratch, t6
    sret

    .globl user_code
    .balign 4096
user_code:
    li a7, 42
    ecall
    ebreak
    .balign 4096

    .section .bss
    .balign 4096
    .space 65536
stack_top:
