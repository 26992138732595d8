# Bit manipulation with BMI, LZCNT and POPCNT; carry-less products are a helper call.
--- guest
    clz a0, a1
    ctz a2, a1
    cpop a3, a1
    rori a4, a1, 7
    rev8 a5, a1
    bext s0, a1, a2
    max s1, a1, a2
    clmul s2, a1, a2
    ecall
--- code
100000 13 95 05 60  clz a0,a1
100004 13 96 15 60  ctz a2,a1
100008 93 96 25 60  cpop a3,a1
10000c 13 d7 75 60  rori a4,a1,0x7
100010 93 d7 85 6b  rev8 a5,a1
100014 33 d4 c5 48  bext s0,a1,a2
100018 b3 e4 c5 0a  max s1,a1,a2
10001c 33 99 c5 0a  clmul s2,a1,a2
100020 73 00 00 00  ecall
--- host
; 100000 clz a0,a1
entry:
    lzcnt $a0, $a1
; 100004 ctz a2,a1
    tzcnt $a2, $a1
; 100008 cpop a3,a1
    popcnt $a3, $a1
; 10000c rori a4,a1,0x7
    rorx $a4, $a1, 7
; 100010 rev8 a5,a1
    mov $a5, $a1
    bswap $a5
; 100014 bext s0,a1,a2
    shrx $s0, $a1, $a2
    and $s0.32, 1
; 100018 max s1,a1,a2
    mov $s1, $a2
    cmp $a1, $a2
    cmovg $s1, $a1
; 10001c clmul s2,a1,a2
    movq xmm0, $a1
    movq xmm1, $a2
    pclmulqdq xmm0, xmm1, 0
    movq $s2, xmm0
; 100020 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100024                        ; guest address 100024
    jmp ExitReason
