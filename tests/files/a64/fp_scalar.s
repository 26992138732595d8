# Scalar floating point: the rest of the register becomes zero.
--- guest
    fadd d0, d1, d2
    fmadd s3, s4, s5, s6
    fcmp d0, #0.0
    fcsel d7, d8, d9, gt
    fcvtzs w0, d7
    scvtf s10, x1
    svc #0
--- code
100000 20 28 62 1e  fadd d0, d1, d2
100004 83 18 05 1f  fmadd s3, s4, s5, s6
100008 08 20 60 1e  fcmp d0, #0.0
10000c 07 cd 69 1e  fcsel d7, d8, d9, gt
100010 e0 00 78 1e  fcvtzs w0, d7
100014 2a 00 22 9e  scvtf s10, x1
100018 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = get v128 $v2
  %2 = vextract f64 %1, 0x0, mem=f64
  %3 = get v128 $v1
  %4 = vextract f64 %3, 0x0, mem=f64
  %5 = fadd f64 %4, %2, dyn, arm
  %6 = vscalar v128 %5, mem=f64
  set $v0, %6
insn 0x100004, len=4
  %9 = get v128 $v6
  %10 = vextract f32 %9, 0x0, mem=f32
  %11 = get v128 $v5
  %12 = vextract f32 %11, 0x0, mem=f32
  %13 = get v128 $v4
  %14 = vextract f32 %13, 0x0, mem=f32
  %15 = fma f32 %14, %12, %10, dyn, arm
  %16 = vscalar v128 %15, mem=f32
  set $v3, %16
insn 0x100008, len=4
  %19 = const f64 0x0
  %22 = flags.fcmp flags %5, %19, eq, arm
  set $nzcv, %22
insn 0x10000c, len=4
  %25 = get v128 $v9
  %26 = vextract f64 %25, 0x0, mem=f64
  %27 = get v128 $v8
  %28 = vextract f64 %27, 0x0, mem=f64
  %30 = flags.test i1 %22, gt
  %31 = select f64 %30, %28, %26
  %32 = vscalar v128 %31, mem=f64
  set $v7, %32
insn 0x100010, len=4
  %37 = ftoi i32 %31, rtz, arm
  %38 = zext i64 %37
  set $x0, %38
insn 0x100014, len=4
  %41 = get i64 $x1
  %42 = itof f32 %41, dyn, arm
  %43 = vscalar v128 %42, mem=f32
  set $v10, %43
insn 0x100018, len=4
  exit 0x10001c, syscall
