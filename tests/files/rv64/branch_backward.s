# A backward branch without the loop body in the block: safepoint, then the link.
--- guest
    bge a0, zero, .-64
--- code
100000 e3 50 05 fc  bge a0,zero,0xfffc0
--- host
; 100000 bge a0,zero,0xfffc0
entry:
    cmp dword ptr state[safepoint_request], 0
    jne L1
    nop
    test $a0, $a0
    jge L2                                   ; links to fffc0
    nop dword ptr [rax]
    jmp L3                                   ; links to 100004
L1:
    mov edx, 0x100000                        ; guest address 100000
    jmp Safepoint
L2:
    call ExitLink
L3:
    call ExitLink
