# Single arithmetic: operands out of their boxes, result into one.
--- guest
    fadd.s fa0, fa1, fa2
    fsub.s fa0, fa0, fa3
    ecall
--- code
100000 53 f5 c5 00  fadd.s fa0,fa1,fa2
100004 53 75 d5 08  fsub.s fa0,fa0,fa3
100008 73 00 00 00  ecall
--- host
; 100000 fadd.s fa0,fa1,fa2
entry:
    vmovaps xmm0, xmm10
    vptest xmm10, xmmword ptr gs:[0x130]
    jae L5
L1:
    vmovaps xmm5, xmm8
    vptest xmm8, xmmword ptr gs:[0x130]
    jae L6
L2:
    vaddss xmm5, xmm5, xmm0
; 100004 fsub.s fa0,fa0,fa3
    vmovaps xmm0, xmm7
    vptest xmm7, xmmword ptr gs:[0x130]
    jae L7
L3:
    vsubss xmm5, xmm5, xmm0
; 100008 ecall
    vucomiss xmm5, xmm5
    jp L8
L4:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
L5:
    vmovq xmm0, qword ptr gs:[0xc0]
    jmp L1
L6:
    vmovq xmm5, qword ptr gs:[0xc0]
    jmp L2
L7:
    vmovq xmm0, qword ptr gs:[0xc0]
    jmp L3
L8:
    call CanonF32 xmm5
    jmp L4
