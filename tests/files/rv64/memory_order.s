# Acquire and release AMOs need nothing more on this host.
--- guest
    amoadd.w.aqrl a0, a1, (a2)
    amoswap.d.rl zero, a1, (a2)
    ecall
--- code
100000 2f 25 b6 06  amoadd.w.aqrl a0,a1,(a2)
100004 2f 30 b6 0a  amoswap.d.rl zero,a1,(a2)
100008 73 00 00 00  ecall
--- host
; 100000 amoadd.w.aqrl a0,a1,(a2)
entry:
    test $a2.8, 3
    jne L1
    mov rax, $a1
    lock xadd dword ptr [$a2], eax
    movsxd $a0, eax
; 100004 amoswap.d.rl zero,a1,(a2)
    test $a2.8, 7
    jne L2
    mov rax, $a1
    xchg qword ptr [$a2], rax
; 100008 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
L1:
    mov rcx, $a2
    mov eax, 7
    mov edx, 0x100000                        ; guest address 100000
    jmp ExitReason
L2:
    mov rcx, $a2
    mov eax, 7
    mov edx, 0x100004                        ; guest address 100004
    jmp ExitReason
