# An unconditional jump costs nothing: the block goes on at its target.
--- guest
    addi a0, a0, 1
    j 1f
    ebreak
1:  addi a0, a0, 2
    ecall
--- code
100000 05 05        c.addi a0,1
100002 11 a0        c.j 0x100006
100004 02 90        c.ebreak
100006 09 05        c.addi a0,2
100008 73 00 00 00  ecall
--- ir
insn 0x100000, len=2
  %1 = const i64 0x1
  %2 = get i64 $a0
  %3 = add i64 %2, %1
  set $a0, %3
insn 0x100002, len=2
insn 0x100006, len=2
  %7 = const i64 0x2
  %8 = get i64 $a0
  %9 = add i64 %8, %7
  set $a0, %9
insn 0x100008, len=4
  exit 0x10000c, syscall
--- host
; 100000 c.addi a0,1
entry:
    add $a0, 1
; 100006 c.addi a0,2
    add $a0, 2
; 100008 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
