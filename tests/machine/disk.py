#!/usr/bin/env python3
"""Disks of machines that are killed, and disks that are read back.

disk.py [--kills N] [--seed S] [VM]     prints a line a check; exit status 1 if one failed

A guest writes numbered records to a qcow2 disk (disk.c) and says which are durable; another of its processes writes, zeroes and discards.
kill -9 ends the machine at a random moment, and the next one goes on with the same disk. After each kill qemu-img finds no error other
than leaked clusters, and every record that the guest was told to be durable is there. Then a guest compares what it reads with what it
wrote, on every kind of disk and bus.
"""
import argparse
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/machine"
sys.path.insert(0, str(ROOT / "tools"))
from checks import check, finish  # noqa: E402
import machine  # noqa: E402

MIB = 1 << 20
SIZE, RECORD = 32 * MIB, 4096
PLACES, STEP, LONGEST_BATCH = SIZE // 2 // RECORD, 40503, 24
# What qemu-img makes: small clusters need many tables; a snapshot makes every first write a copy; compressed clusters are replaced.
KINDS = {
    "plain": ["-o", "cluster_size=64k"],
    "small clusters": ["-o", "cluster_size=4k"],
    "with a snapshot": ["-o", "cluster_size=16k"],
    "compressed": ["-o", "cluster_size=64k"],
    "narrow refcounts": ["-o", "cluster_size=512,refcount_bits=1"],
}


def initrd(directory, guest):
    """The guest's RAM disk with the program behind it."""
    subprocess.run(["riscv64-linux-gnu-gcc", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", directory / "disk", HERE / "disk.c"], check=True)
    return machine.with_file(guest / "initrd.cpio", directory, "disk")


def make(kind, path):
    if kind == "compressed":
        raw = path.with_suffix(".raw")
        raw.write_bytes(b"compresses well " * (SIZE // 16))
        subprocess.run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", *KINDS[kind], raw, path], check=True)
        raw.unlink()
        return
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *KINDS[kind], path, str(SIZE)], check=True)
    if kind == "with a snapshot":
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -q -P 77 0 {SIZE}", path], check=True)
        subprocess.run(["qemu-img", "snapshot", "-c", "before", path], check=True)


class Records:
    """What must be on a disk: the newest durable record of each place."""

    def __init__(self):
        self.durable = {}
        self.next = 1

    def reported(self, last):
        for n in range(self.next, last + 1):
            self.durable[n * STEP % PLACES] = n
        # What was written behind the last report may be there or not; numbers stay unique.
        self.next = max(self.next, last + 1) + 10_000_000

    def wrong(self, raw):
        """A place whose record is older than what was durable, or damaged; None if there is none."""
        with open(raw, "rb") as f:
            for place, number in self.durable.items():
                f.seek(place * RECORD)
                data = f.read(RECORD)
                magic, found, total = struct.unpack_from("<8sQQ", data)
                if magic != b"vmrecord" or found < number or found * STEP % PLACES != place:
                    return f"place {place}: record {number} is not there, but {magic!r} {found}"
                if total != (zlib.crc32(data[24:280]) | zlib.crc32(data[-256:]) << 32):
                    return f"place {place}: record {found} is damaged"
        return None


def kill_once(vm, guest, ram_disk, image, records, kind, number, chance, directory):
    bus = chance.choice(("mmio", "pci"))
    words = f'vmload=virtio_mmio,virtio_blk vmrun="/disk records /dev/vda {records.next} {chance.getrandbits(60)}"'
    line = machine.vm_command(vm, guest, words, harts=2, initrd=ram_disk, more=["--disk", f"{image},format=qcow2,bus={bus}"])
    with machine.Console(line) as console:
        try:
            console.until(r"SYNCED \d+\r\n")
            lives = chance.choice((0.01, 0.3, 2)) * chance.random()
            end = time.monotonic() + lives
            while (left := end - time.monotonic()) > 0:
                console._read(left)
        except machine.NoAnswer as e:
            return check(f"kill {number}, {kind}, {bus}", False, str(e))
        console.process.kill()
        console.process.wait()
        while console._read(0):
            pass
        text = console.text
    last = max(int(n) for n in re.findall(r"SYNCED (\d+)\r\n", text))
    count = last - records.next + 1
    records.reported(last)
    shown = "FAILED" not in text
    looked = subprocess.run(["qemu-img", "check", "-f", "qcow2", image], capture_output=True, text=True)
    raw = directory / "contents"
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, raw], check=looked.returncode in (0, 3))
    wrong = records.wrong(raw)
    check(f"kill {number}, {kind}, {bus}: {count} records durable after {lives:.2f} s", shown and looked.returncode in (0, 3) and wrong is None,
          f"{wrong}\n{looked.stdout[-1500:]}{looked.stderr[-500:]}\n{text[-300:] if not shown else ''}")


def kills(vm, guest, ram_disk, directory, count, chance):
    """As many disks as there are kinds, each killed again and again."""
    kinds = list(KINDS)
    images = {}
    for n in range(count):
        kind = kinds[n % len(kinds)]
        if kind not in images:
            images[kind] = directory / f"disk{n}.qcow2", Records()
            make(kind, images[kind][0])
        kill_once(vm, guest, ram_disk, *images[kind], kind, n + 1, chance, directory)
    for kind, (image, _) in images.items():
        subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", "-r", "leaks", image], capture_output=True, check=False)
        looked = subprocess.run(["qemu-img", "check", "-f", "qcow2", image], capture_output=True, text=True)
        check(f"{kind}: no error at all once the leaks are repaired", looked.returncode == 0, looked.stdout)
        if kind == "with a snapshot":
            raw = directory / "contents"
            subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-l", "before", "-O", "raw", image, raw], check=True)
            check(f"{kind}: the snapshot has not changed", raw.read_bytes() == b"\x4d" * SIZE)
        image.unlink()


def verifies(vm, guest, ram_disk, directory, operations, chance):
    for kind in ("raw", *KINDS):
        for bus in ("mmio", "pci"):
            image = directory / "verified"
            image.unlink(missing_ok=True)
            if kind == "raw":
                image.touch()
                with open(image, "r+b") as f:
                    f.truncate(SIZE)
            else:
                make(kind, image)
            form = "raw" if kind == "raw" else "qcow2"
            words = f'vmload=virtio_mmio,virtio_blk vmrun="/disk verify /dev/vda {chance.getrandbits(60)} {operations}"'
            line = machine.vm_command(vm, guest, words, harts=2, initrd=ram_disk, more=["--disk", f"{image},format={form},bus={bus}"])
            with machine.Console(line) as console:
                try:
                    good, text = console.ends(300) == 0, console.text
                except machine.NoAnswer as e:
                    good, text = False, str(e)
            looked = subprocess.run(["qemu-img", "check", "-f", form, image], capture_output=True, text=True) if form != "raw" else None
            check(f"{operations} operations read back, {kind}, {bus}", good and f"VERIFIED {operations}\r\n" in text and
                  (looked is None or looked.returncode == 0), text[-500:] + (looked.stdout if looked else ""))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("vm", nargs="?", default=str(ROOT / "build/release/vm"))
    ap.add_argument("--kills", type=int, default=5)
    ap.add_argument("--operations", type=int, default=3000, help="of each disk that is read back (default 3000)")
    ap.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    a = ap.parse_args()
    print(f"seed {a.seed}")
    guest, chance = machine.artefacts("riscv64"), random.Random(a.seed)
    with tempfile.TemporaryDirectory() as d:
        directory = pathlib.Path(d)
        ram_disk = initrd(directory, guest)
        kills(a.vm, guest, ram_disk, directory, a.kills, chance)
        verifies(a.vm, guest, ram_disk, directory, a.operations, chance)
    finish("machine-disk", a.vm, f"{a.kills} kills, {a.operations} operations a disk")


if __name__ == "__main__":
    main()
