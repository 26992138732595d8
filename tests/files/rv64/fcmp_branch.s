# flt and a branch on it: the comparison signals invalid for any NaN, feq only for signaling ones.
--- guest
    flt.d a0, fa0, fa1
    bnez a0, 1f
    feq.d a1, fa0, fa1
    ecall
1:  nop
    ecall
--- code
100000 53 15 b5 a2  flt.d a0,fa0,fa1
100004 09 e5        c.bnez a0,0x10000e
100006 d3 25 b5 a2  feq.d a1,fa0,fa1
10000a 73 00 00 00  ecall
10000e 01 00        c.nop
100010 73 00 00 00  ecall
--- host
; 100000 flt.d a0,fa0,fa1
entry:
    xor $a0.32, $a0.32
    vcomisd $fa1, $fa0
    seta $a0.8
; 100004 c.bnez a0,0x10000e
    test $a0.32, $a0.32
    jne L1                                   ; links to 10000e
; 100006 feq.d a1,fa0,fa1
    xor $a1.32, $a1.32
    xor eax, eax
    vucomisd $fa0, $fa1
    setnp al
    cmove $a1.32, eax
; 10000a ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000e                        ; guest address 10000e
    jmp ExitReason
L1:
    call ExitLink
