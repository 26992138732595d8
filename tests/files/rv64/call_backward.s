# A backward call may close a cycle: it has a safepoint.
--- guest
    jal ra, .-64
--- code
100000 ef f0 1f fc  jal ra,0xfffc0
--- host
; 100000 jal ra,0xfffc0
entry:
    mov eax, 0x100004                        ; guest address 100004
    mov qword ptr state[$ra], rax
    cmp dword ptr state[safepoint_request], 0
    jne L1
    push 0x100004                            ; guest address 100004
    call L2                                  ; links to fffc0, call
    lea rsp, [rsp + 8]
    nop
    jmp L3                                   ; links to 100004, landing
L1:
    mov edx, 0xfffc0                         ; guest address fffc0
    jmp Safepoint
L2:
    call ExitLink
L3:
    call ExitLink
