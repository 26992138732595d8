# Branches on a register or one bit of it.
--- guest
    tbz x0, #63, 1f
    tbnz w1, #3, 1f
    cbz w2, 1f
    svc #0
1:  svc #0
--- code
100000 80 00 f8 b6  tbz x0, #63, 0x100010
100004 61 00 18 37  tbnz w1, #3, 0x100010
100008 42 00 00 34  cbz w2, 0x100010
10000c 01 00 00 d4  svc #0x0
100010 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = const i64 0x8000000000000000
  %2 = get i64 $x0
  %3 = and i64 %2, %1
  %4 = const i64 0x0
  %5 = icmp i1 %3, %4, eq
  exit_if %5, 0x100010
insn 0x100004, len=4
  %8 = const i32 0x8
  %9 = get i32 $x1
  %10 = and i32 %9, %8
  %11 = const i32 0x0
  %12 = icmp i1 %10, %11, ne
  exit_if %12, 0x100010
insn 0x100008, len=4
  %15 = get i32 $x2
  %16 = icmp i1 %15, %11, eq
  exit_if %16, 0x100010
insn 0x10000c, len=4
  exit 0x100010, syscall
--- host
; 100000 tbz x0, #63, 0x100010
entry:
    nop
    bt $x0, 0x3f
    jae L1                                   ; links to 100010
; 100004 tbnz w1, #3, 0x100010
    nop
    test $x1.8, 8
    jne L2                                   ; links to 100010
; 100008 cbz w2, 0x100010
    nop dword ptr [rax]
    test $x2.32, $x2.32
    je L3                                    ; links to 100010
; 10000c svc #0x0
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100010                        ; guest address 100010
    jmp ExitReason
L1:
    call ExitLink
L2:
    call ExitLink
L3:
    call ExitLink
