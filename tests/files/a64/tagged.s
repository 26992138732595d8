# A block of programs that use the top byte of addresses.
mode: 16
--- guest
    ldr x0, [x1, #8]
    str w2, [x3, x4]
    svc #0
--- code
100000 20 04 40 f9  ldr x0, [x1, #8]
100004 62 68 24 b8  str w2, [x3, x4]
100008 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = get i64 $x1
  %2 = const i64 0x8
  %3 = add i64 %1, %2
  %4 = const i64 0xffffffffffffff
  %5 = and i64 %3, %4
  %6 = load i64 %5, mem=i64
  set $x0, %6
insn 0x100004, len=4
  %9 = get i64 $x4
  %10 = get i64 $x3
  %11 = add i64 %10, %9
  %12 = get i32 $x2
  %14 = and i64 %11, %4
  store %14, %12, mem=i32
insn 0x100008, len=4
  exit 0x10000c, syscall
