# auipc and jalr through ra: a direct call all the same.
--- guest
    auipc ra, 0x10
    jalr ra, 0x123(ra)
--- code
100000 97 00 01 00  auipc ra,0x10
100004 e7 80 30 12  jalr ra,291(ra)
--- host
; 100004 jalr ra,291(ra)
entry:
    mov eax, 0x100008                        ; guest address 100008
    mov qword ptr state[$ra], rax
    push 0x100008                            ; guest address 100008
    nop
    call L1                                  ; links to 110122, call
    lea rsp, [rsp + 8]
    nop
    jmp L2                                   ; links to 100008, landing
L1:
    call ExitLink
L2:
    call ExitLink
