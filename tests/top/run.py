#!/usr/bin/env python3
"""vm top against programs that run: its figures against /proc and --stats, and whom it refuses.

run.py [--guest NAME] [VM]: vm-user is taken from beside VM.
"""
import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import guests  # noqa: E402

OUT = ROOT / "build/guests/top"
NOBODY = 65534
WORKERS = 2
VM = None  # set by main
failures = []


def check(what, good, more=""):
    print(f"{'ok  ' if good else 'FAIL'} {what}{'' if good else f': {more}'}", flush=True)
    if not good:
        failures.append(what)


def build(guest):
    OUT.mkdir(parents=True, exist_ok=True)
    program, source = OUT / f"load.{guest.name}", pathlib.Path(__file__).parent / "load.c"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([guest.cc, "-O1", "-std=gnu11", "-Wall", "-Wextra", "-static", "-pthread", source, "-o", program], check=True)
    return program


def top(*args, vm=None, timeout=20, **how):
    r = subprocess.run([vm or VM, "top", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, **how)
    return r.returncode, r.stdout, r.stderr


def samples(pid, count=1, interval=0.1):
    rc, out, err = top(pid, "-o", "json", "--count", count, "--interval", interval)
    if rc != 0:
        raise RuntimeError(f"vm top {pid}: {rc} {err}")
    return [json.loads(line) for line in out.splitlines()]


def refused(what, pid, *words, **how):
    rc, out, err = top(pid, "--once", **how)
    one = err.startswith("vm: top: ") and err.count("\n") == 1
    check(f"refused: {what}", rc == 125 and out == "" and one and all(w in err for w in words), f"{rc} {out}{err}")


class Load:
    """The program, running."""

    def __init__(self, program, *options, command=None, env=None, **how):
        self.process = subprocess.Popen([*(command or [VM, "run", *options]), program, str(WORKERS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **(env or {})}, **how)
        self.pid = self.process.pid
        self.line()

    def line(self):
        return self.process.stdout.readline().strip()

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.line() if word != "end" else self.process.wait(timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def eventually(good, *args, seconds=10):
    """The samples that `samples(*args)` gives, again and again until they are `good` or the time is over."""
    end = time.monotonic() + seconds
    while True:
        s = samples(*args)
        if good(s) or time.monotonic() > end:
            return s


def growing(load, guest, program):
    eventually(lambda s: any(p["region"] for p in s[0]["tier2"]["places"]), load.pid)
    first, second = samples(load.pid, 2, 0.3)
    tids = {int(t) for t in os.listdir(f"/proc/{load.pid}/task")}
    check("names guest and tier", second["isa"] == guest.isa and second["tier"] == "auto" and second["pid"] == load.pid, second["isa"])
    check("command line", second["command"].endswith(f"{program} {WORKERS}"), second["command"])
    listed = {v["tid"] for v in second["vcpus"]}
    # The starter's threads come and go.
    check("vCPUs", WORKERS + 2 <= len(listed) <= WORKERS + 3 and len(listed & tids) >= WORKERS + 2 and load.pid in listed, (listed, tids))
    cpu = sum(v["user_cpu_percent"] or 0 for v in second["vcpus"])
    check("vCPUs take time", 10 < cpu < 100 * (WORKERS + 2), cpu)
    a, b = first["totals"], second["totals"]
    check("no counter falls", all(a[k] <= b[k] for k in a), {k: (a[k], b[k]) for k in a if a[k] > b[k]})
    check("counters grow", all(a[k] < b[k] for k in ("runs", "enters", "lookups")), (a, b))
    wrong = {k: (r, b[k] - a[k]) for k, r in second["rates"].items() if abs(r * second["seconds"] - (b[k] - a[k])) > 0.5 + 1e-9 * b[k]}
    check("rates are differences by time", not wrong and 0.05 < second["seconds"] < 5, (wrong, second["seconds"]))
    tier2 = second["tier2"]
    check("tier 2's thread", tier2["tid"] in tids and tier2["state"] in ("watching", "compiling", "asleep"), tier2)
    places = [p for p in tier2["places"] if p["file"] == str(program)]
    check("hot places lie in the program", places and max(p["samples"] for p in places) > 1 and any(p["region"] for p in places), tier2)
    check("regions were made", b["regions"] > 0 and second["timings"]["region_ns_median"] > 0, b["regions"])
    uptime = time.clock_gettime(time.CLOCK_BOOTTIME) - int(pathlib.Path(f"/proc/{load.pid}/stat").read_text().rsplit(")")[1].split()[19]) / os.sysconf("SC_CLK_TCK")
    check("uptime", abs(uptime - second["uptime_seconds"]) < 2, (uptime, second["uptime_seconds"]))


def still(pid):
    """A sample of a program in which nothing happens."""
    before = None
    for _ in range(20):
        s = samples(pid, 1, 0.05)[0]
        if before and s["totals"] == before["totals"]:
            return s
        before = s
    raise RuntimeError("the counters do not come to rest")


def agrees(load, stats):
    """What is counted at rest and what --stats says a moment later."""
    load.say("rest")
    last = still(load.pid)
    status = load.say("end")
    final = json.loads(pathlib.Path(stats).read_text())
    totals = {**last["totals"], "code_bytes_used": last["code_bytes_used"], "icount": last["icount"]}
    # Between them lie a line read, the wake-up of nobody, and the way out.
    room = {"icount": 100_000, "guest_bytes": 20_000, "host_bytes": 200_000, "side_table_bytes": 20_000, "code_bytes_used": 400_000}
    off = {k: (v, final[k]) for k, v in totals.items() if not k.endswith("_ns_total") and not v <= final[k] <= v + room.get(k, 2000)}
    check("agrees with --stats", status == 0 and not off and totals["icount"] > 1_000_000, off)
    check("limit of the code cache", last["code_bytes_limit"] == final["code_bytes_limit"], last["code_bytes_limit"])


def forked(load):
    child = int(load.say("fork"))
    try:
        # It may stay in linked code, and then executes instructions, but enters nothing.
        a, b = eventually(lambda s: s[0]["icount"] < s[1]["icount"], child, 2)
        check("forked child: one vCPU, its own", [v["tid"] for v in b["vcpus"]] == [child], b["vcpus"])
        check("forked child: counters grow", a["icount"] < b["icount"] and a["totals"]["enters"] <= b["totals"]["enters"], b)
        check("forked child: tier 2 is its own", b["tier2"]["tid"] in (0, *map(int, os.listdir(f"/proc/{child}/task"))), b["tier2"])
        check("the parent beside it", len(samples(load.pid)[0]["vcpus"]) >= WORKERS + 2)
    finally:
        os.kill(child, signal.SIGKILL)
    zombie = time.monotonic() + 5
    while time.monotonic() < zombie and ") Z " not in pathlib.Path(f"/proc/{child}/stat").read_text():
        time.sleep(0.01)
    refused("a process that nobody has waited for", child, "has ended")


def vforked(load):
    child = int(load.say("vfork"))
    try:
        refused("a child of vfork", child, f"in the memory of process {load.pid}", f"vm top {load.pid}")
        check("the parent of vfork", len(samples(load.pid)[0]["vcpus"]) >= WORKERS + 2)
    finally:
        os.kill(child, signal.SIGKILL)


def suite(guest):
    print(f"== {guest.name}", flush=True)
    program = build(guest)
    with tempfile.NamedTemporaryFile() as stats, Load(program, "--no-cache", "--icount", "--stats", stats.name) as load:
        growing(load, guest, program)
        forked(load)
        agrees(load, stats.name)


def foreign(load):
    refused("this script", os.getpid(), os.path.realpath(sys.executable), "no vm")
    refused("no process", 2 ** 22 + 1, "there is no process")
    refused("not a number", "12x", "'12x'")
    refused("process 0", "0", "'0'")
    thread = sorted(map(int, os.listdir(f"/proc/{load.pid}/task")))[1]  # a worker: the first ones stay
    refused("a thread", thread, f"{thread} is a thread of process {load.pid}")
    refused("process 1", 1, "process 1")
    if os.path.exists("/proc/2/stat") and "(kthreadd)" in pathlib.Path("/proc/2/stat").read_text():
        refused("a thread of the kernel", 2, "thread of the kernel")
    with subprocess.Popen([VM, "top", "--interval", "20", str(load.pid)], stdout=subprocess.PIPE) as other:
        time.sleep(0.2)
        refused("a vm that runs no guest", other.pid, "runs no guest")
        other.kill()


def other_builds(directory, program, load):
    image = bytearray(VM.read_bytes())
    at = image.index(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0") + 16
    image[at] ^= 1
    other = directory / "other-vm"
    other.write_bytes(image)
    other.chmod(0o755)
    with Load(program, command=[other, "run", "--no-cache"]) as theirs:
        refused("another build", theirs.pid, "another build", str(other))
        rc, out, _ = top(theirs.pid, "--once", vm=other)
        check("another build by its own", rc == 0 and f"process {theirs.pid}:" in out, out)
    refused("this build by another", load.pid, "another build", vm=other)


def others(directory, program, load):
    if os.geteuid() != 0:
        print("skipped other users: not root")
        return
    for name, mode in (("vm", 0o755), ("unreadable", 0o711)):
        shutil.copy(VM, directory / name)
        (directory / name).chmod(mode)
    shutil.copy(program, directory / "load")
    directory.chmod(0o755)
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}
    refused("another user", load.pid, "belongs to user 0", vm=directory / "vm", **nobody)
    with Load(directory / "load", command=[directory / "unreadable", "run", "--no-cache"], **nobody) as theirs:
        refused("a program that may not be read", theirs.pid, "closed to its own user", vm=directory / "vm", **nobody)


def user_program(program):
    user = VM.parent / "vm-user"
    with Load(program, command=[user], env={"VM_NO_CACHE": "1"}) as load:
        s = samples(load.pid)[0]
        check("vm-user", len(s["vcpus"]) >= WORKERS + 2 and s["totals"]["runs"] > 0 and s["timings"] is None, s)


def plain(load):
    rc, out, err = top(load.pid)
    check("text", rc == 0 and err == "" and f"process {load.pid}:" in out and "\033" not in out and out.count("process ") == 1, out + err)
    rc, out, err = top(load.pid, "--count", 2, "--interval", 0.05)
    check("text, two samples", rc == 0 and out.count("process ") == 2, out + err)
    for args in (["--interval", "0"], ["--interval", "nan"], ["--once", "--count", "2"], ["-o", "xml"], [], ["1", "2"], ["--count", "-1"]):
        rc, out, err = top(*(args if args in ([], ["1", "2"]) else [load.pid, *args]))
        check(f"refused: {' '.join(args) or 'nothing'}", rc == 125 and out == "" and err.count("\n") == 1, out + err)
    rc, out, err = top("--help")
    check("help", rc == 0 and "--interval" in out and err == "", out + err)


@contextlib.contextmanager
def in_terminal(*args):
    """vm top on a terminal of its own: the process and the terminal's other end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    before = termios.tcgetattr(theirs)
    p = subprocess.Popen([VM, "top", *map(str, args)], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                         preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    try:
        yield p, ours
        same = termios.tcgetattr(theirs) == before
        check("the terminal is as it was", same and p.returncode is not None)
    finally:
        p.kill()
        p.wait()
        os.close(ours)
        os.close(theirs)


def screen_until(fd, pattern, seconds=10):
    """What comes from the terminal until it holds `pattern`."""
    text, end = "", time.monotonic() + seconds
    while time.monotonic() < end and not re.search(pattern, text):
        if select.select([fd], [], [], 0.1)[0]:
            text += os.read(fd, 65536).decode(errors="replace")
    return text


def terminal(load):
    for key, what in ((b"q", "q"), (b"\x03", "Ctrl-C")):
        with in_terminal("--interval", 0.1, load.pid) as (p, fd):
            text = screen_until(fd, r"(?s)process \d+:.*\033\[Hprocess \d+:.*WHERE")
            lines = text.split("\033[H")[-1].split("\033[J")[0].count("\n")
            check("a screen, drawn again", text.count(f"process {load.pid}:") >= 2 and "\033[?25l" in text and lines < 30, repr(text))
            os.write(fd, key)
            text = screen_until(fd, r"\033\[\?25h")
            check(f"leaves on {what}", p.wait(timeout=5) == 0 and "\033[?25h" in text, (p.returncode, text))
    with in_terminal("--interval", 60, load.pid) as (p, fd):
        screen_until(fd, "process")
        p.send_signal(signal.SIGTERM)
        check("killed, it puts the terminal back", p.wait(timeout=5) == -signal.SIGTERM and "\033[?25h" in screen_until(fd, r"\033\[\?25h"))


def executed(load):
    p = subprocess.Popen([VM, "top", "-o", "json", "--count", "4", "--interval", "0.2", str(load.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    answer = load.say("exec")
    out, err = p.communicate(timeout=20)
    lines = [json.loads(line) for line in out.splitlines()]
    check("goes on when the guest executes a program", answer == "ready" and p.returncode == 0 and len(lines) == 4 and
          len(lines[-1]["vcpus"]) >= WORKERS + 2, (answer, p.returncode, err, out[-300:]))


def ends(load):
    p = subprocess.Popen([VM, "top", "-o", "json", "--count", "0", "--interval", "0.1", str(load.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = p.stdout.readline()
    load.say("end")
    _, err = p.communicate(timeout=20)
    check("says that the process ended", p.returncode == 0 and err == f"vm: top: process {load.pid} ended\n" and line.startswith("{"), (p.returncode, err))


def main():
    global VM
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    guests.add_option(ap)
    ap.add_argument("vm", nargs="?", default=ROOT / "build/release/vm")
    a = ap.parse_args()
    VM = pathlib.Path(a.vm).resolve()
    chosen = guests.chosen(a)
    for guest in chosen:
        suite(guest)
    program = build(chosen[0])
    with tempfile.TemporaryDirectory() as d, Load(program, "--no-cache") as load:
        directory = pathlib.Path(d)
        foreign(load)
        other_builds(directory, program, load)
        others(directory, program, load)
        user_program(program)
        plain(load)
        terminal(load)
        executed(load)
        vforked(load)
        ends(load)
    print(f"{len(failures)} failed")
    sys.exit(bool(failures))


main()
