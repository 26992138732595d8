# Breakpoints leave with their own address, system calls with the next.
--- guest
    ebreak
--- code
100000 02 90        c.ebreak
--- host
; 100000 c.ebreak
entry:
    mov eax, 3
    xor ecx, ecx
    mov edx, 0x100000                        ; guest address 100000
    jmp ExitReason
