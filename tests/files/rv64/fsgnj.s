# Moves and signs of doubles are bit operations.
--- guest
    fmv.d fa0, fa1
    fneg.d fa2, fa1
    fabs.d fa3, fa1
    fmv.x.d a0, fa1
    fmv.d.x fa4, a1
    ecall
--- code
100000 53 85 b5 22  fsgnj.d fa0,fa1,fa1
100004 53 96 b5 22  fsgnjn.d fa2,fa1,fa1
100008 d3 a6 b5 22  fsgnjx.d fa3,fa1,fa1
10000c 53 85 05 e2  fmv.x.d a0,fa1
100010 53 87 05 f2  fmv.d.x fa4,a1
100014 73 00 00 00  ecall
--- host
; 100000 fsgnj.d fa0,fa1,fa1
entry:
    vmovaps xmm5, xmm8
; 100004 fsgnjn.d fa2,fa1,fa1
    vxorps xmm10, xmm5, xmmword ptr gs:[0xf0]
; 100008 fsgnjx.d fa3,fa1,fa1
    vandps xmm7, xmm5, xmmword ptr gs:[0x100]
; 10000c fmv.x.d a0,fa1
    vmovq rbp, xmm5
; 100010 fmv.d.x fa4,a1
    vmovq xmm6, rsi
; 100014 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100018                        ; guest address 100018
    jmp ExitReason
