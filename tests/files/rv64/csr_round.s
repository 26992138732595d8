# A change of the rounding mode ends the block, because the mode belongs to the block's key.
--- guest
    fsrm a0, a1
    fadd.d fa0, fa1, fa2
--- code
100000 73 95 25 00  csrrw a0,frm,a1
100004 53 f5 c5 02  fadd.d fa0,fa1,fa2
--- ir
insn 0x100000, len=4
  %1 = get i64 $a1
  %2 = fpround.get i64
  set $a0, %2
  %4 = const i64 0x7
  %5 = and i64 %1, %4
  fpround.set %5
  %7 = const i64 0x4
  %8 = icmp i1 %5, %7, geu
  %9 = const i64 0x0
  trap_if %8, %9, 0x100004, mode-change
insn 0x100004, len=4
  %12 = get f64 $fa2
  %13 = get f64 $fa1
  %14 = fadd f64 %13, %12, dyn, riscv
  set $fa0, %14
  goto 0x100008
--- host
; 100000 csrrw a0,frm,a1
entry:
    movzx $a0.32, byte ptr state[fp.rounding]
    mov eax, $a1.32
    and eax, 7
    mov byte ptr state[fp.rounding], al
    stmxcsr dword ptr state[scratch+0x10]
    and dword ptr state[scratch+0x10], 0xffff9fff
    movzx ecx, al
    mov edx, 0x9c
    cmp ecx, 3
    jbe L1
    xor edx, edx
L1:
    cmp ecx, 0
    jbe L2
    shr edx, 2
L2:
    cmp ecx, 1
    jbe L3
    shr edx, 2
L3:
    cmp ecx, 2
    jbe L4
    shr edx, 2
L4:
    and edx, 3
    shl edx, 0xd
    or dword ptr state[scratch+0x10], edx
    ldmxcsr dword ptr state[scratch+0x10]
    cmp rax, 4
    jae L6
; 100004 fadd.d fa0,fa1,fa2
    vaddsd $fa0, $fa1, $fa2
    vucomisd $fa0, $fa0
    jp L7
L5:
    jmp L8                                   ; links to 100008
L6:
    xor ecx, ecx
    mov eax, 9
    mov edx, 0x100004                        ; guest address 100004
    jmp ExitReason
L7:
    call CanonF64 xmm5
    jmp L5
L8:
    call ExitLink
