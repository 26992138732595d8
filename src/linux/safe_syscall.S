// i64 vm_safe_syscall(const volatile u32* flag, long nr, const u64 args[6])
// One host system call that does not begin when *flag is set. A signal handler that finds its pc between
// vm_safe_syscall_start and vm_safe_syscall_insn, or at vm_safe_syscall_insn, moves it to one of the two abort labels, so a
// signal between test and call cannot get lost in a call that then blocks for ever.
#if defined(__x86_64__)
    .text
    .globl vm_safe_syscall, vm_safe_syscall_start, vm_safe_syscall_insn, vm_safe_syscall_not_begun, vm_safe_syscall_restart
    .type vm_safe_syscall, @function
vm_safe_syscall:
    .cfi_startproc
    mov %rsi, %rax
    mov %rdi, %rcx
    mov %rdx, %r11
    mov 0(%r11), %rdi
    mov 8(%r11), %rsi
    mov 16(%r11), %rdx
    mov 24(%r11), %r10
    mov 32(%r11), %r8
    mov 40(%r11), %r9
vm_safe_syscall_start:
    cmpl $0, (%rcx)
    jne vm_safe_syscall_not_begun
vm_safe_syscall_insn:
    syscall
    ret
vm_safe_syscall_not_begun:
    mov $-513, %rax
    ret
vm_safe_syscall_restart:
    mov $-512, %rax
    ret
    .cfi_endproc
    .size vm_safe_syscall, . - vm_safe_syscall
#elif defined(__aarch64__)
    .text
    .globl vm_safe_syscall, vm_safe_syscall_start, vm_safe_syscall_insn, vm_safe_syscall_not_begun, vm_safe_syscall_restart
    .type vm_safe_syscall, @function
vm_safe_syscall:
    .cfi_startproc
    mov x9, x0
    mov x8, x1
    mov x10, x2
    ldp x0, x1, [x10]
    ldp x2, x3, [x10, #16]
    ldp x4, x5, [x10, #32]
vm_safe_syscall_start:
    ldr w9, [x9]
    cbnz w9, vm_safe_syscall_not_begun
vm_safe_syscall_insn:
    svc #0
    ret
vm_safe_syscall_not_begun:
    mov x0, #-513
    ret
vm_safe_syscall_restart:
    mov x0, #-512
    ret
    .cfi_endproc
    .size vm_safe_syscall, . - vm_safe_syscall
#else
#error "no safe_syscall for this host"
#endif
    .section .note.GNU-stack, "", %progbits
