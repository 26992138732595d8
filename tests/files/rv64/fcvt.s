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
    vcvttsd2si ebp, xmm5
    cmp ebp, 1
    jo L5
L1:
    movsxd rbp, ebp
; 100004 fcvt.l.d a1,fa0,rtz
    vcvttsd2si rsi, xmm5
    cmp rsi, 1
    jo L8
; 100008 fcvt.lu.d a2,fa0,rtz
L2:
    vmovq rdi, xmm5
    shr rdi, 0x34
    cmp edi, 0x43e
    jae L11
    vcvttsd2si rdi, xmm5
; 10000c fcvt.d.l fa1,a3
L3:
    vxorps xmm8, xmm8, xmm8
    vcvtsi2sd xmm8, xmm8, r15
; 100010 fcvt.s.d fa2,fa0
    vcvtsd2ss xmm10, xmm5, xmm5
    vorps xmm10, xmm10, xmmword ptr gs:[0x130]
; 100014 fcvt.d.s fa3,fa2
    vcvtss2sd xmm7, xmm10, xmm10
; 100018 ecall
    vucomisd xmm7, xmm7
    jp L16
L4:
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10001c                        ; guest address 10001c
    jmp ExitReason
L5:
    ucomisd xmm5, xmm5
    jp L6
    movmskpd ebp, xmm5
    test ebp, 1
    jne L7
L6:
    mov ebp, 0x7fffffff
    jmp L1
L7:
    mov ebp, 0x80000000
    jmp L1
L8:
    ucomisd xmm5, xmm5
    jp L9
    movmskpd esi, xmm5
    test esi, 1
    jne L10
L9:
    movabs rsi, 0x7fffffffffffffff
    jmp L2
L10:
    movabs rsi, 0x8000000000000000
    jmp L2
L11:
    cmp edi, 0x43e
    jne L12
    movaps xmm0, xmm5
    subsd xmm0, qword ptr gs:[0x150]
    cvttsd2si rdi, xmm0
    btc rdi, 0x3f
    jmp L3
L12:
    ucomisd xmm5, xmm5
    jp L13
    movmskpd edi, xmm5
    test edi, 1
    jne L14
L13:
    cvttsd2si edi, qword ptr gs:[0xb0]
    mov rdi, -1
    jmp L3
L14:
    ucomisd xmm5, qword ptr gs:[0x170]
    ja L15
    cvttsd2si edi, qword ptr gs:[0xb0]
    xor edi, edi
    jmp L3
L15:
    cvttsd2si edi, xmm5
    jmp L3
L16:
    call CanonF32 xmm10
    call CanonF64 xmm7
    jmp L4
