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
    vmovaps $fa0, $fa1
; 100004 fsgnjn.d fa2,fa1,fa1
    vxorps $fa2, $fa0, xmmword ptr state[consts+0x40]
; 100008 fsgnjx.d fa3,fa1,fa1
    vandps $fa3, $fa0, xmmword ptr state[consts+0x50]
; 10000c fmv.x.d a0,fa1
    vmovq $a0, $fa0
; 100010 fmv.d.x fa4,a1
    vmovq $fa4, $a1
; 100014 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100018                        ; guest address 100018
    jmp ExitReason
