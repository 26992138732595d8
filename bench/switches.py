#!/usr/bin/env python3
"""What each optimization is worth: every kernel with all of them, and with one switched off, interleaved, by user CPU time.

Each figure is the geometric mean over the kernels of a class of (time without it / time with all), the median over rounds for
each kernel; 1.10 means that programs take 10 % longer without it. `regions` is the optimizing tier as a whole (--tier 1).
Raw figures go to bench/results/GUEST-switches.jsonl.
"""
import argparse
import json
import statistics
import sys
import time

import run
from run import ROOT, geomean, guests, sh, timed

REGIONS = "regions"


def arguments(switch):
    """What vm run is given to do without it."""
    return ["--tier", "1"] if switch == REGIONS else [f"--jit-opt=-{switch}"] if switch else []


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("names", nargs="*", metavar="NAME", help="regular expressions on kernels (default: all)")
    ap.add_argument("--switch", action="append", help="only these (default: regions and all of vm info --jit-opts)")
    ap.add_argument("--runs", type=int, default=3, help="rounds (default 3)")
    guests.add_option(ap)
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--no-save", action="store_true", help="do not append to bench/results/")
    a = ap.parse_intermixed_args()
    a.scale = 1
    known = [REGIONS, *sh(a.vm, "info", "--jit-opts").split()]
    if unknown := [s for s in a.switch or [] if s not in known]:
        sys.exit(f"bench: no such switch: {unknown[0]}; there are {' '.join(known)}")
    for guest in guests.chosen(a):
        measure(guest, a, a.switch or known)


def measure(guest, a, switches):
    rows = []
    for name, kind, commands in run.kernel_rows(a, guest, [a.vm, "run"], guest.qemu):
        command = commands["vm"]
        times = {s: [] for s in ["", *switches]}
        outputs = set()
        for _ in range(a.runs):
            for s in times:
                r = timed([*command[:2], *arguments(s), *command[2:]])
                times[s].append(max(r[0], 1e-4))
                outputs.add(r[4])
        if len(outputs) != 1:
            sys.exit(f"bench: {name}: its output depends on an optimization")
        ratios = {s: statistics.median(x / y for x, y in zip(times[s], times[""])) for s in switches}
        rows.append({"kernel": name, "class": kind, "ratios": ratios, "times": times})
        print(f"{guest.name} {name:16} " + " ".join(f"{s} {v:.2f}" for s, v in ratios.items() if abs(v - 1) > 0.05), flush=True)
    if not rows:
        sys.exit("bench: no kernel matches")
    classes = [*sorted({r["class"] for r in rows}), "all"]
    table = {s: {c: geomean([r["ratios"][s] for r in rows if c in (r["class"], "all")]) for c in classes} for s in switches}
    print(f"\n{guest.name}: time without it, times that with all of them")
    print(f"{'':16}" + "".join(f"{c:>9}" for c in classes) + "   most")
    for s in sorted(switches, key=lambda s: -table[s]["all"]):
        most = max(rows, key=lambda r: r["ratios"][s])
        print(f"{s:16}" + "".join(f"{table[s][c]:9.3f}" for c in classes) + f"   {most['kernel']} {most['ratios'][s]:.2f}")
    if not a.no_save:
        out = ROOT / "bench/results" / f"{guest.name}-switches.jsonl"
        with out.open("a") as f:
            f.write(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": sh("git", "rev-parse", "HEAD"),
                                "table": table, "kernels": rows}) + "\n")
        print(f"raw figures appended to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
