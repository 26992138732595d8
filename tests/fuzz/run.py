#!/usr/bin/env python3
"""Differential fuzzing from the instruction table of each guest: the interpreter against tiers 1 and 2 against QEMU.

Each seed gives two programs: one with every encoding that QEMU 7.2 has (all three compared) and one with every encoding of
the table (interpreter and tier 1 compared). A difference is narrowed to one case and as few instructions as show it,
printed with its disassembly and kept as a command line in tests/fuzz/found/. For AArch64 there is a second oracle: a64_vixl
runs the same kind of cases in its own process through the interpreter, tier 1 and, every other time, VIXL's simulator.

Coverage counts executed instructions: those of a program that reached its end with the same output everywhere and that no
branch could lead past. The engine's counters show that each tier ran the program itself, and one program of a run is
traced by QEMU, instruction by instruction, to show that what is counted was executed. --page writes docs/coverage-TABLE.md
and fails, with the names, while an encoding of the table was not compared.
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
sys.path.insert(0, str(ROOT / "tools"))
import guests  # noqa: E402

LONG = 8  # times as many instructions in some cases
STEPS = {"arm64": 1}  # so many instructions of a program may be interpreted on tier 1: the first that uses a tagged address
VIXL = {"arm64": "a64_vixl"}  # the programs that ask another oracle in their own process


class Target:
    """What is fuzzed: a guest, its generator and what that says of its records and encodings."""

    def __init__(self, guest, build):
        self.guest, self.gen = guest, str(build / f"{guest.table}_gen")
        about = json.loads(subprocess.run([self.gen, "--describe"], check=True, capture_output=True, text=True).stdout)
        self.fields = about["record"]  # [name, bytes]
        self.record = sum(size for _, size in self.fields)
        self.encodings = {name: (extension, why_not) for name, extension, why_not in about["encodings"]}
        self.qemu = [guest.qemu, "-cpu", guest.qemu_cpu]
        self.vixl = str(build / VIXL[guest.name]) if guest.name in VIXL else None
        self.page = ROOT / f"docs/coverage-{guest.table}.md"


class Fuzzer:
    def __init__(self, a, target):
        self.vm, self.target, self.length, self.tiers = a.vm, target, a.length, a.tiers.split(",")

    def generate(self, where, *args):
        subprocess.run([self.target.gen, "--out", where, *map(str, args)], check=True, stdout=subprocess.DEVNULL)
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
            r = {"qemu": self.target.qemu, **r}
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
        refused = self.refused(elf) if "1" in self.tiers else 0
        if self.differ(outs):
            report = self.explain(elf, args, outs, cases, length, qemu)
        else:
            report = None if refused else self.ran_elsewhere(elf)
        coverage = {} if refused else self.counts(cov)
        for f in [elf, cov, *(f"{elf}.{tier}" for tier in self.tiers)]:
            pathlib.Path(f).unlink(missing_ok=True)
        return {} if report else {"tiers": coverage, **({"qemu": coverage} if qemu else {})}, cases, refused, report

    @staticmethod
    def counts(file):
        return {name: int(count) for name, count in (line.split() for line in pathlib.Path(file).read_text().splitlines())}

    def seed_in_process(self, seed, cases, directory):
        """Cases in the process of the second oracle, every other time without that; it narrows a difference itself."""
        cov, alone = f"{directory}/{seed}.vixl", seed % 2 == 1
        args = ["--seed", seed, "--cases", cases, "--length", self.length] + (["--tiers"] if alone else [])
        p = subprocess.run([self.target.vixl, *map(str, args), "--coverage", cov], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        if p.returncode == 0:
            coverage = self.counts(cov)
            pathlib.Path(cov).unlink()
            return {"tiers": coverage, **({} if alone else {"vixl": coverage})}, cases, 0, None
        report = f"difference with {pathlib.Path(self.target.vixl).name} {' '.join(map(str, args))}: exit status {p.returncode}\n{p.stdout}{p.stderr}"
        self.keep(f"vixl-seed{seed}", report)
        return {}, cases, 0, report

    @staticmethod
    def keep(name, text):
        found = ROOT / "tests/fuzz/found"
        found.mkdir(exist_ok=True)
        (found / f"{name}.txt").write_text(text)

    @staticmethod
    def refused(elf):
        """Blocks that tier 1 left to the interpreter, as too large for it: such a program is compared, but does not count as executed."""
        try:
            return json.loads(pathlib.Path(f"{elf}.1").read_text())["refused_blocks"]
        except FileNotFoundError:  # it did not end by itself
            return 0

    def ran_elsewhere(self, elf):
        """By the engine's counters: what a tier left to the other one. None if nothing."""
        for tier in self.tiers:
            counters = json.loads(pathlib.Path(f"{elf}.{tier}").read_text())
            own, other = ("interpreted_insns", "enters") if tier == "interp" else ("enters", "interpreted_insns")
            allowed = STEPS.get(self.target.guest.name, 0) if tier in ("1", "2") else 0
            if tier != "auto" and (counters[other] > allowed or not counters[own]):
                return f"{elf}: tier {tier} counts {own} = {counters[own]}, {other} = {counters[other]}"
        return None

    def check_counting(self, seed, cases, directory):
        """Places that the generator counts and that QEMU, traced, did not execute; and how many were looked at."""
        elf, counted, log = f"{directory}/trace.elf", f"{directory}/trace.counted", f"{directory}/trace.log"
        looked, missed = 0, []
        for faults in ([], ["--faults"]):
            self.generate(elf, "--seed", seed, "--cases", cases, "--length", self.length, "--qemu", *faults, "--counted", counted)
            subprocess.run([*self.target.qemu, "-singlestep", "-d", "exec,nochain", "-D", log, elf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=300, check=True)
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
            guest, _, args = line.partition(" ")
            args, _, why = args.partition("#")
            if guest == self.target.guest.name:
                self.generate(f"{directory}/r.elf", *args.split())
                if self.differ(self.outputs(f"{directory}/r.elf", "--qemu" in args)):
                    bad.append(f"regression: {self.target.guest.table}_gen {args.strip()} ({why.strip()})")
        return bad

    def explain(self, elf, args, outs, cases, length, qemu):
        reference = next(iter(outs.values()))[0]
        bad = []
        record = self.target.record
        for k in range(cases):
            if len({o[0][k * record:(k + 1) * record] for o in outs.values()}) > 1:
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
            listing = subprocess.run([self.target.gen, *map(str, final), "--list", "--out", elf], capture_output=True, text=True).stdout
            outs = self.outputs(elf, qemu)
            text += [f"shrunk to: {self.target.guest.table}_gen " + " ".join(map(str, final)), listing.rstrip()] + self.compare_records(outs)
            self.keep(f"{self.target.guest.table}-seed{args[1]}-case{k}{'-qemu' if qemu else ''}", " ".join(map(str, final)) + "\n" + listing)
            break
        return "\n".join(text)

    def compare_records(self, outs):
        lines, at = [], 0
        for name, size in self.target.fields:
            values = {n: o[0][at:at + size][::-1].hex() for n, o in outs.items()}
            at += size
            if len(set(values.values())) > 1:
                lines.append(f"  {name:5} " + "  ".join(f"{n}={v}" for n, v in values.items()))
        if not lines:
            lines.append("  registers agree; exit status or memory differs: " + str({n: o[1:] for n, o in outs.items()}))
        return lines[:12]


class Coverage:
    """Executed and compared instances of each encoding of the table, by who compared them."""

    def __init__(self, target):
        self.target, self.counts = target, {"tiers": collections.Counter(), "qemu": collections.Counter(), "vixl": collections.Counter()}
        self.why_not_vixl = self.reasons(target.vixl) if target.vixl else {}

    @staticmethod
    def reasons(program):
        """{encoding: why VIXL is not asked}"""
        lines = subprocess.run([program, "--excluded"], check=True, capture_output=True, text=True).stdout.splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def add(self, coverage):
        for who, counts in coverage.items():
            self.counts[who].update(counts)

    def of(self, who, name):
        return self.counts[who][name]

    def oracles(self):
        """(counter, heading, {encoding: why it is not asked}) of each."""
        yield "qemu", "QEMU", {n: why for n, (_, why) in self.target.encodings.items() if why}
        if self.target.vixl:
            yield "vixl", "VIXL", self.why_not_vixl

    def missing(self):
        """Encodings that the tiers did not run, and those that an oracle should have been asked about."""
        absent = {who: [n for n in self.target.encodings if not self.of(who, n) and n not in why_not] for who, _, why_not in self.oracles()}
        return {"tiers": [n for n in self.target.encodings if not self.of("tiers", n)], **absent}

    def write(self, how):
        encodings, oracles = self.target.encodings, list(self.oracles())
        by = "; ".join(f"{sum(1 for n in encodings if self.of(who, n))} with {title}" for who, title, _ in oracles)
        any_oracle = sum(1 for n in encodings if any(self.of(who, n) for who, _, _ in oracles))
        guest = self.target.guest
        lines = [f"# {guest.title}: encodings executed and compared", "", f"Written by `./dev fuzz --guest {guest.name} --page`; " + how, "",
                 "*Interpreter and tier 1*: executions of the encoding, each on both, with equal registers, FP flags, memory and signals afterwards. *QEMU*: how many of them",
                 f"`{guest.qemu}` 7.2 ran too, with the same result, or why it was not asked. Only instructions that no branch could lead past, in programs that reached",
                 "their end, are counted (`tests/fuzz/run.py` says how that is checked)."]
        if self.target.vixl:
            lines += ["*VIXL*: executions in cases that interpreter, tier 1 and VIXL 5.1's simulator ran in one process, with equal registers, NZCV and memory; it has no cumulative",
                      "FP flags, rounds to nearest only and does not flush subnormals to zero, which QEMU alone is asked about."]
        lines += ["", f"{len(encodings)} encodings: {sum(1 for n in encodings if self.of('tiers', n))} compared between the tiers, {by}, {any_oracle} with an oracle.", "",
                  "| encoding | extension | interpreter and tier 1 | " + " | ".join(title for _, title, _ in oracles) + " |", "|---|---|---|" + "---|" * len(oracles)]
        for n, (extension, _) in encodings.items():
            lines.append(f"| {n} | {extension} | {self.of('tiers', n)} | " + " | ".join(str(self.of(who, n) or why.get(n, "")) for who, _, why in oracles) + " |")
        self.target.page.write_text("\n".join(lines) + "\n")


def suite(guest, a):
    """Fuzzes one guest; whether anything is wrong."""
    target = Target(guest, pathlib.Path(a.build))
    fuzzer, start = Fuzzer(a, target), time.monotonic()
    total, counts, reports = Coverage(target), collections.Counter(), []
    seed = a.seed if a.seed is not None else int(time.time()) * 100
    print(f"fuzz: {guest.name}: first seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as d, concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        def jobs():
            s = seed
            while time.monotonic() - start < a.seconds and len(reports) < a.stop_after:
                yield pool.submit(fuzzer.seed, s, a.cases, s % 2 == 0, d)
                if target.vixl:
                    yield pool.submit(fuzzer.seed_in_process, s, 8 * a.cases, d)
                s += 1
        reports += fuzzer.regressions(d)
        looked, missed = fuzzer.check_counting(seed, a.cases, d)
        reports += [f"counted, but not executed under QEMU: {', '.join(missed[:10])}"] if missed else []
        print("\n".join(reports), end="\n" if reports else "", flush=True)

        def take(result):
            coverage, n, refused, report = result
            counts["refused"] += bool(refused)
            counts["cases"] += n
            counts["programs"] += 1
            total.add(coverage)
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
    missing = total.missing()
    oracles = ", ".join(f"{total.counts[who].total()} {'also under' if who == 'qemu' else 'with'} {title}" for who, title, _ in total.oracles())
    print(f"fuzz: {guest.name}: {programs} programs, {cases} cases, {total.counts['tiers'].total()} counted instructions ({oracles}) in {seconds:.0f} s; "
          f"{looked} counted places traced, {len(missed)} not executed; {len(reports)} differences; {counts['refused']} programs with blocks that tier 1 refused; "
          + "; ".join(f"{'not reached' if who == 'tiers' else 'not with ' + who}: {' '.join(names) or 'none'}" for who, names in missing.items()))
    if a.page:
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
        total.write(f"{datetime.date.today()}, commit {commit}: {programs} programs, {cases} cases, seeds from {seed}, {seconds:.0f} s, {len(reports)} differences.")
    guests.record("fuzz", guest, programs - len(reports), len(reports), f"{seconds:.0f} s, {total.counts['tiers'].total()} instructions compared")
    return bool(reports or programs == 0 or (a.page and any(missing.values())))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    guests.add_option(ap)
    ap.add_argument("--seconds", type=float, default=60, help="for each guest")
    ap.add_argument("--seed", type=int, default=None, help="first seed (default: from the clock)")
    ap.add_argument("--cases", type=int, default=150)
    ap.add_argument("--length", type=int, default=24)
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--tiers", default="interp,1,2")
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--build", default=str(ROOT / "build/release"), help="where the generators are")
    ap.add_argument("--page", action="store_true", help="write docs/coverage-TABLE.md; fails while an encoding is missing")
    ap.add_argument("--stop-after", type=int, default=5, help="differences")
    a = ap.parse_args()
    sys.exit(guests.each(a, lambda guest: suite(guest, a)))


if __name__ == "__main__":
    main()
