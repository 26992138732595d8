#!/usr/bin/env python3
"""Wrong and hostile inputs to `vm run`: each must end with one clear sentence on stderr and exit status 125, 126 or 127,
never with a crash of vm, whichever guest the file is for. Mutated ELF files may also run, and die by the guest's own signal or status: then vm itself must
say that the signal was the guest's, and a guest that runs forever must still end when it is told to.
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import elf

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import guests  # noqa: E402

SANITIZER_STATUS = 99
NOBODY = 65534
failures = []
count = 0


def environment(extra=()):
    env = {k: v for k, v in os.environ.items() if not k.startswith("VM_")}
    # vm has the handlers of SIGSEGV & co.; a report must show in the exit status
    env["ASAN_OPTIONS"] = f"exitcode={SANITIZER_STATUS}:abort_on_error=0:handle_segv=0:allow_user_segv_handler=1:detect_leaks=1"
    env["LSAN_OPTIONS"] = f"exitcode={SANITIZER_STATUS}"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    return {**env, **dict(extra)}


def run(vm, *args, timeout=20, env=(), user=None):
    """Exit status (minus the signal, or "timeout") and stderr."""
    p = subprocess.Popen([vm, *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(env),
                         user=user, cwd="/" if user else None)
    try:
        _, err = p.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        p.terminate()  # kills the guest at its next safepoint; a vm that hangs in its own code would stay
        try:
            p.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            p.kill()
            return "hang", ""
        return "timeout", ""
    return p.returncode, err.decode(errors="replace")


def one_sentence(err):
    return err.startswith("vm: ") and err.endswith("\n") and err.count("\n") == 1 and all(c >= " " for c in err[:-1])


def expect(vm, name, status, *args, word, command="run", **how):
    """vm COMMAND ARGS (no COMMAND: vm ARGS) must be refused with `status` (or one of several) and one sentence that holds `word`."""
    global count
    count += 1
    rc, err = run(vm, *([command] if command else []), *args, **how)
    statuses = status if isinstance(status, tuple) else (status,)
    if rc in statuses and one_sentence(err) and word in err:
        return
    failures.append(name)
    print(f"FAIL {name}: exit status {rc} instead of {status}, wanted '{word}' in one line: {err.strip()[:400]}")


def files(vm, isa, good, d):
    """What is not a program."""
    def write(name, data, mode=0o755):
        p = d / name
        p.write_bytes(data)
        p.chmod(mode)
        return str(p)

    def patched(off, value):
        return good[:off] + value + good[off + len(value):]

    def case(name, status, path, word=None, **how):
        expect(vm, name, status, path, word=pathlib.Path(path).name if word is None else word, **how)

    maker = elf.Maker(isa)
    case("missing file", 127, str(d / "nothing"))
    case("file in a missing directory", 127, str(d / "no/thing"))
    case("file below a file", 127, write("plain", good) + "/x")
    case("empty name", 127, "", word="''")
    case("name with a line break", 127, "no\nfile", word="no\\x0afile")
    case("name of 5000 bytes", 126, "x" * 5000, word="too long")
    case("directory", 126, str(d), word="directory")
    case("empty file", 126, write("empty", b""), word="empty")
    case("text file", 126, write("text", b"just words\n"), word="neither")
    case("no run bit", 126, write("norun", good, 0o644), word="not marked as executable")
    os.mkfifo(d / "fifo", 0o755)
    case("FIFO", 126, str(d / "fifo"), word="not a regular file")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(d / "socket"))
        case("socket", 126, str(d / "socket"), word="not a regular file")
    case("device", 126, "/dev/null", word="not a regular file")
    (d / "dangling").symlink_to("nowhere")
    case("link to nothing", 127, str(d / "dangling"))
    (d / "loop").symlink_to("loop")
    case("link to itself", 126, str(d / "loop"))
    if os.getuid() == 0:
        shutil.copy(vm, d / "vm")  # where nobody can reach it
        d.chmod(0o755)
        expect(str(d / "vm"), "file without read permission", 126, write("unreadable", good, 0o711), word="ermission", user=NOBODY)
    else:
        case("file without read permission", 126, write("unreadable", good, 0o311), word="ermission")

    for n in (1, 4, 5, 6, 16, 17, 19, 20, 40, 63):
        case(f"ELF cut to {n} bytes", 126, write(f"cut{n}", good[:n]), word="neither" if n < 4 else "cut off")
    case("ELF cut inside its program headers", 126, write("cut80", good[:80]), word="cut off")
    case("ELF cut inside a segment", 126, write("cut_end", maker.elf(elf.phdr())[:0xff0]), word="cut off")
    for seed in range(20):
        case("random bytes behind the magic", 126, write("random", b"\x7fELF" + random.Random(seed).randbytes(500)))
    case("32-bit ELF", 126, write("elf32", patched(4, b"\x01")), word="32-bit")
    case("big-endian ELF", 126, write("elfbe", patched(5, b"\x02")), word="big-endian")
    case("ELF of a bad class", 126, write("class", patched(4, b"\x07")), word="class")
    case("ELF of a bad version", 126, write("version", patched(6, b"\x07")), word="version")
    case("another ISA", 126, "/bin/true", word="x86-64")
    case("unknown ISA", 126, write("isa", patched(18, b"\x99\x99")), word="machine-39321")
    case("object file", 126, write("object", patched(16, b"\x01\x00")), word="object file")
    for name, data, status, word in maker.crafted():
        case(name, status, write("crafted", data), word=word)
    own = str(d / "own-loader").encode() + b"\0"
    case("loader that is the program itself", 126, write("own-loader", maker.elf(elf.interp(own), elf.phdr(), tail=own)))

    for what, line, word in [("nothing", b"#!", "names no interpreter"), ("an empty line", b"#!\n", "names no interpreter"),
                             ("blanks", b"#! \t \n", "names no interpreter"), ("a directory", b"#!/\n", "directory"),
                             ("a host program", b"#!/bin/true\n", "x86-64"), ("300 bytes", b"#!/" + b"x" * 300 + b"\n", "longer than 256")]:
        case("script of " + what, 126, write("script", line), word=word)
    case("script without its interpreter", 127, write("script", b"#!/nowhere/at/all\n"), word="/nowhere/at/all")
    case("script with control characters", 127, write("script", b"#!/no\x1bwhere\n"), word="/no\\x1bwhere")
    case("script that names itself", 126, write("self", f"#!{d}/self\n".encode()), word="deep")
    for n in range(6):
        write(f"s{n}", f"#!{d}/s{n + 1}\n".encode())
    shutil.copy(d / "plain", d / "s6")
    case("script of scripts of scripts", 126, str(d / "s0"), word="deep")
    hello = d / "hello.c"
    hello.write_text("int main(void) { return 0; }\n")
    dyn = d / "dynamic"
    subprocess.run([isa.cc, str(hello), "-o", str(dyn), "-Wl,--dynamic-linker=/nowhere/ld.so"], check=True)
    case("missing loader", 127, str(dyn), word="/nowhere/ld.so")
    expect(vm, "missing loader in a sysroot", 127, "-L", str(d), str(dyn), word=str(d))


def options(vm, guest, d):
    """What is wrong on the command line or in the environment. Every option's value is refused if it cannot act."""
    def case(name, *args, word, **how):
        expect(vm, name, 125, *args, word=word, **how)

    case("no program", word="no program")
    case("no program after --", "--", word="no program")
    expect(vm, "program called --", 127, "--", "--", word="--: no such file")
    expect(vm, "program called -", 127, "-", word="-: no such file")
    expect(vm, "option after the program is the guest's", 127, str(d / "none"), "--frobnicate", word="no such file")
    case("unknown option", "--frobnicate", guest, word="--frobnicate")
    case("unknown option with a value", "--frobnicate=1", guest, word="--frobnicate")
    case("unknown letter", "-Z", guest, word="-Z")
    case("abbreviated option", "--sysr", "/", guest, word="--sysr")
    case("option with a line break", "--bad\nopt", guest, word="--bad\\x0aopt")
    for option in ("--sysroot", "--root", "--tier", "--jit-opt", "--env", "--unset", "--workdir", "--stats", "--dump", "--perf", "--cpu", "--stack",
                   "--memory-limit", "--code-cache", "--cache-policy", "--region-policy"):
        case(f"{option} without a value", option, word=option)
        case(f"{option} of an empty value", option, "", guest, word=option)
    case("--argv0 without a value", "--argv0", word="--argv0")
    for tier in ("9", "bogus", "1x", "Auto"):
        case(f"tier {tier}", "--tier", tier, guest, word=f"'{tier}'")
    case("tier that does not exist", "--tier", "3", guest, word="--tier")
    case("cache policy that does not exist", "--cache-policy", "lru", guest, word="'lru'")
    for policy in ("some", "not:", "not:0x", "not:0x10,", "not:12g", "not:0x10000000000000000"):
        case(f"region policy {policy}", "--region-policy", policy, guest, word=policy)
    case("tier given twice", "--tier", "1", "--tier", "1", guest, word="--tier")
    for opt in ("bogus", "-nonsense", "+", "-", "+all,-bogus", ",", "--"):
        case(f"jit option {opt}", "--jit-opt=" + opt, guest, word="--jit-opt")
    for option, bad in (("--stack", ("0", "1", "63K", "5G", "16777215T")), ("--memory-limit", ("0", "1", "1023K", "2M")),
                        ("--code-cache", ("0", "1000K", "2G"))):
        for size in ("lots", "-1", "8MB", "8.5M", " 8M", "0x100000", "99999999999999999999", "18446744073709551615T", *bad):
            case(f"{option} {size}", option, size, guest, word=f"{option}")
    case("sysroot that is missing", "-L", str(d / "none"), guest, word=str(d / "none"))
    case("sysroot that is a file", "-L", guest, guest, word="not a directory")
    case("root that is missing", "--root", str(d / "none"), guest, word=str(d / "none"))
    case("root that is a file", "--root", guest, guest, word="not a directory")
    case("sysroot and root", "-L", "/usr", "--root", "/usr", guest, word="exclude each other")
    case("sysroot and root by variables", guest, word="exclude each other", env=[("VM_SYSROOT", "/usr"), ("VM_ROOT", "/usr")])
    expect(vm, "a flag beats the other's variable", 127, "--root", str(d), "/none", word="/none: no such file", env=[("VM_SYSROOT", "/usr")])
    case("workdir that is missing under a root", "--root", str(d), "-w", "/usr", guest, word="-w /usr")
    case("workdir that would lead out of a root", "--root", str(d), "-w", "../../../usr", guest, word="-w ../../../usr")
    expect(vm, "program outside a root", 127, "--root", str(d), "/bin/true", word="/bin/true: no such file")
    (d / "etc-of-the-host").symlink_to("/etc/passwd")
    expect(vm, "link out of a root", 127, "--root", str(d), "/etc-of-the-host", word="no such file")
    expect(vm, "way up out of a root", 127, "--root", str(d), "/../../bin/true", word="no such file")
    expect(vm, "link of /proc out of a root", 127, "--root", str(d), "/proc/self/root/bin/true", word="no such file")
    expect(vm, "another process's root", 126, "--root", str(d), "/proc/1/cwd/bin/true", word="ermission")
    case("workdir that is missing", "-w", str(d / "none"), guest, word=str(d / "none"))
    case("workdir that is a file", "-w", guest, guest, word=guest)
    case("environment without a value", "-e", "novalue", guest, word="novalue")
    case("environment without a name", "-e", "=x", guest, word="=x")
    case("unset of an assignment", "-u", "A=B", guest, word="A=B")
    for dump in ("bogus", "guest:", "guest:zz", "guest:-1", "guest: 1", "guest:99999999999999999999999", "guest,:1"):
        case(f"dump {dump}", "--dump", dump, guest, word="--dump")
    case("perf", "--perf", "bogus", guest, word="bogus")
    case("strace", "--strace=bogus", guest, word="bogus")
    for cpu in ("pentium", "max,zfa", "max,-bogus", ","):
        case(f"cpu {cpu}", "--cpu", cpu, guest, word="--cpu")
    case("counters into a missing directory", "--stats", str(d / "none/x"), guest, word=str(d / "none/x"))
    case("counters into a directory", "--stats", str(d), guest, word=str(d))
    for name, value in (("TIER", "bogus"), ("STACK", "bogus"), ("MEMORY_LIMIT", "1"), ("JIT_OPT", "bogus"), ("SYSROOT", "/none"), ("ROOT", "/none"), ("STRACE", "bogus"), ("DUMP", "bogus"), ("PERF", "bogus"), ("CPU", "bogus"),
                        ("WORKDIR", "/none"), ("STATS", "/none/x"), ("CODE_CACHE", "bogus")):
        case(f"VM_{name}", guest, word=value, env=[(f"VM_{name}", value)])


def binfmt(vm, guest, d):
    """What must not reach the kernel. In no case is anything installed; where it could be, only nobody tries."""
    def case(name, *args, word, **how):
        expect(vm, "binfmt " + name, 125, *args, word=word, command="binfmt", **how)

    case("without a verb", word="install, remove or status")
    case("verb", "instal", word="'instal'")
    case("option", "status", "--frobnicate", word="--frobnicate")
    case("option of another verb", "remove", "--setuid", word="--setuid")
    case("interpreter of another verb", "status", "--interpreter", "/x", word="--interpreter")
    case("interpreter without a value", "install", "--interpreter", word="--interpreter")
    case("empty interpreter", "install", "--interpreter=", word="--interpreter")
    case("format", "status", "-o", "xml", word="json")
    case("ISA that vm does not run", "install", "sparc64", word="'sparc64'")
    case("ISA with a line break", "remove", "risc\nv", word="risc\\x0av")
    case("missing interpreter", "install", "--interpreter", str(d / "none"), word=str(d / "none"))
    case("directory as interpreter", "install", "--interpreter", str(d), word=str(d))
    case("guest program as interpreter", "install", "--interpreter", guest, word=guest)
    case("dynamic interpreter", "install", "--interpreter", "/bin/true", word="linked dynamically")
    user = pathlib.Path(vm).parent / "vm-user"
    if os.getuid() == 0 and b"/ld-linux" not in user.read_bytes()[:4096]:  # sanitizer builds are not static
        for name in ("vm", "vm-user"):
            shutil.copy(pathlib.Path(vm).parent / name, d / name)
        expect(str(d / "vm"), "binfmt without the right", 125, "install", word="unshare", command="binfmt", user=NOBODY)


def user(vm, guest, d):
    """vm-user: its arguments are the guest's, whatever they look like."""
    program = str(pathlib.Path(vm).parent / "vm-user")

    def case(name, status, *args, word, **how):
        expect(program, "vm-user " + name, status, *args, word=word, command=None, **how)

    case("missing program", 127, str(d / "none"), word=str(d / "none"))
    case("program called like an option", 127, "--strace", "x", word="--strace: no such file")
    case("program called run", 127, "run", guest, word="run: no such file")
    case("program called --", 127, "--", guest, word="--: no such file")
    case("empty program", 127, "", word="''")
    case("host program", 126, "/bin/true", word="x86-64")
    for name, value in (("TIER", "bogus"), ("STRACE", "bogus"), ("SYSROOT", "/none"), ("ROOT", "/none"), ("CPU", "bogus"), ("STATS", "/none/x")):
        case(f"VM_{name}", 125, guest, word=value, env=[(f"VM_{name}", value)])
    case("VM_ROOT hides the program", 127, guest, word="no such file", env=[("VM_ROOT", str(d))])


def mutations(vm, good, number, seed):
    rnd = random.Random(seed)
    tally = {}
    with tempfile.TemporaryDirectory() as d:
        path = pathlib.Path(d) / "mutant"
        for i in range(number):
            path.write_bytes(elf.mutate(good, rnd))
            path.chmod(0o755)
            rc, err = run(vm, "run", str(path), timeout=5)
            tally[rc] = tally.get(rc, 0) + 1
            why = None
            if rc in (SANITIZER_STATUS, "hang", -signal.SIGABRT) or "Sanitizer" in err or "runtime error" in err:
                why = "vm failed"
            elif rc in (125, 126, 127) and not one_sentence(err):
                why = "not one sentence"
            elif isinstance(rc, int) and rc < 0:
                name = signal.Signals(-rc).name
                again, trace = run(vm, "run", "--strace", str(path), timeout=5)
                if again != rc or f"--- {name} {{" not in trace:
                    why = f"{name} was not the guest's"
            if why:
                keep = pathlib.Path(tempfile.gettempdir()) / f"vm-mutant-{seed}-{i}"
                shutil.copy(path, keep)
                print(f"FAIL mutation {i} (kept as {keep}): {why}: exit status {rc}: {err.strip()[:300]}")
                failures.append(f"mutation {i}")
    print(f"{number} mutations, exit statuses: {dict(sorted(tally.items(), key=str))}")


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("vm")
    guests.add_option(ap)
    ap.add_argument("--mutations", type=int, default=1000)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    subprocess.run([str(ROOT / "tools/build-guests.sh")], check=True)
    return guests.each(a, lambda isa: suite(str(pathlib.Path(a.vm).resolve()), isa, a))


def suite(vm, isa, a):
    """Every input with one guest; whether anything was wrong."""
    global count
    failures.clear()
    count = 0
    guest = ROOT / f"build/guests/hello.{isa.name}"
    good = guest.read_bytes()
    rc, err = run(vm, "run", str(guest))
    if rc != 7 or err:  # else all that follows could be refused for another reason
        print(f"FAIL the unharmed guest of {isa.name}: exit status {rc}: {err.strip()[:400]}")
        return True
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        control = d / "control"
        control.write_bytes(elf.Maker(isa).elf(elf.phdr()))
        control.chmod(0o755)
        if run(vm, "run", str(control)) != (7, ""):
            print("FAIL the unharmed hand-made ELF")
            return True
        files(vm, isa, good, d)
        options(vm, str(guest), d)
        binfmt(vm, str(guest), d)
        user(vm, str(guest), d)
    print(f"{count} inputs refused with one sentence" if not failures else f"{count} inputs, {len(failures)} not refused as they should be")
    mutations(vm, good, a.mutations, a.seed)
    print(f"hostile: {isa.name}: {len(failures)} failed")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
