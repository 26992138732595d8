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
  %11 = const i64 0x1f
  %12 = and i64 %10, %11
  fpflags.set %12
insn 0x10000c, len=4
  exit 0x100010, syscall
--- host
; 100000 csrrs a0,fflags,zero
entry:
    stmxcsr dword ptr state[scratch+0x10]
    mov $a0.32, dword ptr state[scratch+0x10]
    and $a0.32, 0x3f
    movzx $a0.32, byte ptr state[$a0 + consts+0x180]
    or $a0.8, byte ptr state[fp.input_denormal]
; 100004 fadd.d fa0,fa1,fa2
    vaddsd $fa0, $fa1, $fa2
; 100008 csrrw zero,fflags,a0
    mov eax, $a0.32
    and eax, 0x1f
    mov byte ptr state[fp.input_denormal], 0
    movzx ecx, byte ptr state[rax + consts+0x1c0]
    stmxcsr dword ptr state[scratch+0x10]
    mov edx, dword ptr state[scratch+0x10]
    xor ecx, edx
    and ecx, 0x3f
    je L1
    xor ecx, edx
    mov dword ptr state[scratch+0x10], ecx
    ldmxcsr dword ptr state[scratch+0x10]
; 10000c ecall
L1:
    vucomisd $fa0, $fa0
    jp L3
L2:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
L3:
    call CanonF64 xmm5
    jmp L2
