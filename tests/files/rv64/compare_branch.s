# A side exit in the middle: compare and jump, state complete on both ways.
--- guest
    addi a0, a0, -1
    bltu a0, a1, 1f
    addi a2, a2, 1
    beqz a2, 1f
    addi a3, a3, 1
    ecall
1:  nop
    ecall
--- code
100000 7d 15        c.addi a0,-1
100002 63 67 b5 00  bltu a0,a1,0x100010
100006 05 06        c.addi a2,1
100008 01 c6        c.beqz a2,0x100010
10000a 85 06        c.addi a3,1
10000c 73 00 00 00  ecall
100010 01 00        c.nop
100012 73 00 00 00  ecall
--- optimized
insn 0x100000, len=2
  %1 = const i64 0xffffffffffffffff
  %2 = get i64 $a0
  %3 = add i64 %2, %1
  set $a0, %3
insn 0x100002, len=4
  %6 = get i64 $a1
  %8 = icmp i1 %3, %6, ltu
  exit_if %8, 0x100010
insn 0x100006, len=2
  %11 = const i64 0x1
  %12 = get i64 $a2
  %13 = add i64 %12, %11
  set $a2, %13
insn 0x100008, len=2
  %16 = const i64 0x0
  %18 = icmp i1 %13, %16, eq
  exit_if %18, 0x100010
insn 0x10000a, len=2
  %21 = get i64 $a3
  %22 = add i64 %21, %11
  set $a3, %22
insn 0x10000c, len=4
  exit 0x100010, syscall
--- host
; 100000 c.addi a0,-1
entry:
    add $a0, -1
; 100002 bltu a0,a1,0x100010
    nop dword ptr [rax]
    cmp $a0, $a1
    jb L1                                    ; links to 100010
; 100006 c.addi a2,1
    add $a2, 1
; 100008 c.beqz a2,0x100010
    nop dword ptr [rax]
    test $a2, $a2
    je L2                                    ; links to 100010
; 10000a c.addi a3,1
    add $a3, 1
; 10000c ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
L1:
    call ExitLink
L2:
    call ExitLink
