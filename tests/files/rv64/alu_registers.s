# Two- and three-operand forms on pinned registers: lea where the destination is another register.
--- guest
    add a0, a1, a2
    sub a3, a4, a5
    xor a0, a0, a1
    and a2, a3, a4
    or a5, a5, a0
    andn s0, s1, a0
    slt a1, a2, a3
    ecall
--- code
100000 33 85 c5 00  add a0,a1,a2
100004 b3 06 f7 40  sub a3,a4,a5
100008 2d 8d        c.xor a0,a1
10000a 33 f6 e6 00  and a2,a3,a4
10000e c9 8f        c.or a5,a0
100010 33 f4 a4 40  andn s0,s1,a0
100014 b3 25 d6 00  slt a1,a2,a3
100018 73 00 00 00  ecall
--- host
; 100000 add a0,a1,a2
entry:
    lea $a0, [$a1 + $a2]
; 100004 sub a3,a4,a5
    mov $a3, $a4
    sub $a3, $a5
; 100008 c.xor a0,a1
    xor $a0, $a1
; 10000a and a2,a3,a4
    mov $a2, $a3
    and $a2, $a4
; 10000e c.or a5,a0
    or $a5, $a0
; 100010 andn s0,s1,a0
    andn $s0, $a0, $s1
; 100014 slt a1,a2,a3
    xor $a1.32, $a1.32
    cmp $a2, $a3
    setl $a1.8
; 100018 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10001c                        ; guest address 10001c
    jmp ExitReason
