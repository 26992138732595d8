#!/usr/bin/env python3
"""Machines against QEMU's: `vm boot` and qemu-system-riscv64 with the same kernel and disks, in turn.

  boot      from the start of the program until the guest's first process says VM-READY
  kernels   bench/kernels inside the guest, by their user CPU time as the guest counts it; outputs must be equal
  process   500 forks, 200 execs; with --python, ten starts of Python from a root disk, too; by the guest's clock
  gbench    with --gbench FILE: a static program that prints lines `BENCH NAME RATE …`; a larger rate is better
  memory    what is resident beyond the guest's RAM, when the guest has booted and when all of the above has run

A ratio is taken within a round, the median over the rounds is quoted: how many times QEMU's figure is ours (of rates: ours is QEMU's), so that
more is better. Raw figures go to bench/results/riscv64-machine.jsonl.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

import run
from run import ROOT, chosen, geomean, guests, sh

sys.path.insert(0, str(ROOT / "tools"))
import machine  # noqa: E402

GUEST = guests.ALL["riscv64"]
PARTS = ("boot", "kernels", "process", "gbench", "memory")
TREE = ROOT / "build/bench/machine"
INITRD = ROOT / "build/bench/machine-initrd.cpio"
FORKS, EXECS, PYTHONS = 500, 200, 10
MEMORY = 512  # MiB
WHO = ("vm", "qemu")


def kernels(a):
    """{name: class} of those that this guest runs."""
    found = {s: re.search(r"// class: (\w+)", s.read_text())[1] for s in sorted((ROOT / "bench/kernels").glob("*.c"))}
    found = {s: kind for s, kind in found.items() if kind not in run.SPECIAL and chosen(a, s.stem)}
    run.compile_kernels(list(found), GUEST)
    return {s.stem: kind for s, kind in found.items()}


def make_initrd(directory, names, gbench):
    """The guest's RAM disk with programs behind it: the kernel unpacks one archive after the other."""
    shutil.rmtree(TREE, ignore_errors=True)
    (TREE / "bench/kernels").mkdir(parents=True)
    subprocess.run([GUEST.cc, "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", TREE / "bench/runner", ROOT / "bench/machine/runner.c"], check=True)
    for name in names:
        shutil.copy(run.OUT / f"{name}.{GUEST.name}", TREE / "bench/kernels" / name)
    if gbench:
        shutil.copy(gbench, TREE / "bench/gbench")
    files = sorted(str(p.relative_to(TREE)) for p in TREE.rglob("*"))
    with open(INITRD, "wb") as out:
        out.write((directory / "initrd.cpio").read_bytes())
        out.flush()
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], input="\n".join(files).encode() + b"\n", stdout=out, cwd=TREE, check=True)


def work(a):
    """The kernel's words for a life in which the guest works; it stays until its memory has been looked at."""
    commands, load = [], ""
    if "kernels" in a.parts:
        commands.append("/bench/runner kernels /bench/kernels/*")
    if "process" in a.parts:
        commands += [f"/bench/runner forks {FORKS}", f"/bench/runner execs {EXECS}"]
    if "process" in a.parts and a.python:
        load = "vmload=virtio_mmio,virtio_blk,ext4 "
        commands += ["mount -t ext4 /dev/vda /root", "mount -t proc proc /root/proc",
                     f"/bench/runner command python3 {PYTHONS} /bin/busybox chroot /root /usr/bin/python3 -c pass"]
    if "gbench" in a.parts and a.gbench:
        commands.append("/bench/gbench")
    return f'{load}vmrun="{" && ".join(commands)}; echo BENCH-END $?; sleep 1000"' if commands else None


def beyond_ram(pid):
    """MiB that are resident and not the guest's: everything but the one mapping that can hold its RAM. A page that is mapped twice, as those of
    generated code are, is counted once (Pss)."""
    ram = rest = size = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if m := re.match(r"Size: +(\d+) kB", line):
            size = int(m[1])
        elif m := re.match(r"Pss: +(\d+) kB", line):
            if not ram and size >= MEMORY << 10:
                ram = size
            else:
                rest += int(m[1])
    if not ram:
        sys.exit("bench: none of the process's mappings can be the guest's RAM")
    return rest / 1024


def life(command, works):
    """One machine: figures by name. `works`: it runs programs after the marker."""
    with machine.Console(command) as console:
        try:
            console.until("VM-READY", 600)
            if not works:
                time.sleep(0.5)  # the last of its start
                return {"ready": console.seconds() - 0.5, "memory": beyond_ram(console.process.pid)}
            status = int(console.until(r"BENCH-END (\d+)", 3600)[1])
        except machine.NoAnswer as e:
            sys.exit(f"bench: {' '.join(command)}: {e}")
        if status != 0:
            sys.exit(f"bench: {' '.join(command)}: the guest's programs fail: {console.text[-3000:]}")
        return {"memory": beyond_ram(console.process.pid), "lines": [m.split() for m in re.findall(r"^((?:RUN|BENCH) .*?)\r?$", console.text, re.M)]}


def one_round(a, directory, names, words):
    """{who: {part: {name: figure}}}, and what the kernels printed."""
    disks = [(a.python, "raw")] if a.python else []
    out, printed = {}, {}
    for who in WHO:
        def command(words, **more):
            if who == "vm":
                return machine.vm_command(a.vm, directory, words, a.smp, f"{MEMORY}M", more=a.vm_arg, **more)
            return machine.qemu_command(directory, words, a.smp, f"{MEMORY}M", qemu=a.qemu, **more)
        figures = out[who] = {part: {} for part in PARTS}
        if "boot" in a.parts or "memory" in a.parts:
            first = life(command('vmrun="sleep 1000"'), False)
            figures["boot"]["marker"] = first["ready"]
            figures["memory"]["booted"] = first["memory"]
        if words:
            second = life(command(words, initrd=INITRD, disks=disks), True)
            figures["memory"]["worked"] = second["memory"]
            for kind, name, *rest in second["lines"]:
                if kind == "BENCH":
                    figures["gbench"][name] = float(rest[0])
                    continue
                part = "kernels" if name in names else "process"
                figures[part][name] = int(rest[0 if part == "kernels" else 2]) / 1e6
                printed.setdefault(name, {})[who] = rest[3]
    for name, words_printed in printed.items():
        if len(set(words_printed.values())) != 1:
            sys.exit(f"bench: {name}: outputs differ: {words_printed}")
    return out


def table(part, unit, rounds, rates=False, classes=None):
    """Prints a part's figures and returns them."""
    names = [n for n in rounds[0]["vm"][part] if n in rounds[0]["qemu"][part]]
    if not names:
        return None
    print(f"\n{part + ', ' + unit:24} {'vm':>12} {'qemu':>12} {'qemu/vm' if not rates else 'vm/qemu':>8}")
    rows = {}
    for name in names:
        vm, qemu = ([r[who][part][name] for r in rounds] for who in WHO)
        ratio = statistics.median((v / q if rates else q / v) for v, q in zip(vm, qemu))
        rows[name] = {"vm": statistics.median(vm), "qemu": statistics.median(qemu), "ratio": ratio}
        print(f"{name:24} {rows[name]['vm']:12.4g} {rows[name]['qemu']:12.4g} {ratio:8.2f}", flush=True)
    means = {}
    for kind in [*sorted(set((classes or {}).values())), "all"] if len(rows) > 1 and part != "memory" else []:
        these = [row["ratio"] for name, row in rows.items() if kind == "all" or classes.get(name) == kind]
        if these:
            means[kind] = geomean(these)
            print(f"geomean {kind:16} {'':25} {means[kind]:8.2f}   ({len(these)})")
    return {"rows": rows, "geomean": means}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("names", nargs="*", metavar="NAME", help="regular expressions on kernels (default: all)")
    ap.add_argument("--part", action="append", choices=PARTS, dest="parts", help="only this part; may be given again")
    ap.add_argument("--runs", type=int, default=5, help="rounds (default 5)")
    ap.add_argument("--smp", type=int, default=1, help="harts (default 1)")
    ap.add_argument("--python", nargs="?", const="make", help="a raw root disk with python3 (default: one is made, tools/machine-guests.sh --disk)")
    ap.add_argument("--gbench", metavar="FILE", help="a static riscv64 program for the part gbench")
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--vm-arg", action="append", default=[], help="extra argument to vm boot, e.g. --vm-arg=--tier=1")
    ap.add_argument("--qemu", default="qemu-system-riscv64")
    ap.add_argument("--no-save", action="store_true", help="do not append to bench/results/")
    a = ap.parse_intermixed_args()
    a.parts = a.parts or PARTS
    directory = machine.artefacts("riscv64")
    if a.python == "make":
        a.python = str(machine.artefacts("riscv64", "--disk", "python3"))
    classes = kernels(a) if "kernels" in a.parts else {}
    make_initrd(directory, classes, a.gbench)
    words = work(a)
    disk = None
    if a.python:  # each machine begins with the same disk, and none changes what was given
        disk = ROOT / "build/bench/machine-root.ext4"
        given, a.python = a.python, str(disk)
    rounds = []
    for n in range(a.runs):
        if disk:
            shutil.copy(given, disk)
        rounds.append(one_round(a, directory, classes, words))
        print(f"round {n + 1} of {a.runs} done", file=sys.stderr, flush=True)
    version = (directory / "version").read_text().strip()
    print(f"riscv64, {a.smp} harts, {MEMORY} MiB, Linux {version}, {a.runs} rounds")
    units = {"boot": "s", "kernels": "user s", "process": "s", "gbench": "rate", "memory": "MiB beyond RAM"}
    summary = {part: t for part in PARTS if part in a.parts and (t := table(part, units[part], rounds, part == "gbench", classes))}
    if not a.no_save:
        out = ROOT / "bench/results/riscv64-machine.jsonl"
        cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
        with out.open("a") as f:
            f.write(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": sh("git", "rev-parse", "HEAD"),
                                "dirty": bool(sh("git", "status", "--porcelain", "src")),
                                "machine": {"cpu": cpu and cpu[1], "cores": os.cpu_count(), "kernel": platform.release()},
                                "qemu": sh(a.qemu, "--version").splitlines()[0], "vm_args": a.vm_arg, "harts": a.smp, "guest_kernel": version,
                                "summary": summary, "rounds": rounds}) + "\n")
        print(f"raw figures appended to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
