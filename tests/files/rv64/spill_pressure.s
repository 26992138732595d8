# More live values than scratch registers: unpinned sources stay in memory or are loaded again.
--- guest
    ld t0, 0(a0)
    ld t1, 8(a0)
    ld t2, 16(a0)
    ld t3, 24(a0)
    ld t4, 32(a0)
    ld t5, 40(a0)
    add t0, t0, t1
    add t2, t2, t3
    add t4, t4, t5
    add t0, t0, t2
    add t0, t0, t4
    mul t1, t0, t2
    sub t3, t1, t4
    ecall
--- code
100000 83 32 05 00  ld t0,0(a0)
100004 03 33 85 00  ld t1,8(a0)
100008 83 33 05 01  ld t2,16(a0)
10000c 03 3e 85 01  ld t3,24(a0)
100010 83 3e 05 02  ld t4,32(a0)
100014 03 3f 85 02  ld t5,40(a0)
100018 9a 92        c.add t0,t1
10001a f2 93        c.add t2,t3
10001c fa 9e        c.add t4,t5
10001e 9e 92        c.add t0,t2
100020 f6 92        c.add t0,t4
100022 33 83 72 02  mul t1,t0,t2
100026 33 0e d3 41  sub t3,t1,t4
10002a 73 00 00 00  ecall
--- host
; 100000 ld t0,0(a0)
entry:
    mov rax, qword ptr [$a0]
    mov qword ptr state[$t0], rax
; 100004 ld t1,8(a0)
    mov rcx, qword ptr [$a0 + 8]
    mov qword ptr state[$t1], rcx
; 100008 ld t2,16(a0)
    mov rdx, qword ptr [$a0 + 0x10]
    mov qword ptr state[$t2], rdx
; 10000c ld t3,24(a0)
    mov r11, qword ptr [$a0 + 0x18]
    mov qword ptr state[$t3], r11
; 100010 ld t4,32(a0)
    mov r11, qword ptr [$a0 + 0x20]
    mov qword ptr state[$t4], r11
; 100014 ld t5,40(a0)
    mov r11, qword ptr [$a0 + 0x28]
    mov qword ptr state[$t5], r11
; 100018 c.add t0,t1
    add rax, rcx
; 10001a c.add t2,t3
    add rdx, qword ptr state[$t3]
    mov qword ptr state[$t2], rdx
; 10001c c.add t4,t5
    add r11, qword ptr state[$t4]
    mov qword ptr state[$t4], r11
; 10001e c.add t0,t2
    add rax, rdx
; 100020 c.add t0,t4
    add rax, r11
    mov qword ptr state[$t0], rax
; 100022 mul t1,t0,t2
    imul rax, rdx
    mov qword ptr state[$t1], rax
; 100026 sub t3,t1,t4
    sub rax, r11
    mov qword ptr state[$t3], rax
; 10002a ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10002e                        ; guest address 10002e
    jmp ExitReason
