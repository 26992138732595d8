# Fused multiply-add with FMA3, all four signs.
--- guest
    fmadd.d fa0, fa1, fa2, fa3
    fmsub.d fa0, fa1, fa2, fa0
    fnmadd.s fa4, fa1, fa2, fa3
    fnmsub.d fa5, fa1, fa2, fa3
    ecall
--- code
100000 43 f5 c5 6a  fmadd.d fa0,fa1,fa2,fa3
100004 47 f5 c5 52  fmsub.d fa0,fa1,fa2,fa0
100008 4f f7 c5 68  fnmadd.s fa4,fa1,fa2,fa3
10000c cb f7 c5 6a  fnmsub.d fa5,fa1,fa2,fa3
100010 73 00 00 00  ecall
--- host
; 100000 fmadd.d fa0,fa1,fa2,fa3
entry:
    vmovaps xmm0, xmm7
    vfmadd231sd xmm0, xmm8, xmm10
    vucomisd xmm0, xmm0
    jp L8
; 100004 fmsub.d fa0,fa1,fa2,fa0
L1:
    vmovaps xmm5, xmm0
    vfmsub231sd xmm5, xmm8, xmm10
    vucomisd xmm5, xmm5
    jp L11
; 100008 fnmadd.s fa4,fa1,fa2,fa3
L2:
    vmovaps xmm6, xmm8
    vptest xmm8, xmmword ptr gs:[0x130]
    jae L14
L3:
    vmovaps xmm0, xmm10
    vptest xmm10, xmmword ptr gs:[0x130]
    jae L15
L4:
    vmovaps xmm1, xmm7
    vptest xmm7, xmmword ptr gs:[0x130]
    jae L16
L5:
    vfnmsub231ss xmm1, xmm6, xmm0
    vucomiss xmm1, xmm1
    jp L17
L6:
    vmovaps xmm6, xmm1
; 10000c fnmsub.d fa5,fa1,fa2,fa3
    vmovaps xmm4, xmm7
    vfnmadd231sd xmm4, xmm8, xmm10
    vucomisd xmm4, xmm4
    jp L20
; 100010 ecall
L7:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
L8:
    vandps xmm0, xmm8, xmmword ptr gs:[0x100]
    vucomisd xmm0, qword ptr gs:[0xd0]
    jp L9
    jne L9
    vmulsd xmm0, xmm8, xmm10
L9:
    vandps xmm0, xmm10, xmmword ptr gs:[0x100]
    vucomisd xmm0, qword ptr gs:[0xd0]
    jp L10
    jne L10
    vmulsd xmm0, xmm10, xmm8
L10:
    vmovq xmm0, qword ptr gs:[0xb0]
    jmp L1
L11:
    vandps xmm5, xmm8, xmmword ptr gs:[0x100]
    vucomisd xmm5, qword ptr gs:[0xd0]
    jp L12
    jne L12
    vmulsd xmm5, xmm8, xmm10
L12:
    vandps xmm5, xmm10, xmmword ptr gs:[0x100]
    vucomisd xmm5, qword ptr gs:[0xd0]
    jp L13
    jne L13
    vmulsd xmm5, xmm10, xmm8
L13:
    vmovq xmm5, qword ptr gs:[0xb0]
    jmp L2
L14:
    vmovq xmm6, qword ptr gs:[0xc0]
    jmp L3
L15:
    vmovq xmm0, qword ptr gs:[0xc0]
    jmp L4
L16:
    vmovq xmm1, qword ptr gs:[0xc0]
    jmp L5
L17:
    vandps xmm1, xmm6, xmmword ptr gs:[0x120]
    vucomiss xmm1, dword ptr gs:[0xe0]
    jp L18
    jne L18
    vmulss xmm1, xmm6, xmm0
L18:
    vandps xmm1, xmm0, xmmword ptr gs:[0x120]
    vucomiss xmm1, dword ptr gs:[0xe0]
    jp L19
    jne L19
    vmulss xmm1, xmm0, xmm6
L19:
    vmovq xmm1, qword ptr gs:[0xc0]
    jmp L6
L20:
    vandps xmm4, xmm8, xmmword ptr gs:[0x100]
    vucomisd xmm4, qword ptr gs:[0xd0]
    jp L21
    jne L21
    vmulsd xmm4, xmm8, xmm10
L21:
    vandps xmm4, xmm10, xmmword ptr gs:[0x100]
    vucomisd xmm4, qword ptr gs:[0xd0]
    jp L22
    jne L22
    vmulsd xmm4, xmm10, xmm8
L22:
    vmovq xmm4, qword ptr gs:[0xb0]
    jmp L7
