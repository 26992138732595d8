# Conversions: to integers with static truncation and saturation, from integers, between widths.
--- guest
    fcvt.w.d a0, fa0, rtz
    fcvt.l.d a1, fa0, rtz
    fcvt.lu.d a2, fa0, rtz
    fcvt.d.l fa1, a3
    fcvt.s.d fa2, fa0
    fcvt.d.s fa3, fa2
    ecall
--- code
100000 53 15 05 c2  fcvt.w.d a0,fa0,rtz
100004 d3 15 25 c2  fcvt.l.d a1,fa0,rtz
100008 53 16 35 c2  fcvt.lu.d a2,fa0,rtz
10000c d3 f5 26 d2  fcvt.d.l fa1,a3
100010 53 76 15 40  fcvt.s.d fa2,fa0
100014 d3 06 06 42  fcvt.d.s fa3,fa2
100018 73 00 00 00  ecall
--- host
; 100000 fcvt.w.d a0,fa0,rtz
entry:
    vcvttsd2si $a0.32, $fa0
    cmp $a0.32, 1
    jo L5
L1:
    movsxd $a0, $a0.32
; 100004 fcvt.l.d a1,fa0,rtz
    vcvttsd2si $a1, $fa0
    cmp $a1, 1
    jo L8
; 100008 fcvt.lu.d a2,fa0,rtz
L2:
    vmovq $a2, $fa0
    shr $a2, 0x34
    cmp $a2.32, 0x43e
    jae L11
    vcvttsd2si $a2, $fa0
; 10000c fcvt.d.l fa1,a3
L3:
    vxorps $fa1, $fa1, $fa1
    vcvtsi2sd $fa1, $fa1, $a3
; 100010 fcvt.s.d fa2,fa0
    vcvtsd2ss $fa2, $fa0, $fa0
    vorps $fa2, $fa2, xmmword ptr state[consts+0x80]
; 100014 fcvt.d.s fa3,fa2
    vcvtss2sd $fa3, $fa2, $fa2
; 100018 ecall
    vucomisd $fa3, $fa3
    jp L16
L4:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10001c                        ; guest address 10001c
    jmp ExitReason
L5:
    ucomisd $fa0, $fa0
    jp L6
    movmskpd $a0.32, $fa0
    test $a0.32, 1
    jne L7
L6:
    mov $a0.32, 0x7fffffff
    jmp L1
L7:
    mov $a0.32, 0x80000000
    jmp L1
L8:
    ucomisd $fa0, $fa0
    jp L9
    movmskpd $a1.32, $fa0
    test $a1.32, 1
    jne L10
L9:
    movabs $a1, 0x7fffffffffffffff
    jmp L2
L10:
    movabs $a1, 0x8000000000000000
    jmp L2
L11:
    cmp $a2.32, 0x43e
    jne L12
    movaps xmm0, $fa0
    subsd xmm0, qword ptr state[consts+0xa0]
    cvttsd2si $a2, xmm0
    btc $a2, 0x3f
    jmp L3
L12:
    ucomisd $fa0, $fa0
    jp L13
    movmskpd $a2.32, $fa0
    test $a2.32, 1
    jne L14
L13:
    cvttsd2si $a2.32, qword ptr state[consts]
    mov $a2, -1
    jmp L3
L14:
    ucomisd $fa0, qword ptr state[consts+0xc0]
    ja L15
    cvttsd2si $a2.32, qword ptr state[consts]
    xor $a2.32, $a2.32
    jmp L3
L15:
    cvttsd2si $a2.32, $fa0
    jmp L3
L16:
    call CanonF32 xmm10
    call CanonF64 xmm7
    jmp L4
