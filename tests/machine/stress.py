#!/usr/bin/env python3
"""Debian's stress-ng with --verify on Debian's kernel in a machine of four harts: each of its classes by itself, then all together.

stress.py [MINUTES [VM]]      (default 2; `./dev machine stress long`: 10)
stress.py --disk FILE …       a raw root disk with stress-ng that begins as guests/machine/init says (default: one is made)
Prints a line a class; exit status 1 if one failed, or the kernel complained.
"""
import argparse
import pathlib
import re
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from checks import check, finish  # noqa: E402
import machine  # noqa: E402

HARTS = 4
CLASSES = ("cpu", "vm", "fork", "switch", "futex", "mmap", "signal", "sigq", "sigsegv")
BYTES = "--vm-bytes 32M --mmap-bytes 32M"
COMPLAINTS = "BUG:|Oops|WARNING:|rcu.*stall|soft lockup|hung_task|Call Trace|EXT4-fs error"


def words(seconds):
    """What the kernel's command line says: at most 1024 bytes."""
    one = f"for s in {' '.join(CLASSES)}; do echo BEGIN $s; stress-ng --$s {HARTS} {BYTES} -t {seconds} --verify; echo END $s $?; done"
    together = f"echo BEGIN together; stress-ng {' '.join(f'--{s} 1' for s in CLASSES)} {BYTES} -t {seconds} --verify; echo END together $?"
    return f'root=/dev/vda vmload=virtio_mmio,virtio_blk,ext4 vmrun="cd /tmp; {one}; {together}; dmesg | grep -v \'command line\' | grep -E \'{COMPLAINTS}\'; echo LOOKED"'


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("minutes", nargs="?", type=float, default=2)
    ap.add_argument("vm", nargs="?", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--disk")
    a = ap.parse_args()
    seconds = max(2, round(a.minutes * 60 / (len(CLASSES) + 1)))
    given = a.disk or machine.artefacts("riscv64", "--disk", "stress-ng")
    with tempfile.TemporaryDirectory() as d:
        disk = shutil.copy(given, pathlib.Path(d) / "root.ext4")
        command = machine.vm_command(a.vm, machine.artefacts("riscv64"), words(seconds), HARTS, "1G", disks=[(disk, "raw")])
        with machine.Console(command) as console:
            try:
                for name in (*CLASSES, "together"):
                    console.until(rf"BEGIN {name}\r\n")
                    start = console.seen
                    status = int(console.until(rf"END {name} (\d+)\r\n", 4 * seconds + 120)[1])
                    check(f"stress-ng, {name}, {seconds} s, {HARTS} harts", status == 0, console.text[start:][-3000:])
                start = console.seen
                console.until("LOOKED")
                complaints = [line for line in console.text[start:].splitlines() if re.search(COMPLAINTS, line)]
                check("the kernel does not complain", not complaints, complaints)
                check("power off", console.ends() == 0)
            except machine.NoAnswer as e:
                check("the machine answers", False, str(e))
    finish("machine-stress", a.vm, f"{a.minutes:g} minutes")


sys.exit(main())
