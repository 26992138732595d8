# High products: signed, unsigned, mixed.
--- guest
    mulh a0, a1, a2
    mulhu a3, a1, a2
    mulhsu a4, a1, a2
    mul a5, a1, a2
    ecall
--- code
100000 33 95 c5 02  mulh a0,a1,a2
100004 b3 b6 c5 02  mulhu a3,a1,a2
100008 33 a7 c5 02  mulhsu a4,a1,a2
10000c b3 87 c5 02  mul a5,a1,a2
100010 73 00 00 00  ecall
--- host
; 100000 mulh a0,a1,a2
entry:
    mov rax, $a1
    imul $a2
    mov $a0, rdx
; 100004 mulhu a3,a1,a2
    mov rcx, rax
    mov rax, $a1
    mul $a2
    mov $a3, rdx
; 100008 mulhsu a4,a1,a2
    mov rax, $a1
    mul $a2
    mov rax, $a1
    sar rax, 0x3f
    and rax, $a2
    sub rdx, rax
    mov $a4, rdx
; 10000c mul a5,a1,a2
    mov $a5, rcx
; 100010 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
