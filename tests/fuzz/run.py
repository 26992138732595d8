#!/usr/bin/env python3
"""Differential fuzzing from the instruction table: the interpreter against tier 1 against qemu-riscv64.

Each seed gives two programs: one with every encoding that QEMU 7.2 has (all three compared) and one with every encoding of
the table (interpreter and tier 1 compared). A difference is narrowed to one case and as few instructions as show it,
printed with its disassembly and kept as a command line in tests/fuzz/found/.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RECORD, SCRATCH = 512, 0x3000
QEMU = ["qemu-riscv64", "-cpu", "rv64,zba=true,zbb=true,zbc=true,zbs=true,Zfh=true"]
REGS = ["ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(), [f"f{i}" for i in range(32)], ["fcsr"]]
NAMES = sum(REGS, [])


class Fuzzer:
    def __init__(self, a):
        self.vm, self.gen, self.length, self.tiers = a.vm, a.gen, a.length, a.tiers.split(",")

    def generate(self, where, *args):
        subprocess.run([self.gen, "--out", where, *map(str, args)], check=True, stdout=subprocess.DEVNULL)
        os.chmod(where, 0o755)

    def run(self, cmd):
        try:
            p = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
            return p.stdout, p.returncode, p.stderr.decode(errors="replace").strip()[-300:]
        except subprocess.TimeoutExpired:
            return b"", "timeout", ""

    def runners(self, qemu):
        r = {tier: [self.vm, "run", "--tier", tier] for tier in self.tiers}
        if qemu:
            r = {"qemu": QEMU, **r}
        return r

    def outputs(self, elf, qemu):
        return {name: self.run([*cmd, elf]) for name, cmd in self.runners(qemu).items()}

    @staticmethod
    def differ(outs):
        return len({o[:2] for o in outs.values()}) > 1 or any(o[1] != 0 for o in outs.values())

    def seed(self, seed, cases, qemu, directory):
        elf, cov = f"{directory}/{seed}{'q' if qemu else 't'}.elf", f"{directory}/{seed}.cov"
        args = ["--seed", seed, "--cases", cases, "--length", self.length] + (["--qemu"] if qemu else []) + (["--faults"] if seed % 4 >= 2 else [])
        self.generate(elf, *args, "--coverage", cov)
        outs = self.outputs(elf, qemu)
        coverage = [line.split(" ", 3) for line in pathlib.Path(cov).read_text().splitlines()]
        report = self.explain(elf, args, outs, cases, qemu) if self.differ(outs) else None
        os.unlink(elf)
        return coverage, report

    def regressions(self, directory):
        """Lines of regressions.txt that differ again."""
        bad = []
        for line in (ROOT / "tests/fuzz/regressions.txt").read_text().splitlines():
            args, _, why = line.partition("#")
            if args.strip():
                self.generate(f"{directory}/r.elf", *args.split())
                if self.differ(self.outputs(f"{directory}/r.elf", "--qemu" in args)):
                    bad.append(f"regression: rv64_gen {args.strip()} ({why.strip()})")
        return bad

    def explain(self, elf, args, outs, cases, qemu):
        reference = next(iter(outs.values()))[0]
        bad = []
        for k in range(cases):
            if len({o[0][k * RECORD:(k + 1) * RECORD] for o in outs.values()}) > 1:
                bad.append(k)
        text = [f"difference with {' '.join(map(str, args))}: " + ", ".join(f"{n}: exit status {o[1]} {o[2]}" for n, o in outs.items()),
                f"cases that differ: {bad[:10]}" + ("" if reference else " (no output)")]
        candidates = bad[:3] if bad else range(cases)
        for k in candidates:
            one = args + ["--case", k]
            self.generate(elf, *one)
            if not self.differ(self.outputs(elf, qemu)):
                continue
            drop = []
            for i in range(self.length):
                trial = drop + [i]
                self.generate(elf, *one, "--drop", ",".join(map(str, trial)))
                if self.differ(self.outputs(elf, qemu)):
                    drop = trial
            final = one + (["--drop", ",".join(map(str, drop))] if drop else [])
            self.generate(elf, *final)
            listing = subprocess.run([self.gen, *map(str, final), "--list", "--out", elf], capture_output=True, text=True).stdout
            outs = self.outputs(elf, qemu)
            text += ["shrunk to: rv64_gen " + " ".join(map(str, final)), listing.rstrip()] + self.compare_records(outs)
            found = ROOT / "tests/fuzz/found"
            found.mkdir(exist_ok=True)
            (found / f"seed{args[1]}-case{k}{'-qemu' if qemu else ''}.txt").write_text(" ".join(map(str, final)) + "\n" + listing)
            break
        return "\n".join(text)

    @staticmethod
    def compare_records(outs):
        lines = []
        for i, name in enumerate(NAMES):
            values = {n: o[0][i * 8:i * 8 + 8][::-1].hex() for n, o in outs.items()}
            if len(set(values.values())) > 1:
                lines.append(f"  {name:5} " + "  ".join(f"{n}={v}" for n, v in values.items()))
        if not lines:
            lines.append("  registers agree; exit status or memory differs: " + str({n: o[1:] for n, o in outs.items()}))
        return lines[:12]


def coverage_page(total, seeds, seconds):
    rows = sorted(total.items())
    missing = [n for n, (count, _, why) in rows if not count and not why]
    lines = ["# RV64 encodings executed and compared", "",
             f"Written by `./dev fuzz --page` from {seeds} programs ({seconds:.0f} s). `times` counts instances that no branch could skip, each executed on the",
             "interpreter and on tier 1 with equal registers, FP flags and memory afterwards; `with` says whether QEMU 7.2 agreed too or has not got the encoding.", "",
             f"{len(rows)} encodings, {len(rows) - len(missing)} covered or excluded with a reason, {len(missing)} missing{': ' + ' '.join(missing) if missing else ''}.", "",
             "| encoding | times | with | note |", "|---|---|---|---|"]
    lines += [f"| {n} | {count} | {'interpreter, tier 1' if oracle == 'tiers' else 'interpreter, tier 1, qemu-riscv64'} | {why} |" for n, (count, oracle, why) in rows]
    (ROOT / "docs/coverage-riscv64.md").write_text("\n".join(lines) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seconds", type=float, default=60)
    ap.add_argument("--seed", type=int, default=None, help="first seed (default: from the clock)")
    ap.add_argument("--cases", type=int, default=150)
    ap.add_argument("--length", type=int, default=24)
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--tiers", default="interp,1")
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--gen", default=str(ROOT / "build/release/rv64_gen"))
    ap.add_argument("--page", action="store_true", help="write docs/coverage-riscv64.md")
    ap.add_argument("--stop-after", type=int, default=5, help="differences")
    a = ap.parse_args()
    fuzzer, start = Fuzzer(a), time.monotonic()
    total, programs, reports = collections.defaultdict(lambda: (0, "", "")), 0, []
    seed = a.seed if a.seed is not None else int(time.time()) * 100
    print(f"fuzz: first seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as d, concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        def jobs():
            s = seed
            while time.monotonic() - start < a.seconds and len(reports) < a.stop_after:
                yield pool.submit(fuzzer.seed, s, a.cases, s % 2 == 0, d)
                s += 1
        reports += fuzzer.regressions(d)
        print("\n".join(reports), end="\n" if reports else "", flush=True)
        pending = collections.deque()
        for job in jobs():
            pending.append(job)
            while len(pending) > 2 * a.jobs or (pending and pending[0].done()):
                coverage, report = pending.popleft().result()
                programs += 1
                for name, count, oracle, why in coverage:
                    total[name] = (total[name][0] + int(count), oracle, why)
                if report:
                    reports.append(report)
                    print(report, flush=True)
        for job in pending:
            coverage, report = job.result()
            programs += 1
            for name, count, oracle, why in coverage:
                total[name] = (total[name][0] + int(count), oracle, why)
            if report:
                reports.append(report)
                print(report, flush=True)
    seconds = time.monotonic() - start
    missing = [n for n, (c, _, why) in total.items() if not c and not why]
    print(f"fuzz: {programs} programs, {programs * a.cases} cases, {sum(c for c, _, _ in total.values())} counted instructions in {seconds:.0f} s; "
          f"{len(reports)} differences; encodings not reached: {' '.join(missing) or 'none'}")
    if a.page:
        coverage_page(total, programs, seconds)
    sys.exit(1 if reports or programs == 0 else 0)


if __name__ == "__main__":
    main()
