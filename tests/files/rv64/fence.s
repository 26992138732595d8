# Fences: only store-to-load order costs an instruction on this host.
--- guest
    sd a0, 0(a1)
    fence rw, w
    fence r, rw
    fence rw, rw
    ecall
--- code
100000 88 e1        c.sd a0,0(a1)
100002 0f 00 10 03  fence rw,w
100006 0f 00 30 02  fence r,rw
10000a 0f 00 30 03  fence rw,rw
10000e 73 00 00 00  ecall
--- host
; 100000 c.sd a0,0(a1)
entry:
    mov qword ptr [$a1], $a0
; 10000a fence rw,rw
    lock or dword ptr state[scratch+0x18], 0
; 10000e ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100012                        ; guest address 100012
    jmp ExitReason
