"""What the suites of machines share: checks a line each, kernels of our own, `vm boot` to its end."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from checks import check, finish  # noqa: E402
HERE = ROOT / "tests/machine"
OUT = ROOT / "build/guests/machine"
VM = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/vm")
FLAGS = ("-O2 -Wall -Werror -march=rv64gc -mabi=lp64 -mcmodel=medany -ffreestanding -nostdlib -static -fno-pic -no-pie -fno-stack-protector "
         "-Wl,--build-id=none").split()


def build(name, *sources, flags=(), script="link.ld"):
    """An ELF program of sources in this folder."""
    OUT.mkdir(parents=True, exist_ok=True)
    elf = OUT / f"{name}.elf"
    subprocess.run(["riscv64-linux-gnu-gcc", *FLAGS, *flags, "-T", HERE / script, "-o", elf, *(HERE / s for s in sources)], check=True)
    return elf


def kernel(name, *flags, source="kernel.c"):
    """A kernel of our own as a flat image; its ELF program lies beside it."""
    elf = build(name, "start.S", source, flags=flags)
    subprocess.run(["riscv64-linux-gnu-objcopy", "-O", "binary", elf, OUT / f"{name}.bin"], check=True)
    return OUT / f"{name}.bin"


def boot(*args, limit=60, typed=""):
    """(exit status, stdout, stderr) of `vm boot`."""
    try:
        r = subprocess.run([VM, "boot", *map(str, args)], input=typed, capture_output=True, text=True, errors="replace", timeout=limit)
    except subprocess.TimeoutExpired as e:
        return -1, (e.stdout or b"").decode(errors="replace"), "no end"
    return r.returncode, r.stdout, r.stderr


def refused(what, args, status, words):
    """One sentence with these words, and this exit status."""
    r = boot("--arch", "riscv64", *args)
    check(f"refused: {what}", r[0] == status and words in r[2] and r[2].count("\n") == 1 and r[2].startswith("vm: "), f"{r}")
