# A computed jump (switch): the per-thread table.
--- guest
    sh2add a5, a5, a4
    lw a5, 0(a5)
    add a5, a5, a4
    jr a5
--- code
100000 b3 c7 e7 20  sh2add a5,a5,a4
100004 9c 43        c.lw a5,0(a5)
100006 ba 97        c.add a5,a4
100008 82 87        c.jr a5
--- host
; 100000 sh2add a5,a5,a4
entry:
    lea $a5, [$a4 + $a5*4]
; 100004 c.lw a5,0(a5)
    movsxd $a5, dword ptr [$a5]
; 100006 c.add a5,a4
    add $a5, $a4
; 100008 c.jr a5
    cmp dword ptr state[safepoint_request], 0
    jne L1
    mov ecx, $a5.32
    and ecx, 0x1ffe
    cmp $a5, qword ptr state[rcx*8 + lookup]
    jne L2
    jmp qword ptr state[rcx*8 + lookup+0x8]
L1:
    mov rdx, $a5
    and rdx, 0xfffffffffffffffe
    jmp Safepoint
L2:
    mov rax, $a5
    and rax, 0xfffffffffffffffe
    jmp IndirectMiss
