#!/usr/bin/env python3
"""Times every kernel natively, under vm and under QEMU user mode, interleaved, and prints ratios of user CPU time.
With `real` as the first argument: real programs of a Debian sysroot instead (real.py), and user and system CPU time.

Each round runs native, vm, QEMU one after the other; a ratio is taken within a round, and the median over rounds is
quoted, because the machine's speed drifts. Output of all three must be equal. Raw figures go to bench/results/.
"""
import argparse
import hashlib
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

import real

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import guests  # noqa: E402

OUT = ROOT / "build" / "bench"
FLAGS = ["-O2", "-static", "-std=gnu11", "-ffp-contract=off"]
# `// flags: crypto` of a kernel: the guest's flags by tools/guests/, natively those of what this machine has, as /proc/cpuinfo calls it
SPECIAL = ("simd", "crypto")  # of little interest for a guest that has no such instructions: then only by name
HOST_CRYPTO = {"sse4_2": "-msse4.2", "aes": "-maes", "pclmulqdq": "-mpclmul", "sha_ni": "-msha"}


def sh(*cmd):
    return subprocess.run(cmd, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def host_crypto():
    features = re.search(r"^flags\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return [flag for name, flag in HOST_CRYPTO.items() if features and name in features[1].split()]


def kernel_flags(text, guest):
    """More flags for a kernel, by its line `// flags: …`; guest: None natively."""
    m = re.search(r"^// flags: (.*)", text, re.M)
    if not m or m[1] != "crypto":
        return m[1].split() if m else []
    return guest.crypto.split() if guest else host_crypto()


def compile_kernels(sources, guest):
    OUT.mkdir(parents=True, exist_ok=True)
    newest = max(p.stat().st_mtime for p in [ROOT / "bench/kernels/kernel.h", *(ROOT / "tools/guests").iterdir()])
    for src in sources:
        for name, cc, which in (("native", "gcc", None), (guest.name, guest.cc, guest)):
            exe = OUT / f"{src.stem}.{name}"
            if not exe.exists() or exe.stat().st_mtime < max(src.stat().st_mtime, newest):
                subprocess.run([cc, *FLAGS, *kernel_flags(src.read_text(), which), str(src), "-o", str(exe), "-lm"], check=True)


def timed(cmd):
    """Runs cmd; returns (user CPU s, system CPU s, wall s, peak RSS KiB, stdout's hash, its end). Children that it waited for count."""
    r, w = os.pipe()
    start = time.monotonic()
    pid = os.posix_spawnp(cmd[0], cmd, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, w, 1), (os.POSIX_SPAWN_CLOSE, r)])
    os.close(w)
    digest, end = hashlib.sha256(), b""
    while chunk := os.read(r, 65536):
        digest.update(chunk)
        end = (end + chunk)[-2000:]
    os.close(r)
    _, status, ru = os.wait4(pid, 0)
    wall = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise RuntimeError(f"{' '.join(cmd)}: exit status {code}")
    return ru.ru_utime, ru.ru_stime, wall, ru.ru_maxrss, digest.hexdigest(), end


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def kernel_rows(a, g, vm, qemu):
    """(name, class, {who: command}) of each kernel that was asked for."""
    sources = {s: re.search(r"// class: (\w+)", s.read_text())[1] for s in sorted((ROOT / "bench/kernels").glob("*.c")) if chosen(a, s.stem)}
    sources = {s: kind for s, kind in sources.items() if a.names or kind not in SPECIAL or kind in g.classes.split()}
    compile_kernels(sources, g)
    for src, kind in sources.items():
        guest, scale = str(OUT / f"{src.stem}.{g.name}"), str(a.scale)
        yield src.stem, kind, {"native": [str(OUT / f"{src.stem}.native"), scale], "vm": [*vm, guest, scale], "qemu": [qemu, guest, scale]}


def real_rows(a, g, vm, qemu):
    """The same of the real programs. Where vm keeps translations on disk, each is run without; those that measure starting, also with."""
    programs = [p for p in real.PROGRAMS if chosen(a, p.name) or chosen(a, p.name + "-cached")]
    if not programs:
        return
    guest, native = g.sysroot("--long"), guests.sysroot("amd64", "--long")
    real.inputs(native, g)
    home = os.environ.get("HOME", "/")
    os.environ.clear()
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME=home, LC_ALL="C", TZ="UTC", PYTHONPYCACHEPREFIX=str(real.IN / "pycache"))
    keeps = "--no-cache" in sh(a.vm, "run", "--help-all") + sh(a.vm, "run", "--help")
    for p in programs:
        cold = [*vm, "--no-cache"] if keeps else vm
        yield p.name, p.kind, real.commands(p, cold, qemu, g, guest, native)
        if keeps and p.kind == "start":
            yield p.name + "-cached", "start-cached", real.commands(p, [*vm, "--cache", str(real.IN / "cache")], qemu, g, guest, native)


def chosen(a, name):
    return not a.names or any(re.search(k, name) for k in a.names)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("names", nargs="*", metavar="NAME",
                    help="regular expressions on names (default: all); first `real`: programs instead of kernels")
    ap.add_argument("--runs", type=int, default=5, help="rounds (default 5)")
    ap.add_argument("--scale", type=int, default=1, help="work per run")
    guests.add_option(ap)
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--vm-arg", action="append", default=[], help="extra argument to vm run, e.g. --vm-arg=--jit-opt=-avx")
    ap.add_argument("--qemu", default=None, help="QEMU binary (default: the guest's of tools/guests/)")
    ap.add_argument("--no-save", action="store_true", help="do not append to bench/results/")
    a = ap.parse_intermixed_args()
    whole = a.names[:1] == ["real"]  # programs as they are: system time counts
    a.names = a.names[whole:]
    if whole:
        guests.long_sysroots(a)
    for guest in guests.chosen(a):
        bench(guest, a, whole)


def bench(guest, a, whole):
    """Runs and prints one guest's table, and keeps its figures."""
    qemu = a.qemu or guest.qemu
    print(f"{guest.name}:")
    what = "program" if whole else "kernel"
    print(f"{what:16} {'native s':>9} {'vm s':>9} {'qemu s':>9} {'vm/native':>10} {'qemu/native':>12} {'qemu/vm':>8}")
    rows = []
    for name, kind, commands in (real_rows if whole else kernel_rows)(a, guest, [a.vm, "run", *a.vm_arg], qemu):
        if whole:
            timed(commands["vm"])  # compiled Python modules, translations on disk, the host's page cache
        rounds = []
        for i in range(a.runs):
            results = {who: timed(cmd) for who, cmd in commands.items()}
            if len({r[4] for r in results.values()}) != 1:
                sys.exit(f"bench: {name}: outputs differ: {dict((who, r[5]) for who, r in results.items())}")
            rounds.append({who: r[:4] for who, r in results.items()})
        seconds = lambda r: max(r[0] + r[1] if whole else r[0], 1e-4)
        cpu = lambda who: statistics.median(seconds(r[who]) for r in rounds)
        ratio = lambda x, y: statistics.median(seconds(r[x]) / seconds(r[y]) for r in rounds)
        row = {what: name, "class": kind, "native": cpu("native"), "vm": cpu("vm"), "qemu": cpu("qemu"),
               "vm_over_native": ratio("vm", "native"), "qemu_over_native": ratio("qemu", "native"),
               "qemu_over_vm": ratio("qemu", "vm"), "rounds": rounds}
        rows.append(row)
        print(f"{name:16} {row['native']:9.3f} {row['vm']:9.3f} {row['qemu']:9.3f} {row['vm_over_native']:10.2f} "
              f"{row['qemu_over_native']:12.2f} {row['qemu_over_vm']:8.2f}", flush=True)
    if not rows:
        sys.exit(f"bench: no {what} matches")
    print()
    classes = sorted({r["class"] for r in rows}) + ["all"]
    summary = {}
    for c in classes:
        these = [r for r in rows if c == r["class"] or (c == "all" and not r["class"].startswith("start"))]
        if not these:
            continue
        summary[c] = {k: geomean([r[k] for r in these]) for k in ("vm_over_native", "qemu_over_native", "qemu_over_vm")}
        print(f"geomean {c:12} {'':25} {summary[c]['vm_over_native']:10.2f} {summary[c]['qemu_over_native']:12.2f} "
              f"{summary[c]['qemu_over_vm']:8.2f}   ({len(these)} {what}s)")
    worst = min(rows, key=lambda r: r["qemu_over_vm"])
    print(f"slowest against QEMU: {worst[what]} {worst['qemu_over_vm']:.2f}")
    if not a.no_save:
        out = ROOT / "bench/results" / (f"{guest.name}-real.jsonl" if whole else f"{guest.name}.jsonl")
        out.parent.mkdir(exist_ok=True)
        cpu_model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
        with out.open("a") as f:
            f.write(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": sh("git", "rev-parse", "HEAD"),
                                "dirty": bool(sh("git", "status", "--porcelain", "src")),
                                "machine": {"cpu": cpu_model and cpu_model[1], "cores": os.cpu_count(), "kernel": platform.release()},
                                "qemu": sh(qemu, "--version").splitlines()[0], "vm_args": a.vm_arg, "scale": a.scale,
                                "summary": summary, f"{what}s": rows}) + "\n")
        print(f"raw figures appended to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
