#!/usr/bin/env python3
"""What each region of a program is worth: user CPU time with all regions against that without this one.

    optimizers/collect.py OUT [REGEX] [--guest NAME] [--runs N] [--scale N] [--kernels DIR] [--vm PROGRAM]

Runs the kernels of bench/ (`./dev bench` builds them). Regions are those that `--dump=regions` tells of in any of three runs;
a run without one has it in `--region-policy=not:ADDR`. Runs are interleaved; what counts is the least of each. One JSON
line a region is added to OUT: program, guest, address, features, seconds with and without.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE = re.compile(r"^region (0x[0-9a-f]+) mode (\d+): (made|left) (.*)$")


def run(command):
    """User CPU seconds, and what went to standard error."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace") as p:
        errors = p.stderr.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {p.returncode}\n{errors}")
    return usage.ru_utime, errors


def regions(base, program):
    """Address to features, of all regions that any of three runs makes."""
    found = {}
    for _ in range(3):
        for line in run(base + ["--dump=regions", "--region-policy=all"] + program)[1].splitlines():
            m = LINE.match(line)
            if m:
                found[m[1]] = dict((k, float(v)) for k, v in (w.split("=") for w in m[4].split()))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("regex", nargs="?", default=".")
    parser.add_argument("--guest", default="riscv64")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", default="1")
    parser.add_argument("--kernels", type=pathlib.Path, default=ROOT / "build/bench")
    parser.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    o = parser.parse_args()
    kernels = [k for k in sorted(o.kernels.glob(f"*.{o.guest}")) if re.search(o.regex, k.stem)]
    if not kernels:
        sys.exit(f"no kernel of {o.guest} that {o.regex} finds in {o.kernels}: run ./dev bench first")
    base = [o.vm, "run", "--no-cache"]
    for kernel in kernels:
        program = [str(kernel), o.scale]
        found = regions(base, program)
        variants = {"all": "all", **{a: f"not:{a}" for a in found}}
        least = {}
        for _ in range(o.runs):
            for name, policy in variants.items():
                seconds, _ = run(base + [f"--region-policy={policy}"] + program)
                least[name] = min(seconds, least.get(name, seconds))
        with o.out.open("a") as out:
            for address, features in found.items():
                out.write(json.dumps({"program": kernel.stem, "guest": o.guest, "address": address, "with": least["all"],
                                      "without": least[address], "features": features}) + "\n")
        print(f"{kernel.name}: " + ", ".join(f"{a} {least[a] / max(least['all'], 1e-3):.3f}" for a in found), flush=True)


if __name__ == "__main__":
    main()
