# slt and bnez: the register gets its 0 or 1, and the branch tests that.
--- guest
    slt a0, a1, a2
    bnez a0, 1f
    ecall
1:  nop
    ecall
--- code
100000 33 a5 c5 00  slt a0,a1,a2
100004 19 e1        c.bnez a0,0x10000a
100006 73 00 00 00  ecall
10000a 01 00        c.nop
10000c 73 00 00 00  ecall
--- host
; 100000 slt a0,a1,a2
entry:
    xor $a0.32, $a0.32
    cmp $a1, $a2
    setl $a0.8
; 100004 c.bnez a0,0x10000a
    nop
    test $a0.32, $a0.32
    jne L1                                   ; links to 10000a
; 100006 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000a                        ; guest address 10000a
    jmp ExitReason
L1:
    call ExitLink
