# One instruction of each cryptographic kind.
--- guest
    aese v0.16b, v1.16b
    aesmc v0.16b, v0.16b
    sha256h q2, q3, v4.4s
    pmull v5.1q, v6.1d, v7.1d
    eor3 v8.16b, v9.16b, v10.16b, v11.16b
    svc #0
--- code
100000 20 48 28 4e  aese v0.16b, v1.16b
100004 00 68 28 4e  aesmc v0.16b, v0.16b
100008 62 40 04 5e  sha256h q2, q3, v4.4s
10000c c5 e0 e7 0e  pmull v5.1q, v6.1d, v7.1d
100010 28 2d 0a ce  eor3 v8.16b, v9.16b, v10.16b, v11.16b
100014 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = get v128 $v1
  %2 = get v128 $v0
  %3 = vaese v128 %2, %1
insn 0x100004, len=4
  %7 = vaesmc v128 %3
  set $v0, %7
insn 0x100008, len=4
  %10 = get v128 $v4
  %11 = get v128 $v3
  %12 = get v128 $v2
  %13 = vsha256h v128 %12, %11, %10
  set $v2, %13
insn 0x10000c, len=4
  %16 = get v128 $v7
  %17 = get v128 $v6
  %18 = vclmulwide v128 %17, %16, mem=i64
  set $v5, %18
insn 0x100010, len=4
  %21 = get v128 $v11
  %22 = get v128 $v10
  %23 = get v128 $v9
  %24 = xor v128 %23, %22
  %25 = xor v128 %24, %21
  set $v8, %25
insn 0x100014, len=4
  exit 0x100018, syscall
