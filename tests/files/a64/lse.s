# Atomics of the LSE extension.
--- guest
    ldaddal x1, x2, [x0]
    swp w3, w4, [x0]
    cas x5, x6, [x0]
    stclr x7, [x0]
    svc #0
--- code
100000 02 00 e1 f8  ldaddal x1, x2, [x0]
100004 04 80 23 b8  swp w3, w4, [x0]
100008 06 7c a5 c8  cas x5, x6, [x0]
10000c 1f 10 27 f8  ldclr x7, xzr, [x0]
100010 01 00 00 d4  svc #0x0
--- optimized
insn 0x100000, len=4
  %1 = get i64 $x0
  %2 = const i64 0xf
  %3 = and i64 %1, %2
  %4 = const i64 0x8
  %5 = icmp i1 %3, %4, gtu
  trap_if %5, %1, misaligned
  %7 = get i64 $x1
  %8 = rmw i64 %1, %7, mem=i64, add, seqcst
  set $x2, %8
insn 0x100004, len=4
  %13 = const i64 0xc
  %14 = icmp i1 %3, %13, gtu
  trap_if %14, %1, misaligned
  %16 = get i32 $x3
  %17 = rmw i32 %1, %16, mem=i32, xchg
  %18 = zext i64 %17
  set $x4, %18
insn 0x100008, len=4
  trap_if %5, %1, misaligned
  %25 = get i64 $x6
  %26 = get i64 $x5
  %27 = cas i64 %1, %26, %25, mem=i64
  set $x5, %27
insn 0x10000c, len=4
  trap_if %5, %1, misaligned
  %34 = get i64 $x7
  %35 = rmw i64 %1, %34, mem=i64, andn
insn 0x100010, len=4
  exit 0x100014, syscall
--- host
; 100000 ldaddal x1, x2, [x0]
entry:
    mov eax, $x0.32
    and eax, 0xf
    cmp rax, 8
    ja L2
    mov rcx, $x1
    lock xadd qword ptr [$x0], rcx
    mov $x2, rcx
; 100004 swp w3, w4, [x0]
    cmp rax, 0xc
    ja L3
    mov rax, $x3
    xchg dword ptr [$x0], eax
    mov $x4.32, eax
    mov $x4.32, $x4.32
; 100008 cas x5, x6, [x0]
    mov rcx, qword ptr state[$x6]
    mov rax, qword ptr state[$x5]
    lock cmpxchg qword ptr [$x0], rcx
    mov qword ptr state[$x5], rax
; 10000c ldclr x7, xzr, [x0]
    mov rcx, qword ptr state[$x7]
    mov rax, qword ptr [$x0]
L1:
    mov rdx, rcx
    not rdx
    and rdx, rax
    lock cmpxchg qword ptr [$x0], rdx
    jne L1
; 100010 svc #0x0
    mov eax, 2
    xor ecx, ecx
    mov edx, 0x100014                        ; guest address 100014
    jmp ExitReason
L2:
    mov rcx, $x0
    mov eax, 7
    mov edx, 0x100000                        ; guest address 100000
    jmp ExitReason
L3:
    mov rcx, $x0
    mov eax, 7
    mov edx, 0x100004                        ; guest address 100004
    jmp ExitReason
