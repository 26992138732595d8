"""What the suites with gdb share: a guest that listens, gdb in batch mode against it, and what it said."""
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from checks import check, finish  # noqa: E402
HERE = ROOT / "tests/gdb"
OUT = ROOT / "build/guests/gdb"
VM = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/vm")
GDB = "gdb-multiarch"


class Guest:
    """`vm run` or `vm boot` that waits for gdb; `where` is its address."""

    def __init__(self, *args, address="127.0.0.1:0"):
        command, *rest = map(str, args)
        self.log = open(OUT / "stderr", "w+")
        self.out = open(OUT / "stdout", "w+")
        self.process = subprocess.Popen([VM, command, "--gdb", address, *rest], stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.log)
        self.where = None
        for _ in range(200):
            found = re.search(r"listening for gdb on (\S+?)(;|$)", self.errors(), re.M)
            if found:
                self.where = found[1].removeprefix("unix:")
                break
            if self.process.poll() is not None:
                break
            time.sleep(0.05)

    def errors(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def printed(self):
        return pathlib.Path(self.out.name).read_text(errors="replace")

    def end(self, limit=20):
        """(exit status, what it printed); killed if it does not end."""
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return self.process.returncode, self.printed() + "\n(killed: it did not end)"
        return self.process.returncode, self.printed()


def gdb(where, commands, *files, limit=60):
    """What gdb says to these commands. `where`: None for a script that connects by itself."""
    head = ["set pagination off", "set confirm off", "set width 0", "set remotetimeout 20", "set debuginfod enabled off"]
    connect = [f"target remote {where}"] if where else []
    args = [GDB, "-nx", "-q", "-batch"]
    for line in [*head, *connect, *commands]:
        args += ["-ex", line]
    try:
        r = subprocess.run([*args, *map(str, files)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors="replace", timeout=limit)
        return r.stdout
    except subprocess.TimeoutExpired as e:
        return (e.stdout or b"").decode(errors="replace") + "\n(gdb did not end)"


def holds(text, *patterns):
    """Whether these are in it, one behind the other."""
    at = 0
    for p in patterns:
        found = re.compile(p, re.M | re.S).search(text, at)
        if not found:
            return False
        at = found.end()
    return True


def missing(text, *patterns):
    """The first that is not, and the text: for messages."""
    at = 0
    for p in patterns:
        found = re.compile(p, re.M).search(text, at)
        if not found:
            return f"\n  not there: {p}\n" + text
        at = found.end()
    return ""


def session(what, where, commands, patterns, *files, limit=60):
    """A check: gdb's output has these patterns in this order."""
    text = gdb(where, commands, *files, limit=limit)
    why = missing(text, *patterns)
    check(what, not why, why)
    return text


if shutil.which(GDB) is None:
    sys.exit(f"{GDB} is not installed (./dev setup)")
OUT.mkdir(parents=True, exist_ok=True)
