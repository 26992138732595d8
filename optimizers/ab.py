#!/usr/bin/env python3
"""--region-policy values against one another on the kernels of bench/, interleaved; user CPU, least of the runs.

    optimizers/ab.py [REGEX] [--guest NAME] [--policies A,B,…] [--runs N] [--scale N] [--cpus LIST] [--out FILE]

The first policy is what the others are compared with; "tier1" is tier 1 without regions.
"""
import argparse
import json
import math
import pathlib
import re
import sys

import collect


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("regex", nargs="?", default=".")
    parser.add_argument("--guest", default="riscv64")
    parser.add_argument("--policies", default="tier1,all,threshold,forest")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scale", default="1")
    parser.add_argument("--cpus", help="as taskset -c takes it")
    parser.add_argument("--kernels", type=pathlib.Path, default=collect.ROOT / "build/bench")
    parser.add_argument("--vm", default=str(collect.ROOT / "build/release/vm"))
    parser.add_argument("--out", type=pathlib.Path, help="a JSON line a kernel is added to it")
    o = parser.parse_args()
    policies = o.policies.split(",")
    kernels = [k for k in sorted(o.kernels.glob(f"*.{o.guest}")) if re.search(o.regex, k.stem)]
    if not kernels:
        sys.exit(f"no kernel of {o.guest} that {o.regex} finds in {o.kernels}: run ./dev bench first")
    logs = {p: [] for p in policies}
    for kernel in kernels:
        least = {}
        for _ in range(o.runs):
            for p in policies:
                how = ["--tier=1"] if p == "tier1" else [f"--region-policy={p}"]
                pin = ["taskset", "-c", o.cpus] if o.cpus else []
                seconds, _ = collect.run(pin + [o.vm, "run", "--no-cache"] + how + [str(kernel), o.scale])
                least[p] = min(seconds, least.get(p, seconds))
        first = max(least[policies[0]], 1e-3)
        for p in policies:
            logs[p].append(math.log(max(least[p], 1e-3) / first))
        print(f"{kernel.stem:16} " + "  ".join(f"{p} {least[p]:.3f} ({least[p] / first:.2f})" for p in policies), flush=True)
        if o.out:
            with o.out.open("a") as out:
                out.write(json.dumps({"program": kernel.stem, "guest": o.guest, "cpus": o.cpus, "scale": o.scale, "seconds": least}) + "\n")
    print("geometric means: " + ", ".join(f"{p} {math.exp(sum(l) / len(l)):.3f}" for p, l in logs.items()))


if __name__ == "__main__":
    main()
