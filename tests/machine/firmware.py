#!/usr/bin/env python3
"""`vm boot` with firmware in M-mode (OpenSBI and U-Boot of Debian), and with kernels in every form that it takes.

firmware.py [VM]     prints a line a check; exit status 1 if one failed
"""
import gzip
import lzma
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from common import OUT, ROOT, VM, boot, check, finish, kernel, refused

sys.path.insert(0, str(ROOT / "tools"))
import machine  # noqa: E402

OPENSBI = pathlib.Path("/usr/lib/riscv64-linux-gnu/opensbi/generic")
UBOOT = pathlib.Path("/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin")
UBOOT_M = pathlib.Path("/usr/lib/u-boot/qemu-riscv64/u-boot.bin")
BASE = ("--arch", "riscv64")
image = kernel("kernel")
elf = image.with_suffix(".elf")


def passes(what, *args, memory="64M"):
    status, out, err = boot(*BASE, "-m", memory, *args)
    lines = out.splitlines()
    bad = [line for line in lines if line.startswith("FAIL")]
    good = sum(line.startswith("ok ") for line in lines)
    check(f"{what}: {good} checks", status == 0 and good >= 53 and not bad and lines[-1:] == ["passed"], f"status {status}: {bad or out[-300:]} {err}")
    return out


def firmwares():
    for name in ("fw_dynamic.bin", "fw_dynamic.elf", "fw_jump.bin", "fw_jump.elf"):
        out = passes(f"OpenSBI {name}", "--firmware", OPENSBI / name, "--kernel", image)
        check(f"OpenSBI {name} says who it is", "OpenSBI v" in out and re.search(r"Boot HART PMP Count +: 16", out) is not None, out[:2000])
    for tier in ("interp", "1"):
        passes(f"OpenSBI, tier {tier}, 2 harts", "--firmware", OPENSBI / "fw_dynamic.bin", "--kernel", image, "--tier", tier, "--smp", 2)
    passes("OpenSBI, an ELF kernel", "--firmware", OPENSBI / "fw_dynamic.elf", "--kernel", elf)


def written(name, data):
    (OUT / name).write_bytes(data)
    return OUT / name


def zboot(data, packing):
    return struct.pack("<4s4sIIII32s", b"MZ\0\0", b"zimg", 56, len(data), 0, 0, packing) + data


def forms():
    """The same kernel in each form, and damaged ones."""
    data = image.read_bytes()
    packed = gzip.compress(data)
    passes("a gzip'ed kernel", "--kernel", written("k.gz", packed))
    passes("an xz'ed kernel", "--kernel", written("k.xz", lzma.compress(data, check=lzma.CHECK_CRC32)))
    passes("an EFI zboot kernel, gzip", "--kernel", written("k.efi", zboot(packed, b"gzip")))
    passes("an EFI zboot kernel, xz", "--kernel", written("k.xz.efi", zboot(lzma.compress(data, check=lzma.CHECK_CRC32), b"xzkern")))
    passes("an ELF kernel", "--kernel", elf)
    high = OUT / "high.elf"
    subprocess.run(["riscv64-linux-gnu-objcopy", "--change-addresses", str(0xffffffff80000000 - 0x80200000), elf, high], check=True)
    passes("a vmlinux with virtual addresses", "--kernel", high)
    refused("a gzip'ed kernel cut short", ("--kernel", written("short.gz", packed[:len(packed) // 2])), 125, "gzip data is damaged")
    refused("a bomb", ("-m", "16M", "--kernel", written("bomb.gz", gzip.compress(bytes(32 << 20)))), 125, "unpacks to more than 16 MiB")
    refused("a zboot kernel packed otherwise", ("--kernel", written("k.lz4.efi", zboot(b"12345678", b"lz4"))), 125, "'lz4'")
    refused("a zboot kernel that lies outside its file", ("--kernel", written("cut.efi", zboot(packed, b"gzip")[:-9])), 125, "outside the file")
    refused("an ELF program of another processor", ("--kernel", "/bin/true"), 125, "little-endian RISC-V 64")
    refused("an ELF object", ("--kernel", written("type.elf", elf.read_bytes()[:16] + b"\1\0" + elf.read_bytes()[18:])), 125, "not an executable")


def refusals():
    fw = OPENSBI / "fw_dynamic.bin"
    refused("a firmware that is not there", ("--firmware", "/nonexistent", "--kernel", image), 127, "/nonexistent")
    refused("an empty firmware", ("--firmware", written("empty", b""), "--kernel", image), 125, "it is empty")
    refused("a firmware that reaches into the kernel", ("--firmware", written("large.bin", bytes(3 << 20)), "--kernel", image), 125, "lies on the firmware")
    refused("flat code without firmware", ("--kernel", UBOOT), 125, "no RISC-V kernel")
    refused("a Linux kernel without any firmware", ("--firmware", "none", "--kernel", image), 125, "only an ELF program")
    refused("nothing to start", ("--firmware", "none"), 125, "nothing to start")
    refused("a firmware without a name", ("--firmware", "", "--kernel", image), 125, "--firmware")
    refused("a RAM disk that leaves no room", ("-m", "16M", "--firmware", fw, "--kernel", image, "--initrd", written("disk", bytes(14 << 20))),
            125, "lies on the kernel")


def bootable_disk(directory, files, words=""):
    """A disk with one ext4 partition that U-Boot boots by extlinux."""
    tree = directory / "tree"
    (tree / "extlinux").mkdir(parents=True)
    initrd = "  INITRD /initrd\n" if "initrd" in files else ""
    (tree / "extlinux/extlinux.conf").write_text(f"DEFAULT d\nLABEL d\n  LINUX /kernel\n{initrd}  APPEND {machine.WORDS} {words}\n")
    for name, source in files.items():
        (tree / name).write_bytes(pathlib.Path(source).read_bytes())
    part, disk = directory / "part", directory / "disk"
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, part, "64M"], check=True, stdout=subprocess.DEVNULL)
    begin = 2048
    mbr = bytearray(begin * 512)
    mbr[446:462] = struct.pack("<8B2I", 0x80, 0, 0, 0, 0x83, 0, 0, 0, begin, part.stat().st_size // 512)
    mbr[510:512] = b"\x55\xaa"
    disk.write_bytes(mbr + part.read_bytes())
    return disk


def prompt():
    for what, args in (("U-Boot behind OpenSBI", ("--firmware", OPENSBI / "fw_dynamic.bin", "--kernel", UBOOT)), ("U-Boot in M-mode", ("--firmware", UBOOT_M))):
        with machine.Console(list(map(str, (VM, "boot", "--arch", "riscv64", "-m", "256M", *args)))) as console:
            try:
                console.until("Hit any key to stop autoboot")
                console.send("\n")
                console.until("=> ")
                console.send("printenv board\n")
                console.until("board=qemu-riscv")
                console.send("poweroff\n")
                check(f"{what}: to its prompt, off by a command", console.ends(30) == 0, console.text[-500:])
            except machine.NoAnswer as e:
                check(f"{what}: to its prompt, off by a command", False, str(e))


def from_disk():
    with tempfile.TemporaryDirectory() as d:
        disk = bootable_disk(pathlib.Path(d), {"kernel": image})
        passes("OpenSBI, U-Boot, the kernel from a disk, 2 harts", "--smp", 2, "--firmware", OPENSBI / "fw_dynamic.bin", "--kernel", UBOOT,
               "--disk", f"{disk},format=raw", memory="256M")


# As in debian.py: the first boot writes, the second looks whether it is still there; a reset between them.
LIFE = """vmload=virtio_mmio,virtio_blk,ext4 root=/dev/vda vmrun="[ -e /sum ] || { head -c 4000000 /dev/urandom > /data; md5sum /data > /sum; }
sync; echo 3 > /proc/sys/vm/drop_caches; md5sum -c /sum || exit 1; [ $((boots % 2)) = 0 ] || reboot" """.replace("\n", "; ")


def root_disk(guest):
    """Debian's kernel behind OpenSBI on a root disk, through a reset."""
    with tempfile.TemporaryDirectory() as d:
        disk = pathlib.Path(d) / "root.ext4"
        shutil.copy(guest / "root.ext4", disk)
        command = machine.vm_command(VM, guest, LIFE, harts=2, disks=[(disk, "raw")], more=("--firmware", OPENSBI / "fw_dynamic.bin"))
        with machine.Console(command) as console:
            try:
                status, text = console.ends(240), console.text
            except machine.NoAnswer as e:
                status, text = -1, str(e)
        check("a root disk behind OpenSBI: two boots, a reset between them",
              status == 0 and text.count("/data: OK") == 2 and text.count("OpenSBI v") == 2, f"status {status}: {text[-800:]}")
        r = subprocess.run(["/sbin/e2fsck", "-fn", disk], capture_output=True, text=True)
        check("  e2fsck finds nothing", r.returncode == 0, r.stdout + r.stderr)


def debian():
    """Debian's kernel, behind OpenSBI and behind U-Boot from a disk."""
    guest = machine.artefacts("riscv64")
    for harts in (1, 2, 4):
        command = machine.vm_command(VM, guest, 'vmrun="nproc"', harts=harts, more=("--firmware", OPENSBI / "fw_dynamic.bin"))
        with machine.Console(command) as console:
            try:
                status, text = console.ends(), console.text
            except machine.NoAnswer as e:
                status, text = -1, str(e)
            check(f"Debian's kernel behind OpenSBI, {harts} harts: to the marker and off",
                  status == 0 and "OpenSBI v" in text and f"VM-READY machine=riscv64 harts={harts} " in text and "VM-STATUS 0" in text, f"status {status}: {text[-800:]}")
    root_disk(guest)
    with tempfile.TemporaryDirectory() as d:
        disk = bootable_disk(pathlib.Path(d), {"kernel": guest / "kernel", "initrd": guest / "initrd.cpio"}, 'vmrun="nproc"')
        status, out, err = boot("--arch", "riscv64", "-m", "512M", "--smp", 2, "--firmware", OPENSBI / "fw_dynamic.bin", "--kernel", UBOOT,
                                "--disk", f"{disk},format=raw,readonly", limit=180)
        check("Debian's kernel from a disk by U-Boot, 2 harts: to the marker and off", status == 0 and "VM-READY machine=riscv64 harts=2 " in out, f"status {status}: {out[-1500:]} {err}")


firmwares()
forms()
refusals()
prompt()
from_disk()
debian()
finish("machine-firmware", VM)
