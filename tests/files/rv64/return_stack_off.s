# The same call and return with the return stack switched off.
opts: -return-stack
--- guest
    addi a0, a0, 1
    jal ra, .+64
--- code
100000 05 05        c.addi a0,1
100002 ef 00 00 04  jal ra,0x100042
--- host
; 100000 c.addi a0,1
entry:
    add $a0, 1
; 100002 jal ra,0x100042
    mov eax, 0x100006                        ; guest address 100006
    mov qword ptr state[$ra], rax
    nop
    jmp L1                                   ; links to 100042
L1:
    call ExitLink
