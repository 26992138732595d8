# An undefined instruction ends the block with its own address.
--- guest
    addi a0, a0, 1
    .insn 4, 0x0000200b
    addi a0, a0, 1
--- code
100000 05 05        c.addi a0,1
100002 0b 20 00 00  .4byte 0x200b
100006 05 05        c.addi a0,1
--- ir
insn 0x100000, len=2
  %1 = const i64 0x1
  %2 = get i64 $a0
  %3 = add i64 %2, %1
  set $a0, %3
insn 0x100002, len=4
  exit 0x100002, illegal
--- host
; 100000 c.addi a0,1
entry:
    add $a0, 1
; 100002 .4byte 0x200b
    mov eax, 4
    xor ecx, ecx
    mov edx, 0x100002                        ; guest address 100002
    jmp ExitReason
