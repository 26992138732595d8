# A backward call may close a cycle: it has a safepoint.
--- guest
    jal ra, .-64
--- code
100000 ef f0 1f fc  jal ra,0xfffc0
--- host
; 100000 jal ra,0xfffc0
entry:
    mov eax, 0x100004                        ; guest address 100004
    mov qword ptr gs:[0xac8], rax
    cmp dword ptr gs:[0x10], 0
    jne L3
    push 0x100004                            ; guest address 100004
    nop
    call L1                                  ; links to fffc0, call
    lea rsp, [rsp + 8]
    nop
    jmp L2                                   ; links to 100004, landing
L1:
    call ExitLink
L2:
    call ExitLink
L3:
    mov edx, 0xfffc0                         ; guest address fffc0
    jmp Safepoint
