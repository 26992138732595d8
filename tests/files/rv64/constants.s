# lui and addi are one constant; large ones need the long move.
--- guest
    lui a0, 0x12345
    addi a0, a0, 0x678
    li a1, -1
    lui a2, 0x80000
    li a3, 0
    auipc a4, 0x1
    ecall
--- code
100000 37 55 34 12  lui a0,0x12345
100004 13 05 85 67  addi a0,a0,1656
100008 fd 55        c.li a1,-1
10000a 37 06 00 80  lui a2,0x80000
10000e 81 46        c.li a3,0
100010 17 17 00 00  auipc a4,0x1
100014 73 00 00 00  ecall
--- host
; 100004 addi a0,a0,1656
entry:
    mov $a0.32, 0x12345678
; 100008 c.li a1,-1
    mov $a1, -1
; 10000a lui a2,0x80000
    mov $a2, -0x80000000
; 10000e c.li a3,0
    xor $a3.32, $a3.32
; 100010 auipc a4,0x1
    mov $a4.32, 0x101010                     ; guest address 101010
; 100014 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100018                        ; guest address 100018
    jmp ExitReason
