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
    vmovaps xmm0, $fa2
    vptest $fa2, xmmword ptr state[consts+0x80]
    jae L5
L1:
    vmovaps $fa0, $fa1
    vptest $fa1, xmmword ptr state[consts+0x80]
    jae L6
L2:
    vaddss $fa0, $fa0, xmm0
; 100004 fsub.s fa0,fa0,fa3
    vmovaps xmm0, $fa3
    vptest $fa3, xmmword ptr state[consts+0x80]
    jae L7
L3:
    vsubss $fa0, $fa0, xmm0
; 100008 ecall
    vucomiss $fa0, $fa0
    jp L8
L4:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
L5:
    vmovq xmm0, qword ptr state[consts+0x10]
    jmp L1
L6:
    vmovq $fa0, qword ptr state[consts+0x10]
    jmp L2
L7:
    vmovq xmm0, qword ptr state[consts+0x10]
    jmp L3
L8:
    call CanonF32 xmm5
    jmp L4
