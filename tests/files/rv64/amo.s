# Atomic read-modify-write: xadd, xchg, and a compare-and-exchange loop where the host has no instruction.
--- guest
    amoadd.d a0, a1, (a2)
    amoswap.w a3, a1, (a2)
    amomax.d a4, a1, (a2)
    amoor.w zero, a1, (a2)
    ecall
--- code
100000 2f 35 b6 00  amoadd.d a0,a1,(a2)
100004 af 26 b6 08  amoswap.w a3,a1,(a2)
100008 2f 37 b6 a0  amomax.d a4,a1,(a2)
10000c 2f 20 b6 40  amoor.w zero,a1,(a2)
100010 73 00 00 00  ecall
--- host
; 100000 amoadd.d a0,a1,(a2)
entry:
    test $a2.8, 7
    jne L2
    mov rax, $a1
    lock xadd qword ptr [$a2], rax
    mov $a0, rax
; 100004 amoswap.w a3,a1,(a2)
    test $a2.8, 3
    jne L3
    mov rax, $a1
    xchg dword ptr [$a2], eax
    movsxd $a3, eax
; 100008 amomax.d a4,a1,(a2)
    mov rax, qword ptr [$a2]
L1:
    mov rcx, $a1
    cmp rax, rcx
    cmovg rcx, rax
    lock cmpxchg qword ptr [$a2], rcx
    jne L1
    mov $a4, rax
; 10000c amoor.w zero,a1,(a2)
    lock or dword ptr [$a2], $a1.32
; 100010 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
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
