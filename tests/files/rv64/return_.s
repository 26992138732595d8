# A return compares the target with the return address that the call pushed and is a host return.
--- guest
    addi sp, sp, 16
    ret
--- code
100000 41 01        c.addi sp,16
100002 82 80        c.jr ra
--- host
; 100000 c.addi sp,16
entry:
    add $sp, 0x10
; 100002 c.jr ra
    mov rax, qword ptr state[$ra]
    cmp rax, qword ptr [rsp + 8]
    jne L1
    ret
L1:
    and rax, 0xfffffffffffffffe
    jmp ReturnMiss
