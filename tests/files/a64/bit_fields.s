# Bit fields, and those that are shifts or extensions.
--- guest
    ubfx x0, x1, #5, #7
    sxtw x2, w3
    lsl w4, w5, #3
    bfi x6, x7, #8, #16
    sbfiz x8, x9, #4, #12
    extr x10, x11, x12, #20
    svc #0
--- code
100000 20 2c 45 d3  ubfm x0, x1, #5, #11
100004 62 7c 40 93  sbfm x2, x3, #0, #31
100008 a4 70 1d 53  ubfm w4, w5, #29, #28
10000c e6 3c 78 b3  bfm x6, x7, #56, #15
100010 28 2d 7c 93  sbfm x8, x9, #60, #11
100014 6a 51 cc 93  extr x10, x11, x12, #20
100018 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = get i64 $x1
  %2 = const i64 0x7f
  %3 = const i64 0x5
  %4 = lshr i64 %1, %3
  %5 = and i64 %4, %2
  set $x0, %5
insn 0x100004, len=4
  %8 = get i64 $x3
  %9 = trunc i32 %8
  %10 = sext i64 %9
  set $x2, %10
insn 0x100008, len=4
  %13 = get i32 $x5
  %14 = const i32 0x3
  %15 = shl i32 %13, %14
  %17 = zext i64 %15
  set $x4, %17
insn 0x10000c, len=4
  %20 = get i64 $x7
  %21 = const i64 0x8
  %22 = shl i64 %20, %21
  %23 = const i64 0xffff00
  %24 = and i64 %22, %23
  %25 = const i64 0xffffffffff0000ff
  %26 = get i64 $x6
  %27 = and i64 %26, %25
  %28 = or i64 %27, %24
  set $x6, %28
insn 0x100010, len=4
  %31 = get i64 $x9
  %32 = const i64 0x34
  %33 = shl i64 %31, %32
  %34 = const i64 0x4
  %35 = ashr i64 %33, %32
  %36 = shl i64 %35, %34
  set $x8, %36
insn 0x100014, len=4
  %39 = get i64 $x11
  %40 = get i64 $x12
  %41 = const i64 0x2c
  %42 = shl i64 %39, %41
  %43 = const i64 0x14
  %44 = lshr i64 %40, %43
  %45 = or i64 %44, %42
  set $x10, %45
insn 0x100018, len=4
  exit 0x10001c, syscall
--- host
; 100000 ubfm x0, x1, #5, #11
entry:
    mov $x0, $x1
    shr $x0, 5
    and $x0.32, 0x7f
; 100004 sbfm x2, x3, #0, #31
    movsxd $x2, $x3.32
; 100008 ubfm w4, w5, #29, #28
    mov rax, qword ptr state[$x5]
    lea $x4.32, [rax*8]
; 10000c bfm x6, x7, #56, #15
    mov rax, qword ptr state[$x7]
    shl rax, 8
    and eax, 0xffff00
    mov rcx, qword ptr state[$x6]
    and rcx, 0xffffffffff0000ff
    or rcx, rax
    mov qword ptr state[$x6], rcx
; 100010 sbfm x8, x9, #60, #11
    mov rax, qword ptr state[$x9]
    shl rax, 0x34
    sar rax, 0x34
    shl rax, 4
    mov qword ptr state[$x8], rax
; 100014 extr x10, x11, x12, #20
    mov rax, qword ptr state[$x11]
    shl rax, 0x2c
    mov rcx, qword ptr state[$x12]
    shr rcx, 0x14
    or rcx, rax
    mov qword ptr state[$x10], rcx
; 100018 svc #0x0
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x10001c                        ; guest address 10001c
    jmp ExitReason
