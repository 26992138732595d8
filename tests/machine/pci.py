#!/usr/bin/env python3
"""Disks on the PCI Express bus of a machine with Debian's riscv64 kernel: what the kernel finds there, and whether data arrive.

pci.py [VM]      prints a line a check; exit status 1 if one failed
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from checks import check, finish  # noqa: E402
import machine  # noqa: E402

VM = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/vm")
GUEST = machine.artefacts("riscv64")
BUS = "/sys/bus/pci/devices"
MIB = 1 << 20


def run(words, disks, **options):
    """A whole life: (exit status, what the console showed). `disks`: what --disk gets."""
    more = [word for d in disks for word in ("--disk", d)]
    with machine.Console(machine.vm_command(VM, GUEST, words, more=more, **options)) as console:
        try:
            return console.ends(), console.text.replace("\r\n", "\n")
        except machine.NoAnswer as e:
            return -1, str(e)


def raw(directory, name, text, size=MIB):
    path = directory / name
    path.write_bytes(text.encode())
    with open(path, "r+b") as f:
        f.truncate(size)
    return path


# The lines of each device: vendor, device, class, where its registers are, its line of the interrupt controller; then data are moved.
SHOW = f"""cd {BUS}; for d in *; do echo PCI $d $(cat $d/vendor $d/device $d/class) $(sed -n 5p $d/resource); done
cat /proc/interrupts | grep virtio; head -c 9 /dev/vda; dd if=/dev/vda of=/dev/vdb bs=64k; sync; dd if=/dev/vdb bs=1M iflag=direct | md5sum""".replace("\n", "; ")


def two_disks(directory, harts):
    data = "contents " * (MIB // 9)
    first, second = raw(directory, "first", data), directory / "second.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", second, "1M"], check=True)
    status, text = run(f"vmload=virtio_blk vmrun=\"{SHOW}\"", [f"{first},format=raw,bus=pci", f"{second},format=qcow2,bus=pci"], harts=harts)
    found = re.findall(r"^PCI (\S+) (.*)$", text, re.M)
    names = {name: line for name, line in found}
    check(f"{harts} harts: the bridge and two disks on the bus", list(names) == ["0000:00:00.0", "0000:00:01.0", "0000:00:02.0"], text[-1500:])
    check(f"{harts} harts: they are what they say",
          all(names.get(f"0000:00:0{n}.0", "").startswith("0x1af4 0x1042 0x010000 0x00000004") for n in (1, 2)) and
          names.get("0000:00:00.0", "").startswith("0x1b36 0x0008 0x060000"), str(names))
    lines = re.findall(r"SiFive PLIC\s+(\d+) ", text)
    check(f"{harts} harts: interrupts 33 and 34", sorted(lines) == ["33", "34"], text[-1500:])
    expected = subprocess.run(["md5sum", first], capture_output=True, text=True, check=True).stdout.split()[0]
    same = subprocess.run(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", first, second], capture_output=True, text=True)
    check(f"{harts} harts: data from one to the other", status == 0 and "VM-STATUS 0" in text and expected in text and same.returncode == 0,
          f"status {status}: {text[-800:]} {same.stdout}")


def many(directory, count, bus, what, on_pci, functions=None):
    disks = [raw(directory, f"disk{n}", f"this is {n:03}") for n in range(count)]
    words = f'vmload=virtio_mmio,virtio_blk vmrun="for d in /sys/block/vd*; do echo $(cat $d/serial): $(head -c 11 /dev/${{d##*/}}); done; echo BUS $(ls {BUS})"'
    status, text = run(words, [f"{path},format=raw,readonly{bus}" for path in disks])
    found = dict(re.findall(r"^(disk\d+): (this is \d+)$", text, re.M))
    good = status == 0 and found == {f"disk{n}": f"this is {n:03}" for n in range(count)}
    places = re.search(r"^BUS (.*)$", text, re.M)
    places = places[1].split() if places else []
    check(f"{count} disks, {what}", good and len(places) == on_pci + 1 and (functions is None or sum(p.endswith(".1") for p in places) == functions),
          f"status {status}, {len(found)} disks, bus {places}: {text[-500:]}")


def much_memory(directory, gib, window):
    disk = raw(directory, "disk", "here")
    status, text = run(f"vmload=virtio_blk vmrun=\"head -c 4 /dev/vda; echo; sed -n 5p {BUS}/0000:00:01.0/resource\"", [f"{disk},format=raw,bus=pci"],
                       memory=f"{gib}G")
    check(f"{gib} GiB of memory: registers at {window:#x}", status == 0 and f"here\n{window:#018x} " in text, f"status {status}: {text[-800:]}")


with tempfile.TemporaryDirectory() as d:
    directory = pathlib.Path(d)
    for n in (1, 2, 4):
        two_disks(directory, n)
    many(directory, 10, "", "the last of them on PCI since there are no more virtio-mmio slots", 3)
    many(directory, 40, ",bus=pci", "more than PCI has slots", 40, functions=9)
    much_memory(directory, 14, 0x4_0000_0000)
    much_memory(directory, 15, 0x8_0000_0000)
finish("machine-pci", VM)
