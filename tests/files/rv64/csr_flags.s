# Sticky flags: read and clear as around a libm call.
--- guest
    csrr a0, fflags
    fadd.d fa0, fa1, fa2
    csrw fflags, a0
    ecall
--- code
100000 73 25 10 00  csrrs a0,fflags,zero
100004 53 f5 c5 02  fadd.d fa0,fa1,fa2
100008 73 10 15 00  csrrw zero,fflags,a0
10000c 73 00 00 00  ecall
--- ir
insn 0x100000, len=4
  %1 = const i64 0x0
  %2 = fpflags.get i64
  set $a0, %2
insn 0x100004, len=4
  %5 = get f64 $fa2
  %6 = get f64 $fa1
  %7 = fadd f64 %6, %5, dyn, riscv
  set $fa0, %7
insn 0x100008, len=4
  %10 = get i64 $a0
  %11 = fpflags.get i64
  fpflags.set %10
insn 0x10000c, len=4
  exit 0x100010, syscall
--- host
; 100000 csrrs a0,fflags,zero
entry:
    stmxcsr dword ptr state[scratch+0x10]
    mov edx, dword ptr state[scratch+0x10]
    mov eax, edx
    and eax, 1
    shl eax, 4
    mov ecx, edx
    shr ecx, 5
    and ecx, 1
    or eax, ecx
    mov ecx, edx
    shr ecx, 4
    and ecx, 1
    shl ecx, 1
    or eax, ecx
    mov ecx, edx
    shr ecx, 3
    and ecx, 1
    shl ecx, 2
    or eax, ecx
    mov ecx, edx
    shr ecx, 2
    and ecx, 1
    shl ecx, 3
    or eax, ecx
    mov $a0, rax
; 100004 fadd.d fa0,fa1,fa2
    vaddsd $fa0, $fa1, $fa2
; 100008 csrrw zero,fflags,a0
    stmxcsr dword ptr state[scratch+0x10]
    mov edx, dword ptr state[scratch+0x10]
    mov eax, edx
    and eax, 1
    shl eax, 4
    mov ecx, edx
    shr ecx, 5
    and ecx, 1
    or eax, ecx
    mov ecx, edx
    shr ecx, 4
    and ecx, 1
    shl ecx, 1
    or eax, ecx
    mov ecx, edx
    shr ecx, 3
    and ecx, 1
    shl ecx, 2
    or eax, ecx
    mov ecx, edx
    shr ecx, 2
    and ecx, 1
    shl ecx, 3
    or eax, ecx
    stmxcsr dword ptr state[scratch+0x10]
    and dword ptr state[scratch+0x10], 0xffffffc0
    mov eax, $a0.32
    shr eax, 4
    and eax, 1
    mov ecx, $a0.32
    shl ecx, 5
    and ecx, 0x20
    or eax, ecx
    mov ecx, $a0.32
    shl ecx, 4
    shr ecx, 1
    and ecx, 0x10
    or eax, ecx
    mov ecx, $a0.32
    shl ecx, 3
    shr ecx, 2
    and ecx, 8
    or eax, ecx
    mov ecx, $a0.32
    shl ecx, 2
    shr ecx, 3
    and ecx, 4
    or eax, ecx
    or dword ptr state[scratch+0x10], eax
    ldmxcsr dword ptr state[scratch+0x10]
; 10000c ecall
    vucomisd $fa0, $fa0
    jp L2
L1:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
L2:
    call CanonF64 xmm5
    jmp L1
