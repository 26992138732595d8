#!/usr/bin/env python3
"""Networks, shared folders and the virtio console of `vm boot`, seen from a guest: Debian's kernel and busybox (tools/machine-guests.sh).

run.py [--vm VM] [CASE...]
Prints a line a check; exit status 1 if one failed. The cases of tap interfaces need root, for a network of their own.
"""
import argparse
import fcntl
import hashlib
import http.server
import os
import pathlib
import random
import re
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

import guest as guests
from checks import check, finish  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Serves bytes at /NAME."""
    daemon_threads = True

    def __init__(self, address="127.0.0.1"):
        self.files = {}
        super().__init__((address, 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        body = self.server.files.get(self.path)
        self.answer(404 if body is None else 200, body or b"")

    def log_message(self, *_):
        pass


class Sink(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Takes bytes, a connection after the other."""
    daemon_threads = True

    def __init__(self, address="127.0.0.1"):
        self.taken = []
        super().__init__((address, 0), Taker)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Taker(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.taken.append(self.rfile.read())


def sha(data):
    return hashlib.sha256(data).hexdigest()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def host_resolves():
    try:
        socket.getaddrinfo("nonesuch.invalid", 80)
    except socket.gaierror as e:
        return e.errno == socket.EAI_NONAME
    return True


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(process, word):
    """Reads the console up to a line that is `word`."""
    lines = []
    for line in process.stdout:
        lines.append(line.decode(errors="replace").strip())
        if lines[-1] == word:
            break
    return lines


# ---------------------------------------------------------------------------------------------- user-mode networking

def case_user(vm, g):
    server, sink = Server(), Sink()
    big = os.urandom(48 << 20)
    server.files["/big"] = big
    script = f"""net || echo FAIL net
ip -4 addr show eth0 | grep -q 'inet 10.0.2.15/24' && echo ADDRESS
wget -q -O - http://10.0.2.2:{server.port}/big | sha256sum
dd if=/dev/urandom of=/tmp/up bs=64k count=64 2>/dev/null; sha256sum /tmp/up
nc 10.0.2.2 {sink.port} </tmp/up && echo SENT
wget -q -O /dev/null http://10.0.2.2:{server.port}/none || echo NONE
nslookup nonesuch.invalid | grep -q -i "can't find" && echo DNS
cat /sys/class/net/eth0/address"""
    for what, option in (("user", "user"), ("user, MTU 1500, a card's address, PCI", "user,mtu=1500,mac=52:54:00:00:00:99,bus=pci")):
        status, lines, errors = guests.run(vm, g, "user", script, "--net", option)
        sums = [line.split()[0] for line in lines if re.match(r"[0-9a-f]{64} ", line)]
        check(f"{what}: DHCP", status == 0 and "ADDRESS" in lines, (status, lines, errors))
        check(f"{what}: 48 MiB over HTTP from 10.0.2.2, the host's loopback", sums[:1] == [sha(big)], lines)
        check(f"{what}: 4 MiB to it", "SENT" in lines and sums[1:] == [sha(sink.taken[-1])], lines)
        check(f"{what}: an error of the server arrives", "NONE" in lines, lines)
        if host_resolves():
            check(f"{what}: the name server answers", "DNS" in lines, lines)
        else:
            print(f"skip {what}: the name server answers: the host has none")
        check(f"{what}: the card's address", ("52:54:00:00:00:99" if "mac=" in option else "52:54:00:12:34:56") in lines, lines)
    status, lines, errors = guests.run(vm, g, "restricted", f"""net -t 3 && echo DHCP
wget -T 3 -q -O - http://10.0.2.2:{server.port}/big >/dev/null && echo OUT
echo END""", "--net", "user,restrict=on")
    check("user, restrict=on: no way out", "END" in lines and "DHCP" in lines and "OUT" not in lines, (lines, errors))
    status, lines, errors = guests.run(vm, g, "none", "ip link; echo END")
    check("no network unless asked for", status == 0 and "END" in lines and not any("eth0" in line for line in lines), lines)
    status, lines, errors = guests.run(vm, g, "two", "cat /sys/class/net/eth0/address /sys/class/net/eth1/address", "--net",
                                       "user", "--net", "user")
    check("two cards, the first is eth0", [line for line in lines if line.startswith("52:54")] ==
          ["52:54:00:12:34:56", "52:54:00:12:34:57"], lines)


def case_forward(vm, g):
    tcp, udp, http_port = free_port(), free_port(), free_port()
    script = """net || echo FAIL net
mkdir /www; dd if=/dev/urandom of=/www/file bs=64k count=128 2>/dev/null; sha256sum /www/file
httpd -p 80 -h /www
(nc -l -p 7 -e cat) &
/udp_echo 9 &
sleep 1; echo READY; sleep 30"""
    p = guests.start(vm, g, "forward", script, "--net",
                     f"user,hostfwd=tcp::{tcp}-:7,hostfwd=udp:127.0.0.1:{udp}-10.0.2.15:9,hostfwd=tcp::{http_port}-:80")
    lines = wait_for(p, "READY")
    try:
        with socket.create_connection(("127.0.0.1", tcp), timeout=20) as s:
            s.sendall(b"in by TCP\n")
            got = s.recv(100)
        check("a forwarded TCP port", got == b"in by TCP\n", got)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            for size in (9, 1472, 20000):
                sent = os.urandom(size)
                s.sendto(sent, ("127.0.0.1", udp))
                got = s.recv(65536)
                check(f"a forwarded UDP port, {size} bytes", got == sent, (len(got), size))
        import urllib.request
        got = urllib.request.urlopen(f"http://127.0.0.1:{http_port}/file", timeout=60).read()
        check("8 MiB from the guest's HTTP server", any(line.startswith(sha(got)) for line in lines), lines)
    except OSError as e:
        check("forwarded ports", False, (e, lines))
    bound = subprocess.run(["ss", "-Htln", f"sport = :{tcp}"], capture_output=True, text=True).stdout
    check("a forwarded port listens at 127.0.0.1", f"127.0.0.1:{tcp}" in bound, bound)
    second = subprocess.run([vm, "boot", "--arch", "riscv64", "--kernel", g.kernel, "--net", f"user,hostfwd=tcp::{tcp}-:7"],
                            capture_output=True, text=True, stdin=subprocess.DEVNULL)
    check("a port that is taken: one sentence", second.returncode == 125 and second.stderr.count("\n") == 1 and
          f"127.0.0.1:{tcp}" in second.stderr, second)
    children = pathlib.Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text().split()
    check("one process for the network", len(children) == 1, children)
    os.kill(int(children[0]), signal.SIGKILL)
    time.sleep(1)
    check("the machine outlives it", p.poll() is None)
    p.kill()
    errors = p.communicate()[1].decode()
    check("its end is told", "vm-usernet ended: the guest's link is down" in errors, errors)


def case_reset(vm, g):
    """A reset makes a new machine on the same command line: the port must be free again."""
    port = free_port()
    script = """net || echo FAIL net
echo LIFE; (nc -l -p 7 -e cat) & sleep 1
echo READY; read x; reboot -f"""
    p = guests.start(vm, g, "reset", script, "--net", f"user,hostfwd=tcp::{port}-:7", stdin=subprocess.PIPE)
    for life in (1, 2):
        lines = wait_for(p, "READY")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
                s.sendall(b"again\n")
                got = s.recv(100)
        except OSError as e:
            got = e
        check(f"a forwarded port in life {life}", got == b"again\n", (got, lines))
        p.stdin.write(b"\n")
        p.stdin.flush()
    p.kill()
    p.communicate()


def case_idle(vm, g):
    p = guests.start(vm, g, "idle", "net || echo FAIL net\nsleep 2; echo READY; sleep 60", "--net", "user")
    wait_for(p, "READY")
    helper = pathlib.Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text().split()
    time.sleep(1)
    before = cpu_seconds(p.pid), cpu_seconds(helper[0])
    time.sleep(10)
    used = [100 * (cpu_seconds(pid) - b) / 10 for pid, b in zip((p.pid, helper[0]), before)]
    p.kill()
    p.communicate()
    check(f"an idle guest with a network: {used[0]:.1f} % of a CPU, its network {used[1]:.1f} %", sum(used) < 2)


# ---------------------------------------------------------------------------------------------- tap

def case_tap(vm, g):
    """In a network namespace: an interface with the host's end of 10.9.0.0/24 and a server on it."""
    if os.geteuid() != 0:
        return check("tap: needs root, or a network namespace that has it", False)
    if os.environ.get("VM_TEST_TAP") != "inside":
        r = subprocess.run(["unshare", "-n", sys.executable, __file__, "--vm", vm, "tap"],
                           env={**os.environ, "VM_TEST_TAP": "inside"})
        return check("tap: all checks", r.returncode == 0)
    for command in ("ip link set lo up", "ip tuntap add dev vmtest0 mode tap", "ip addr add 10.9.0.1/24 dev vmtest0",
                    "ip link set vmtest0 up"):
        subprocess.run(command.split(), check=True)
    server, sink = Server("10.9.0.1"), Sink("10.9.0.1")
    big = os.urandom(48 << 20)
    server.files["/big"] = big
    script = f"""ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
wget -q -O - http://10.9.0.1:{server.port}/big | sha256sum
cat /sys/class/net/eth0/statistics/rx_packets
dd if=/dev/urandom of=/tmp/up bs=64k count=512 2>/dev/null; sha256sum /tmp/up
nc 10.9.0.1 {sink.port} </tmp/up && echo SENT"""
    status, lines, errors = guests.run(vm, g, "tap", script, "--net", "tap,ifname=vmtest0")
    sums = [line.split()[0] for line in lines if re.match(r"[0-9a-f]{64} ", line)]
    check("tap: 48 MiB from the host", sums[:1] == [sha(big)], (status, lines, errors))
    check("tap: 32 MiB to the host", "SENT" in lines and sums[1:] == [sha(sink.taken[-1])], lines)
    packets = [int(line) for line in lines if re.fullmatch(r"\d+", line)]
    check(f"tap: the host sends long segments ({packets[:1]} packets for 48 MiB)", packets and packets[0] < (48 << 20) // 2920, lines)
    p = guests.start(vm, g, "hold", "echo READY; sleep 60", "--net", "tap,ifname=vmtest0")
    wait_for(p, "READY")
    r = subprocess.run([vm, "boot", "--arch", "riscv64", "--kernel", g.kernel, "--net", "tap,ifname=vmtest0"], capture_output=True, text=True)
    check("tap: an interface in use", r.returncode == 125 and "somebody else uses it" in r.stderr and r.stderr.count("\n") == 1, r)
    subprocess.run("ip link del vmtest0".split(), check=True)
    time.sleep(1)
    check("tap: the machine outlives its interface", p.poll() is None)
    p.kill()
    errors = p.communicate()[1].decode()
    check("tap: that it went is told", "vmtest0 is gone" in errors, errors)


# ---------------------------------------------------------------------------------------------- console

def case_console(vm, g):
    """On a terminal of 97 columns and 31 rows that becomes 120 by 40."""
    def resize(columns, rows):
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    master, slave = os.openpty()
    resize(97, 31)
    script = """stty size; echo READY; read x; echo got $x; stty size; echo to the serial port >/dev/ttyS0; cat /proc/consoles
stty raw; head -c 200000 /dev/zero | tr '\\0' y; echo READY; head -c 10000 | sha256sum"""
    command = guests.machine.vm_command(vm, g.directory, guests.WORDS, initrd=g.initrd("console", script), more=("--console", "virtio"))
    command = [c.replace("console=ttyS0", "console=hvc0") for c in command]
    p = subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = wait_for(p, "READY")
    check("virtio console: the terminal's size", "31 97" in lines, lines)
    resize(120, 40)
    p.send_signal(signal.SIGWINCH)
    time.sleep(1)
    os.write(master, b"typed words\n")
    text = b""
    while not text.rstrip().endswith(b"READY"):
        text += os.read(p.stdout.fileno(), 1 << 16)
    check("virtio console: what is typed", b"got typed words" in text, text[:400])
    check("virtio console: another size", b"40 120" in text, text[:400])
    check("virtio console: hvc0 is the console, the serial port is shown too", b"hvc0" in text and b"to the serial port" in text, text[:400])
    check("virtio console: 200000 bytes out", text.count(b"y") >= 200000, text.count(b"y"))
    big = bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz", k=10000))  # Linux' hvc driver takes 4 KiB every second or two
    threading.Thread(target=lambda: [os.write(master, big[i:i + 500]) for i in range(0, len(big), 500)], daemon=True).start()
    rest = p.communicate(timeout=120)[0].decode(errors="replace")
    check("virtio console: 10000 bytes in", sha(big) in rest and p.returncode == 0, rest[-300:])
    os.close(master)
    os.close(slave)


# ---------------------------------------------------------------------------------------------- shared folders

def case_share(vm, g):
    with tempfile.TemporaryDirectory() as temporary:
        outside, folder, fixed = (pathlib.Path(temporary) / name for name in ("outside", "a folder, with commas", "fixed"))
        for directory in (outside, folder, fixed):
            directory.mkdir()
        (outside / "secret").write_text("secret\n")
        big = os.urandom(24 << 20)
        (folder / "big").write_bytes(big)
        (folder / "out").symlink_to(outside)
        (folder / "up").symlink_to("../outside")
        os.mkfifo(folder / "pipe")
        (fixed / "file").write_text("fixed\n")
        (folder / "labelled").write_text("x")
        os.setxattr(folder / "labelled", "user.host", b"by the host")
        os.setxattr(fixed / "file", "user.host", b"by the host")
        (folder / "many").mkdir()
        for n in range(1500):
            (folder / "many" / f"a file with a long name, number {n}").touch()
        script = """mkdir /a /b
mount -t 9p -o trans=virtio,version=9p2000.L a /a && echo MOUNTED
mount -t 9p -o trans=virtio,version=9p2000.L,msize=16384 b /b && echo MOUNTED
sha256sum /a/big
dd if=/dev/urandom of=/a/new bs=64k count=200 2>/dev/null; sha256sum /a/new
sync; echo 3 >/proc/sys/vm/drop_caches; sha256sum /a/new
ls /a/many | wc -l
cat /a/out/secret || echo NOT-OUT; cat /a/up/secret || echo NOT-UP; ls /a/.. | grep -c outside
mkdir /a/dir && echo one >/a/dir/x && echo two >>/a/dir/x && mv /a/dir/x /a/dir/y && cat /a/dir/y
ln /a/dir/y /a/dir/hard && stat -c 'links %h' /a/dir/y; ln -s y /a/dir/soft && cat /a/dir/soft && readlink /a/dir/soft
chmod 640 /a/dir/y; touch -d '2020-01-02 03:04:05' /a/dir/y; stat -c 'mode %a time %Y' /a/dir/y
truncate -s 5 /a/dir/y; stat -c 'size %s' /a/dir/y; df /a >/dev/null && echo STATFS
chmod 4755 /a/dir/y 2>/dev/null || echo NO-SETUID; mknod /a/disk b 254 0 2>/dev/null || echo NO-DEVICE
mkfifo /a/dir/fifo && (echo through >/a/dir/fifo &) && cat /a/dir/fifo
rmdir /a/dir 2>/dev/null || echo NOT-EMPTY; rm /a/dir/hard; rmdir /a/many/none 2>/dev/null || echo NONE
exec 5>/a/gone; rm /a/gone; echo still >&5 && echo UNLINKED; exec 5>&-
/xattr get /a/labelled user.host && /xattr set /a/labelled user.guest 'by the guest' && /xattr set /a/labelled user.gone x
/xattr remove /a/labelled user.gone; /xattr get /a/labelled user.gone; /xattr list /a/labelled | sed 's/^/listed /'
/xattr set /a/labelled security.capability x; /xattr set /a/labelled trusted.x x; /xattr set /b/file user.x x
cat /b/file; touch /b/x 2>/dev/null || echo READ-ONLY; rm /b/file 2>/dev/null || echo READ-ONLY
(echo x >/b/file) 2>/dev/null || echo READ-ONLY; chmod 777 /b/file 2>/dev/null || echo READ-ONLY
umount /a && echo UMOUNTED"""
        status, lines, errors = guests.run(vm, g, "share", script, "--share", f"{folder},tag=a", "--share", f"{fixed},tag=b,readonly")
        check("share: mounted", lines.count("MOUNTED") == 2 and "UMOUNTED" in lines, (status, lines, errors))
        sums = [line.split()[0] for line in lines if re.match(r"[0-9a-f]{64} ", line)]
        new = (folder / "new").read_bytes() if (folder / "new").exists() else b""
        check("share: 24 MiB read", sums[:1] == [sha(big)])
        check("share: 12.5 MiB written, read by host and guest", len(new) == 200 << 16 and sums[1:] == [sha(new)] * 2)
        check("share: a folder of 1500 files", "1500" in lines)
        check("share: links lead the guest into its own files only", {"NOT-OUT", "NOT-UP"} <= set(lines) and "secret" not in lines)
        for what, words in (("append and rename", ["one", "two"]), ("hard links", ["links 2"]), ("symbolic links", ["y"]),
                            ("mode and time", ["mode 640 time 1577934245"]), ("size", ["size 5"]), ("statfs", ["STATFS"]),
                            ("no setuid programs", ["NO-SETUID"]), ("no devices", ["NO-DEVICE"]), ("a FIFO of the guest's", ["through"]),
                            ("extended attributes", ["by the host", "XATTR No data available", "listed user.host", "listed user.guest"]),
                            ("none that give rights", ["XATTR Operation not supported"]),
                            ("errors", ["NOT-EMPTY", "NONE"]), ("an unlinked file", ["UNLINKED"])):
            check(f"share: {what}", set(words) <= set(lines))
        check("share: readonly", "fixed" in lines and lines.count("READ-ONLY") == 4 and (fixed / "file").read_text() == "fixed\n" and
              [p.name for p in fixed.iterdir()] == ["file"])
        names = set(os.listxattr(folder / "labelled"))
        check("share: the host sees its attributes", names >= {"user.host", "user.guest"} and not names & {"user.gone", "security.capability", "trusted.x"} and
              os.getxattr(folder / "labelled", "user.guest") == b"by the guest" and "XATTR Read-only file system" in lines and
              os.listxattr(fixed / "file") == ["user.host"], (names, [line for line in lines if "XATTR" in line]))
        check("share: the host sees it", (folder / "dir/y").exists() and (folder / "dir/y").stat().st_size == 5 and (folder / "dir/soft").is_symlink() and
              not (folder / "disk").exists() and not (folder / "gone").exists())


# ---------------------------------------------------------------------------------------------- refusals

def case_refused(vm, g):
    for what, args, status, words in (
            ("an unknown network", ("--net", "bridge"), 125, "user, tap or none"),
            ("none and others", ("--net", "none", "--net", "user"), 125, "other --net"),
            ("a forward without a port", ("--net", "user,hostfwd=tcp::-:22"), 125, "'' is no port"),
            ("a forward of an unknown protocol", ("--net", "user,hostfwd=sctp::1-:1"), 125, "hostfwd="),
            ("a forward by name", ("--net", "user,hostfwd=tcp:localhost:2222-:22"), 125, "localhost"),
            ("an unknown word", ("--net", "user,fast=on"), 125, "fast"),
            ("a group's address", ("--net", "user,mac=ff:ff:ff:ff:ff:ff"), 125, "group"),
            ("a tap without a name", ("--net", "tap"), 125, "ifname="),
            ("a tap that is not there", ("--net", "tap,ifname=nonesuch0"), 127, "nonesuch0"),
            ("an interface that is no tap", ("--net", "tap,ifname=lo"), 125, "lo"),
            ("an unknown console", ("--console", "vga"), 125, "vga"),
            ("a console on an unknown bus", ("--console", "virtio,bus=isa"), 125, "isa"),
            ("a folder without a tag", ("--share", "/tmp"), 125, "tag="),
            ("a folder with a long tag", ("--share", f"/tmp,tag={'x' * 65}"), 125, "longer than 64"),
            ("a folder that is not there", ("--share", "/nonexistent,tag=a"), 127, "/nonexistent"),
            ("a file in place of a folder", ("--share", "/etc/passwd,tag=a"), 125, "/etc/passwd"),
            ("two folders of one tag", ("--share", "/tmp,tag=a", "--share", "/,tag=a"), 125, "another folder"),
            ("a bus that is not there", ("--net", "user,bus=isa"), 125, "isa"),
            ("too many cards", ("--net", "user,bus=mmio") * 8, 125, "no place for")):
        r = subprocess.run([vm, "boot", "--arch", "riscv64", "--kernel", g.kernel, *args], capture_output=True, text=True,
                           stdin=subprocess.DEVNULL)
        check(f"refused: {what}", r.returncode == status and words in r.stderr and r.stderr.count("\n") == 1 and
              r.stderr.startswith("vm: boot: "), r)


CASES = {name[5:]: case for name, case in list(globals().items()) if name.startswith("case_")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vm", default=ROOT / "build/release/vm")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=" ".join(CASES))
    args = parser.parse_args()
    for name in args.cases:
        if name not in CASES:
            parser.error(f"no case {name}; there are {' '.join(CASES)}")
    g = guests.Guest()
    for name in args.cases or CASES:
        CASES[name](str(args.vm), g)
    finish("machine-net" if not args.cases else None, args.vm)


if __name__ == "__main__":
    main()
