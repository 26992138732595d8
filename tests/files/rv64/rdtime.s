# The time CSR is a helper call.
--- guest
    rdtime a0
    ecall
--- code
100000 73 25 10 c0  csrrs a0,time,zero
100004 73 00 00 00  ecall
--- host
; 100000 csrrs a0,time,zero
entry:
    mov eax, 0
    call Helper ReadTime
    mov $a0, rax
; 100004 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100008                        ; guest address 100008
    jmp ExitReason
