# lw extends: sext.w behind it is only a copy. addiw extends once.
--- guest
    lw a0, 0(a1)
    sext.w a2, a0
    addiw a3, a2, 4
    zext.w a4, a3
    ecall
--- code
100000 88 41        c.lw a0,0(a1)
100002 1b 06 05 00  addiw a2,a0,0
100006 9b 06 46 00  addiw a3,a2,4
10000a 3b 87 06 08  add.uw a4,a3,zero
10000e 73 00 00 00  ecall
--- optimized
insn 0x100000, len=2
  %1 = get i64 $a1
  %2 = load i64 %1, mem=i32, sext
  set $a0, %2
insn 0x100002, len=4
  %6 = trunc i32 %2
  set $a2, %2
insn 0x100006, len=4
  %10 = const i32 0x4
  %12 = add i32 %6, %10
  %13 = sext i64 %12
  set $a3, %13
insn 0x10000a, len=4
  %17 = zext i64 %12
  set $a4, %17
insn 0x10000e, len=4
  exit 0x100012, syscall
--- host
; 100000 c.lw a0,0(a1)
entry:
    movsxd $a0, dword ptr [$a1]
; 100002 addiw a2,a0,0
    mov $a2, $a0
; 100006 addiw a3,a2,4
    lea $a4.32, [$a2 + 4]
    movsxd $a3, $a4.32
; 10000e ecall
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100012                        ; guest address 100012
    jmp ExitReason
