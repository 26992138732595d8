"""The guests, as tools/guests/*.conf describe them, for scripts in Python."""
import dataclasses
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE = re.compile(r"guest_(\w+)='([^']*)'")


@dataclasses.dataclass(frozen=True)
class Guest:
    name: str       # as Debian calls it
    title: str      # as people call it
    isa: str        # as `vm` calls it
    table: str      # what its instruction table, and what is made from it, is called by
    triple: str     # of its compiler, and Debian's directory of its libraries
    qemu: str       # QEMU's program for it
    qemu_cpu: str   # with every extension that QEMU knows
    machine: bytes  # e_machine of its ELF files
    packages: str
    torture: str    # levels of optimization, as -O0,-O2
    classes: str    # classes of bench/'s kernels for which it has instructions of its own
    crypto: str     # flags for those instructions

    @property
    def cc(self):
        return self.triple + "-gcc"

    def sysroot(self, *args):
        return sysroot(self.name, *args)


def read(file):
    values = {}
    for line in file.read_text().splitlines():
        if m := LINE.fullmatch(line):
            values[m[1]] = m[2]
        elif line and not line.startswith("#"):
            raise SystemExit(f"{file}: neither a comment nor guest_NAME='VALUE': {line}")
    values["machine"] = bytes.fromhex(values["machine"])
    return Guest(name=file.stem, **values)


ALL = {g.name: g for g in map(read, sorted((ROOT / "tools/guests").glob("*.conf"), reverse=True))}


@functools.cache
def sysroot(arch, *args):
    """The directory of a Debian sysroot, made if it is not there."""
    return subprocess.run([ROOT / "tools/sysroot.sh", arch, *args], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def add_option(parser):
    parser.add_argument("--guest", action="append", choices=list(ALL), help="only this guest; may be given again (default: all)")


def chosen(args):
    return [g for g in ALL.values() if not args.guest or g.name in args.guest]


def long_sysroots(args):
    """Makes those of the chosen guests and this machine's own, while the environment is still the user's."""
    for arch in ["amd64", *(g.name for g in chosen(args))]:
        sysroot(arch, "--long")


def record(suite, guest, passed, failed, detail=""):
    """Keeps a suite's figures for ./dev readme."""
    subprocess.run([ROOT / "tools/readme.py", "record", suite, guest.name, str(passed), str(failed), detail], check=True)


def each(args, suite):
    """Runs `suite(guest)`, which returns whether it failed, for each chosen guest. Returns the exit status."""
    bad = [g.name for g in chosen(args) if suite(g)]
    return 1 if bad else 0
