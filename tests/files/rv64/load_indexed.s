# sh2add and lw: base plus scaled index in one access.
--- guest
    sh2add a0, a1, a2
    lw a3, 0(a0)
    slli a4, a5, 3
    add a4, a4, s0
    ld a4, 8(a4)
    ecall
--- code
100000 33 c5 c5 20  sh2add a0,a1,a2
100004 14 41        c.lw a3,0(a0)
100006 13 97 37 00  slli a4,a5,0x3
10000a 22 97        c.add a4,s0
10000c 18 67        c.ld a4,8(a4)
10000e 73 00 00 00  ecall
--- host
; 100000 sh2add a0,a1,a2
entry:
    lea $a0, [$a2 + $a1*4]
; 100004 c.lw a3,0(a0)
    movsxd $a3, dword ptr [$a0]
; 10000a c.add a4,s0
    lea $a4, [$s0 + $a5*8]
; 10000c c.ld a4,8(a4)
    mov $a4, qword ptr [$a4 + 8]
; 10000e ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100012                        ; guest address 100012
    jmp ExitReason
