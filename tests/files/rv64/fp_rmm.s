# Ties away from zero is no mode of this host: exact software.
--- guest
    fadd.d fa0, fa1, fa2, rmm
    ecall
--- code
100000 53 c5 c5 02  fadd.d fa0,fa1,fa2,rmm
100004 73 00 00 00  ecall
--- host
; 100000 fadd.d fa0,fa1,fa2,rmm
entry:
    vmovq rax, xmm8
    vmovq rcx, xmm10
    mov qword ptr gs:[0x88], 0x4993f
    call Helper SoftFp
    vmovq xmm5, rax
; 100004 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100008                        ; guest address 100008
    jmp ExitReason
