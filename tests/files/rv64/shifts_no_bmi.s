# Shifts by registers without BMI2 go through cl.
features: sse41 ssse3 popcnt
--- guest
    sll a0, a1, a2
    srl a3, a1, a2
    sraw a4, a1, a2
    ecall
--- code
100000 33 95 c5 00  sll a0,a1,a2
100004 b3 d6 c5 00  srl a3,a1,a2
100008 3b d7 c5 40  sraw a4,a1,a2
10000c 73 00 00 00  ecall
--- host
; 100000 sll a0,a1,a2
entry:
    mov rax, $a1
    mov rcx, $a2
    shl rax, cl
    mov $a0, rax
; 100004 srl a3,a1,a2
    mov rax, $a1
    mov rcx, $a2
    shr rax, cl
    mov $a3, rax
; 100008 sraw a4,a1,a2
    mov rax, $a1
    mov rcx, $a2
    sar eax, cl
    movsxd $a4, eax
; 10000c ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
