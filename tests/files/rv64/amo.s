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
    test dil, 7
    setne al
    movzx eax, al
    test eax, eax
    jne L2
    mov rcx, rsi
    lock xadd qword ptr [rdi], rcx
    mov rbp, rcx
; 100004 amoswap.w a3,a1,(a2)
    test dil, 3
    setne cl
    movzx ecx, cl
    test ecx, ecx
    jne L3
    mov rdx, rsi
    xchg dword ptr [rdi], edx
    movsxd r15, edx
; 100008 amomax.d a4,a1,(a2)
    test eax, eax
    jne L4
    mov rax, qword ptr [rdi]
L1:
    mov rdx, rsi
    cmp rax, rdx
    cmovg rdx, rax
    lock cmpxchg qword ptr [rdi], rdx
    jne L1
    mov r13, rax
; 10000c amoor.w zero,a1,(a2)
    test ecx, ecx
    jne L5
    lock or dword ptr [rdi], esi
; 100010 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
L2:
    mov rcx, rdi
    mov eax, 7
    mov edx, 0x100000                        ; guest address 100000
    jmp ExitReason
L3:
    mov rcx, rdi
    mov eax, 7
    mov edx, 0x100004                        ; guest address 100004
    jmp ExitReason
L4:
    mov rcx, rdi
    mov eax, 7
    mov edx, 0x100008                        ; guest address 100008
    jmp ExitReason
L5:
    mov rcx, rdi
    mov eax, 7
    mov edx, 0x10000c                        ; guest address 10000c
    jmp ExitReason
