# Minimum with the IEEE 754-2019 rules for NaN and signed zero.
--- guest
    fmin.d fa0, fa1, fa2
    fmax.d fa3, fa1, fa2
    ecall
--- code
100000 53 85 c5 2a  fmin.d fa0,fa1,fa2
100004 d3 96 c5 2a  fmax.d fa3,fa1,fa2
100008 73 00 00 00  ecall
--- host
; 100000 fmin.d fa0,fa1,fa2
entry:
    vucomisd xmm8, xmm10
    je L3
    vminsd xmm5, xmm8, xmm10
; 100004 fmax.d fa3,fa1,fa2
L1:
    vucomisd xmm8, xmm10
    je L7
    vmaxsd xmm7, xmm8, xmm10
; 100008 ecall
L2:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
L3:
    jp L4
    vorps xmm5, xmm8, xmm10
    jmp L1
L4:
    ucomisd xmm8, xmm8
    jp L5
    vmovaps xmm5, xmm8
    jmp L1
L5:
    ucomisd xmm10, xmm10
    jp L6
    vmovaps xmm5, xmm10
    jmp L1
L6:
    vmovq xmm5, qword ptr gs:[0xb0]
    jmp L1
L7:
    jp L8
    vandps xmm7, xmm8, xmm10
    jmp L2
L8:
    ucomisd xmm8, xmm8
    jp L9
    vmovaps xmm7, xmm8
    jmp L2
L9:
    ucomisd xmm10, xmm10
    jp L10
    vmovaps xmm7, xmm10
    jmp L2
L10:
    vmovq xmm7, qword ptr gs:[0xb0]
    jmp L2
