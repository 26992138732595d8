#!/usr/bin/env python3
"""`vm boot --firmware none`: bare ELF programs in M-mode, HTIF, signatures; the same program under QEMU.

bare.py [VM]     prints a line a check; exit status 1 if one failed
"""
import shutil
import subprocess

from common import OUT, VM, boot, build, check, finish, kernel, refused

SOURCES = ("bare_start.S", "bare.c")
BASE = ("--arch", "riscv64", "-m", "32M", "--firmware", "none")


def bare(name, *flags):
    return build(name, *SOURCES, flags=("-fno-builtin", *flags), script="bare.ld")


def run(program, *args):
    return boot(*BASE, "--kernel", program, *args)


def passes(what, result, least=50):
    status, out, err = result
    lines = out.splitlines()
    bad = [line for line in lines if line.startswith("FAIL")]
    good = sum(line.startswith("ok ") for line in lines)
    check(f"{what}: {good} checks", status == 0 and good >= least and not bad and lines[-1:] == ["passed"], f"status {status}: {bad or out[-300:]} {err}")
    return out


def on_every_tier():
    one, two = bare("bare"), bare("bare2", "-DHARTS")
    for tier in ("interp", "1", "auto"):
        passes(f"a bare program, tier {tier}", run(one, "--tier", tier))
        passes(f"a bare program, tier {tier}, 2 harts", run(two, "--tier", tier, "--smp", 2))
    passes("a bare program, harts that it does not use", run(one, "--smp", 4))


def against_qemu():
    for name, flags, harts in (("bare-uart", ("-DUART",), 1), ("bare2-uart", ("-DUART", "-DHARTS"), 2)):
        program = bare(name, *flags)
        ours = passes(f"by the UART, {harts} harts", run(program, "--smp", harts), 45)
        qemu = shutil.which("qemu-system-riscv64")
        if qemu is None:
            continue
        try:
            r = subprocess.run([qemu, "-machine", "virt", "-m", "32M", "-smp", str(harts), "-nographic", "-monitor", "none", "-bios", "none",
                                "-kernel", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:  # harts that wait for each other take their time on a host in use
            print(f"     QEMU with {harts} harts did not end in time: not compared")
            continue
        differ = [f"{a} | {b}" for a, b in zip(ours.splitlines(), r.stdout.splitlines()) if a != b]
        check(f"QEMU prints the same, {harts} harts", r.stdout == ours, f"status {r.returncode}: {differ or r.stdout[-300:]}")


def statuses():
    check("the exit code", run(bare("bare-fails", "-DFAILS"))[0] == 21)
    status, _, err = run(bare("bare-asks", "-DASKS"))
    check("a request that is not there", status == 125 and "HTIF device 2 for command 0" in err and err.count("\n") == 1, f"{status} {err}")


def elsewhere(program):
    moved = OUT / "bare-low.elf"
    subprocess.run(["riscv64-linux-gnu-objcopy", "--change-addresses", "-0x70000000", program, moved], check=True)
    return moved


def signatures():
    program, file = bare("bare"), OUT / "signature"
    lines = ["0f0e0d0c0b0a09080706050403020100", "ffffffffffffffff0000000000000000", "0" * 32]
    run(program, "--signature", file)
    check("a signature", file.read_text().splitlines() == lines, file.read_text())
    run(program, "--signature", file, "--signature-granularity", 4)
    check("of 4 bytes a line", file.read_text().split()[:4] == ["03020100", "07060504", "0b0a0908", "0f0e0d0c"], file.read_text())
    file.unlink()
    refused("a signature of a program that has none", (*BASE[2:], "--kernel", kernel("kernel").with_suffix(".elf"), "--signature", file), 125, "begin_signature")
    refused("lines of an unknown length", (*BASE[2:], "--kernel", program, "--signature", file, "--signature-granularity", 3), 125, "not 3")
    refused("lines of no signature", (*BASE[2:], "--kernel", program, "--signature-granularity", 4), 125, "--signature")
    refused("a signature into no directory", (*BASE[2:], "--kernel", program, "--signature", "/nonexistent/s"), 127, "/nonexistent")
    refused("a program that lies outside memory", (*BASE[2:], "--kernel", elsewhere(program)), 125, "but memory is")


on_every_tier()
against_qemu()
statuses()
signatures()
finish("machine-bare", VM)
