# A guest call pushes the return address and is a host call; behind it the landing goes on at the return address.
--- guest
    jal ra, .+64
--- code
100000 ef 00 00 04  jal ra,0x100040
--- host
; 100000 jal ra,0x100040
entry:
    mov eax, 0x100004                        ; guest address 100004
    mov qword ptr state[$ra], rax
    push 0x100004                            ; guest address 100004
    nop
    call L1                                  ; links to 100040, call
    lea rsp, [rsp + 8]
    nop
    jmp L2                                   ; links to 100004, landing
L1:
    call ExitLink
L2:
    call ExitLink
