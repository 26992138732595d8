# A comparison and the branches that use it: flags stay the host's.
--- guest
    subs x0, x0, #1
    b.eq 1f
    cmp x0, x1
    b.lo 1f
    add x2, x2, #1
    svc #0
1:  svc #0
--- code
100000 00 04 00 f1  subs x0, x0, #0x1
100004 a0 00 00 54  b.eq 0x100018
100008 1f 00 01 eb  subs xzr, x0, x1
10000c 63 00 00 54  b.cc 0x100018
100010 42 04 00 91  add x2, x2, #0x1
100014 01 00 00 d4  svc #0x0
100018 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = const i64 0x1
  %2 = get i64 $x0
  %3 = sub i64 %2, %1
  %4 = const i1 0x0
  %5 = flags.sub flags %2, %1, %4, noborrow
  set $x0, %3
  flags.defer 1, subresult, noborrow, i64, const, flags=32, a=0
insn 0x100004, len=4
  %10 = icmp i1 %2, %1, eq
  exit_if %10, 0x100018
insn 0x100008, len=4
  %13 = get i64 $x1
  %16 = flags.sub flags %3, %13, %4, noborrow
  set $nzcv, %16
insn 0x10000c, len=4
  %20 = icmp i1 %3, %13, ltu
  exit_if %20, 0x100018
insn 0x100010, len=4
  %23 = get i64 $x2
  %24 = add i64 %23, %1
  set $x2, %24
insn 0x100014, len=4
  exit 0x100018, syscall
--- host
; 100000 subs x0, x0, #0x1
entry:
    sub $x0, 1
; 100004 b.eq 0x100018
    test $x0, $x0
    je L1
; 100008 subs xzr, x0, x1
    cmp $x0, $x1
    cmc
    lahf
    seto al
    mov word ptr state[$nzcv], ax
; 10000c b.cc 0x100018
    nop dword ptr [rax]
    cmp $x0, $x1
    jb L2                                    ; links to 100018
; 100010 add x2, x2, #0x1
    add $x2, 1
; 100014 svc #0x0
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100018                        ; guest address 100018
    jmp ExitReason
L1:
    mov rax, $x0
    add rax, 1
    cmp rax, 1
    cmc
    lahf
    seto al
    mov word ptr state[$nzcv], ax
    nop dword ptr [rax]
    jmp L3                                   ; links to 100018
L2:
    call ExitLink
L3:
    call ExitLink
