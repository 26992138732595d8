#!/usr/bin/env python3
"""Times every kernel natively, under vm and under QEMU user mode, interleaved, and prints ratios of user CPU time.

Each round runs native, vm, QEMU one after the other; a ratio is taken within a round, and the median over rounds is
quoted, because the machine's speed drifts. Output of all three must be equal. Raw figures go to bench/results/.
"""
import argparse
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "bench"
FLAGS = ["-O2", "-static", "-std=gnu11", "-ffp-contract=off"]


def sh(*cmd):
    return subprocess.run(cmd, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def compile_kernels(sources, isa):
    OUT.mkdir(parents=True, exist_ok=True)
    header = ROOT / "bench/kernels/kernel.h"
    for src in sources:
        for kind, cc in (("native", "gcc"), (isa, f"{isa}-linux-gnu-gcc")):
            exe = OUT / f"{src.stem}.{kind}"
            newest = max(src.stat().st_mtime, header.stat().st_mtime)
            if not exe.exists() or exe.stat().st_mtime < newest:
                subprocess.run([cc, *FLAGS, str(src), "-o", str(exe), "-lm"], check=True)


def timed(cmd):
    """Runs cmd; returns (user CPU s, system CPU s, wall s, peak RSS KiB, stdout)."""
    r, w = os.pipe()
    start = time.monotonic()
    pid = os.posix_spawnp(cmd[0], cmd, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, w, 1), (os.POSIX_SPAWN_CLOSE, r)])
    os.close(w)
    data = b""
    while chunk := os.read(r, 65536):
        data += chunk
    os.close(r)
    _, status, ru = os.wait4(pid, 0)
    wall = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise RuntimeError(f"{' '.join(cmd)}: exit status {code}")
    return ru.ru_utime, ru.ru_stime, wall, ru.ru_maxrss, data


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("kernels", nargs="*", help="regular expressions on kernel names (default: all)")
    ap.add_argument("--runs", type=int, default=5, help="rounds (default 5)")
    ap.add_argument("--scale", type=int, default=1, help="work per run")
    ap.add_argument("--isa", default="riscv64", choices=["riscv64"])
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--vm-arg", action="append", default=[], help="extra argument to vm run, e.g. --vm-arg=--jit-opt=-avx")
    ap.add_argument("--qemu", default=None, help="QEMU binary (default qemu-ISA)")
    ap.add_argument("--no-save", action="store_true", help="do not append to bench/results/")
    a = ap.parse_args()
    sources = [s for s in sorted((ROOT / "bench/kernels").glob("*.c"))
               if not a.kernels or any(re.search(k, s.stem) for k in a.kernels)]
    if not sources:
        sys.exit("bench: no kernel matches")
    compile_kernels(sources, a.isa)
    qemu = a.qemu or f"qemu-{a.isa}"
    print(f"{'kernel':16} {'native s':>9} {'vm s':>9} {'qemu s':>9} {'vm/native':>10} {'qemu/native':>12} {'qemu/vm':>8}")
    rows = []
    for src in sources:
        kind = re.search(r"// class: (\w+)", src.read_text())[1]
        guest, scale = str(OUT / f"{src.stem}.{a.isa}"), str(a.scale)
        commands = {"native": [str(OUT / f"{src.stem}.native"), scale],
                    "vm": [a.vm, "run", *a.vm_arg, guest, scale],
                    "qemu": [qemu, guest, scale]}
        rounds = []
        for i in range(a.runs):
            results = {name: timed(cmd) for name, cmd in commands.items()}
            outputs = {name: r[4] for name, r in results.items()}
            if len(set(outputs.values())) != 1:
                sys.exit(f"bench: {src.stem}: outputs differ: {outputs}")
            rounds.append({name: r[:4] for name, r in results.items()})
        cpu = lambda name: statistics.median(max(r[name][0], 1e-4) for r in rounds)
        ratio = lambda x, y: statistics.median(max(r[x][0], 1e-4) / max(r[y][0], 1e-4) for r in rounds)
        row = {"kernel": src.stem, "class": kind, "native": cpu("native"), "vm": cpu("vm"), "qemu": cpu("qemu"),
               "vm_over_native": ratio("vm", "native"), "qemu_over_native": ratio("qemu", "native"),
               "qemu_over_vm": ratio("qemu", "vm"), "rounds": rounds}
        rows.append(row)
        print(f"{src.stem:16} {row['native']:9.3f} {row['vm']:9.3f} {row['qemu']:9.3f} {row['vm_over_native']:10.2f} "
              f"{row['qemu_over_native']:12.2f} {row['qemu_over_vm']:8.2f}", flush=True)
    print()
    classes = sorted({r["class"] for r in rows}) + ["all"]
    summary = {}
    for c in classes:
        these = [r for r in rows if c in (r["class"], "all")]
        summary[c] = {k: geomean([r[k] for r in these]) for k in ("vm_over_native", "qemu_over_native", "qemu_over_vm")}
        print(f"geomean {c:8} {'':29} {summary[c]['vm_over_native']:10.2f} {summary[c]['qemu_over_native']:12.2f} "
              f"{summary[c]['qemu_over_vm']:8.2f}   ({len(these)} kernels)")
    worst = min(rows, key=lambda r: r["qemu_over_vm"])
    print(f"slowest against QEMU: {worst['kernel']} {worst['qemu_over_vm']:.2f}")
    if not a.no_save:
        out = ROOT / "bench/results" / f"{a.isa}.jsonl"
        out.parent.mkdir(exist_ok=True)
        cpu_model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
        with out.open("a") as f:
            f.write(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": sh("git", "rev-parse", "HEAD"),
                                "dirty": bool(sh("git", "status", "--porcelain", "src")),
                                "machine": {"cpu": cpu_model and cpu_model[1], "cores": os.cpu_count(), "kernel": platform.release()},
                                "qemu": sh(qemu, "--version").splitlines()[0], "vm_args": a.vm_arg, "scale": a.scale,
                                "summary": summary, "kernels": rows}) + "\n")
        print(f"raw figures appended to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
