#!/usr/bin/env python3
"""GCC's C torture tests (gcc.c-torture/execute of Debian's gcc-12-source) on every tier.

A test counts when the guest's program passes under QEMU; then it must pass here too on every tier. Binaries and QEMU's
verdicts are kept in the cache directory. known-failures.txt names exceptions with a reason; an exception that passes is
an error too.
"""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import guests  # noqa: E402

CACHE = pathlib.Path(os.environ.get("VM_CACHE_ROOT", ROOT / ".cache")) / "torture"
DIR = "gcc/testsuite/gcc.c-torture/execute/"


def sources():
    """Unpacks the execute/ tests (and ieee/, builtins/ are left out: they need the DejaGnu driver)."""
    where = CACHE / "src"
    stamp = CACHE / "src.done"
    if not stamp.exists():
        if subprocess.run(["dpkg-query", "-W", "gcc-12-source"], capture_output=True).returncode:
            subprocess.run("apt-get install -y -qq --no-install-recommends gcc-12-source >/dev/null || "
                           "{ apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc-12-source >/dev/null; }",
                           shell=True, check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        where.mkdir(parents=True, exist_ok=True)
        with tarfile.open(glob.glob("/usr/src/gcc-12/gcc-12*.tar.xz")[0]) as tar:
            for member in tar:
                name = member.name.split("/", 1)[-1]
                if name.startswith(DIR) and member.isfile() and name.count("/") <= DIR.count("/") + 1:
                    rest = name[len(DIR):]
                    if rest.endswith((".c", ".h")) and (("/" not in rest) or rest.startswith("ieee/")):
                        to = where / rest
                        to.parent.mkdir(parents=True, exist_ok=True)
                        to.write_bytes(tar.extractfile(member).read())
        stamp.write_text("")
    return sorted(where.glob("*.c")) + sorted(where.glob("ieee/*.c"))


def run(cmd, timeout):
    try:
        p = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        return p.returncode, p.stderr[-300:].decode(errors="replace")
    except subprocess.TimeoutExpired:
        return "timeout", ""


def one(job):
    src, opt, guest, vm, tiers, timeout = job
    name = f"{src.relative_to(CACHE / 'src').with_suffix('')}{opt}"
    exe = CACHE / guest.name / opt / (str(src.relative_to(CACHE / "src")).replace("/", "_")[:-2])
    verdict = exe.with_suffix(".json")
    if not verdict.exists():
        exe.parent.mkdir(parents=True, exist_ok=True)
        text = src.read_text(errors="replace")
        extra = re.findall(r"dg-(?:additional-)?options\s+\"([^\"]*)\"", text)
        flags = [f for e in extra for f in e.split() if not f.startswith("-m")]
        cc = subprocess.run([guest.cc, *opt.split(), "-w", "-std=gnu17", "-static", *flags, str(src), "-o", str(exe), "-lm"],
                            capture_output=True)
        if cc.returncode:
            verdict.write_text(json.dumps({"built": False}))
        else:
            rc, _ = run([guest.qemu, str(exe)], 60)
            verdict.write_text(json.dumps({"built": True, "qemu": rc}))
    v = json.loads(verdict.read_text())
    if not v["built"]:
        return name, "unbuilt", {}
    if v["qemu"] != 0:
        return name, "fails-under-qemu", {}
    bad = {}
    for tier in tiers:
        rc, err = run([vm, "run", "--tier", tier, str(exe)], timeout)
        if rc != 0:
            bad[tier] = f"exit status {rc} {err.strip().splitlines()[-1] if err.strip() else ''}"
    return name, "failed" if bad else "passed", bad


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("tests", nargs="*", help="regular expressions on names (default: all)")
    guests.add_option(ap)
    ap.add_argument("--opt", help="levels, as -O0,-O2 (default: those of tools/guests/)")
    ap.add_argument("--tiers", default="interp,1,2,auto")
    ap.add_argument("--sample", type=int, default=1, help="every Nth test only")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--timeout", type=int, default=120, help="seconds a run")
    ap.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    # -O2 given as a value must not look like an option
    argv = [x.replace("--opt ", "--opt=") for x in sys.argv[1:]]
    a = ap.parse_args(argv)
    whole = a.sample == 1 and not a.tests and not a.opt and a.tiers == ap.get_default("tiers")
    sys.exit(guests.each(a, lambda guest: suite(guest, a, whole)))


def known_failures(guest):
    """{test: reason}; a line is GUEST NAME-Ox reason."""
    lines = (ROOT / "tests/torture/known-failures.txt").read_text().splitlines()
    words = [line.split(None, 2) for line in lines if line.strip() and not line.startswith("#")]
    return {test: reason for who, test, reason in words if who == guest.name}


def suite(guest, a, whole):
    """Prints the failures and the figures of one guest; whether anything is wrong."""
    known, opts, tiers = known_failures(guest), a.opt or guest.torture, a.tiers.split(",")
    jobs = [(s, o, guest, a.vm, tiers, a.timeout) for s in sources() for o in opts.split(",")]
    jobs = [j for j in jobs[::a.sample] if not a.tests or any(re.search(t, str(j[0])) for t in a.tests)]
    counts, wrong = {}, []
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for name, what, bad in pool.map(one, jobs):
            if name in known:
                what = "known-failure" if what == "failed" else "unexpected-pass" if what == "passed" else what
            counts[what] = counts.get(what, 0) + 1
            if what in ("failed", "unexpected-pass"):
                wrong.append(name)
                print(f"{what}: {guest.name} {name}: {bad or known.get(name)}", flush=True)
    print(f"torture {guest.name} {opts} on {a.tiers}: " + ", ".join(f"{v} {k}" for k, v in sorted(counts.items())))
    if whole:
        skipped = ", ".join(f"{v} {k}" for k, v in sorted(counts.items()) if k not in ("passed", "failed"))
        guests.record("torture", guest, counts.get("passed", 0), len(wrong), skipped)
    if not counts.get("passed"):
        print("torture: no test passed")
    return bool(wrong) or not counts.get("passed")


if __name__ == "__main__":
    main()
