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
    shlx rbp, rsi, rdi
; 100004 srl a3,a1,a2
    shrx r15, rsi, rdi
; 100008 sraw a4,a1,a2
    sarx r13d, esi, edi
    movsxd r13, r13d
; 10000c srai a5,a1,0x3f
    mov rbx, rsi
    sar rbx, 0x3f
; 100010 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
