# A loop of one block jumps to its own entry, with a safepoint on the way.
--- guest
1:  ld a2, 0(a0)
    add a3, a3, a2
    addi a0, a0, 8
    bne a0, a1, 1b
    ecall
--- code
100000 10 61        c.ld a2,0(a0)
100002 b2 96        c.add a3,a2
100004 21 05        c.addi a0,8
100006 e3 1d b5 fe  bne a0,a1,0x100000
10000a 73 00 00 00  ecall
--- optimized
insn 0x100000, len=2
  %1 = get i64 $a0
  %2 = load i64 %1, mem=i64
  set $a2, %2
insn 0x100002, len=2
  %6 = get i64 $a3
  %7 = add i64 %6, %2
  set $a3, %7
insn 0x100004, len=2
  %10 = const i64 0x8
  %12 = add i64 %1, %10
  set $a0, %12
insn 0x100006, len=4
  %15 = get i64 $a1
  %17 = icmp i1 %12, %15, ne
  exit_if %17, 0x100000, backedge
insn 0x10000a, len=4
  exit 0x10000e, syscall
--- host
; 100000 c.ld a2,0(a0)
entry:
    mov $a2, qword ptr [$a0]
; 100002 c.add a3,a2
    add $a3, $a2
; 100004 c.addi a0,8
    add $a0, 8
; 100006 bne a0,a1,0x100000
    cmp dword ptr state[safepoint_request], 0
    jne L1
    nop dword ptr [rax]
    cmp $a0, $a1
    jne L2                                   ; links to 100000
; 10000a ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000e                        ; guest address 10000e
    jmp ExitReason
L1:
    mov edx, 0x100006                        ; guest address 100006
    jmp Safepoint
L2:
    call ExitLink
