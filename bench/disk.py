#!/usr/bin/env python3
"""Disks of machines against QEMU's, past the guest's page cache: `vm boot` and qemu-system-riscv64 in turn. Requests a second, and what each costs the
host's CPUs, guest included; on a busy machine only the latter means something.

Who: vm and vm-pci (virtio-mmio, virtio-pci), qemu (virtio-blk-device) and, with --qemu-pci, virtio-blk-pci. A ratio is taken within a round, the median
over the rounds is quoted: how many times better than qemu vm is. Raw figures go to bench/results/riscv64-disk.jsonl.
The image lies in --directory, whose page cache serves it on both sides.
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

from run import ROOT, guests, sh

sys.path.insert(0, str(ROOT / "tools"))
import machine  # noqa: E402

GUEST = guests.ALL["riscv64"]
CASES = ("seqread:4096:1", "seqwrite:4096:1", "randread:4096:1", "randwrite:4096:1", "randread:4096:4", "randwrite:4096:4", "syncwrite:4096:1",
         "seqread:1048576:1", "seqwrite:1048576:1")
TREE = ROOT / "build/bench/disk"


def make_initrd(directory):
    shutil.rmtree(TREE, ignore_errors=True)
    (TREE / "bench").mkdir(parents=True)
    subprocess.run([GUEST.cc, "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", TREE / "bench/disk", ROOT / "bench/machine/disk.c"], check=True)
    initrd = TREE / "initrd.cpio"
    with open(initrd, "wb") as out:
        out.write((directory / "initrd.cpio").read_bytes())
        out.flush()
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], input=b"bench\nbench/disk\n", stdout=out, cwd=TREE, check=True)
    return initrd


def make_image(path, kind, mib):
    """Wholly written: what is measured is not how files grow."""
    raw = path.with_suffix(".source")
    with open(raw, "wb") as f:
        for n in range(mib):
            f.write(bytes([n % 255 + 1]) * (1 << 20))
    if kind == "raw":
        raw.rename(path)
    else:
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", kind, raw, path], check=True)
        raw.unlink()


def command(who, a, directory, image, initrd):
    words = f'vmload=virtio_mmio,virtio_blk vmrun="/bench/disk /dev/vda {a.seconds} {" ".join(a.cases)}"'
    if who.startswith("vm"):
        disk = f"{image},format={a.format}{',bus=pci' if who == 'vm-pci' else ''}{a.disk_words}"
        return machine.vm_command(a.vm, directory, words, a.smp, "512M", initrd=initrd, more=["--disk", disk])
    line = machine.qemu_command(directory, words, a.smp, "512M", initrd=initrd, disks=[(image, a.format)])
    return [word.replace("virtio-blk-device", "virtio-blk-pci") if who == "qemu-pci" else word for word in line]


def life(line, cases):
    """{case: (requests a second, microseconds of the host's CPUs for each)}"""
    found, used = {}, 0.0
    with machine.Console(line) as console:
        try:
            console.until("VM-READY")
            used = console.cpu_seconds()
            for case in cases:
                m = console.until(rf"BENCH {case} (\S+) (\d+)\r?\n")
                now = console.cpu_seconds()
                found[case] = float(m[1]), (now - used) / (float(m[1]) * int(m[2]) / 1e9) * 1e6
                used = now
            if console.ends(600) != 0 or "VM-STATUS 0" not in console.text:
                sys.exit(f"bench: {' '.join(line)}: {console.text[-2000:]}")
        except machine.NoAnswer as e:
            sys.exit(f"bench: {' '.join(line)}: {e}")
    return found


def table(a, who, rounds):
    """Prints a line a case and returns them."""
    print(f"riscv64, {a.smp} harts, {a.format}, {a.runs} rounds of {a.seconds} s a case")
    summary = {}
    for what, unit, better in ((0, "requests a second", lambda v, q: v / q), (1, "CPU us a request", lambda v, q: q / v)):
        print(f"{unit:24}" + "".join(f"{w:>10}" for w in who) + "".join(f"{w + ' better':>16}" for w in who[:2]))
        for case in a.cases:
            row = summary.setdefault(case, {})[unit] = {w: statistics.median(r[w][case][what] for r in rounds) for w in who}
            ratios = {w: statistics.median(better(r[w][case][what], r["qemu"][case][what]) for r in rounds) for w in who[:2]}
            print(f"{case:24}" + "".join(f"{row[w]:10.0f}" for w in who) + "".join(f"{ratios[w]:16.2f}" for w in who[:2]))
            row["better"] = ratios
    return summary


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("cases", nargs="*", metavar="CASE", help=f"MODE:BYTES:PROCESSES, see bench/machine/disk.c (default: {' '.join(CASES)})")
    ap.add_argument("--runs", type=int, default=5, help="rounds (default 5)")
    ap.add_argument("--seconds", type=int, default=2, help="a case (default 2)")
    ap.add_argument("--smp", type=int, default=1, help="harts (default 1)")
    ap.add_argument("--format", choices=("raw", "qcow2"), default="raw")
    ap.add_argument("--size", type=int, default=256, help="MiB of the disk (default 256)")
    ap.add_argument("--directory", default=str(ROOT / "build/bench"), help="where the image lies")
    ap.add_argument("--disk-words", default="", help="behind vm's --disk, e.g. ,queues=2")
    ap.add_argument("--qemu-pci", action="store_true")
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--no-save", action="store_true", help="do not append to bench/results/")
    a = ap.parse_args()
    a.cases = a.cases or list(CASES)
    directory = machine.artefacts("riscv64")
    initrd = make_initrd(directory)
    image = pathlib.Path(a.directory) / f"disk.{a.format}"
    make_image(image, a.format, a.size)
    who = ["vm", "vm-pci", "qemu"] + ["qemu-pci"] * a.qemu_pci
    rounds = []
    for n in range(a.runs):
        rounds.append({w: life(command(w, a, directory, image, initrd), a.cases) for w in who})
        print(f"round {n + 1} of {a.runs} done", file=sys.stderr, flush=True)
    image.unlink()
    summary = table(a, who, rounds)
    if not a.no_save:
        out = ROOT / "bench/results/riscv64-disk.jsonl"
        cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
        with out.open("a") as f:
            f.write(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": sh("git", "rev-parse", "HEAD"),
                                "dirty": bool(sh("git", "status", "--porcelain", "src")),
                                "machine": {"cpu": cpu and cpu[1], "cores": os.cpu_count(), "kernel": platform.release()},
                                "qemu": sh("qemu-system-riscv64", "--version").splitlines()[0], "harts": a.smp, "format": a.format,
                                "disk_words": a.disk_words, "summary": summary, "rounds": rounds}) + "\n")
        print(f"raw figures appended to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
