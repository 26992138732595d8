#!/usr/bin/env python3
"""Compilers, make, git, runtimes, databases and servers of a guest's Debian sysroot, each by a shell script that runs in the guest, and in
the same release's programs for this machine: both must print the same.

  long.py [--guest NAME] [--vm VM] [--timeout S] [CASE…]        cases: the scripts of tests/programs/long

Every run has processes, users if not root, and a loopback network of its own (tools/contain.sh) and an empty directory. A script that says `# as: a user
that is not root` is run so. Results: build/results/programs-long-GUEST.jsonl, a line a case.
"""
import argparse
import difflib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import guests  # noqa: E402

CASES = ROOT / "tests/programs/long"
TOOL = lambda name: str(ROOT / "tools" / name)


def run(command, work, limit):
    """Returns (exit status or "timeout", stdout, stderr, seconds)."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    start = time.monotonic()
    p = subprocess.Popen([TOOL("contain.sh"), *command], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         errors="replace", env={**os.environ, "HOME": str(work)}, start_new_session=True)
    try:
        out, err = p.communicate(timeout=limit)
        status = p.returncode
    except subprocess.TimeoutExpired:
        p.kill()  # the init of its own process space: nothing outlives it
        out, err = p.communicate()
        status = "timeout"
    return status, out, err, round(time.monotonic() - start, 1)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("cases", nargs="*")
    guests.add_option(ap)
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--timeout", type=int, default=900, help="seconds a case may take (default 900)")
    a = ap.parse_args()
    guests.long_sysroots(a)
    os.environ.clear()
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C", TZ="UTC", SRC=str(ROOT / "bench/real"), HERE=str(CASES))
    sys.exit(guests.each(a, lambda guest: suite(guest, a)))


def suite(isa, a):
    """Runs the cases with one guest; whether anything is wrong."""
    guest, native = isa.sysroot("--long"), guests.sysroot("amd64", "--long")
    lines = [line.split(None, 2) for line in (CASES / "known-failures.txt").read_text().splitlines() if line and not line.startswith("#")]
    known = {case: why for who, case, why in lines if who == isa.name}
    rows = []
    for case in a.cases or sorted(p.stem for p in CASES.glob("*.sh")):
        script = CASES / f"{case}.sh"
        user = ["unshare", "-U", "--map-user=65534", "--map-group=65534", "--"] if re.search("^# as: a user", script.read_text(), re.M) else []
        work = ROOT / "build/programs-long" / isa.name / case
        want = run([TOOL("in-sysroot.sh"), native, *user, "/usr/bin/env", f"CROSS={isa.cc}-14", "/usr/bin/bash", str(script)], work, a.timeout)
        path = f"PATH={guest}/usr/sbin:{guest}/usr/bin"  # what the sysroot lacks must not be found on the host
        got = run([*user, "/usr/bin/env", path, "CROSS=gcc", a.vm, "run", "-L", guest, guest + "/usr/bin/bash", str(script)], work, a.timeout)
        ok = want[:2] == got[:2] and want[0] == 0 and want[1] != ""
        if case in known:
            print(f"known failure {case}: {known[case]}" if not ok else f"FAIL {case}: passes, but known-failures.txt has it", flush=True)
        else:
            print(f"ok   {case}: {len(got[1].splitlines())} lines as natively, {got[3]} s, natively {want[3]} s" if ok else
                  f"FAIL {case}: exit status {got[0]}, natively {want[0]}; {got[3]} s, natively {want[3]} s", flush=True)
        if not ok:
            diff = list(difflib.unified_diff(want[1].splitlines(), got[1].splitlines(), "native", "guest", lineterm="", n=0))[:12]
            print("\n".join([*diff, *(f"native stderr: {line}" for line in want[2].splitlines()[-4:]), *(f"guest stderr: {line}" for line in got[2].splitlines()[-8:])]))
        rows.append({"case": case, "passed": ok, "known": known.get(case), "status": got[0], "seconds": got[3], "native_status": want[0], "native_seconds": want[3],
                     "lines": len(got[1].splitlines())})
    results = ROOT / "build/results"
    results.mkdir(parents=True, exist_ok=True)
    (results / f"programs-long-{isa.name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    passed, expected = sum(r["passed"] for r in rows), sum(bool(r["known"]) and not r["passed"] for r in rows)
    bad = sum(r["passed"] == bool(r["known"]) for r in rows)
    print(f"{isa.name}: {passed} passed, {bad} failed, {expected} known failures")
    if not a.cases:
        detail = f"{expected} known failures" if expected else ""
        guests.record("programs-long", isa, passed, bad, detail)
    return bad > 0 or passed == 0


if __name__ == "__main__":
    main()
