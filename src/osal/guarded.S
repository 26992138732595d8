// Memory accesses that may fault and then return an error (guarded.h). Between the `begin` and `end` labels every
// instruction that touches guest memory may be interrupted by SIGSEGV or SIGBUS; the handler then sets rax (what
// happened) and rdx (where) and goes on at the fix-up label of the range. Calling convention: System V.
    .text
    .globl vm_guarded_begin, vm_guarded_end, vm_guarded_fixup
    .globl vm_guarded16_begin, vm_guarded16_end, vm_guarded16_fixup
    .globl vm_guarded_load1, vm_guarded_load2, vm_guarded_load4, vm_guarded_load8, vm_guarded_load16
    .globl vm_guarded_store1, vm_guarded_store2, vm_guarded_store4, vm_guarded_store8, vm_guarded_store16
    .globl vm_guarded_cas1, vm_guarded_cas2, vm_guarded_cas4, vm_guarded_cas8, vm_guarded_cas16
    .globl vm_guarded_copy, vm_guarded_zero

    .macro FUNC name
    .type \name, @function
\name:
    .endm
    .macro DONE
    xorl %eax, %eax
    ret
    .endm

    .balign 16
vm_guarded_begin:
FUNC vm_guarded_load1      // (addr) -> status, value
    movzbl (%rdi), %edx
    DONE
FUNC vm_guarded_load2
    movzwl (%rdi), %edx
    DONE
FUNC vm_guarded_load4
    movl (%rdi), %edx
    DONE
FUNC vm_guarded_load8
    movq (%rdi), %rdx
    DONE
FUNC vm_guarded_load16     // (addr, out)
    movdqu (%rdi), %xmm0
    movdqu %xmm0, (%rsi)
    DONE
FUNC vm_guarded_store1     // (addr, value)
    movb %sil, (%rdi)
    DONE
FUNC vm_guarded_store2
    movw %si, (%rdi)
    DONE
FUNC vm_guarded_store4
    movl %esi, (%rdi)
    DONE
FUNC vm_guarded_store8
    movq %rsi, (%rdi)
    DONE
FUNC vm_guarded_store16    // (addr, in)
    movdqu (%rsi), %xmm0
    movdqu %xmm0, (%rdi)
    DONE
FUNC vm_guarded_cas1       // (addr, expected, desired) -> status, old
    movq %rsi, %rax
    lock cmpxchgb %dl, (%rdi)
    movzbl %al, %edx
    DONE
FUNC vm_guarded_cas2
    movq %rsi, %rax
    lock cmpxchgw %dx, (%rdi)
    movzwl %ax, %edx
    DONE
FUNC vm_guarded_cas4
    movl %esi, %eax
    lock cmpxchgl %edx, (%rdi)
    movl %eax, %edx
    DONE
FUNC vm_guarded_cas8
    movq %rsi, %rax
    lock cmpxchgq %rdx, (%rdi)
    movq %rax, %rdx
    DONE
FUNC vm_guarded_copy       // (to, from, bytes)
    movq %rdx, %rcx
    cmpq $256, %rdx        // "rep movsb" takes its time to begin
    ja 2f
1:  subq $16, %rcx
    jb 3f
    movdqu (%rsi), %xmm0
    movdqu %xmm0, (%rdi)
    addq $16, %rsi
    addq $16, %rdi
    jmp 1b
3:  addq $16, %rcx
    jz 4f
2:  rep movsb
4:  DONE
FUNC vm_guarded_zero       // (to, bytes)
    movq %rsi, %rcx
    xorl %eax, %eax
    rep stosb
    DONE
vm_guarded_end:
vm_guarded_fixup:
    ret

vm_guarded16_begin:
FUNC vm_guarded_cas16      // (addr, expected, desired, old): pointers to 16 bytes; addr 16-byte aligned
    movq %rbx, %r8
    movq %rcx, %r9
    movq 8(%rdx), %rcx
    movq (%rdx), %rbx
    movq (%rsi), %rax
    movq 8(%rsi), %rdx
    lock cmpxchg16b (%rdi)
    movq %rax, (%r9)
    movq %rdx, 8(%r9)
    movq %r8, %rbx
    DONE
vm_guarded16_end:
vm_guarded16_fixup:
    movq %r8, %rbx
    ret
    .section .note.GNU-stack, "", @progbits
