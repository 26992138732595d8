# What is not allocated, and what is undefined at EL0, traps at its own address.
--- guest
    add x0, x0, #1
    .inst 0x00001234
--- code
100000 00 04 00 91  add x0, x0, #0x1
100004 34 12 00 00  .4byte 0x1234
--- ir
insn 0x100000, len=4
  %1 = const i64 0x1
  %2 = get i64 $x0
  %3 = add i64 %2, %1
  set $x0, %3
insn 0x100004, len=4
  exit 0x100004, illegal
