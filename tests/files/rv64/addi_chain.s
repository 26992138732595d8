# A chain of additions to one register: one write back, and none of the values in between.
--- guest
    addi a0, a0, 1
    addi a0, a0, 2
    slli a0, a0, 3
    add a0, a0, a1
    ecall
--- code
100000 05 05        c.addi a0,1
100002 09 05        c.addi a0,2
100004 0e 05        c.slli a0,0x3
100006 2e 95        c.add a0,a1
100008 73 00 00 00  ecall
--- ir
insn 0x100000, len=2
  %1 = const i64 0x1
  %2 = get i64 $a0
  %3 = add i64 %2, %1
  set $a0, %3
insn 0x100002, len=2
  %6 = const i64 0x2
  %7 = get i64 $a0
  %8 = add i64 %7, %6
  set $a0, %8
insn 0x100004, len=2
  %11 = const i64 0x3
  %12 = get i64 $a0
  %13 = shl i64 %12, %11
  set $a0, %13
insn 0x100006, len=2
  %16 = get i64 $a1
  %17 = get i64 $a0
  %18 = add i64 %17, %16
  set $a0, %18
insn 0x100008, len=4
  exit 0x10000c, syscall
--- optimized
insn 0x100000, len=2
  %1 = const i64 0x1
  %2 = get i64 $a0
  %3 = add i64 %2, %1
insn 0x100002, len=2
  %6 = const i64 0x2
  %8 = add i64 %3, %6
insn 0x100004, len=2
  %11 = const i64 0x3
  %13 = shl i64 %8, %11
insn 0x100006, len=2
  %16 = get i64 $a1
  %18 = add i64 %13, %16
  set $a0, %18
insn 0x100008, len=4
  exit 0x10000c, syscall
--- host
; 100000 c.addi a0,1
entry:
    lea rax, [$a0 + 1]
; 100002 c.addi a0,2
    add rax, 2
; 100006 c.add a0,a1
    lea $a0, [$a1 + rax*8]
; 100008 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
