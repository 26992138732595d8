# Compressed forms mean what the long ones mean.
--- guest
    c.addi a0, 1
    c.mv a1, a0
    c.lw a2, 4(a1)
    c.swsp a2, 8(sp)
    c.j 1f
    nop
1:  c.beqz a0, 1b
    c.ebreak
--- code
100000 05 05        c.addi a0,1
100002 aa 85        c.mv a1,a0
100004 d0 41        c.lw a2,4(a1)
100006 32 c4        c.swsp a2,8(sp)
100008 11 a0        c.j 0x10000c
10000a 01 00        c.nop
10000c 01 c1        c.beqz a0,0x10000c
10000e 02 90        c.ebreak
--- ir
insn 0x100000, len=2
  %1 = const i64 0x1
  %2 = get i64 $a0
  %3 = add i64 %2, %1
  set $a0, %3
insn 0x100002, len=2
  %6 = get i64 $a0
  %7 = const i64 0x0
  set $a1, %6
insn 0x100004, len=2
  %10 = get i64 $a1
  %11 = load i64 %10, 4, mem=i32, sext
  set $a2, %11
insn 0x100006, len=2
  %14 = get i64 $a2
  %15 = get i64 $sp
  store %15, %14, 8, mem=i32
insn 0x100008, len=2
insn 0x10000c, len=2
  %19 = get i64 $a0
  %20 = icmp i1 %19, %7, eq
  exit_if %20, 0x10000c, backedge
insn 0x10000e, len=2
  exit 0x10000e, breakpoint
--- host
; 100000 c.addi a0,1
entry:
    add $a0, 1
; 100002 c.mv a1,a0
    mov $a1, $a0
; 100004 c.lw a2,4(a1)
    movsxd $a2, dword ptr [$a1 + 4]
; 100006 c.swsp a2,8(sp)
    mov dword ptr [$sp + 8], $a2.32
; 10000c c.beqz a0,0x10000c
    cmp dword ptr state[safepoint_request], 0
    jne L1
    nop dword ptr [rax]
    test $a1, $a1
    je L2                                    ; links to 10000c
; 10000e c.ebreak
    mov eax, 3
    xor ecx, ecx
    mov edx, 0x10000e                        ; guest address 10000e
    jmp ExitReason
L1:
    mov edx, 0x10000c                        ; guest address 10000c
    jmp Safepoint
L2:
    call ExitLink
