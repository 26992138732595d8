# A static rounding mode of arithmetic, other than that of MXCSR for all we know: exact software.
--- guest
    fadd.d fa0, fa1, fa2, rup
    ecall
--- code
100000 53 b5 c5 02  fadd.d fa0,fa1,fa2,rup
100004 73 00 00 00  ecall
--- host
; 100000 fadd.d fa0,fa1,fa2,rup
entry:
    vmovq rax, $fa1
    vmovq rcx, $fa2
    mov qword ptr state[scratch], fadd f64 of f64, 0x3
    call Helper SoftFp
    vmovq $fa0, rax
; 100004 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100008                        ; guest address 100008
    jmp ExitReason
