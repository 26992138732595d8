# FENCE.I leaves, so that changed code is looked at.
--- guest
    sw a0, 0(a1)
    fence.i
    addi a0, a0, 1
--- code
100000 88 c1        c.sw a0,0(a1)
100002 0f 10 00 00  fence.i
100006 05 05        c.addi a0,1
--- ir
insn 0x100000, len=2
  %1 = get i64 $a0
  %2 = get i64 $a1
  store %2, %1, mem=i32
insn 0x100002, len=4
  exit 0x100006, code-sync
--- host
; 100000 c.sw a0,0(a1)
entry:
    mov dword ptr [$a1], $a0.32
; 100002 fence.i
    mov eax, 8
    xor ecx, ecx
    mov edx, 0x100006                        ; guest address 100006
    jmp ExitReason
