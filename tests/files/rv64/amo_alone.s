# While nobody else can see guest memory, atomics need no lock.
alone: on
--- guest
    amoadd.d a0, a1, (a2)
    amoxor.w a3, a1, (a2)
    lr.w a4, (a2)
    sc.w a5, a1, (a2)
    fence rw, rw
    ecall
--- code
100000 2f 35 b6 00  amoadd.d a0,a1,(a2)
100004 af 26 b6 20  amoxor.w a3,a1,(a2)
100008 2f 27 06 10  lr.w a4,(a2)
10000c af 27 b6 18  sc.w a5,a1,(a2)
100010 0f 00 30 03  fence rw,rw
100014 73 00 00 00  ecall
--- host
; 100000 amoadd.d a0,a1,(a2)
entry:
    test $a2.8, 7
    jne L2
    mov rax, $a1
    mov rcx, qword ptr [$a2]
    add rax, rcx
    mov qword ptr [$a2], rax
    mov $a0, rcx
; 100004 amoxor.w a3,a1,(a2)
    test $a2.8, 3
    jne L3
    mov eax, dword ptr [$a2]
    mov ecx, $a1.32
    xor ecx, eax
    mov dword ptr [$a2], ecx
    movsxd $a3, eax
; 100008 lr.w a4,(a2)
    mov eax, dword ptr [$a2]
    mov qword ptr state[reservation.addr], $a2
    mov qword ptr state[reservation.value], rax
    mov qword ptr state[reservation.size], 4
    movsxd $a4, eax
; 10000c sc.w a5,a1,(a2)
    cmp qword ptr state[reservation.size], 4
    jne L1
    cmp qword ptr state[reservation.addr], $a2
    jne L1
    mov rax, qword ptr state[reservation.value]
    cmp dword ptr [$a2], eax
    jne L1
    mov dword ptr [$a2], $a1.32
L1:
    sete al
    mov qword ptr state[reservation.size], 0
    movzx eax, al
    mov $a5, rax
    xor $a5, 1
; 100014 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100018                        ; guest address 100018
    jmp ExitReason
L2:
    mov rcx, $a2
    mov eax, 7
    mov edx, 0x100000                        ; guest address 100000
    jmp ExitReason
L3:
    mov rcx, $a2
    mov eax, 7
    mov edx, 0x100004                        ; guest address 100004
    jmp ExitReason
