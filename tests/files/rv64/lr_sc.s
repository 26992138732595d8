# Load-reserved and store-conditional: a compare-and-exchange against the reserved value.
--- guest
    lr.d.aq a0, (a1)
    sc.d.rl a2, a3, (a1)
    ecall
--- code
100000 2f b5 05 14  lr.d.aq a0,(a1)
100004 2f b6 d5 1a  sc.d.rl a2,a3,(a1)
100008 73 00 00 00  ecall
--- host
; 100000 lr.d.aq a0,(a1)
entry:
    test sil, 7
    setne al
    movzx eax, al
    test eax, eax
    jne L2
    mov rcx, qword ptr [rsi]
    mov qword ptr gs:[0x58], rsi
    mov qword ptr gs:[0x60], rcx
    mov qword ptr gs:[0x68], 8
    mov rbp, rcx
; 100004 sc.d.rl a2,a3,(a1)
    test eax, eax
    jne L3
    cmp qword ptr gs:[0x68], 8
    jne L1
    cmp qword ptr gs:[0x58], rsi
    jne L1
    mov rax, qword ptr gs:[0x60]
    lock cmpxchg qword ptr [rsi], r15
L1:
    sete al
    mov qword ptr gs:[0x68], 0
    movzx eax, al
    mov rdi, rax
    xor rdi, 1
; 100008 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
L2:
    mov rcx, rsi
    mov eax, 7
    mov edx, 0x100000                        ; guest address 100000
    jmp ExitReason
L3:
    mov rcx, rsi
    mov eax, 7
    mov edx, 0x100004                        ; guest address 100004
    jmp ExitReason
