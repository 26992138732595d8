# The loop of an atomic addition by exclusives.
--- guest
1:  ldaxr x1, [x0]
    add x1, x1, x2
    stlxr w3, x1, [x0]
    cbnz w3, 1b
    svc #0
--- code
100000 01 fc 5f c8  ldaxr x1, [x0]
100004 21 00 02 8b  add x1, x1, x2
100008 01 fc 03 c8  stlxr w3, x1, [x0]
10000c a3 ff ff 35  cbnz w3, 0x100000
100010 01 00 00 d4  svc #0x0
--- ir
insn 0x100000, len=4
  %1 = get i64 $x0
  %2 = const i64 0xf
  %3 = and i64 %1, %2
  %4 = const i64 0x8
  %5 = icmp i1 %3, %4, gtu
  trap_if %5, %1, misaligned
  %7 = loadres i64 %1, mem=i64, acquire
  set $x1, %7
insn 0x100004, len=4
  %10 = get i64 $x2
  %11 = get i64 $x1
  %12 = add i64 %11, %10
  set $x1, %12
insn 0x100008, len=4
  %15 = get i64 $x1
  %16 = get i64 $x0
  %17 = and i64 %16, %2
  %18 = icmp i1 %17, %4, gtu
  trap_if %18, %16, misaligned
  %20 = storecond i1 %16, %15, mem=i64, release
  %21 = const i1 0x1
  %22 = not i1 %20
  %23 = zext i64 %22
  set $x3, %23
insn 0x10000c, len=4
  %26 = const i32 0x0
  %27 = get i32 $x3
  %28 = icmp i1 %27, %26, ne
  exit_if %28, 0x100000, backedge
insn 0x100010, len=4
  exit 0x100014, syscall
