#!/usr/bin/env python3
"""Differential fuzzing from the instruction table: the interpreter against tier 1 against qemu-riscv64.

Each seed gives two programs: one with every encoding that QEMU 7.2 has (all three compared) and one with every encoding of
the table (interpreter and tier 1 compared). A difference is narrowed to one case and as few instructions as show it,
printed with its disassembly and kept as a command line in tests/fuzz/found/.

Coverage counts executed instructions: those of a program that reached its end with the same output everywhere and that no
branch could lead past. The engine's counters show that each tier ran the program itself, and one program of a run is
traced by QEMU, instruction by instruction, to show that what is counted was executed. --page writes docs/coverage-rv64.md and
fails, with the names, while an encoding of rv64.isa was not compared.
"""
import argparse
import collections
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RECORD, SCRATCH = 512, 0x3000
LONG = 8  # times as many instructions in some cases
QEMU = ["qemu-riscv64", "-cpu", "rv64,zba=true,zbb=true,zbc=true,zbs=true,Zfh=true"]
REGS = ["ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(), [f"f{i}" for i in range(32)], ["fcsr"]]
NAMES = sum(REGS, [])
PAGE = ROOT / "docs/coverage-rv64.md"


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

    def runners(self, elf, qemu):
        r = {tier: [self.vm, "run", "--tier", tier, "--stats", f"{elf}.{tier}"] for tier in self.tiers}
        if qemu:
            r = {"qemu": QEMU, **r}
        return r

    def outputs(self, elf, qemu):
        return {name: self.run([*cmd, elf]) for name, cmd in self.runners(elf, qemu).items()}

    @staticmethod
    def differ(outs):
        return len({o[:2] for o in outs.values()}) > 1 or any(o[1] != 0 for o in outs.values())

    def seed(self, seed, cases, qemu, directory):
        """Generates and compares one program: its coverage, its cases, whether with QEMU, and a report if they differ."""
        elf, cov = f"{directory}/{seed}.elf", f"{directory}/{seed}.cov"
        length = self.length
        if seed % 8 in (4, 7):  # the longest blocks, with as many instructions in fewer cases
            length, cases = LONG * length, max(cases // LONG, 1)
        args = ["--seed", seed, "--cases", cases, "--length", length] + (["--qemu"] if qemu else []) + (["--faults"] if seed % 4 >= 2 else [])
        self.generate(elf, *args, "--coverage", cov)
        outs = self.outputs(elf, qemu)
        if self.differ(outs):
            report = self.explain(elf, args, outs, cases, length, qemu)
        else:
            report = self.ran_elsewhere(elf)
        coverage = [line.split(" ", 3) for line in pathlib.Path(cov).read_text().splitlines()]
        for f in [elf, cov, *(f"{elf}.{tier}" for tier in self.tiers)]:
            pathlib.Path(f).unlink(missing_ok=True)
        return [] if report else coverage, cases, qemu, report

    def ran_elsewhere(self, elf):
        """By the engine's counters: what a tier left to the other one. None if nothing."""
        for tier in self.tiers:
            counters = json.loads(pathlib.Path(f"{elf}.{tier}").read_text())
            own, other = ("interpreted_insns", "enters") if tier == "interp" else ("enters", "interpreted_insns")
            if tier != "auto" and (counters[other] or not counters[own]):
                return f"{elf}: tier {tier} counts {own} = {counters[own]}, {other} = {counters[other]}"
        return None

    def check_counting(self, seed, cases, directory):
        """Places that the generator counts and that QEMU, traced, did not execute; and how many were looked at."""
        elf, counted, log = f"{directory}/trace.elf", f"{directory}/trace.counted", f"{directory}/trace.log"
        looked, missed = 0, []
        for faults in ([], ["--faults"]):
            self.generate(elf, "--seed", seed, "--cases", cases, "--length", self.length, "--qemu", *faults, "--counted", counted)
            subprocess.run([*QEMU, "-singlestep", "-d", "exec,nochain", "-D", log, elf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=300, check=True)
            executed = {m[1] for m in re.finditer(r"\[[0-9a-f]+/0*([0-9a-f]+)/", pathlib.Path(log).read_text())}
            for line in pathlib.Path(counted).read_text().splitlines():
                pc, name = line.split()
                looked += 1
                if pc not in executed:
                    missed.append(f"{name} at {pc}")
        return looked, missed

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

    def explain(self, elf, args, outs, cases, length, qemu):
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
            for i in range(length):
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


class Coverage:
    """Executed and compared instances of each encoding of the table."""

    def __init__(self):
        table = (ROOT / "src/frontend/riscv64/rv64.isa").read_text().splitlines()
        self.names = [line.split()[0] for line in table if "|" in line and not line.startswith("#")]
        self.tiers, self.qemu, self.about = collections.Counter(), collections.Counter(), {}

    def add(self, coverage, qemu):
        for name, count, ext, why in coverage:
            self.about[name] = (ext, why)
            self.tiers[name] += int(count)
            if qemu:
                self.qemu[name] += int(count)

    def missing(self):
        return [n for n in self.names if not self.tiers[n]], [n for n in self.names if not self.qemu[n] and not self.about.get(n, ("", ""))[1]]

    def write(self, how):
        by_qemu = sum(1 for n in self.names if self.qemu[n])
        lines = ["# RV64 encodings executed and compared", "", "Written by `./dev fuzz --page`; " + how, "",
                 "*Interpreter and tier 1*: executions of the encoding, each on both, with equal registers, FP flags, memory and signals afterwards. *QEMU*: how many of them",
                 "`qemu-riscv64` 7.2 ran too, with the same result, or why it was not asked. Only instructions that no branch could lead past, in programs that reached",
                 "their end, are counted (`tests/fuzz/run.py` says how that is checked).", "",
                 f"{len(self.names)} encodings in `rv64.isa`: {sum(1 for n in self.names if self.tiers[n])} compared between the tiers, {by_qemu} with QEMU.", "",
                 "| encoding | extension | interpreter and tier 1 | QEMU |", "|---|---|---|---|"]
        for n in self.names:
            ext, why = self.about.get(n, ("", ""))
            lines.append(f"| {n} | {ext} | {self.tiers[n]} | {self.qemu[n] or why} |")
        PAGE.write_text("\n".join(lines) + "\n")


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
    ap.add_argument("--page", action="store_true", help="write docs/coverage-rv64.md; fails while an encoding is missing")
    ap.add_argument("--stop-after", type=int, default=5, help="differences")
    a = ap.parse_args()
    fuzzer, start = Fuzzer(a), time.monotonic()
    total, counts, reports = Coverage(), collections.Counter(), []
    seed = a.seed if a.seed is not None else int(time.time()) * 100
    print(f"fuzz: first seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as d, concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        def jobs():
            s = seed
            while time.monotonic() - start < a.seconds and len(reports) < a.stop_after:
                yield pool.submit(fuzzer.seed, s, a.cases, s % 2 == 0, d)
                s += 1
        reports += fuzzer.regressions(d)
        looked, missed = fuzzer.check_counting(seed, a.cases, d)
        reports += [f"counted, but not executed under QEMU: {', '.join(missed[:10])}"] if missed else []
        print("\n".join(reports), end="\n" if reports else "", flush=True)

        def take(result):
            coverage, n, qemu, report = result
            counts["cases"] += n
            counts["programs"] += 1
            total.add(coverage, qemu)
            if report:
                reports.append(report)
                print(report, flush=True)

        pending = collections.deque()
        for job in jobs():
            pending.append(job)
            while len(pending) > 2 * a.jobs or (pending and pending[0].done()):
                take(pending.popleft().result())
        for job in pending:
            take(job.result())
    seconds = time.monotonic() - start
    programs, cases = counts["programs"], counts["cases"]
    not_compared, not_with_qemu = total.missing()
    print(f"fuzz: {programs} programs, {cases} cases, {total.tiers.total()} counted instructions ({total.qemu.total()} also under QEMU) in {seconds:.0f} s; "
          f"{looked} counted places traced, {len(missed)} not executed; {len(reports)} differences; "
          f"encodings not reached: {' '.join(not_compared) or 'none'}; not with QEMU: {' '.join(not_with_qemu) or 'none'}")
    if a.page:
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
        total.write(f"{datetime.date.today()}, commit {commit}: {programs} programs, {cases} cases, seeds from {seed}, {seconds:.0f} s, {len(reports)} differences.")
    subprocess.run([str(ROOT / "tools/readme.py"), "record", "fuzz", str(programs - len(reports)), str(len(reports)),
                    f"{seconds:.0f} s, {total.tiers.total()} instructions compared"], check=True)
    sys.exit(1 if reports or programs == 0 or (a.page and (not_compared or not_with_qemu)) else 0)


if __name__ == "__main__":
    main()
