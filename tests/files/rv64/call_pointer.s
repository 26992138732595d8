# A call through a pointer: return address pushed, target looked up in the per-thread table.
--- guest
    ld a5, 0(a0)
    jalr ra, 0(a5)
--- code
100000 1c 61        c.ld a5,0(a0)
100002 e7 80 07 00  jalr ra,0(a5)
--- host
; 100000 c.ld a5,0(a0)
entry:
    mov rbx, qword ptr [rbp]
; 100002 jalr ra,0(a5)
    mov eax, 0x100006                        ; guest address 100006
    mov qword ptr gs:[0xac8], rax
    cmp dword ptr gs:[0x10], 0
    jne L3
    push 0x100006                            ; guest address 100006
    mov ecx, ebx
    and ecx, 0x1ffe
    cmp rbx, qword ptr gs:[rcx*8 + 0x12c0]
    jne L4
    call qword ptr gs:[rcx*8 + 0x12c8]
L1:
    lea rsp, [rsp + 8]
    nop
    jmp L2                                   ; links to 100006, landing
L2:
    call ExitLink
L3:
    mov rdx, rbx
    and rdx, 0xfffffffffffffffe
    jmp Safepoint
L4:
    mov rax, rbx
    and rax, 0xfffffffffffffffe
    call IndirectMiss
    jmp L1
