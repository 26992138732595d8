# Both halves of a product without BMI2.
features: sse41 ssse3 popcnt
--- guest
    mul a4, a1, a2
    mulhu a5, a1, a2
    mulh s0, a0, a1
    mul s1, a1, a0
    ecall
--- code
100000 33 87 c5 02  mul a4,a1,a2
100004 b3 b7 c5 02  mulhu a5,a1,a2
100008 33 14 b5 02  mulh s0,a0,a1
10000c b3 84 a5 02  mul s1,a1,a0
100010 73 00 00 00  ecall
--- host
; 100000 mul a4,a1,a2
entry:
    mov rax, $a1
    mul $a2
    mov $a4, rax
; 100004 mulhu a5,a1,a2
    mov $a5, rdx
; 100008 mulh s0,a0,a1
    mov rax, $a0
    imul $a1
    mov $s0, rdx
; 10000c mul s1,a1,a0
    mov $s1, rax
; 100010 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
