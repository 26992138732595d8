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
    vmovaps xmm0, $fa3
    vfmadd231sd xmm0, $fa1, $fa2
    vucomisd xmm0, xmm0
    jp L8
; 100004 fmsub.d fa0,fa1,fa2,fa0
L1:
    vmovaps $fa0, xmm0
    vfmsub231sd $fa0, $fa1, $fa2
    vucomisd $fa0, $fa0
    jp L11
; 100008 fnmadd.s fa4,fa1,fa2,fa3
L2:
    vmovaps $fa4, $fa1
    vptest $fa1, xmmword ptr state[consts+0x80]
    jae L14
L3:
    vmovaps xmm0, $fa2
    vptest $fa2, xmmword ptr state[consts+0x80]
    jae L15
L4:
    vmovaps xmm1, $fa3
    vptest $fa3, xmmword ptr state[consts+0x80]
    jae L16
L5:
    vfnmsub231ss xmm1, $fa4, xmm0
    vucomiss xmm1, xmm1
    jp L17
L6:
    vmovaps $fa4, xmm1
; 10000c fnmsub.d fa5,fa1,fa2,fa3
    vmovaps $fa5, $fa3
    vfnmadd231sd $fa5, $fa1, $fa2
    vucomisd $fa5, $fa5
    jp L20
; 100010 ecall
L7:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
L8:
    vandps xmm0, $fa1, xmmword ptr state[consts+0x50]
    vucomisd xmm0, qword ptr state[consts+0x20]
    jp L9
    jne L9
    vmulsd xmm0, $fa1, $fa2
L9:
    vandps xmm0, $fa2, xmmword ptr state[consts+0x50]
    vucomisd xmm0, qword ptr state[consts+0x20]
    jp L10
    jne L10
    vmulsd xmm0, $fa2, $fa1
L10:
    vmovq xmm0, qword ptr state[consts]
    jmp L1
L11:
    vandps $fa0, $fa1, xmmword ptr state[consts+0x50]
    vucomisd $fa0, qword ptr state[consts+0x20]
    jp L12
    jne L12
    vmulsd $fa0, $fa1, $fa2
L12:
    vandps $fa0, $fa2, xmmword ptr state[consts+0x50]
    vucomisd $fa0, qword ptr state[consts+0x20]
    jp L13
    jne L13
    vmulsd $fa0, $fa2, $fa1
L13:
    vmovq $fa0, qword ptr state[consts]
    jmp L2
L14:
    vmovq $fa4, qword ptr state[consts+0x10]
    jmp L3
L15:
    vmovq xmm0, qword ptr state[consts+0x10]
    jmp L4
L16:
    vmovq xmm1, qword ptr state[consts+0x10]
    jmp L5
L17:
    vandps xmm1, $fa4, xmmword ptr state[consts+0x70]
    vucomiss xmm1, dword ptr state[consts+0x30]
    jp L18
    jne L18
    vmulss xmm1, $fa4, xmm0
L18:
    vandps xmm1, xmm0, xmmword ptr state[consts+0x70]
    vucomiss xmm1, dword ptr state[consts+0x30]
    jp L19
    jne L19
    vmulss xmm1, xmm0, $fa4
L19:
    vmovq xmm1, qword ptr state[consts+0x10]
    jmp L6
L20:
    vandps $fa5, $fa1, xmmword ptr state[consts+0x50]
    vucomisd $fa5, qword ptr state[consts+0x20]
    jp L21
    jne L21
    vmulsd $fa5, $fa1, $fa2
L21:
    vandps $fa5, $fa2, xmmword ptr state[consts+0x50]
    vucomisd $fa5, qword ptr state[consts+0x20]
    jp L22
    jne L22
    vmulsd $fa5, $fa2, $fa1
L22:
    vmovq $fa5, qword ptr state[consts]
    jmp L7
