#!/usr/bin/env python3
"""Wrong and hostile inputs to `vm run`: each must end with one clear sentence on stderr and exit status 125, 126 or 127,
never with a crash of vm. Mutated ELF files may also run (and die by the guest's own signal or status); what is checked
for them is that vm itself does not crash or hang.
"""
import argparse
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
failures = []


def run(vm, *args, timeout=20):
    env = {**os.environ, "ASAN_OPTIONS": "abort_on_error=0:exitcode=99:handle_segv=0:allow_user_segv_handler=1:detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
    try:
        p = subprocess.run([vm, "run", *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, env=env)
        return p.returncode, p.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return "timeout", ""


def expect(vm, name, status, *args, word=None):
    rc, err = run(vm, *args)
    lines = err.strip().splitlines()
    good = rc == status and len(lines) == 1 and lines[0].startswith("vm: ") and (word is None or word in lines[0])
    print(f"{'ok  ' if good else 'FAIL'} {name}: exit status {rc}: {err.strip()[:200]}")
    if not good:
        failures.append(name)


def mutations(vm, good, count, seed):
    """Random bytes, truncations and hostile header fields; vm must neither crash nor print a sanitizer report."""
    rnd = random.Random(seed)
    special = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0xffffffff, 0x7fffffff, 0x8000000000000000, 0xffffffffffffffff, 0x1000, 0xfffffffffffff000]
    with tempfile.TemporaryDirectory() as d:
        path = pathlib.Path(d) / "mutant"
        tally = {}
        for i in range(count):
            data = bytearray(good)
            kind = rnd.randrange(5)
            if kind == 0:
                data = data[:rnd.randrange(len(data))] if rnd.random() < 0.3 else data[:rnd.randrange(600)]
            elif kind == 1:
                for _ in range(rnd.randrange(1, 8)):
                    data[rnd.randrange(min(len(data), 512))] = rnd.randrange(256)
            elif kind == 2:  # a header field
                off, size = rnd.choice([(24, 8), (32, 8), (40, 8), (16, 2), (18, 2), (52, 2), (54, 2), (56, 2), (58, 2), (4, 1), (5, 1), (6, 1)])
                data[off:off + size] = (rnd.choice(special) & (1 << 8 * size) - 1).to_bytes(size, "little")
            elif kind == 3:  # a program header field
                phoff, = struct.unpack_from("<Q", data, 32)
                n, = struct.unpack_from("<H", data, 56)
                at = phoff + 56 * rnd.randrange(n) + rnd.choice([0, 8, 16, 24, 32, 40, 48])
                value = rnd.choice(special) if rnd.random() < 0.7 else rnd.getrandbits(64)
                struct.pack_into("<Q", data, at, value)
            else:
                data = bytearray(rnd.randbytes(rnd.randrange(4096)))
                if rnd.random() < 0.7:
                    data[:20] = good[:20]
            path.write_bytes(data)
            path.chmod(0o755)
            rc, err = run(vm, str(path), timeout=10)
            tally[rc] = tally.get(rc, 0) + 1
            bad = rc == 99 or "Sanitizer" in err or "runtime error" in err or "assert" in err.lower() or rc == -signal.SIGABRT
            # a message of ours must be one sentence; a crash of vm shows as a signal without the guest having started
            if rc in (125, 126, 127) and (len(err.strip().splitlines()) != 1 or not err.startswith("vm: ")):
                bad = True
            if bad:
                keep = pathlib.Path("/tmp") / f"vm-mutant-{seed}-{i}"
                keep.write_bytes(data)
                print(f"FAIL mutation {i} (kept as {keep}): exit status {rc}: {err.strip()[:300]}")
                failures.append(f"mutation {i}")
        print(f"{count} mutations, exit statuses: {dict(sorted(tally.items(), key=str))}")


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("vm")
    ap.add_argument("--mutations", type=int, default=1000)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    vm = str(pathlib.Path(a.vm).resolve())
    subprocess.run([str(ROOT / "tools/build-guests.sh")], check=True)
    guest = ROOT / "build/guests/hello.riscv64"
    good = guest.read_bytes()
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)

        def write(name, data, mode=0o755):
            p = d / name
            p.write_bytes(data)
            p.chmod(mode)
            return str(p)

        def patched(off, value):
            b = bytearray(good)
            b[off:off + len(value)] = value
            return bytes(b)

        expect(vm, "missing file", 127, str(d / "nothing"))
        expect(vm, "directory", 126, str(d), word="directory")
        expect(vm, "empty file", 126, write("empty", b""))
        expect(vm, "text file", 126, write("text", b"just words\n"))
        expect(vm, "not readable as program: no run bit", 126, write("norun", good, 0o644))
        expect(vm, "truncated header", 126, write("trunc", good[:40]))
        expect(vm, "truncated program headers", 126, write("trunc2", good[:80]))
        expect(vm, "random bytes behind the magic", 126, write("random", b"\x7fELF" + random.Random(3).randbytes(500)))
        expect(vm, "32-bit ELF", 126, write("elf32", patched(4, b"\x01")), word="32")
        expect(vm, "big-endian ELF", 126, write("elfbe", patched(5, b"\x02")), word="endian")
        expect(vm, "another ISA", 126, "/bin/true", word="x86")
        expect(vm, "unknown ISA", 126, write("isa", patched(18, b"\x99\x99")))
        expect(vm, "object file", 126, write("object", patched(16, b"\x01\x00")))
        expect(vm, "script without interpreter", 127, write("script", b"#!/nowhere/at/all\n"))
        hello = d / "hello.c"
        hello.write_text("int main(void) { return 0; }\n")
        dyn = d / "dynamic"
        subprocess.run(["riscv64-linux-gnu-gcc", str(hello), "-o", str(dyn), "-Wl,--dynamic-linker=/nowhere/ld.so"], check=True)
        expect(vm, "missing loader", 127, str(dyn), word="/nowhere/ld.so")
        expect(vm, "no program", 125)
        expect(vm, "unknown option", 125, "--frobnicate", str(guest), word="--frobnicate")
        expect(vm, "bad tier", 125, "--tier", "9", str(guest), word="tier")
        expect(vm, "tier that does not exist yet", 125, "--tier", "2", str(guest), word="tier")
        expect(vm, "bad size", 125, "--stack", "lots", str(guest), word="lots")
        expect(vm, "missing sysroot", 125, "-L", str(d / "none"), str(guest))
        expect(vm, "bad jit option", 125, "--jit-opt=-nonsense", str(guest), word="nonsense")
        expect(vm, "bad cpu", 125, "--cpu", "pentium", str(guest), word="pentium")
        expect(vm, "bad environment", 125, "-e", "novalue", str(guest), word="novalue")
    mutations(vm, good, a.mutations, a.seed)
    print(f"{len(failures)} failed" if failures else "hostile inputs: all refused with one sentence")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
