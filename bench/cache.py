#!/usr/bin/env python3
"""What a code cache that is too small costs: programs that use much code, under each --cache-policy.

For each program the code that it translates with an unlimited cache is measured; then it runs with a --share of that, under each policy and
unlimited, interleaved. Prints medians of user CPU time, the speed in per cent of the unlimited run's, what was translated and promoted, and how
long vCPUs waited for the collector. Translations are not kept on disk (--no-cache).
"""
import argparse
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "bench")]
import guests  # noqa: E402
import run  # noqa: E402

SRC = ROOT / "bench/working_set"
OUT = ROOT / "build/bench/cache"
POLICIES = ("generations", "fifo", "flush")
FUNCTIONS = 2000


def many_functions():
    """A C program: FUNCTIONS functions with a loop and a dozen branches each, called in an order as Zipf's law says (the k-th with a weight of
    1 / k^skew); the ranks change hands from phase to phase. argv: phases, calls a phase, turns of a function's loop, skew."""
    rnd = random.Random(1)
    yield "#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\ntypedef unsigned long u64;\n"
    for n in range(FUNCTIONS):
        yield f"static __attribute__((noinline)) u64 f{n}(u64 x, u64 n) {{\n    u64 y = {rnd.getrandbits(32)};\n    do {{\n"
        for _ in range(rnd.randint(4, 18)):
            a, b, c = rnd.randrange(64), rnd.getrandbits(20), rnd.randrange(3, 60)
            op = rnd.choice("+^-")
            yield (f'        if (x >> {a} & 1) {{ x = (x << {c} | x >> {64 - c}) {op} {b}u; y += x; __asm__ volatile("" : "+r"(x), "+r"(y)); }}\n'
                   f'        else {{ y = y * {b | 1}u {op} x; x += y >> {rnd.randrange(1, 40)}; __asm__ volatile("" : "+r"(x)); }}\n')
        yield "    } while (--n);\n    return x ^ y;\n}\n"
    yield "static u64 (*const table[])(u64, u64) = {" + ",".join(f"f{n}" for n in range(FUNCTIONS)) + "};\n"
    yield f"""
int main(int argc, char** argv) {{
    u64 phases = atol(argv[1]), calls = atol(argv[2]), turns = atol(argv[3]), x = 1, r = 1;
    double power = -1 / (atof(argv[4]) - 1);
    for (u64 p = 0; p < phases; p++)
        for (u64 i = 0; i < calls;) {{
            r ^= r << 13, r ^= r >> 7, r ^= r << 17;
            double rank = pow(((r >> 11) + 1) * 0x1p-53, power);
            if (rank >= {FUNCTIONS + 1}) continue;
            x += table[((u64)rank - 1 + p * {FUNCTIONS // 7}) % {FUNCTIONS}](x, turns);
            i++;
        }}
    printf("%lx\\n", x);
    return argc != 5;
}}
"""


def compiled(guest):
    OUT.mkdir(parents=True, exist_ok=True)
    source, exe = OUT / "functions.c", OUT / f"functions.{guest.name}"
    text = "".join(many_functions())
    if not exe.exists() or not source.exists() or source.read_text() != text:
        source.write_text(text)
        subprocess.run([guest.cc, "-O1", "-static", str(source), "-o", str(exe), "-lm"], check=True)
    return str(exe)


def c_source(lines):
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"c{lines}.c"
    if not path.exists():
        made = subprocess.run([sys.executable, ROOT / "bench/real/make_c.py", str(lines)], check=True, stdout=subprocess.PIPE)
        path.write_bytes(made.stdout)
    return str(path)


def programs(guest, skew):
    """{name: (what it is, function that returns what comes after `vm run OPTIONS`)}"""
    def in_sysroot(*argv):
        root = guest.sysroot("--long")
        return ["-L", root, root + argv[0].format(guest.triple), *argv[1:]]
    return {
        "functions": (f"{FUNCTIONS} functions, skew {skew}, 3 phases", lambda: [compiled(guest), "3", "400000", "100", str(skew)]),
        "python": ("python3 working_set/mixed.py", lambda: in_sysroot("/usr/bin/python3.13", str(SRC / "mixed.py"), "8")),
        "cc1": ("GCC's cc1 -O2 of 900 lines", lambda: in_sysroot("/usr/libexec/gcc/{}/14/cc1", "-quiet", "-O2", "-imultiarch", guest.triple,
                                                                   c_source(900), "-o", "-")),
    }


def measure(vm, options, argv):
    """(user CPU s, counters, hash of the output) of one run."""
    with tempfile.NamedTemporaryFile() as stats:
        user, _, _, _, digest, _ = run.timed([vm, "run", "--no-cache", "--stats", stats.name, *options, *argv])
        return user, json.load(open(stats.name)), digest


def histogram(rows):
    total = {}
    for s in rows:
        for octave, n in s["gc_pause_histogram"].items():
            total[int(octave)] = total.get(int(octave), 0) + n
    return " ".join(f"{low / 1000:g}:{total[low]}" for low in sorted(total)) or "none"


def bench(a, guest, name, what, argv):
    _, full, digest = measure(a.vm, ["--code-cache", "1G", *a.vm_arg], argv)
    used = full["code_bytes_used"]
    limit = max(used // a.share, 1 << 20)
    print(f"\n{guest.name} {name} ({what}): {used >> 10} KiB of code in {full['translations']} translations; limit {limit >> 10} KiB")
    ways = {"unlimited": ["--code-cache", "1G"]}
    for p in a.policy or POLICIES:
        ways[p] = ["--code-cache", f"{limit >> 10}K", "--cache-policy", p]
    rows = {w: [] for w in ways}
    for _ in range(a.runs):
        for w, options in ways.items():
            user, s, d = measure(a.vm, [*options, *a.vm_arg], argv)
            if d != digest:
                sys.exit(f"cache: {name}: {w} prints something else")
            rows[w].append((user, s))
    print(f"{'policy':12} {'user s':>7} {'speed':>6} {'translated':>10} {'promoted':>9} {'swept KiB':>9} {'pauses':>7} {'p50 us':>7} {'p99 us':>7} {'max us':>8}")
    base = [user for user, _ in rows["unlimited"]]
    result = {"guest": guest.name, "program": name, "code_bytes": used, "limit": limit}
    for w, r in rows.items():
        speed = statistics.median(b / user for b, (user, _) in zip(base, r))
        mid = lambda key: int(statistics.median(s[key] for _, s in r))
        user = statistics.median(user for user, _ in r)
        print(f"{w:12} {user:7.2f} {100 * speed:5.0f}% {mid('translations'):10} {mid('promoted_translations'):9} {mid('swept_bytes') >> 10:9} "
              f"{mid('gc_pauses'):7} {mid('gc_pause_ns_median') / 1000:7.1f} {mid('gc_pause_ns_p99') / 1000:7.1f} {mid('gc_pause_ns_max') / 1000:8.0f}")
        result[w] = {"user_s": round(user, 3), "speed": round(speed, 3), **{k: mid(k) for k in (
            "translations", "promoted_translations", "swept_bytes", "collections", "mark_cycles", "marked_translations", "gc_pauses",
            "gc_pause_ns_median", "gc_pause_ns_p99", "gc_pause_ns_max")}}
    for w, r in rows.items():
        if w != "unlimited":
            print(f"  {w}: pauses from … us: {histogram([s for _, s in r])}")
    return result


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("names", nargs="*", metavar="NAME", help="regular expressions on the programs' names (default: all)")
    ap.add_argument("--runs", type=int, default=5, help="rounds (default 5)")
    ap.add_argument("--share", type=int, default=4, help="the limit is the code divided by this (default 4)")
    ap.add_argument("--skew", type=float, default=1.7, help="Zipf's exponent for `functions` (default 1.7)")
    ap.add_argument("--policy", action="append", choices=POLICIES, help="only this one; may be given again")
    guests.add_option(ap)
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--vm-arg", action="append", default=[], help="extra argument to vm run")
    ap.add_argument("--no-save", action="store_true", help="do not append to bench/results/")
    a = ap.parse_args()
    for guest in guests.chosen(a):
        for name, (what, argv) in programs(guest, a.skew).items():
            if a.names and not any(re.search(n, name) for n in a.names):
                continue
            result = bench(a, guest, name, what, argv())
            if not a.no_save:
                about = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": run.sh("git", "rev-parse", "HEAD"),
                         "dirty": bool(run.sh("git", "status", "--porcelain", "src")), "vm_args": a.vm_arg, "runs": a.runs, "share": a.share}
                with (ROOT / "bench/results" / f"{guest.name}-cache.jsonl").open("a") as f:
                    f.write(json.dumps({**about, **result}) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    main()
