#!/usr/bin/env python3
"""gdb against Debian's riscv64 kernel: from its first instruction, in its trap handler, while several harts run. It has no symbols, so addresses
come from its CSRs.

debian.py [VM]      prints a line a check; exit status 1 if one failed
"""
import sys

import common
from common import ROOT, Guest, check, session

sys.path.insert(0, str(ROOT / "tools"))
import machine  # noqa: E402

GUEST = machine.artefacts("riscv64")


def boot(words, harts, **more):
    command = machine.vm_command(common.VM, GUEST, words, harts=harts)
    return Guest(*command[1:], **more)


g = boot('vmrun="nproc"', 2)
session("Debian's kernel: from its first instruction to paging and a trap", g.where, [
    "print $priv", "print/x $satp", "stepi 20", "info threads", "stepi", "detach"],
    [r"= 1", r"= 0x0", r"0x[0-9a-f]+ in \?\?", r"hart 0, S-mode", r"hart 1, not started", r"detached"])
status, out = g.end(120)
check("Debian's kernel: boots and ends when it is let go", status == 0 and "VM-READY" in out, f"{status} {out[-500:]}")

g = boot('vmrun="while :; do :; done"', 2, address="127.0.0.1:0,nowait")
for _ in range(240):
    if "VM-READY" in g.printed():
        break
    common.time.sleep(0.5)
session("Debian's kernel: in its trap handler", g.where, [
    "info threads", "print/x $satp >> 60", "print/x $stvec", "hbreak *($stvec & ~3)", "continue", "print/x $pc == ($stvec & ~3)",
    "print/x $scause", "print/x $sepc", "stepi", "stepi", "x/2i $pc", "thread 2", "print/x $satp >> 60", "info registers sp scause",
    "monitor info mem", "monitor info harts", "delete", "detach"],
    [r"hart 0", r"hart 1", r"= 0x[89a]", r"= 0xffffffff", r"Hardware assisted breakpoint 1", r"Breakpoint 1, 0xffffffff", r"= 0x1", r"= 0x",
     r"= 0x", r"=> 0xffffffff", r"Switching to thread 2", r"= 0x[89a]", r"scause", r"ffffffff8", r"hart 1, [SU]-mode", r"detached"])
session("Debian's kernel: again, and killed", g.where, ["stepi", "kill"], [r"in \?\?"])
check("Debian's kernel: kill ends it", g.end()[0] == 0)
common.finish()
