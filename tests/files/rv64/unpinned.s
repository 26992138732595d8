# Registers without a host register live in the state block; what is read twice is loaded once.
--- guest
    add t0, t1, t2
    addi t0, t0, 1
    add t3, t0, t1
    ld t4, 0(t3)
    sd t4, 8(t3)
    ecall
--- code
100000 b3 02 73 00  add t0,t1,t2
100004 85 02        c.addi t0,1
100006 33 8e 62 00  add t3,t0,t1
10000a 83 3e 0e 00  ld t4,0(t3)
10000e 23 34 de 01  sd t4,8(t3)
100012 73 00 00 00  ecall
--- host
; 100000 add t0,t1,t2
entry:
    mov rax, qword ptr state[$t1]
    mov rcx, qword ptr state[$t2]
    add rcx, rax
; 100004 c.addi t0,1
    add rcx, 1
    mov qword ptr state[$t0], rcx
; 100006 add t3,t0,t1
    add rcx, rax
    mov qword ptr state[$t3], rcx
; 10000a ld t4,0(t3)
    mov rax, qword ptr [rcx]
    mov qword ptr state[$t4], rax
; 10000e sd t4,8(t3)
    mov qword ptr [rcx + 8], rax
; 100012 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100016                        ; guest address 100016
    jmp ExitReason
