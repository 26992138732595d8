// i64 vm_clone3(struct clone_args* args, u64 size, int (*run)(void*), void* arg)
// clone3 for a child with a stack of its own: in the parent the pid or -errno; the child calls run(arg), which must not return.
// (glibc's clone() knows no clone3, and a child that shares memory cannot return on its parent's stack.)
#if defined(__x86_64__)
    .text
    .globl vm_clone3
    .type vm_clone3, @function
vm_clone3:
    .cfi_startproc
    mov %rdx, %r8
    mov %rcx, %r9
    mov $435, %eax
    syscall
    test %rax, %rax
    jz 1f
    ret
1:
    .cfi_undefined %rip
    xor %ebp, %ebp
    mov %r9, %rdi
    call *%r8
    ud2
    .cfi_endproc
    .size vm_clone3, . - vm_clone3
#elif defined(__aarch64__)
    .text
    .globl vm_clone3
    .type vm_clone3, @function
vm_clone3:
    .cfi_startproc
    mov x9, x2
    mov x10, x3
    mov x8, #435
    svc #0
    cbz x0, 1f
    ret
1:
    .cfi_undefined x30
    mov x29, #0
    mov x0, x10
    blr x9
    brk #1
    .cfi_endproc
    .size vm_clone3, . - vm_clone3
#else
#error "no vm_clone3 for this host"
#endif
    .section .note.GNU-stack, "", %progbits
