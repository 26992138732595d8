#!/usr/bin/env python3
"""CPython's own regression tests, from a guest's Debian sysroot, under vm and under QEMU; some also natively.

  run.py [--guest NAME] [--vm VM] [--view V] [--timeout S] [--qemu] [--resume] [MODULE…]     modules: default those of modules.txt

--view: how vm's guests see their files: sysroot (-L, the default), root (--root), or chroot (vm-user on binfmt_misc).

Every run has processes, users if not root, and a loopback network of its own (tools/contain.sh) and an empty directory. A module is one of
  passed      all its tests passed, or skipped themselves
  skipped     the whole module, or every test of it, skipped itself: shows nothing
  failed      with the tests that failed, by name
  crashed     ended without a result
  timeout     did not end in time: a failure, too
QEMU runs what vm does not pass, with --qemu all modules; its verdicts are kept in the cache directory for this sysroot and this QEMU.
A module that QEMU passes and we do not counts as a failure, and the exit status is 1. What vm does not pass runs under the same Debian
release's Python for this machine, too; tests that fail neither under QEMU nor natively are named. The modules of NATIVE always run
natively, and each test must come out the same.
Results: build/results/cpython-GUEST.jsonl, a line a module; --resume keeps those that this vm already has there and runs the others.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import guests  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
NATIVE = ["test_posix"]
TOOL = lambda name: str(ROOT / "tools" / name)


def outcomes(file):
    """{test: passed | failed | skipped} of a JUnit file that regrtest wrote; none if it wrote none."""
    try:
        root = xml.etree.ElementTree.parse(file).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        return {}
    result = {}
    for case in root.iter("testcase"):
        kinds = {child.tag for child in case}
        result[case.get("name")] = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
    return result


def default_signals():
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def run(module, prefix, python, work, limit, root=""):
    """Runs one module; returns its verdict as a dictionary. `root`: what the module sees as /."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    xml_file, log = work / "junit.xml", work / "log"
    command = [TOOL("contain.sh"), *prefix, python, "-m", "test", "--tempdir", str(work).removeprefix(root), "--junit-xml", str(xml_file).removeprefix(root), "--timeout", "0", "-W", module]
    start = time.monotonic()
    with log.open("wb") as out:
        # A shell's background jobs ignore SIGINT, and tests that wait for it would wait for ever.
        p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=work, start_new_session=True, preexec_fn=default_signals)
        try:
            p.wait(limit)
        except subprocess.TimeoutExpired:
            p.kill()  # the init of its own process space: nothing outlives it
            p.wait()
    seconds = round(time.monotonic() - start, 1)
    text, tests = log.read_text(errors="replace"), outcomes(xml_file)
    names = sorted(t for t, o in tests.items() if o == "failed") or sorted(set(re.findall(r"^(?:FAIL|ERROR): (\S+ \(\S+\))", text, re.M)))
    if p.returncode == -signal.SIGKILL and seconds >= limit:
        verdict = "timeout"
    elif not (ended := re.search(r"^Result: (\w.*)$", text, re.M)):
        verdict = "crashed"
    elif re.search(r"^1 test skipped:|^Result: .*NO TESTS RAN", text, re.M) or (tests and set(tests.values()) == {"skipped"}):
        verdict = "skipped"
    else:
        verdict = "passed" if ended[1] == "SUCCESS" and p.returncode == 0 else "failed"
    return {"verdict": verdict, "seconds": seconds, "status": p.returncode, "failed": names, "tests": tests,
            "tail": [] if verdict in ("passed", "skipped") else text.splitlines()[-15:]}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("modules", nargs="*")
    guests.add_option(ap)
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--view", choices=["sysroot", "root", "chroot"], default="sysroot")
    ap.add_argument("--timeout", type=int, default=1200, help="seconds a module may take (default 1200), under QEMU three times as long")
    ap.add_argument("--qemu", action="store_true", help="run QEMU for modules that vm passes, too, if its verdict is not known")
    ap.add_argument("--resume", action="store_true", help="keep what this vm already has in build/results/")
    a = ap.parse_args()
    guests.long_sysroots(a)
    home = os.environ.get("HOME", "/")
    os.environ.clear()
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", HOME=home, LC_ALL="C.UTF-8")
    sys.exit(guests.each(a, lambda guest: suite(guest, a)))


def suite(isa, a):
    """Runs the modules with one guest; whether anything is wrong."""
    listed = [line for line in (HERE / "modules.txt").read_text().split("\n") if line and not line.startswith("#")]
    guest, native = isa.sysroot("--long"), guests.sysroot("amd64", "--long")
    cache = pathlib.Path(guest).parent
    known_file = cache / f"cpython-{isa.qemu}.json"
    stamp = [(pathlib.Path(guest) / ".complete").read_text().strip(), subprocess.run([isa.qemu, "--version"], capture_output=True, text=True).stdout]
    known = json.loads(known_file.read_text()) if known_file.exists() else {}
    if known.get("stamp") != stamp:
        known = {"stamp": stamp}
    python = "/usr/bin/python3.13"
    work = ROOT / "build/cpython" / isa.name
    name = "cpython" + ("" if a.view == "sysroot" else "-" + a.view)
    results = ROOT / f"build/results/{name}-{isa.name}.jsonl"
    inside = pathlib.Path(guest) / "tmp/cpython"  # where a guest with another root can write
    views = {"sysroot": ([a.vm, "run", "-L", guest], guest + python, work, ""),
             "root": ([a.vm, "run", "--root", guest], python, inside, guest),
             "chroot": ([TOOL("in-chroot.sh"), a.vm, guest], python, inside, guest)}
    prefix, program, place, root = views[a.view]
    results.parent.mkdir(parents=True, exist_ok=True)
    build = hashlib.sha256(pathlib.Path(a.vm).read_bytes()).hexdigest()
    rows = [r for r in map(json.loads, results.read_text().splitlines()) if r["build"] == build] if a.resume and results.exists() else []
    kept = {r["module"] for r in rows}
    for module in a.modules or listed:
        if module in kept:
            continue
        bad = 0
        row = {"module": module, "build": build, "vm": run(module, prefix, program, place / module, a.timeout, root)}
        mine = row["vm"]
        note = ""
        there = None
        if module in NATIVE or mine["verdict"] != "passed":
            there = run(module, [TOOL("in-sysroot.sh"), native], python, work / "native" / module, a.timeout)
            differ = sorted(t for t in mine["tests"].keys() | there["tests"].keys() if mine["tests"].get(t) != there["tests"].get(t))
            row["native"] = {**there, "tests": len(there["tests"]), "differ": {t: [there["tests"].get(t), mine["tests"].get(t)] for t in differ}}
            note += f"; natively {there['verdict']}, {len(there['tests']) - len(differ)} tests as there, {len(differ)} not"
        if module in NATIVE:
            bad += bool(differ) or not there["tests"]
            note += f" {row['native']['differ']}"
        if module not in known and (a.qemu or mine["verdict"] != "passed"):
            known[module] = run(module, [TOOL("qemu-binfmt.sh"), isa.name, guest], guest + python, work / "qemu" / module, a.timeout * 3)
            known_file.write_text(json.dumps(known))
        theirs = known.get(module)
        row["qemu"] = theirs and {**theirs, "tests": len(theirs["tests"])}
        count = lambda o: sum(v == o for v in mine["tests"].values())
        others = {t for run_there in (there, theirs) if run_there for t in run_there["failed"]}
        row["only_we"] = [t for t in mine["failed"] if t not in others]
        if mine["verdict"] not in ("passed", "skipped"):
            note += f"; fail only under vm: {row['only_we'] or 'none'}"
        bad += bool(theirs) and mine["verdict"] != "passed" == theirs["verdict"]
        print(f"{mine['verdict']:8} {module} {mine['seconds']} s, {count('passed')} tests passed, {count('failed')} failed, {count('skipped')} skipped; "
              f"QEMU: {theirs['verdict'] + ' ' + str(theirs['seconds']) + ' s' if theirs else 'not run'}{note}", flush=True)
        row["vm"] = {**mine, "tests": {o: count(o) for o in ("passed", "failed", "skipped")}}
        row["bad"] = int(bad)
        rows.append(row)
        results.write_text("".join(json.dumps(r) + "\n" for r in rows))
        if mine["verdict"] in ("passed", "skipped"):
            shutil.rmtree(place / module, ignore_errors=True)
    bad = sum(r["bad"] for r in rows)
    passed = sum(r["vm"]["verdict"] == "passed" for r in rows)
    skipped = sum(r["vm"]["verdict"] == "skipped" for r in rows)
    both = sum(r["vm"]["verdict"] not in ("passed", "skipped") and r["qemu"]["verdict"] != "passed" for r in rows)
    print(f"{isa.name}: {passed} modules passed, {len(rows) - passed - skipped} failed (under QEMU too: {both}), {skipped} skipped; {bad} failures that count")
    if set(listed) <= {r["module"] for r in rows}:
        detail = f"{both} fail under QEMU too, {skipped} skipped"
        guests.record(name, isa, passed, bad, detail)
    return bad > 0 or passed == 0


if __name__ == "__main__":
    main()
