#!/usr/bin/env python3
"""`vm boot` with a kernel that tests the machine it runs on (kernel.c), on each tier, with one hart and two; and what it refuses.

run.py [VM]      prints a line a check; exit status 1 if one failed
"""
import os
import pty
import signal
import subprocess
import termios
import time

from common import OUT, VM, boot, check, finish, kernel, refused

image = kernel("kernel")
machine = ("--arch", "riscv64", "-m", "64M")
expected = None
for tier in ("interp", "1", "auto"):
    for harts in (1, 2):
        status, out, err = boot(*machine, "--tier", tier, "--smp", harts, "--kernel", image)
        lines = out.splitlines()
        bad = [line for line in lines if line.startswith("FAIL")]
        expected = expected or out
        check(f"the kernel of the test, tier {tier}, {harts} harts: {sum(line.startswith('ok') for line in lines)} checks",
              status == 0 and not bad and out == expected and lines[-1:] == ["passed"], f"status {status}: {bad or out[-200:]} {err}")
for source, what in (("counters", "counters and SBI's PMU"), ("sbi", "SBI's suspends and consoles")):
    own, expected = kernel(source, source=f"{source}.c"), None
    for tier in ("interp", "1", "auto"):
        status, out, err = boot(*machine, "--tier", tier, "--kernel", own, typed="abcdef")
        bad = [line for line in out.splitlines() if line.startswith("FAIL")]
        expected = expected or out
        check(f"{what}, tier {tier}: {out.count('ok   ')} checks", status == 0 and not bad and out == expected and out.endswith("passed\n"),
              f"status {status}: {bad or out[-300:]} {err}")
status, out, err = boot(*machine, "--kernel", kernel("fails", "-DFAILS"))
check("a kernel that fails says so by the exit status", status == 3, f"({status})")
text = OUT / "no-kernel"
text.write_text("this is no kernel\n" * 10)
disk = OUT / "disk"
disk.write_bytes(bytes(4096))
small = OUT / "empty"
small.write_bytes(b"")
def header(name, at, value):
    """The kernel with another number in its header."""
    data = bytearray(image.read_bytes())
    data[at:at + 8] = value.to_bytes(8, "little")
    (OUT / name).write_bytes(data)
    return OUT / name


TEXT_OFFSET, IMAGE_SIZE = 8, 16
huge = OUT / "huge"
with open(huge, "wb") as f:
    f.truncate(1 << 36)
for what, args, status, words in (
        ("a kernel that says it is huge", ("--kernel", header("says-huge", IMAGE_SIZE, (1 << 64) - 1)), 125, "the kernel takes"),
        ("a kernel that wants to be far away", ("--kernel", header("far", TEXT_OFFSET, (1 << 64) - 4096)), 125, "bytes of memory before it"),
        ("a kernel larger than memory", ("--kernel", huge), 125, "do not fit"),
        ("a RAM disk larger than memory", ("--kernel", image, "--initrd", huge), 125, "do not fit"),
        ("no file", ("--kernel", "/nonexistent"), 127, "/nonexistent"),
        ("no kernel", ("--kernel", text), 125, "no RISC-V kernel"),
        ("an empty file", ("--kernel", small), 125, "no RISC-V kernel"),
        ("too little memory", ("--kernel", image, "-m", "4M"), 125, "memory"),
        ("memory of no size", ("--kernel", image, "-m", "much"), 125, "'much' is not a size"),
        ("no processors", ("--kernel", image, "--smp", "0"), 125, "1 to 64 processors"),
        ("too many processors", ("--kernel", image, "--smp", "65"), 125, "1 to 64 processors"),
        ("a disk without format", ("--kernel", image, "--disk", "disk.img"), 125, "not guessed"),
        ("a disk of an unknown format", ("--kernel", image, "--disk", f"{text},format=vdi"), 125, "vdi"),
        ("no such disk", ("--kernel", image, "--disk", "/nonexistent,format=raw"), 127, "/nonexistent"),
        ("a qcow2 disk that is none", ("--kernel", image, "--disk", f"{text},format=qcow2"), 125, "no-kernel"),
        ("too many disks", ("--kernel", image, *["--disk", f"{disk},format=raw,readonly,bus=mmio"] * 8), 125, "no place for disk 7"),
        ("more disks than PCI has functions", ("--kernel", image, *["--disk", f"{disk},format=raw,readonly,bus=pci"] * 249), 125, "no place for disk 248"),
        ("a disk of no queues", ("--kernel", image, "--disk", f"{disk},format=raw,queues=0"), 125, "1 to 64 queues"),
        ("a disk of too many queues", ("--kernel", image, "--disk", f"{disk},format=raw,queues=65"), 125, "1 to 64 queues"),
        ("a disk of queues that are no number", ("--kernel", image, "--disk", f"{disk},format=raw,queues=2x"), 125, "1 to 64 queues"),
        ("a disk on an unknown bus", ("--kernel", image, "--disk", f"{disk},format=raw,bus=isa"), 125, "isa: mmio or pci"),
        ("too much memory", ("--kernel", image, "-m", "1T"), 125, "256 GiB"),
        ("no NUMA policy", ("--kernel", image, "--numa", "local"), 125, "bind=NODES, interleave=NODES, preferred=NODE"),
        ("NUMA nodes that are none", ("--kernel", image, "--numa", "bind=0-"), 125, "'0-' are no NUMA nodes"),
        ("two preferred NUMA nodes", ("--kernel", image, "--numa", "preferred=0-1"), 125, "one NUMA node"),
        ("a NUMA node that is not there", ("--kernel", image, "--numa", "interleave=0,1023"), 125, "NUMA node"),
        ("an unknown CPU", ("--kernel", image, "--cpu", "fast"), 125, "fast"),
        ("no kernel named", (), 125, "--kernel"),
        ("an unknown option", ("--kernel", image, "--fast"), 125, "--fast")):
    refused(what, args, status, words)
huge.unlink()
r = boot("--arch", "pdp11", "--kernel", image)
check("refused: an unknown architecture", r[0] == 125 and "pdp11" in r[2], f"{r}")
waits = kernel("waits", "-DWAITS")
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    p = subprocess.Popen([VM, "boot", "--arch", "riscv64", "-m", "64M", "--kernel", waits], stdin=theirs, stdout=theirs, stderr=theirs)
    seen = b""
    while b"machine test" not in seen:
        seen += os.read(ours, 100)
    while termios.tcgetattr(theirs)[3] & termios.ICANON:
        time.sleep(0.01)
    p.send_signal(number)
    check(f"{number.name} ends it, and the terminal is as before", p.wait(20) == -number and termios.tcgetattr(theirs) == before, f"{p.returncode}")
    os.close(ours)
    os.close(theirs)
finish("machine", VM)
