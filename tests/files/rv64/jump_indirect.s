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
    lea rbx, [r13 + rbx*4]
; 100004 c.lw a5,0(a5)
    movsxd rbx, dword ptr [rbx]
; 100006 c.add a5,a4
    add rbx, r13
; 100008 c.jr a5
    cmp dword ptr gs:[0x10], 0
    jne L1
    mov ecx, ebx
    and ecx, 0x1ffe
    cmp rbx, qword ptr gs:[rcx*8 + 0x12c0]
    jne L2
    jmp qword ptr gs:[rcx*8 + 0x12c8]
L1:
    mov rdx, rbx
    and rdx, 0xfffffffffffffffe
    jmp Safepoint
L2:
    mov rax, rbx
    and rax, 0xfffffffffffffffe
    jmp IndirectMiss
