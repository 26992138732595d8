# With --icount every instruction counts, exactly at every exit.
icount: on
--- guest
    addi a0, a0, 1
    ld a1, 0(a0)
    beqz a1, 1f
    ecall
1:  nop
    ecall
--- code
100000 05 05        c.addi a0,1
100002 0c 61        c.ld a1,0(a0)
100004 99 c1        c.beqz a1,0x10000a
100006 73 00 00 00  ecall
10000a 01 00        c.nop
10000c 73 00 00 00  ecall
--- host
; 100000 c.addi a0,1
entry:
    add qword ptr state[icount], 1
    add $a0, 1
; 100002 c.ld a1,0(a0)
    add qword ptr state[icount], 1
    mov $a1, qword ptr [$a0]
; 100004 c.beqz a1,0x10000a
    add qword ptr state[icount], 1
    nop dword ptr [rax]
    test $a1, $a1
    je L1                                    ; links to 10000a
; 100006 ecall
    add qword ptr state[icount], 1
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10000a                        ; guest address 10000a
    jmp ExitReason
L1:
    call ExitLink
