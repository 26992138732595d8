# Fused multiply-add on a host without FMA3: exact software.
features: baseline
--- guest
    fmadd.d fa0, fa1, fa2, fa3
    ecall
--- code
100000 43 f5 c5 6a  fmadd.d fa0,fa1,fa2,fa3
100004 73 00 00 00  ecall
--- host
; 100000 fmadd.d fa0,fa1,fa2,fa3
entry:
    movq rax, $fa1
    movq rcx, $fa2
    movq rdx, $fa3
    mov qword ptr state[scratch], fma f64 of f64, 0x7
    call Helper SoftFp
    movq $fa0, rax
; 100004 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100008                        ; guest address 100008
    jmp ExitReason
