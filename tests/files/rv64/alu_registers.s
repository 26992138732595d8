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
    lea rbp, [rsi + rdi]
; 100004 sub a3,a4,a5
    mov r15, r13
    sub r15, rbx
; 100008 c.xor a0,a1
    xor rbp, rsi
; 10000a and a2,a3,a4
    mov rdi, r15
    and rdi, r13
; 10000e c.or a5,a0
    or rbx, rbp
; 100010 andn s0,s1,a0
    andn r14, rbp, r8
; 100014 slt a1,a2,a3
    xor esi, esi
    cmp rdi, r15
    setl sil
; 100018 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10001c                        ; guest address 10001c
    jmp ExitReason
