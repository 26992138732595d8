#!/usr/bin/env python3
"""Counters of running machines and programs: --metrics as Prometheus reads it, --stats, and vm top of a machine.

run.py [VM]      prints a line a check; exit status 1 if one failed
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from checks import check, finish  # noqa: E402
import guests  # noqa: E402
import machine  # noqa: E402

VM = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release/vm").resolve())
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
VALUE = r"(?:[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|Inf)|NaN)"
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\}})? ({VALUE})')


class Tcp(http.client.HTTPConnection):
    pass


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def connection(where):
    return Unix(where.removeprefix("unix:")) if where.startswith("unix:") else http.client.HTTPConnection(where, timeout=20)


def fetch(where, path="/metrics", method="GET"):
    c = connection(where)
    c.request(method, path)
    r = c.getresponse()
    return r.status, r.headers, r.read().decode()


def wrong_format(text):
    """What of the text exposition format 0.0.4 a page breaks; and its samples, {name: {labels: value}}."""
    problems, samples, kinds, helps, current = [], {}, {}, set(), None
    if not text.endswith("\n"):
        problems.append("the last line has no end")
    for line in text.splitlines():
        if m := re.fullmatch(rf"# HELP ({NAME}) (.+)", line):
            if m[1] in helps or m[1] in samples:
                problems.append(f"HELP comes twice or late: {line}")
            helps.add(m[1])
            current = m[1]
        elif m := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            if m[1] in kinds or m[1] != current:
                problems.append(f"TYPE comes twice or apart: {line}")
            kinds[m[1]] = m[2]
        elif m := SAMPLE.fullmatch(line):
            name, labels, value = m[1], m[2] or "", float(m[3])
            family = current if kinds.get(current) == "histogram" and name in (f"{current}_bucket", f"{current}_sum", f"{current}_count") else name
            if family != current:
                problems.append(f"stands apart from its family: {line}")
            if labels in samples.setdefault(name, {}):
                problems.append(f"twice: {line}")
            samples[name][labels] = value
        else:
            problems.append(f"no sample: {line}")
    for name, kind in kinds.items():
        if kind == "counter" and not name.endswith("_total"):
            problems.append(f"a counter's name ends in _total: {name}")
        if kind == "histogram":
            buckets = list(samples.get(f"{name}_bucket", {}).items())
            values = [v for _, v in buckets]
            if values != sorted(values) or not buckets or 'le="+Inf"' not in buckets[-1][0] or values[-1] != samples[f"{name}_count"][""]:
                problems.append(f"buckets: {buckets}")
        elif name not in samples:
            problems.append(f"no sample of {name}")
    return problems, samples


def page(where):
    status, headers, text = fetch(where)
    problems, samples = wrong_format(text)
    check(f"{where}: a page in format 0.0.4", status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8" and
          int(headers["Content-Length"]) == len(text) and not problems, f"{status} {problems} {text[:500]}")
    return samples


def value(samples, name, **labels):
    return samples.get(name, {}).get(",".join(f'{k}="{v}"' for k, v in labels.items()))


def hostile(where):
    """Others are served whatever some do."""
    def raw(data, ends=False):
        c = connection(where)
        c.connect()
        try:
            c.sock.sendall(data)
            if ends:
                c.sock.shutdown(socket.SHUT_WR)
            got = b""
            while more := c.sock.recv(65536):
                got += more
            return got
        except OSError as e:
            return str(e).encode()
        finally:
            c.sock.close()
    check("another path", fetch(where, "/")[0] == 404 and fetch(where, "/metrics/")[0] == 404)
    check("another method", fetch(where, method="POST")[0] == 405)
    check("a query", fetch(where, "/metrics?name[]=x")[0] == 200)
    status, headers, text = fetch(where, method="HEAD")
    check("HEAD", status == 200 and text == "" and int(headers["Content-Length"]) > 1000)
    for what, data, words in (("nonsense", b"\x16\x03\x01\x02\x00\x01\x00\n", b"400"), ("no host", b"GET /metrics HTTP/1.1\r\n\r\n", b"400"),
                              ("a long head", b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 4000, b"431"), ("HTTP/3", b"GET / HTTP/3.0\r\n\r\n", b"505")):
        got = raw(data)
        check(f"refused: {what}", got.startswith(b"HTTP/1.1 " + words), got[:100])
    check("the end at once", raw(b"", True) == b"")
    check("half a request", raw(b"GET /met", True) == b"")
    silent = []
    for _ in range(15):
        c = connection(where)
        c.connect()
        silent.append(c.sock)
    start = time.monotonic()
    check("while others are silent", fetch(where)[0] == 200)
    more = [connection(where) for _ in range(5)]
    for c in more:
        c.connect()
    check("while too many are silent, when their time is over", fetch(where)[0] == 200 and time.monotonic() - start < 15, time.monotonic() - start)
    for s in silent:
        s.close()


def vm_top(pid, *args):
    r = subprocess.run([VM, "top", *map(str, args), str(pid)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    if r.returncode != 0:
        raise RuntimeError(f"vm top {pid}: {r.returncode} {r.stderr}")
    return r.stdout


HARTS = 2
WRITES = ('root=/dev/vda vmload=virtio_mmio,virtio_blk,ext4 vmrun="echo BEGIN; while [ ! -e /stop ]; do head -c 1000000 /dev/zero > /x; sync; '
          'read -t 1 word && [ \\$word = stop ] && break; done"').replace("\\$", "$")


def booted(directory):
    """A machine that writes to its disk until it is told to stop."""
    disk, stats, where = directory / "root.ext4", directory / "stats.json", f"unix:{directory}/metrics"
    guest = machine.artefacts("riscv64")
    shutil.copy(guest / "root.ext4", disk)
    command = machine.vm_command(VM, guest, WRITES, HARTS, disks=[(disk, "raw")], more=["--metrics", where, "--stats", stats])
    with machine.Console(command) as console:
        console.until("BEGIN")
        pid = console.process.pid
        before = page(where)
        time.sleep(3)
        after = page(where)
        names = {name for name in before if name.endswith(("_total", "_bucket", "_count"))}
        falls = [(n, labels) for n in names for labels, v in before[n].items() if after[n].get(labels, -1) < v]
        check("no counter falls", not falls, falls)
        for name, labels in (("vm_device_bytes_total", {"device": "disk 0"}), ("vm_device_requests_total", {"device": "disk 0"}),
                             ("vm_device_interrupts_total", {"device": "disk 0"}), ("vm_device_claims_total", {"device": "PLIC"}),
                             ("vm_hart_exits_total", {"hart": "0"}), ("vm_vcpu_tlb_misses_total", {}), ("process_cpu_seconds_total", {})):
            a, b = value(before, name, **labels), value(after, name, **labels)
            check(f"counts: {name} {labels or ''}", a is not None and b is not None and a < b, (a, b))
        moved = value(after, "vm_device_bytes_total", device="disk 0") - value(before, "vm_device_bytes_total", device="disk 0")
        check("the disk's bytes are those that were written", 1e6 <= moved < 1e8, moved)
        check("each hart", all(value(after, "vm_hart_started", hart=n) == 1 for n in range(HARTS)) and len(after["vm_hart_started"]) == HARTS)
        check("memory", value(after, "vm_guest_memory_bytes") == 256 << 20)
        check("nothing that is not counted", "vm_vcpu_instructions_total" not in after)
        first, second = (json.loads(line) for line in vm_top(pid, "-o", "json", "--count", 2, "--interval", 1.5).splitlines())
        harts = sorted(v["hart"]["id"] for v in second["vcpus"])
        check("vm top: harts", harts == list(range(HARTS)) and all(v["hart"]["state"] in ("running", "wfi") for v in second["vcpus"]), second["vcpus"])
        disks = [d for d in second["devices"] if d["name"] == "disk 0"]
        check("vm top: the disk", len(disks) == 1 and disks[0]["bytes"] >= moved and disks[0]["rates"]["bytes"] > 0, second["devices"])
        third = page(where)
        check("vm top agrees with the page", value(after, "vm_device_bytes_total", device="disk 0") <= disks[0]["bytes"] <=
              value(third, "vm_device_bytes_total", device="disk 0"))
        text = vm_top(pid, "--once", "--interval", 0.5)
        check("vm top: text", re.search(r"^ +HART +TID +STATE", text, re.M) and re.search(r"^ +0 +\d+ +(wfi|running) ", text, re.M) and
              re.search(r"^ +disk 0 +\d", text, re.M), text)
        hostile(where)
        console.send("stop\n")
        status = console.ends()
    check("the machine ends well, and its socket is gone", status == 0 and not os.path.exists(where.removeprefix("unix:")), f"status {status}")
    final = json.loads(stats.read_text())
    check("--stats has harts and devices, and agrees", final["devices"]["disk 0"]["bytes"] >= value(third, "vm_device_bytes_total", device="disk 0") and
          final["harts"]["1"]["exits"] >= value(third, "vm_hart_exits_total", hart="1") and final["translations"] > 0 and
          final["tlb_misses"] >= value(third, "vm_vcpu_tlb_misses_total"), final)


def resets():
    """The service goes on when the machine is reset."""
    guest = machine.artefacts("riscv64")
    command = machine.vm_command(VM, guest, 'vmrun="echo ASK; read word; [ $word = off ] || reboot"', more=["--metrics", "127.0.0.1:0"])
    with machine.Console(command) as console:
        where = console.until(r"vm: metrics on (\S+)\n")[1]
        for word in ("again", "off"):
            console.until("ASK")
            samples = page(where)
            check(f"a machine's page before {word!r}", value(samples, "vm_device_sent_bytes_total", device="UART") > 10)
            console.send(word + "\n")
        check("off", console.ends() == 0)


def program():
    """`vm run --metrics`: the guest's process has no thread and no descriptor for it."""
    guest = guests.ALL["riscv64"]
    out = ROOT / "build/guests/monitor"
    out.mkdir(parents=True, exist_ok=True)
    exe, source = out / "program.riscv64", pathlib.Path(__file__).parent / "program.c"
    subprocess.run([guest.cc, "-O1", "-std=gnu11", "-Wall", "-Wextra", "-static", source, "-o", exe], check=True)
    with tempfile.TemporaryDirectory() as d:
        where = f"unix:{d}/metrics"
        p = subprocess.Popen([VM, "run", "--no-cache", "--icount", "--metrics", where, exe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            check("the guest finds no other descriptor and no child", p.stdout.readline() == "descriptors 0 1 2, threads 1, child no\n")
            before = page(where)
            time.sleep(0.5)
            after = page(where)
            a, b = (value(s, "vm_vcpu_instructions_total") for s in (before, after))
            check("executed instructions are counted with --icount", a is not None and a < b, (a, b))
            check("CPU time", value(after, "process_cpu_seconds_total") > 0 and "vm_hart_started" not in after and "vm_vcpu_tlb_misses_total" not in after)
            p.stdin.write("exec\n")
            p.stdin.flush()
            check("after execve", p.stdout.readline() == "descriptors 0 1 2, threads 1, child no\n")
            check("another program of the same process is counted from the start", value(page(where), "vm_vcpu_runs_total") > 0)
            hostile(where)
            p.stdin.write("end\n")
            p.stdin.flush()
            check("it ends", p.wait(timeout=20) == 7)
            end = time.monotonic() + 5
            while os.path.exists(f"{d}/metrics") and time.monotonic() < end:
                time.sleep(0.05)
            check("so does the service", not os.path.exists(f"{d}/metrics"))
        finally:
            p.kill()
            p.communicate()
        p = subprocess.Popen([VM, "run", "--no-cache", "--metrics", where, exe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        p.stdout.readline()
        p.send_signal(signal.SIGKILL)
        check("killed, its output ends at once", p.communicate(timeout=5)[0] == "")


def refused():
    taken = socket.create_server(("127.0.0.1", 0))
    guest = ["boot", "--arch", "riscv64", "--kernel", "/dev/null"]
    for what, where, words in (("an address that is taken", f"127.0.0.1:{taken.getsockname()[1]}", "cannot listen"), ("no port", "localhost", "HOST:PORT"),
                               ("a name", "example.org:80", "HOST:PORT"), ("no directory", "unix:/nonexistent/s", "/nonexistent/s"),
                               ("a file in the way", f"unix:{__file__}", "cannot listen")):
        for command in (guest, ["run"]):
            rest = [] if command is guest else ["/bin/true"]
            r = subprocess.run([VM, *command, "--metrics", where, *rest], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
            check(f"{command[0]}: refused: {what}", r.returncode in (125, 127) and r.stderr.count("\n") == 1 and words in r.stderr, f"{r.returncode} {r.stderr}")


with tempfile.TemporaryDirectory() as directory:
    try:
        booted(pathlib.Path(directory))
        resets()
    except machine.NoAnswer as e:
        check("a machine", False, str(e))
program()
refused()
finish("monitor", VM)
