# flw boxes what it loads; fsw stores the low half; fld and fsd are plain moves.
--- guest
    flw fa0, 4(a0)
    fsw fa0, 8(a0)
    fld fa1, 16(a0)
    fsd fa1, 24(a0)
    ecall
--- code
100000 07 25 45 00  flw fa0,4(a0)
100004 27 24 a5 00  fsw fa0,8(a0)
100008 0c 29        c.fld fa1,16(a0)
10000a 0c ad        c.fsd fa1,24(a0)
10000c 73 00 00 00  ecall
--- host
; 100000 flw fa0,4(a0)
entry:
    vmovd $fa0, dword ptr [$a0 + 4]
    vorps $fa0, $fa0, xmmword ptr state[consts+0x80]
; 100004 fsw fa0,8(a0)
    vmovq rax, $fa0
    mov dword ptr [$a0 + 8], eax
; 100008 c.fld fa1,16(a0)
    vmovq $fa1, qword ptr [$a0 + 0x10]
; 10000a c.fsd fa1,24(a0)
    vmovq qword ptr [$a0 + 0x18], $fa1
; 10000c ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
