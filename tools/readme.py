#!/usr/bin/env python3
"""The README's table of what works, from what test runs left behind.

  readme.py record SUITE GUEST PASSED FAILED [DETAIL]   called by a suite that ran whole; keeps its figures in build/results/
                                                        GUEST: a guest's name, or - for what has none
  readme.py write                                       ./dev readme: rewrites the table between the markers of README.md

A suite without results, and one that failed, shows as such: nothing is carried over from the table that stands there.
"""
import datetime
import json
import pathlib
import re
import subprocess
import sys

import guests

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build/results"
BEGIN, END = "<!-- Written by ./dev readme from build/results/; do not edit. -->", "<!-- end of the table -->"
# suite: (what a reader knows it as, the command that gives the result for every guest)
SUITES = {
    "unit": ("unit tests, file tests and cases", "./dev test quick"),
    "demo": ("demo guests, both tiers, against native", "./dev test quick"),
    "linux": ("system-call programs, both tiers, against native", "./dev test quick"),
    "programs": ("real programs of a Debian 13 system, every tier, against native", "./dev programs"),
    "containers": ("one script under -L, --root, in a chroot and a podman container, against native", "./dev containers"),
    "stress": ("threads, futexes, signals, forks, execs and patched code at length, no leak", "./dev stress long"),
    "programs-long": ("compilers, make, git, runtimes, databases and servers of that system, against native", "./dev programs long"),
    "stress-ng": ("stressors of stress-ng with --verify that pass natively", "./dev stress-ng"),
    "cpython": ("modules of CPython 3.13's own regression tests, no worse than QEMU, test_posix as natively", "./dev cpython"),
    "cpython-root": ("the same modules under --root", "./dev cpython --view root"),
    "cpython-chroot": ("the same modules in a chroot with vm-user on binfmt_misc", "./dev cpython --view chroot"),
    "torture": ("GCC's C torture tests, {torture}, every tier", "./dev torture"),
    "fuzz": ("random programs: interpreter, tier 1 and QEMU (for arm64 also VIXL's simulator) agree", "./dev fuzz --seconds 3600 --page"),
    "machine": ("machines: a kernel of our own that tests traps, page tables, changing code, counters, SBI, on each tier", "./dev machine"),
    "machine-bare": ("bare programs in M-mode, HTIF, signatures, as under QEMU", "./dev machine bare"),
    "machine-options": ("every option of `vm boot` acts or is refused", "./dev machine options"),
    "machine-firmware": ("OpenSBI, U-Boot, packed and EFI kernels, Debian's kernel behind them", "./dev machine firmware"),
    "machine-debian": ("Debian's kernel with 1, 2 and 4 harts, root disks through resets, suspend, perf, idle time", "./dev machine debian"),
    "machine-pci": ("virtio on PCI Express, several queues, many disks", "./dev machine pci"),
    "machine-disk": ("disks written, killed, checked and read back", "./dev machine disk long"),
    "machine-net": ("user networking, forwarded ports, tap, consoles, shared folders", "./dev machine net"),
    "machine-stress": ("stress-ng with --verify on Debian's kernel, 4 harts", "./dev machine stress long"),
    "gdb": ("gdb-multiarch against machines and programs", "./dev gdb"),
    "monitor": ("counters, --metrics, vm top", "./dev monitor"),
}
WITHOUT_GUEST = ["unit"]
OF_MACHINES = [s for s in SUITES if s.startswith("machine")] + ["gdb", "monitor"]


def file_of(suite, guest):
    return RESULTS / (f"{suite}.json" if guest == "-" else f"{suite}-{guest}.json")


def rows():
    return [(suite, guest) for suite in SUITES for guest in (["-"] if suite in WITHOUT_GUEST else ["riscv64"] if suite in OF_MACHINES else guests.ALL)]


def record(suite, guest, passed, failed, detail=""):
    if (suite, guest) not in rows():
        raise SystemExit(f"readme: no suite {suite} with guest {guest}")
    commit = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    RESULTS.mkdir(parents=True, exist_ok=True)
    values = {"passed": int(passed), "failed": int(failed), "detail": detail, "commit": commit, "date": str(datetime.date.today())}
    file_of(suite, guest).write_text(json.dumps(values) + "\n")


def row(suite, guest):
    what, command = SUITES[suite]
    file = file_of(suite, guest)
    if guest == "-":
        guest = ""
    else:
        what = what.format(torture=" ".join(guests.ALL[guest].torture.split(",")))
    if not file.exists():
        return f"| {what} | {guest} | not run | | `{command}` |"
    r = json.loads(file.read_text())
    outcome = f"{r['passed']} passed" + (f", **{r['failed']} failed**" if r["failed"] else "") + (f"; {r['detail']}" if r["detail"] else "")
    return f"| {what} | {guest} | {outcome} | {r['date']}, {r['commit']} | `{command}` |"


def write():
    if not any(file_of(*r).exists() for r in rows()):
        raise SystemExit("readme: build/results/ is empty; run ./dev test quick, ./dev programs, … first")
    readme = ROOT / "README.md"
    text = readme.read_text()
    table = "\n".join([BEGIN, "", "| what | guest | result | when, commit | command |", "|---|---|---|---|---|",
                       *(row(*r) for r in rows()), "", END])
    new, found = re.subn(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: table, text, flags=re.S)
    if found != 1:
        raise SystemExit("readme: README.md has not got the two markers")
    readme.write_text(new)


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"] and len(sys.argv) in (6, 7):
        record(*sys.argv[2:])
    elif sys.argv[1:] == ["write"]:
        write()
    else:
        sys.exit(__doc__)
