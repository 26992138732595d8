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
    test $a1.8, 7
    jne L2
    mov rax, qword ptr [$a1]
    mov qword ptr state[reservation.addr], $a1
    mov qword ptr state[reservation.value], rax
    mov qword ptr state[reservation.size], 8
    mov $a0, rax
; 100004 sc.d.rl a2,a3,(a1)
    cmp qword ptr state[reservation.size], 8
    jne L1
    cmp qword ptr state[reservation.addr], $a1
    jne L1
    mov rax, qword ptr state[reservation.value]
    lock cmpxchg qword ptr [$a1], $a3
L1:
    sete al
    mov qword ptr state[reservation.size], 0
    movzx eax, al
    mov $a2, rax
    xor $a2, 1
; 100008 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
L2:
    mov rcx, $a1
    mov eax, 7
    mov edx, 0x100000                        ; guest address 100000
    jmp ExitReason
