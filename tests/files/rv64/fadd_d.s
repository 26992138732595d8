# Double arithmetic under the dynamic rounding mode; NaN results become canonical.
--- guest
    fadd.d fa0, fa1, fa2
    fmul.d fa0, fa0, fa3
    fdiv.d fa4, fa0, fa1
    ecall
--- code
100000 53 f5 c5 02  fadd.d fa0,fa1,fa2
100004 53 75 d5 12  fmul.d fa0,fa0,fa3
100008 53 77 b5 1a  fdiv.d fa4,fa0,fa1
10000c 73 00 00 00  ecall
--- ir
insn 0x100000, len=4
  %1 = get f64 $fa2
  %2 = get f64 $fa1
  %3 = fadd f64 %2, %1, dyn, riscv
  set $fa0, %3
insn 0x100004, len=4
  %6 = get f64 $fa3
  %7 = get f64 $fa0
  %8 = fmul f64 %7, %6, dyn, riscv
  set $fa0, %8
insn 0x100008, len=4
  %11 = get f64 $fa1
  %12 = get f64 $fa0
  %13 = fdiv f64 %12, %11, dyn, riscv
  set $fa4, %13
insn 0x10000c, len=4
  exit 0x100010, syscall
--- host
; 100000 fadd.d fa0,fa1,fa2
entry:
    vaddsd $fa0, $fa1, $fa2
; 100004 fmul.d fa0,fa0,fa3
    vmulsd $fa0, $fa0, $fa3
; 100008 fdiv.d fa4,fa0,fa1
    vdivsd $fa4, $fa0, $fa1
; 10000c ecall
    vucomisd $fa4, $fa4
    jp L2
L1:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
L2:
    call CanonF64 xmm5
    call CanonF64 xmm6
    jmp L1
