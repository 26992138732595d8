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
  %6 = vscalar v128 %1, mem=i64
  %7 = vinsert v128 %6, %2, 0x1, mem=i64
  store %5, %7, mem=v128
  set $sp, %5
insn 0x100004, len=4
  %11 = get i64 $x2
  %12 = const i64 0x10
  %13 = add i64 %11, %12
  %14 = load v128 %11, mem=v128
  %15 = vextract i64 %14, 0x0, mem=i64
  %16 = vextract i64 %14, 0x1, mem=i64
  set $x2, %13
  set $x0, %15
  set $x1, %16
insn 0x100008, len=4
  %22 = const i64 0x20
  %23 = add i64 %5, %22
  %24 = load v128 %5, mem=v128
  %25 = vextract i64 %24, 0x0, mem=i64
  %26 = vextract i64 %24, 0x1, mem=i64
  set $sp, %23
  set $x29, %25
  set $x30, %26
insn 0x10000c, len=4
  ret %26
--- host
; 100000 stp x29, x30, [sp, #-32]!
entry:
    lea rax, [$sp - 0x20]
    vmovq xmm0, qword ptr state[$x29]
    vpinsrq xmm0, xmm0, qword ptr state[$x30], 1
    movups xmmword ptr [rax], xmm0
    mov $sp, rax
; 100004 ldp x0, x1, [x2], #16
    lea rax, [$x2 + 0x10]
    vmovups xmm0, xmmword ptr [$x2]
    vmovq $x0, xmm0
    vpextrq $x1, xmm0, 1
    mov $x2, rax
; 100008 ldp x29, x30, [sp], #32
    lea rax, [$sp + 0x20]
    vmovups xmm0, xmmword ptr [$sp]
    vmovq rcx, xmm0
    vpextrq rdx, xmm0, 1
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
