#!/usr/bin/env python3
"""TCP through user-mode networking, in MiB/s: `wget` in a guest from a server on the host's loopback, under vm and under
`qemu-system-riscv64 -netdev user` by turns (Debian's kernel, virtio-mmio, one hart).

machine_net.py [--vm VM] [--rounds N] [--mib N] [NET...]     NET: --net of vm, default user and user,mtu=1500
"""
import argparse
import http.server
import os
import pathlib
import socketserver
import statistics
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/machine-net"))
import guest as guests  # noqa: E402

DOWNLOADS = 3
block = os.urandom(1 << 20)


class Endless(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        mib = int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(mib << 20))
        self.end_headers()
        for _ in range(mib):
            self.wfile.write(block)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def rates(lines, mib):
    got = [tuple(map(float, line.split()[1:])) for line in lines if line.startswith("DOWN ")]
    if len(got) != DOWNLOADS:
        sys.exit(f"the guest did not download: {lines[-20:]}")
    return [mib / max(end - begin, 0.01) for begin, end in got]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vm", default=str(ROOT / "build/release/vm"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("nets", nargs="*", metavar="NET")
    args = parser.parse_args()
    server = Server(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    guest = guests.Guest()
    script = f"""net || echo FAIL
up() {{ read a b </proc/uptime; echo $a; }}
for i in {' '.join(map(str, range(DOWNLOADS)))}; do
    a=$(up); wget -q -O /dev/null http://10.0.2.2:{server.server_address[1]}/{args.mib} && echo DOWN $a $(up)
done"""
    found = {}
    for _ in range(args.rounds):
        for net in args.nets or ("user", "user,mtu=1500"):
            _, lines, errors = guests.run(args.vm, guest, "bench", script, "--net", net, limit=600)
            found.setdefault(f"vm --net {net}", []).append(statistics.median(rates(lines + [errors], args.mib)))
        command = guests.machine.qemu_command(guest.directory, guests.WORDS, initrd=guest.initrd("bench", script))
        command += ["-netdev", "user,id=n", "-device", "virtio-net-device,netdev=n"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
        found.setdefault("qemu -netdev user", []).append(statistics.median(rates(done.stdout.replace("\r", "").splitlines(), args.mib)))
    for name, values in found.items():
        print(f"{name:24} {statistics.median(values):8.1f} MiB/s   rounds: {' '.join(f'{v:.1f}' for v in values)}")


if __name__ == "__main__":
    main()
