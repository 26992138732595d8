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
    mov $a5, qword ptr [$a0]
; 100002 jalr ra,0(a5)
    mov eax, 0x100006                        ; guest address 100006
    mov qword ptr state[$ra], rax
    cmp dword ptr state[safepoint_request], 0
    jne L2
    push 0x100006                            ; guest address 100006
    mov ecx, $a5.32
    and ecx, 0x1ffe
    cmp $a5, qword ptr state[rcx*8 + lookup]
    jne L3
    call qword ptr state[rcx*8 + lookup+0x8]
L1:
    lea rsp, [rsp + 8]
    nop
    jmp L4                                   ; links to 100006, landing
L2:
    mov rdx, $a5
    and rdx, 0xfffffffffffffffe
    jmp Safepoint
L3:
    mov rax, $a5
    and rax, 0xfffffffffffffffe
    call IndirectMiss
    jmp L1
L4:
    call ExitLink
