# Shifts by registers: BMI2 forms need no rcx.
--- guest
    sll a0, a1, a2
    srl a3, a1, a2
    sraw a4, a1, a2
    srai a5, a1, 63
    ecall
--- code
100000 33 95 c5 00  sll a0,a1,a2
100004 b3 d6 c5 00  srl a3,a1,a2
100008 3b d7 c5 40  sraw a4,a1,a2
10000c 93 d7 f5 43  srai a5,a1,0x3f
100010 73 00 00 00  ecall
--- host
; 100000 sll a0,a1,a2
entry:
    shlx $a0, $a1, $a2
; 100004 srl a3,a1,a2
    shrx $a3, $a1, $a2
; 100008 sraw a4,a1,a2
    sarx $a4.32, $a1.32, $a2.32
    movsxd $a4, $a4.32
; 10000c srai a5,a1,0x3f
    mov $a5, $a1
    sar $a5, 0x3f
; 100010 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
