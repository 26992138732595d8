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
    vucomisd $fa1, $fa2
    je L3
    vminsd $fa0, $fa1, $fa2
; 100004 fmax.d fa3,fa1,fa2
L1:
    vucomisd $fa1, $fa2
    je L7
    vmaxsd $fa3, $fa1, $fa2
; 100008 ecall
L2:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
L3:
    jp L4
    vorps $fa0, $fa1, $fa2
    jmp L1
L4:
    ucomisd $fa1, $fa1
    jp L5
    vmovaps $fa0, $fa1
    jmp L1
L5:
    ucomisd $fa2, $fa2
    jp L6
    vmovaps $fa0, $fa2
    jmp L1
L6:
    vmovq $fa0, qword ptr state[consts]
    jmp L1
L7:
    jp L8
    vandps $fa3, $fa1, $fa2
    jmp L2
L8:
    ucomisd $fa1, $fa1
    jp L9
    vmovaps $fa3, $fa1
    jmp L2
L9:
    ucomisd $fa2, $fa2
    jp L10
    vmovaps $fa3, $fa2
    jmp L2
L10:
    vmovq $fa3, qword ptr state[consts]
    jmp L2
