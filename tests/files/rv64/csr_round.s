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
  exit 0x100004, mode-change
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
    mov eax, 9
    xor ecx, ecx
    mov edx, 0x100004                        ; guest address 100004
    jmp ExitReason
