# Bit manipulation on a host with none of BMI, LZCNT, POPCNT and PCLMUL.
features: baseline
--- guest
    clz a0, a1
    ctz a2, a1
    cpop a3, a1
    clmul a4, a1, a2
    ecall
--- code
100000 13 95 05 60  clz a0,a1
100004 13 96 15 60  ctz a2,a1
100008 93 96 25 60  cpop a3,a1
10000c 33 97 c5 0a  clmul a4,a1,a2
100010 73 00 00 00  ecall
--- host
; 100000 clz a0,a1
entry:
    mov eax, 0x7f
    bsr $a0, $a1
    cmove $a0, rax
    xor $a0.32, 0x3f
; 100004 ctz a2,a1
    mov eax, 0x40
    bsf $a2, $a1
    cmove $a2, rax
; 100008 cpop a3,a1
    mov rax, $a1
    mov qword ptr state[scratch], popcnt i64 of i64, 0x0
    call Helper IntOp
    mov $a3, rax
; 10000c clmul a4,a1,a2
    mov rax, $a1
    mov rcx, $a2
    mov qword ptr state[scratch], clmullo i64 of i64, 0x0
    call Helper IntOp
    mov $a4, rax
; 100010 ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
