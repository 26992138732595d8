# Integer vectors: whole registers and halves.
--- guest
    add v0.4s, v1.4s, v2.4s
    mla v3.8h, v4.8h, v5.8h
    cmhi v6.16b, v7.16b, v8.16b
    sqadd v9.2s, v10.2s, v11.2s
    uaddlv s12, v13.8h
    svc #0
--- code
100000 20 84 a2 4e  add v0.4s, v1.4s, v2.4s
100004 83 94 65 4e  mla v3.8h, v4.8h, v5.8h
100008 e6 34 28 6e  cmhi v6.16b, v7.16b, v8.16b
10000c 49 0d ab 0e  sqadd v9.2s, v10.2s, v11.2s
100010 ac 39 70 6e  uaddlv s12, v13.8h
100014 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = get v128 $v2
  %2 = get v128 $v1
  %3 = vadd v128 %2, %1, mem=i32
  set $v0, %3
insn 0x100004, len=4
  %6 = get v128 $v5
  %7 = get v128 $v4
  %8 = vmul v128 %7, %6, mem=i16
  %9 = get v128 $v3
  %10 = vadd v128 %9, %8, mem=i16
  set $v3, %10
insn 0x100008, len=4
  %13 = get v128 $v8
  %14 = get v128 $v7
  %15 = vcmpgtu v128 %14, %13, mem=i8
  set $v6, %15
insn 0x10000c, len=4
  %18 = get v128 $v10
  %19 = get v128 $v11
  %20 = vaddsats v128 %18, %19, mem=i32
  %21 = vadd v128 %18, %19, mem=i32
  %22 = xor v128 %20, %21
  %23 = vlow64 v128 %22, mem=i64
  %24 = get v128 $qc
  %25 = or v128 %24, %23
  set $qc, %25
  %27 = vlow64 v128 %20, mem=i64
  set $v9, %27
insn 0x100010, len=4
  %30 = get v128 $v13
  %31 = vwidenu v128 %30, mem=i16
  %32 = vwidenu v128 %30, mem=i16, high
  %33 = vadd v128 %31, %32, mem=i32
  %34 = vext v128 %33, %33, 0x8, mem=i8
  %35 = vadd v128 %33, %34, mem=i32
  %36 = vext v128 %35, %35, 0x4, mem=i8
  %37 = vadd v128 %35, %36, mem=i32
  %38 = vextract i32 %37, 0x0, mem=i32
  %39 = vscalar v128 %38, mem=i32
  set $v12, %39
insn 0x100014, len=4
  exit 0x100018, syscall
--- host
; 100000 add v0.4s, v1.4s, v2.4s
entry:
    vpaddd $v0, $v1, $v2
; 100004 mla v3.8h, v4.8h, v5.8h
    vpmullw xmm0, $v4, $v5
    vpaddw $v3, $v3, xmm0
; 100008 cmhi v6.16b, v7.16b, v8.16b
    vpxor xmm0, $v7, xmmword ptr state[consts+0x120]
    vpxor xmm1, $v8, xmmword ptr state[consts+0x120]
    vpcmpgtb $v6, xmm0, xmm1
; 10000c sqadd v9.2s, v10.2s, v11.2s
    vmovups xmm0, xmmword ptr state[$v10]
    vpaddd xmm1, xmm0, xmmword ptr state[$v11]
    vpxor xmm2, xmm0, xmm1
    vpxor xmm3, xmm0, xmmword ptr state[$v11]
    vpandn xmm3, xmm3, xmm2
    vpsrad xmm2, xmm1, 0x1f
    vpxor xmm2, xmm2, xmmword ptr state[consts+0x140]
    vblendvps $v9, xmm1, xmm2, xmm3
    vpaddd xmm0, xmm0, xmmword ptr state[$v11]
    vpxor xmm0, $v9, xmm0
    vmovq xmm0, xmm0
    vpor xmm0, xmm0, xmmword ptr state[$qc]
    movups xmmword ptr state[$qc], xmm0
    vmovq $v9, $v9
; 100010 uaddlv s12, v13.8h
    vmovups xmm0, xmmword ptr state[$v13]
    vpmovzxwd xmm1, xmm0
    vpunpckhwd xmm0, xmm0, xmmword ptr state[vec_consts+0x20]
    vpaddd xmm0, xmm1, xmm0
    vpalignr xmm1, xmm0, xmm0, 8
    vpaddd xmm0, xmm0, xmm1
    vpalignr xmm1, xmm0, xmm0, 4
    vpaddd xmm0, xmm0, xmm1
    vmovd eax, xmm0
    vmovd xmm0, eax
    movups xmmword ptr state[$v12], xmm0
; 100014 svc #0x0
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100018                        ; guest address 100018
    jmp ExitReason
