# Pairs with writeback: the base changes after the last access that may fault.
--- guest
    stp x29, x30, [sp, #-32]!
    ldp x0, x1, [x2], #16
    ldp x29, x30, [sp], #32
    ret
--- code
100000 fd 7b be a9  stp x29, x30, [sp, #-32]!
100004 40 04 c1 a8  ldp x0, x1, [x2], #16
100008 fd 7b c2 a8  ldp x29, x30, [sp], #32
10000c c0 03 5f d6  ret
--- optimized
insn 0x100000, len=4
  %1 = get i64 $x29
  %2 = get i64 $x30
  %3 = get i64 $sp
  %4 = const i64 0xffffffffffffffe0
  %5 = add i64 %3, %4
  store %5, %1, mem=i64
  store %5, %2, 8, mem=i64
  set $sp, %5
insn 0x100004, len=4
  %10 = get i64 $x2
  %11 = const i64 0x10
  %12 = add i64 %10, %11
  %13 = load i64 %10, mem=i64
  %14 = load i64 %10, 8, mem=i64
  set $x2, %12
  set $x0, %13
  set $x1, %14
insn 0x100008, len=4
  %20 = const i64 0x20
  %21 = add i64 %5, %20
  %22 = load i64 %5, mem=i64
  %23 = load i64 %5, 8, mem=i64
  set $sp, %21
  set $x29, %22
  set $x30, %23
insn 0x10000c, len=4
  ret %23
--- host
; 100000 stp x29, x30, [sp, #-32]!
entry:
    lea rax, [$sp - 0x20]
    mov rcx, qword ptr state[$x29]
    mov qword ptr [rax], rcx
    mov rcx, qword ptr state[$x30]
    mov qword ptr [rax + 8], rcx
    mov $sp, rax
; 100004 ldp x0, x1, [x2], #16
    lea rax, [$x2 + 0x10]
    mov rcx, qword ptr [$x2]
    mov $x1, qword ptr [$x2 + 8]
    mov $x2, rax
    mov $x0, rcx
; 100008 ldp x29, x30, [sp], #32
    lea rax, [$sp + 0x20]
    mov rcx, qword ptr [$sp]
    mov rdx, qword ptr [$sp + 8]
    mov $sp, rax
    mov qword ptr state[$x29], rcx
    mov qword ptr state[$x30], rdx
; 10000c ret
    cmp rdx, qword ptr [rsp + 8]
    jne L1
    ret
L1:
    mov rax, rdx
    jmp ReturnMiss
