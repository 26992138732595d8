#!/usr/bin/env python3
"""gdb against `vm boot --gdb` and `vm run --gdb`: Debian's gdb-multiarch in batch mode, a guest of our own each time.

run.py [VM]      prints a line a check; exit status 1 if one failed
"""
import re
import subprocess

import common
from common import HERE, OUT, ROOT, Guest, check, session

MACHINE = ROOT / "tests/machine"
KERNEL_FLAGS = ("-g -Og -Wall -Werror -march=rv64gc -mabi=lp64 -mcmodel=medany -ffreestanding -nostdlib -static -fno-pic -no-pie "
                "-fno-stack-protector -Wl,--build-id=none").split()
GUESTS = {"riscv64": "riscv64-linux-gnu-gcc", "arm64": "aarch64-linux-gnu-gcc"}


def kernel():
    elf = OUT / "kernel.elf"
    start = MACHINE / "start.S"
    subprocess.run(["riscv64-linux-gnu-gcc", *KERNEL_FLAGS, "-T", MACHINE / "link.ld", "-o", elf, start, HERE / "kernel.c"], check=True)
    subprocess.run(["riscv64-linux-gnu-objcopy", "-O", "binary", elf, OUT / "kernel.bin"], check=True)
    return elf


def program(guest):
    elf = OUT / f"program.{guest}"
    subprocess.run([GUESTS[guest], "-g", "-Og", "-static", "-pthread", "-o", elf, HERE / "program.c"], check=True)
    return elf


def machine(elf):
    boot = ("boot", "--arch", "riscv64", "-m", "64M", "--smp", "2", "--kernel", OUT / "kernel.bin")
    g = Guest(*boot)
    session("machine: break, backtrace, finish, registers, CSRs", g.where, [
        "info threads", "print/x $pc", "break inner", "continue", "backtrace", "print n", "info threads", "finish", "print counts[0]",
        "print/x $satp >> 60", "print/x $scause", "print $priv", "info registers fa0 fcsr", "print ratio", "set var answer = 7",
        "print answer", "p/x $sscratch = 0x1234", "p/x $sscratch", "monitor info harts", "kill"],
        [r"Thread 1 .*hart 0", r"Thread 2 .*hart 1, not started", r"= 0x80200000", r"Breakpoint 1, inner", r"#0 +inner",
         r"#1 .*outer", r"#2 .*main", r"= 1", r"hart 0, S-mode", r"Value returned", r"= 1", r"= 0x8", r"= 0x0", r"= 1",
         r"fa0", r"fcsr", r"= 0\.5", r"= 7", r"= 0x1234", r"= 0x1234", r"hart 0, S-mode, pc 0x"], elf)
    check("machine: kill ends it", g.end()[0] == 0)

    g = Guest(*boot)
    session("machine: watchpoints", g.where, [
        "hbreak outer", "continue", "watch watched", "continue", "print watched", "continue", "print watched", "delete", "rwatch counts[1]",
        "awatch go_on", "continue", "delete", "break inner", "continue", "detach"],
        [r"Hardware assisted breakpoint 1", r"Breakpoint 1, outer", r"Hardware watchpoint 2: watched", r"Old value = 0", r"New value = 2",
         r"= 2", r"Breakpoint 1, outer|Old value = 2", r"Hardware read watchpoint 3", r"Hardware access \(read/write\) watchpoint 4",
         r"watchpoint 4: go_on.*\n+Value = 1", r"Breakpoint 5, inner", r"detached"], elf)
    g.process.kill()
    g.end()

    g = Guest(*boot)
    session("machine: two harts, one stepped while the other stands", g.where, [
        "break hart1_work", "continue", "print n", "set scheduler-locking on", "print counts[0]", "stepi", "stepi", "next", "print counts[0]",
        "thread 1", "stepi", "info threads", "set scheduler-locking off", "continue", "print n", "delete", "break outer if n == 5", "continue",
        "print n", "set var go_on = 0", "delete", "continue"],
        [r"Thread 2 hit Breakpoint 1, hart1_work", r"= 1", r"= (\d+)", r"\[Switching to thread 1", r"\* 1 ", r"hit Breakpoint 1, hart1_work",
         r"= [23]", r"hit Breakpoint 2, outer \(n=.*5\)", r"= 5", r"exited normally"], elf)
    check("machine: runs to its end when it is let go", g.end()[0] == 0)

    g = Guest(*boot)
    text = session("machine: monitor", g.where, [
        "break outer", "continue", "monitor help", "monitor info mem", "monitor info devices", "monitor info registers",
        "monitor translate 0xffffffc000200000", "monitor phys on", "x/wx 0x80200000", "monitor phys off", "x/wx 0xffffffc000200000",
        "x/wx 0x1000000000", "monitor interrupts on", "monitor interrupts off", "monitor nonsense", "monitor reset", "maintenance flush register-cache", "continue",
        "print counts[0]", "monitor quit"],
        [r"Breakpoint 1, outer", r"info harts: ", r"ffffffc000000000 0+80000000 +40000000 rw---ad", r"UART", r"RAM", r"mhartid", r"0x80200000",
         r"physical", r"0x80200000.*:\s0x[0-9a-f]{8}", r"virtual", r"0xffffffc000200000:\s0x[0-9a-f]{8}", r"Cannot access memory",
         r"take interrupts", r"wait", r"no command 'nonsense'", r"begins anew", r"Breakpoint 1, outer", r"= 0"], elf)
    words = re.findall(r"^0x(?:ffffffc000200000|80200000 <_start>):\s+(0x[0-9a-f]+)$", text, re.M)
    check("machine: virtual and physical memory are the same", len(words) == 2 and words[0] == words[1], str(words))
    check("machine: monitor quit ends it", g.end()[0] == 0)

    path = OUT / "socket"
    g = Guest(*boot, address=f"unix:{path},nowait")
    session("machine: a Unix socket, nowait, and twice", g.where, ["print counts[0] > 0", "detach"], [r"= 1", r"detached"], elf)
    session("machine: again", g.where, ["stepi", "set var go_on = 0", "continue"], [r"exited normally"], elf)
    check("machine: it had run meanwhile, and ends", g.end()[0] == 0)


def programs(guest, elf):
    registers = "info registers fa0 fcsr" if guest == "riscv64" else "info registers d0 fpcr"
    at_start = ["info inferiors", "tbreak main", "continue"]
    g = Guest("run", elf)
    session(f"{guest}: threads, break, step, finish, signals, exit status", g.where, [
        *at_start, "break outer", "continue", "info threads", "backtrace", "print x", registers, "step", "step", "finish", "watch watched", "continue",
        "continue", "delete", "handle SIGUSR1 stop print", "continue", "continue"],
        [r"Temporary breakpoint 1, .*main", r"Breakpoint 2, outer \(n=.*1", r"4 .*program", r"#0 +outer", r"#1 .*main", r"= 1\.5", r"fa0|d0",
         r"inner \(n=", r"Value returned .* = 1", r"Old value = 0", r"New value = 2", r"Old value = 2|Breakpoint 2, outer",
         r"SIGUSR1, User defined", r"exited with code 07"], elf)
    status, out = g.end()
    check(f"{guest}: what the program printed and its status", status == 7 and "caught 10, turns 6" in out, f"{status} {out}")

    g = Guest("run", elf)
    session(f"{guest}: a breakpoint in several threads, memory, a call, signal 0", g.where, [
        "break worker_at_work", "continue", "print n", "continue", "print n", "print inner(5)", "set var turns = 100", "print turns",
        "delete", "catch signal SIGUSR1", "continue", "signal 0"],
        [r"hit Breakpoint 1, worker_at_work", r"= [12]", r"hit Breakpoint 1, worker_at_work", r"= [12]", r"= \d+", r"= 100",
         r"SIGUSR1", r"exited with code 07"], elf)
    status, out = g.end()
    check(f"{guest}: the signal did not arrive", status == 7 and "caught 0, turns 106" in out, f"{status} {out}")

    g = Guest("run", elf, "crash")
    session(f"{guest}: a fault", g.where, ["continue", "backtrace", "continue"],
            [r"SIGSEGV, Segmentation fault", r"main", r"terminated with signal SIGSEGV"], elf)
    check(f"{guest}: dies of it", g.end()[0] == -11)

    g = Guest("run", elf, "spin")
    script = OUT / "interrupt.gdb"
    # gdb's own interrupt (0x03) while the guest runs, and a signal sent with a continue.
    script.write_text(f"""
target remote {g.where}
python
import gdb, threading, time
def later():
    time.sleep(1)
    gdb.post_event(lambda: gdb.execute("interrupt"))
threading.Thread(target=later).start()
end
continue
backtrace
set var go_on = 0
signal SIGUSR1
""")
    session(f"{guest}: interrupted while it runs, a signal from gdb", None, [f"source {script}"],
            [r"SIGINT", r"spin", r"exited with code 05"], elf)
    status, out = g.end()
    check(f"{guest}: it got the signal", status == 5 and "spun 10" in out, f"{status} {out}")

    g = Guest("run", elf, "abort")
    session(f"{guest}: files of the program", g.where, ["info sharedlibrary", "monitor info maps", "info auxv", "kill"],
            [r"\[stack\]", r"AT_ENTRY|Entry point"], elf)
    check(f"{guest}: kill", g.end()[0] == -9)


def refusals():
    for what, args, words in (
            ("no port", ("--gdb", "localhost"), "HOST:PORT"),
            ("no number", ("--gdb", "localhost:http"), "HOST:PORT"),
            ("no address", ("--gdb", "nowhere.invalid:1"), "is no address"),
            ("an address of somebody else", ("--gdb", "192.0.2.1:1"), "cannot listen"),
            ("no directory", ("--gdb", "unix:/nonexistent/socket"), "cannot listen"),
            ("regions", ("--gdb", "localhost:0", "--tier", "2"), "--tier 2")):
        r = subprocess.run([common.VM, "run", *args, OUT / "program.riscv64"], capture_output=True, text=True)
        check(f"refused: {what}", r.returncode in (125, 127) and words in r.stderr and r.stderr.count("\n") == 1, f"{r}")


machine(kernel())
for name in GUESTS:
    programs(name, program(name))
refusals()
common.finish("gdb", common.VM)
