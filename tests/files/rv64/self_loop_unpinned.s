# A self-loop over registers without a host register: they get one for the time of the loop. Names are those of the guest
# registers that live there outside the loop.
--- guest
1:  add t1, t1, t0
    addi t0, t0, -1
    xor t2, t2, t1
    bnez t0, 1b
    ecall
--- code
100000 16 93        c.add t1,t0
100002 fd 12        c.addi t0,-1
100004 b3 c3 63 00  xor t2,t2,t1
100008 e3 9c 02 fe  bne t0,zero,0x100000
10000c 73 00 00 00  ecall
--- host
; 100000 c.add t1,t0
entry:
    mov rax, qword ptr state[$t0]
    mov rcx, rax
    add rcx, qword ptr state[$t1]
    mov qword ptr state[$t1], rcx
; 100002 c.addi t0,-1
    add rax, -1
    mov qword ptr state[$t0], rax
; 100004 xor t2,t2,t1
    mov rdx, rcx
    xor rdx, qword ptr state[$t2]
    mov qword ptr state[$t2], rdx
; 100008 bne t0,zero,0x100000
    nop
    test rax, rax
    je L8                                    ; links to 10000c
; 100000 c.add t1,t0
    add rcx, rax
    mov qword ptr state[$t1], rcx
; 100002 c.addi t0,-1
    add rax, -1
    mov qword ptr state[$t0], rax
; 100004 xor t2,t2,t1
    xor rdx, rcx
    mov qword ptr state[$t2], rdx
; 100008 bne t0,zero,0x100000
    nop
    test rax, rax
    je L9                                    ; links to 10000c
; 100000 c.add t1,t0
    add rcx, rax
    mov qword ptr state[$t1], rcx
; 100002 c.addi t0,-1
    add rax, -1
    mov qword ptr state[$t0], rax
; 100004 xor t2,t2,t1
    xor rdx, rcx
    mov qword ptr state[$t2], rdx
; 100008 bne t0,zero,0x100000
    nop
    test rax, rax
    je L10                                   ; links to 10000c
; 100000 c.add t1,t0
    add rcx, rax
    mov qword ptr state[$t1], rcx
; 100002 c.addi t0,-1
    add rax, -1
    mov qword ptr state[$t0], rax
; 100004 xor t2,t2,t1
    xor rdx, rcx
    mov qword ptr state[$t2], rdx
; 100008 bne t0,zero,0x100000
    cmp dword ptr state[safepoint_request], 0
    jne L1
    test rax, rax
    jne L2
; 10000c ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
L1:
    mov edx, 0x100008                        ; guest address 100008
    jmp Safepoint
L2:
    mov qword ptr state[$sp], $sp
    mov $sp, qword ptr state[$t0]
    mov qword ptr state[$s0], $s0
    mov $s0, qword ptr state[$t1]
    mov qword ptr state[$s1], $s1
    mov $s1, qword ptr state[$t2]
; 100000 c.add t1,t0
L3:
    add $s0, $sp
; 100002 c.addi t0,-1
    add $sp, -1
; 100004 xor t2,t2,t1
    xor $s1, $s0
; 100008 bne t0,zero,0x100000
    test $sp, $sp
    je L4
; 100000 c.add t1,t0
    add $s0, $sp
; 100002 c.addi t0,-1
    add $sp, -1
; 100004 xor t2,t2,t1
    xor $s1, $s0
; 100008 bne t0,zero,0x100000
    test $sp, $sp
    je L5
; 100000 c.add t1,t0
    add $s0, $sp
; 100002 c.addi t0,-1
    add $sp, -1
; 100004 xor t2,t2,t1
    xor $s1, $s0
; 100008 bne t0,zero,0x100000
    test $sp, $sp
    je L6
; 100000 c.add t1,t0
    add $s0, $sp
; 100002 c.addi t0,-1
    add $sp, -1
; 100004 xor t2,t2,t1
    xor $s1, $s0
; 100008 bne t0,zero,0x100000
    cmp dword ptr state[safepoint_request], 0
    jne L7
    test $sp, $sp
    jne L3
; 10000c ecall
    mov qword ptr state[$t0], $sp
    mov $sp, qword ptr state[$sp]
    mov qword ptr state[$t1], $s0
    mov $s0, qword ptr state[$s0]
    mov qword ptr state[$t2], $s1
    mov $s1, qword ptr state[$s1]
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
L4:
    mov qword ptr state[$t0], $sp
    mov $sp, qword ptr state[$sp]
    mov qword ptr state[$t1], $s0
    mov $s0, qword ptr state[$s0]
    mov qword ptr state[$t2], $s1
    mov $s1, qword ptr state[$s1]
    nop
    jmp L11                                  ; links to 10000c
L5:
    mov qword ptr state[$t0], $sp
    mov $sp, qword ptr state[$sp]
    mov qword ptr state[$t1], $s0
    mov $s0, qword ptr state[$s0]
    mov qword ptr state[$t2], $s1
    mov $s1, qword ptr state[$s1]
    nop dword ptr [rax]
    jmp L12                                  ; links to 10000c
L6:
    mov qword ptr state[$t0], $sp
    mov $sp, qword ptr state[$sp]
    mov qword ptr state[$t1], $s0
    mov $s0, qword ptr state[$s0]
    mov qword ptr state[$t2], $s1
    mov $s1, qword ptr state[$s1]
    nop dword ptr [rax]
    jmp L13                                  ; links to 10000c
L7:
    mov qword ptr state[$t0], $sp
    mov $sp, qword ptr state[$sp]
    mov qword ptr state[$t1], $s0
    mov $s0, qword ptr state[$s0]
    mov qword ptr state[$t2], $s1
    mov $s1, qword ptr state[$s1]
    mov edx, 0x100008                        ; guest address 100008
    jmp Safepoint
L8:
    call ExitLink
L9:
    call ExitLink
L10:
    call ExitLink
L11:
    call ExitLink
L12:
    call ExitLink
L13:
    call ExitLink
