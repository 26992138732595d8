# A conditional comparison and what selects on it.
--- guest
    cmp x0, #3
    ccmp x1, x2, #4, ne
    csel x3, x4, x5, le
    cset w6, hi
    svc #0
--- code
100000 1f 0c 00 f1  subs xzr, x0, #0x3
100004 24 10 42 fa  ccmp x1, x2, #0x4, ne
100008 83 d0 85 9a  csel x3, x4, x5, le
10000c e6 97 9f 1a  csinc w6, wzr, wzr, ls
100010 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = const i64 0x3
  %2 = get i64 $x0
  %4 = const i1 0x0
insn 0x100004, len=4
  %8 = get i64 $x2
  %9 = get i64 $x1
  %11 = icmp i1 %2, %1, ne
  %12 = flags.sub flags %9, %8, %4, noborrow
  %13 = const i32 0x40000000
  %14 = flags.pack flags %13
  %15 = select flags %11, %12, %14
  set $nzcv, %15
insn 0x100008, len=4
  %18 = get i64 $x5
  %19 = get i64 $x4
  %21 = flags.test i1 %15, le
  %22 = select i64 %21, %19, %18
  set $x3, %22
insn 0x10000c, len=4
  %27 = flags.test i1 %15, ls
  %28 = not i1 %27
  %30 = zext i64 %28
  set $x6, %30
insn 0x100010, len=4
  exit 0x100014, syscall
--- host
; 100004 ccmp x1, x2, #0x4, ne
entry:
    cmp $x1, $x2
    cmc
    lahf
    seto al
    mov ecx, 0x4000
    cmp $x0, 3
    cmovne ecx, eax
    mov word ptr state[$nzcv], cx
; 100008 csel x3, x4, x5, le
    mov $x3, qword ptr state[$x5]
    imul eax, ecx, 0x8001
    test eax, 0xc000
    cmovne $x3, $x4
; 10000c csinc w6, wzr, wzr, ls
    mov eax, ecx
    and eax, 0x4100
    cmp eax, 0x100
    setne dl
    movzx edx, dl
    not edx
    and edx, 1
    mov qword ptr state[$x6], rdx
; 100010 svc #0x0
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
