#!/usr/bin/env python3
"""Debian's own riscv64 kernel in a machine: with one hart and several, counters, suspended, from a root disk through resets, and idle.

debian.py [VM]      prints a line a check; exit status 1 if one failed
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/machine"
sys.path.insert(0, str(ROOT / "tools"))
from checks import check, finish  # noqa: E402
import machine  # noqa: E402

VM = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/vm")
GUEST = machine.artefacts("riscv64")
IDLE_SECONDS, IDLE_PERCENT = 10, 2


def run(words, **options):
    """A whole life: (exit status, what the console showed, seconds)."""
    with machine.Console(machine.vm_command(VM, GUEST, words, **options)) as console:
        try:
            return console.ends(), console.text, console.seconds()
        except machine.NoAnswer as e:
            return -1, str(e), console.seconds()


def harts():
    for n in (1, 2, 4):
        status, text, seconds = run('vmrun="nproc"', harts=n)
        check(f"{n} harts: to the marker and off", status == 0 and f"VM-READY machine=riscv64 harts={n} " in text and f"\n{n}\r\nVM-STATUS 0" in text,
              f"status {status} after {seconds:.1f} s: {text[-500:]}")


# The first boot writes, the others look whether it is still there; every second one is the last of its process.
LIFE = """vmload=virtio_mmio,virtio_blk,ext4 root=/dev/vda vmrun="[ -e /sum ] || { head -c 8000000 /dev/urandom > /data; md5sum /data > /sum; }
sync; echo 3 > /proc/sys/vm/drop_caches; md5sum -c /sum || exit 1; [ $((boots % 2)) = 0 ] || reboot" """.replace("\n", "; ")


def clean(what, image):
    r = subprocess.run(["e2fsck", "-fn", image], capture_output=True, text=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    check(f"{what}: e2fsck finds nothing", r.returncode == 0, r.stdout + r.stderr)


def root_disk(kind, directory):
    raw, image = directory / "root.ext4", directory / f"root.{kind}"
    shutil.copy(GUEST / "root.ext4", raw)
    if kind != "raw":
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", kind, raw, image], check=True)
    else:
        raw.rename(image)
    for boots in ((1, 2), (3, 4)):
        status, text, seconds = run(LIFE, harts=2, disks=[(image, kind)])
        good = status == 0 and text.count("/data: OK") == 2 and all(f" boots={n}\r\n" in text for n in boots)
        check(f"root disk, {kind}: boots {boots[0]} and {boots[1]}, a reset between them", good, f"status {status} after {seconds:.1f} s: {text[-1500:]}")
    if kind != "raw":
        r = subprocess.run(["qemu-img", "check", "-f", kind, image], capture_output=True, text=True)
        check(f"root disk, {kind}: qemu-img finds nothing", r.returncode == 0 and "No errors" in r.stdout, r.stdout + r.stderr)
        subprocess.run(["qemu-img", "convert", "-f", kind, "-O", "raw", image, raw], check=True)
    clean(f"root disk, {kind}", raw if kind != "raw" else image)


def idle():
    with machine.Console(machine.vm_command(VM, GUEST, 'vmrun="sleep 1000"', harts=2)) as console:
        try:
            console.until("VM-READY")
        except machine.NoAnswer as e:
            return check("idle", False, str(e))
        time.sleep(2)
        before, start = console.cpu_seconds(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        percent = 100 * (console.cpu_seconds() - before) / (time.monotonic() - start)
        check(f"idle: {percent:.1f} % of a CPU in {IDLE_SECONDS} s, below {IDLE_PERCENT}", percent < IDLE_PERCENT)


def suspend():
    words = 'vmrun="echo enabled > /sys/class/tty/ttyS0/power/wakeup; echo to sleep; echo mem > /sys/power/state && dmesg | grep PM: && nproc"'
    for n in (1, 2):
        with machine.Console(machine.vm_command(VM, GUEST, words, harts=n)) as console:
            try:
                console.until("to sleep")
                time.sleep(3)
                before, asleep = console.cpu_seconds(), "VM-STATUS" not in console.text
                time.sleep(2)
                percent = 100 * (console.cpu_seconds() - before) / 2
                console.send("\n")
                status, text = console.ends(), console.text
            except machine.NoAnswer as e:
                status, asleep, percent, text = -1, False, 0, str(e)
        good = status == 0 and asleep and "suspend entry (deep)" in text and "suspend exit" in text and f"\n{n}\r\nVM-STATUS 0" in text
        check(f"{n} harts: suspended to RAM, {percent:.1f} % of a CPU, and woken by a key", good and percent < IDLE_PERCENT, f"status {status}: {text[-1500:]}")


def counters(directory):
    subprocess.run(["riscv64-linux-gnu-gcc", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", directory / "perf", HERE / "perf.c"], check=True)
    status, text, _ = run('vmrun="dmesg | grep riscv-pmu-sbi; /perf"', harts=2, initrd=machine.with_file(GUEST / "initrd.cpio", directory, "perf"))
    check("the kernel has SBI's counters", "riscv-pmu-sbi: 16 firmware and 18 hardware counters" in text, text[-1500:])
    check(f"perf_event_open: {text.count('ok  ')} checks", status == 0 and "PERF passed" in text and "FAIL" not in text, f"status {status}: {text[-1500:]}")


harts()
suspend()
with tempfile.TemporaryDirectory() as d:
    counters(pathlib.Path(d))
with tempfile.TemporaryDirectory() as d:
    for form in ("raw", "qcow2"):
        root_disk(form, pathlib.Path(d))
idle()
finish("machine-debian", VM)
