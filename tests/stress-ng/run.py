#!/usr/bin/env python3
"""A guest's stress-ng of Debian, each stressor for a second with --verify, under vm and, the same version, natively.

  run.py [--guest NAME] [--vm VM] [--timeout S] [STRESSOR…]      default: all that stress-ng has, but those of excluded.txt

Every run has processes, users and a loopback network of its own (tools/contain.sh), no rights outside, and an empty directory: as a user
that is not root, or as root where only that passes natively. stress-ng's own summary says whether a stressor passed, failed or skipped
itself; one that does not end within S seconds (default 30) is a timeout. What passes natively and not under vm counts as a failure; what
does not pass natively shows nothing and runs under vm only for the record.
Results: build/results/stress-ng-GUEST.jsonl, a line a stressor.
"""
import argparse
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

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
TOOL = lambda name: str(ROOT / "tools" / name)
TARGET = 0.95


def contained(*command):
    """A command without the rights of who calls us."""
    return [*(NOBODY if os.getuid() == 0 else []), TOOL("contain.sh"), *command]


USER = ["unshare", "-U", "--map-user=65534", "--map-group=65534", "--"]


def run(command, name, work, limit):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    work.chmod(0o777)
    start = time.monotonic()
    p = subprocess.Popen(contained(*command, f"--{name}", "1", "--timeout", "1s", "--verify", "--temp-path", str(work)), cwd=work,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
    try:
        text, _ = p.communicate(timeout=limit)
        ended = re.search(rf"(passed|failed|skipped): \d+: {name} ", text)
        # no summary: "No stress workers invoked" is what a stressor prints that this machine cannot run
        verdict = ended[1] if ended else "skipped" if "unsupported" in text or "No stress workers invoked" in text else "crashed"
        if verdict == "passed" and p.returncode != 0:
            verdict = "failed"
    except subprocess.TimeoutExpired:
        p.kill()  # the init of its own process space: nothing outlives it
        text, _ = p.communicate()
        verdict = "timeout"
    shutil.rmtree(work, ignore_errors=True)
    why = [line for line in text.splitlines() if re.search(r"fail:|error:|skip|warn:|unsupported|not impl|vm:", line) and "skipped: 0" not in line]
    return {"verdict": verdict, "status": p.returncode, "seconds": round(time.monotonic() - start, 1), "why": [] if verdict == "passed" else why[:4]}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("stressors", nargs="*")
    guests.add_option(ap)
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--timeout", type=int, default=30, help="seconds a stressor may take (default 30)")
    a = ap.parse_args()
    sys.exit(guests.each(a, lambda guest: suite(guest, a)))


def suite(isa, a):
    """Runs the stressors with one guest; whether too few pass."""
    guest_root, native_root = isa.sysroot("--long"), guests.sysroot("amd64", "--long")
    os.environ.update(PATH="/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C")
    native = lambda user: [TOOL("in-sysroot.sh"), native_root, *user, "/usr/bin/stress-ng"]
    guest = lambda user: [*user, a.vm, "run", "-L", guest_root, guest_root + "/usr/bin/stress-ng"]
    subprocess.run([*native([]), "--version"], check=True, stdout=subprocess.DEVNULL)  # as we are: makes the places where it mounts
    names = subprocess.run([*native([]), "--stressors"], check=True, capture_output=True, text=True).stdout.split()
    lines = (ROOT / "tests/stress-ng/excluded.txt").read_text().splitlines()
    excluded = dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))
    work = ROOT / "build/stress-ng" / isa.name
    rows = []
    for name in a.stressors or names:
        if name in excluded:
            print(f"excluded {name}: {excluded[name]}")
            continue
        for user in (USER, []):
            there = run(native(user), name, work, a.timeout)
            if there["verdict"] == "passed":
                break
        row = {"stressor": name, "root": not user, "native": there, "vm": run(guest(user), name, work, a.timeout)}
        rows.append(row)
        n, v = row["native"]["verdict"], row["vm"]["verdict"]
        print(f"{v:8} {name}" + (f" (native: {n})" if n != "passed" else "") + "".join(f"\n    {line}" for line in row["vm"]["why"] if n == "passed" != v),
              flush=True)
    results = ROOT / "build/results"
    results.mkdir(parents=True, exist_ok=True)
    (results / f"stress-ng-{isa.name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    natively = [r for r in rows if r["native"]["verdict"] == "passed"]
    passed = [r for r in natively if r["vm"]["verdict"] == "passed"]
    left = [f"{r['stressor']} ({r['vm']['verdict']})" for r in natively if r not in passed]
    print(f"{isa.name}: {len(passed)} of {len(natively)} that pass natively ({100 * len(passed) / max(1, len(natively)):.1f} %); not: {', '.join(left) or 'none'};"
          f" {len(rows) - len(natively)} do not pass natively, {len(names) - len(rows) if not a.stressors else 0} excluded")
    if not a.stressors:
        detail = f"{len(rows) - len(natively)} do not pass natively, {len(names) - len(rows)} excluded" + (f"; not: {', '.join(left)}" if left else "")
        guests.record("stress-ng", isa, len(passed), len(left), detail)
    return len(passed) < TARGET * len(natively) or not natively


if __name__ == "__main__":
    main()
