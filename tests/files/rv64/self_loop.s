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
  %18 = icmp i1 %12, %15, eq
  exit_if %18, 0x10000a
insn 0x100000, len=2
  %22 = load i64 %12, mem=i64
  set $a2, %22
insn 0x100002, len=2
  %27 = add i64 %7, %22
  set $a3, %27
insn 0x100004, len=2
  %30 = const i64 0x8
  %32 = add i64 %12, %30
  set $a0, %32
insn 0x100006, len=4
  %38 = icmp i1 %32, %15, eq
  exit_if %38, 0x10000a
insn 0x100000, len=2
  %42 = load i64 %32, mem=i64
  set $a2, %42
insn 0x100002, len=2
  %47 = add i64 %27, %42
  set $a3, %47
insn 0x100004, len=2
  %50 = const i64 0x8
  %52 = add i64 %32, %50
  set $a0, %52
insn 0x100006, len=4
  %58 = icmp i1 %52, %15, eq
  exit_if %58, 0x10000a
insn 0x100000, len=2
  %62 = load i64 %52, mem=i64
  set $a2, %62
insn 0x100002, len=2
  %67 = add i64 %47, %62
  set $a3, %67
insn 0x100004, len=2
  %70 = const i64 0x8
  %72 = add i64 %52, %70
  set $a0, %72
insn 0x100006, len=4
  %77 = icmp i1 %72, %15, ne
  exit_if %77, 0x100000, backedge
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
    cmp $a0, $a1
    je L2                                    ; links to 10000a
; 100000 c.ld a2,0(a0)
    mov $a2, qword ptr [$a0]
; 100002 c.add a3,a2
    add $a3, $a2
; 100004 c.addi a0,8
    add $a0, 8
; 100006 bne a0,a1,0x100000
    cmp $a0, $a1
    je L3                                    ; links to 10000a
; 100000 c.ld a2,0(a0)
    mov $a2, qword ptr [$a0]
; 100002 c.add a3,a2
    add $a3, $a2
; 100004 c.addi a0,8
    add $a0, 8
; 100006 bne a0,a1,0x100000
    cmp $a0, $a1
    je L4                                    ; links to 10000a
; 100000 c.ld a2,0(a0)
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
    jne L5                                   ; links to 100000
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
L3:
    call ExitLink
L4:
    call ExitLink
L5:
    call ExitLink
