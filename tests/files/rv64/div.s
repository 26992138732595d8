# Division with the guest's results for zero and overflow.
--- guest
    div a0, a1, a2
    remu a3, a1, a2
    divw a4, a1, a2
    ecall
--- code
100000 33 c5 c5 02  div a0,a1,a2
100004 b3 f6 c5 02  remu a3,a1,a2
100008 3b c7 c5 02  divw a4,a1,a2
10000c 73 00 00 00  ecall
--- host
; 100000 div a0,a1,a2
entry:
    mov rax, $a1
    test $a2, $a2
    jne L1
    or rax, 0xffffffffffffffff
    jmp L3
L1:
    cmp $a2, -1
    jne L2
    neg rax
    jmp L3
L2:
    cqo
    idiv $a2
L3:
    mov $a0, rax
; 100004 remu a3,a1,a2
    mov rax, $a1
    test $a2, $a2
    jne L4
    mov rdx, rax
    jmp L5
L4:
    xor edx, edx
    div $a2
L5:
    mov $a3, rdx
; 100008 divw a4,a1,a2
    mov rax, $a1
    test $a2.32, $a2.32
    jne L6
    or eax, 0xffffffff
    jmp L8
L6:
    cmp $a2.32, -1
    jne L7
    neg eax
    jmp L8
L7:
    cdq
    idiv $a2.32
L8:
    movsxd $a4, eax
; 10000c ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
