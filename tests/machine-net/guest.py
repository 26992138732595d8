"""A machine that runs one shell script: Debian's kernel and busybox, with the modules of networks and shared folders."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import machine  # noqa: E402

WORDS = "vmload=virtio_mmio,virtio_net,9pnet_virtio,9p vmrun=/case"
PROGRAMS = ("udp_echo", "xattr")
CASE = """#!/bin/sh
mkdir -p /mnt /etc
ip link set lo up
net() { # [OPTION...]: eth0's address by DHCP, or an error
    ip link set eth0 up && udhcpc -q -n -f -i eth0 -s /dhcp "$@" >/dev/null 2>&1
}
"""
DHCP = """#!/bin/busybox sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface; ip route add default via $router
for s in $dns; do echo nameserver $s; done >/etc/resolv.conf
"""


def newc(files):
    """A cpio archive of (name, mode, bytes)."""
    out = bytearray()
    for number, (name, mode, data) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1000):
        raw = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        out += b"\0" * (-len(out) % 4)
        out += data + b"\0" * (-len(data) % 4)
    return bytes(out)


class Guest:
    def __init__(self):
        self.directory = machine.artefacts("riscv64")
        self.kernel = self.directory / "kernel"
        self.out = ROOT / "build/guests/machine-net"
        self.out.mkdir(parents=True, exist_ok=True)
        for program in PROGRAMS:
            subprocess.run(["riscv64-linux-gnu-gcc", "-O2", "-Wall", "-static", "-o", self.out / program, HERE / f"{program}.c"], check=True)

    def initrd(self, name, script):
        """An initial RAM disk whose guest runs `script` and powers off."""
        path = self.out / f"{name}.cpio"
        base = (self.directory / "initrd.cpio").read_bytes()
        path.write_bytes(base + b"\0" * (-len(base) % 512) +
                         newc([("case", 0o100755, (CASE + script).encode()), ("dhcp", 0o100755, DHCP.encode()),
                               *((program, 0o100755, (self.out / program).read_bytes()) for program in PROGRAMS)]))
        return path


def start(vm, guest, name, script, *options, stdin=subprocess.DEVNULL, words=WORDS, console="ttyS0"):
    command = machine.vm_command(vm, guest.directory, words, initrd=guest.initrd(name, script), more=options)
    command = [c.replace("console=ttyS0", f"console={console}") for c in command]
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"})


def run(vm, guest, name, script, *options, limit=120, **more):
    """(exit status, lines of the console, errors)"""
    p = start(vm, guest, name, script, *options, **more)
    try:
        out, err = p.communicate(timeout=limit)
        status = p.returncode
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        status = -1
    return status, out.decode(errors="replace").replace("\r", "").splitlines(), err.decode(errors="replace")
