# Flags that the next instruction overwrites are not computed.
--- guest
    adds x0, x0, x1
    ands x2, x0, #0xff
    adcs x3, x3, x4
    svc #0
--- code
100000 00 00 01 ab  adds x0, x0, x1
100004 02 1c 40 f2  ands x2, x0, #0xff
100008 63 00 04 ba  adcs x3, x3, x4
10000c 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = get i64 $x1
  %2 = get i64 $x0
  %3 = add i64 %2, %1
  set $x0, %3
insn 0x100004, len=4
  %9 = const i64 0xff
  %11 = and i64 %3, %9
  set $x2, %11
insn 0x100008, len=4
  %16 = get i64 $x3
  %17 = get i64 $x4
  %19 = const i1 0x0
  %21 = add i64 %16, %17
  %23 = flags.add flags %16, %17, %19
  set $nzcv, %23
  set $x3, %21
insn 0x10000c, len=4
  exit 0x100010, syscall
