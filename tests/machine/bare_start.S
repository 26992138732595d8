// A program that has the machine for itself: every hart begins here, in M-mode.
    .section .head, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    csrr t0, mhartid
    la sp, stack_top
    slli t1, t0, 14
    sub sp, sp, t1
    la t1, trap_entry
    csrw mtvec, t1
    csrw mscratch, zero
    bnez t0, other
    call main
    tail finish
other:
    call main_of_others
1:  wfi
    j 1b

// Every trap to M-mode of hart 0: what happened goes to `last`; execution goes on where `resume` says, else behind
// the instruction, in M-mode if `to_machine` says so.
    .text
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw t6, mscratch, t6
    la t6, last
    sd t5, 40(t6)
    csrr t5, mcause
    sd t5, 0(t6)
    csrr t5, mtval
    sd t5, 8(t6)
    csrr t5, mepc
    sd t5, 16(t6)
    ld t5, 24(t6)
    addi t5, t5, 1
    sd t5, 24(t6)
    ld t5, 48(t6)       // back to M-mode, where the call that entered another mode returns
    bnez t5, 4f
    csrr t5, mcause
    bltz t5, 2f
    ld t5, 32(t6)
    beqz t5, 1f
    csrw mepc, t5
    j 3f
1:  csrr t5, mepc
    addi t5, t5, 4
    csrw mepc, t5
    j 3f
2:  li t5, 0x88        // MTIE, MSIE
    csrc mie, t5
3:  ld t5, 40(t6)
    csrrw t6, mscratch, t6
    mret
4:  sd zero, 48(t6)
    csrw mepc, t5
    li t5, 3 << 11
    csrs mstatus, t5
    j 3b

// enter(mode, function, argument): runs it in U (0) or S (1) until a trap to M-mode; returns what it left in a0.
    .globl enter
enter:
    la t0, last
    la t1, 1f
    sd t1, 48(t0)
    sd ra, 56(t0)
    sd sp, 64(t0)
    li t1, 3 << 11
    csrc mstatus, t1
    slli t1, a0, 11
    csrs mstatus, t1
    csrw mepc, a1
    mv a0, a2
    mret
1:  la t0, last
    ld ra, 56(t0)
    ld sp, 64(t0)
    ret

// Vectored: the slot that was entered goes to `slot`, and the interrupts are disabled.
    .option push
    .option norvc
    .balign 256
    .globl vectors
vectors:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    j vector_\n
    .endr
    .option pop
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
vector_\n:
    csrw mscratch, t6
    li t6, \n
    j vector
    .endr
vector:
    addi sp, sp, -16
    sd t5, 0(sp)
    la t5, slot
    sd t6, 0(t5)
    li t5, 0x888
    csrc mie, t5
    ld t5, 0(sp)
    addi sp, sp, 16
    csrr t6, mscratch
    csrw mscratch, zero
    mret

// What other modes run: each ends in a trap.
    .balign 4
    .globl call_out, load_from, store_to, illegal_here, wait_here, read_mscratch, s_handler
call_out:
    ecall
load_from:
    ld a0, 0(a0)
    ecall
store_to:
    sd a0, 0(a0)
    ecall
illegal_here:
    .word 0
wait_here:
    wfi
    ecall
read_mscratch:
    csrr a0, mscratch
    ecall
    .globl cut_code
    .option push
    .option norvc
cut_code:
    addi a0, a0, 1
    addi a0, a0, 1
    addi a0, a0, 1
    ecall
    .option pop
    .globl block_inval, block_clean, block_flush, block_zero, block_zero_here
block_inval:
    .insn i 0x0f, 2, x0, a0, 0
    ecall
block_clean:
    .insn i 0x0f, 2, x0, a0, 1
    ecall
block_flush:
    .insn i 0x0f, 2, x0, a0, 2
    ecall
block_zero:
    .insn i 0x0f, 2, x0, a0, 4
    ecall
block_zero_here:
    .insn i 0x0f, 2, x0, a0, 4
    ret
    .balign 4
s_handler:              // what was delegated: scause, and stval behind it, go to M-mode
    csrr a0, scause
    csrr a1, stval
    ecall

    .section .bss
    .balign 4096
    .space 65536
stack_top:
