# Half precision: moves in place, arithmetic in exact software.
--- guest
    flh fa0, 0(a0)
    fadd.h fa1, fa0, fa2
    fsh fa1, 2(a0)
    ecall
--- code
100000 07 15 05 00  flh fa0,0(a0)
100004 d3 75 c5 04  fadd.h fa1,fa0,fa2
100008 27 11 b5 00  fsh fa1,2(a0)
10000c 73 00 00 00  ecall
--- host
; 100000 flh fa0,0(a0)
entry:
    movzx eax, word ptr [$a0]
    or rax, 0xffffffffffff0000
    vmovq $fa0, rax
; 100004 fadd.h fa1,fa0,fa2
    vmovq rax, $fa2
    movzx ecx, ax
    sar rax, 0x10
    cmp rax, -1
    je L1
    mov ecx, 0x7e00
L1:
    vmovq rax, $fa0
    movzx edx, ax
    sar rax, 0x10
    cmp rax, -1
    je L2
    mov edx, 0x7e00
L2:
    mov qword ptr state[spill], rcx
    mov qword ptr state[spill+0x10], rdx
    mov rax, qword ptr state[spill+0x10]
    movzx eax, ax
    mov rcx, qword ptr state[spill]
    movzx ecx, cx
    mov qword ptr state[scratch], fadd f16 of f16, 0x7
    call Helper SoftFp
    mov rcx, rax
    or rcx, 0xffffffffffff0000
    vmovq $fa1, rcx
; 100008 fsh fa1,2(a0)
    vmovq rax, $fa1
    mov word ptr [$a0 + 2], ax
; 10000c ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
