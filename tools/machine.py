"""Machines with Debian's kernel, for scripts: what tools/machine-guests.sh makes, how to start them, and their console."""
import functools
import os
import pathlib
import re
import select
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORDS = "console=ttyS0 quiet panic=-1"


@functools.cache
def artefacts(arch, *args):
    """What tools/machine-guests.sh prints: its directory, or the disk that --disk asked for."""
    done = subprocess.run([ROOT / "tools/machine-guests.sh", arch, *args], check=True, stdout=subprocess.PIPE, text=True)
    return pathlib.Path(done.stdout.strip())


def vm_command(vm, directory, words, harts=1, memory="256M", disks=(), initrd=None, more=()):
    """`disks`: (path, format). `words` come behind the kernel's usual ones."""
    command = [vm, "boot", "--arch", "riscv64", "-m", memory, "--smp", harts, "--kernel", directory / "kernel",
               "--initrd", initrd or directory / "initrd.cpio", "--append", f"{WORDS} {words}", *more]
    for path, kind in disks:
        command += ["--disk", f"{path},format={kind}"]
    return list(map(str, command))


def qemu_command(directory, words, harts=1, memory="256M", disks=(), initrd=None, qemu="qemu-system-riscv64"):
    """The same machine under QEMU."""
    command = [qemu, "-machine", "virt", "-accel", "tcg,thread=multi", "-nographic", "-monitor", "none", "-no-reboot", "-m", memory, "-smp", harts,
               "-kernel", directory / "kernel", "-initrd", initrd or directory / "initrd.cpio", "-append", f"{WORDS} {words}"]
    for n, (path, kind) in enumerate(disks):
        command += ["-drive", f"file={path},format={kind},if=none,id=d{n}", "-device", f"virtio-blk-device,drive=d{n}"]
    return list(map(str, command))


def with_file(initrd, directory, name):
    """A RAM disk that holds this file of the directory, too: the kernel unpacks one archive after the other."""
    whole = directory / "initrd.cpio"
    with open(whole, "wb") as out:
        out.write(initrd.read_bytes())
        out.flush()
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], input=f"{name}\n".encode(), stdout=out, cwd=directory, check=True)
    return whole


class NoAnswer(Exception):
    """The machine ended, or time did, before its console showed what was waited for."""


class Console:
    """A running machine. What it prints is kept in `text`, errors of the program itself in between."""

    def __init__(self, command):
        self.start = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = ""
        self.seen = 0  # what until() has found ends here

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def seconds(self):
        return time.monotonic() - self.start

    def _read(self, left):
        if not select.select([self.process.stdout], [], [], left)[0]:
            return True
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        self.text += data.decode(errors="replace")
        return data != b""

    def until(self, pattern, limit=120):
        """The next match of the pattern in what it prints."""
        end = time.monotonic() + limit
        while True:
            if m := re.compile(pattern).search(self.text, self.seen):
                self.seen = m.end()
                return m
            if (left := end - time.monotonic()) <= 0 or not self._read(left):
                raise NoAnswer(f"no /{pattern}/ in {self.text[-2000:]!r}")

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def ends(self, limit=120):
        """Waits until it has; its exit status."""
        end = time.monotonic() + limit
        while self._read(max(0, end - time.monotonic())):
            if time.monotonic() >= end:
                raise NoAnswer(f"it does not end: {self.text[-2000:]!r}")
        return self.process.wait(timeout=10)

    def cpu_seconds(self):
        """What the process has used of the host's CPUs."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
