# Displacements go into the addressing mode; loads extend on the way; a store of zero needs no register.
--- guest
    lw a0, 8(a1)
    ld a2, -16(sp)
    lbu a3, 0(a4)
    lh a5, 2(a4)
    sd a0, 24(sp)
    sb a3, 5(a1)
    sd zero, 32(sp)
    ecall
--- code
100000 88 45        c.lw a0,8(a1)
100002 03 36 01 ff  ld a2,-16(sp)
100006 83 46 07 00  lbu a3,0(a4)
10000a 83 17 27 00  lh a5,2(a4)
10000e 2a ec        c.sdsp a0,24(sp)
100010 a3 82 d5 00  sb a3,5(a1)
100014 02 f0        c.sdsp zero,32(sp)
100016 73 00 00 00  ecall
--- host
; 100000 c.lw a0,8(a1)
entry:
    movsxd $a0, dword ptr [$a1 + 8]
; 100002 ld a2,-16(sp)
    mov $a2, qword ptr [$sp - 0x10]
; 100006 lbu a3,0(a4)
    movzx $a3.32, byte ptr [$a4]
; 10000a lh a5,2(a4)
    movsx $a5, word ptr [$a4 + 2]
; 10000e c.sdsp a0,24(sp)
    mov qword ptr [$sp + 0x18], $a0
; 100010 sb a3,5(a1)
    mov byte ptr [$a1 + 5], $a3.8
; 100014 c.sdsp zero,32(sp)
    mov qword ptr [$sp + 0x20], 0
; 100016 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10001a                        ; guest address 10001a
    jmp ExitReason
