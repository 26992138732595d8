"""The real programs of `./dev bench real`: unmodified programs of a Debian sysroot; native, those of the same Debian release for this machine.

Each takes QEMU one to five seconds, but the start-up rows, and must print the same everywhere.
"""
import dataclasses
import pathlib
import random
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "bench/real"
IN = ROOT / "build/bench/real"


@dataclasses.dataclass
class Program:
    """argv[0] is a path of the sysroot. host: argv is a script for the host's shell instead, in which `$RUN {root}/path` runs a program of the
    sysroot. children: it executes programs of the sysroot itself, so that QEMU needs binfmt_misc. native: the native command if it differs.
    In argv, {in} and {src} are the directories of inputs and sources, {machine} is Debian's name of the machine that the program is for,
    {triplet} and {guest} the guest's triplet and name, {root} the directory that holds the program's system."""
    name: str
    kind: str
    argv: list
    host: bool = False
    children: bool = False
    native: list | None = None


def program(name, kind, *argv, **more):
    return Program(name, kind, list(argv), **more)


CC1 = ["-quiet", "-O2", "-imultiarch", "{triplet}", "{in}/c.c", "-o", "-"]
PROGRAMS = [
    program("gzip", "compress", "/usr/bin/gzip", "-c", "{in}/text16m"),
    program("gunzip", "compress", "/usr/bin/gzip", "-dc", "{in}/text128m.gz"),
    program("bzip2", "compress", "/usr/bin/bzip2", "-c", "{in}/text8m"),
    program("xz", "compress", "/usr/bin/xz", "-T1", "-3", "-c", "{in}/text4m"),
    program("zstd", "compress", "/usr/bin/zstd", "-q", "--single-thread", "-9", "-c", "{in}/text4m"),
    program("sha256sum", "text", "/usr/bin/sha256sum", "{in}/text128m"),
    program("sort", "text", "/usr/bin/sort", "--parallel=1", "-k2n", "{in}/numbers"),
    program("grep", "text", "/usr/bin/grep", "-cE", "([a-z]+ing) .*(th[aeiou]|of the)+.* \\1", "{in}/text4m"),
    program("sed", "text", "/usr/bin/sed", "-E", "s/([a-z]+)ing /<\\1> /g;s/the/THE/2;/^of/d;y/abc/xyz/", "{in}/text4m"),
    program("mawk", "interpreter", "/usr/bin/mawk", "-f", "{src}/program.awk", "{in}/text4m"),
    program("python", "interpreter", "/usr/bin/python3.13", "{src}/program.py"),
    program("perl", "interpreter", "/usr/bin/perl", "{src}/program.pl"),
    program("bash", "interpreter", "/usr/bin/bash", "{src}/program.bash"),
    program("lua", "interpreter", "/usr/bin/lua5.4", "{src}/program.lua"),
    program("ruby", "interpreter", "/usr/bin/ruby3.3", "{src}/program.rb"),
    program("php", "interpreter", "/usr/bin/php8.4", "-n", "{src}/program.php"),
    program("cc1", "compiler", "/usr/libexec/gcc/{triplet}/14/cc1", *CC1, native=["/usr/libexec/gcc-cross/{triplet}/14/cc1", *CC1]),
    program("as", "compiler", "/usr/bin/{triplet}-as", "-al", "{in}/long.{guest}.s", "-o", "/dev/null"),
    program("sqlite", "database", "/usr/bin/sqlite3", ":memory:", ".read {src}/program.sql"),
    program("redis", "database", "rm -f {in}/redis.sock;"
            " $RUN {root}/usr/bin/redis-server --port 0 --unixsocket {in}/redis.sock --save '' --loglevel warning > /dev/null &"
            " until [ -S {in}/redis.sock ]; do sleep 0.02; done; $RUN {root}/usr/bin/redis-cli -s {in}/redis.sock < {in}/redis | tail -n 9000;"
            " wait", host=True),
    program("node", "runtime", "/usr/bin/node", "{src}/program.js"),
    program("java", "runtime", "/usr/lib/jvm/java-21-openjdk-{machine}/bin/java", "-XX:+UseSerialGC", "-cp", "{in}", "Program"),
    program("java-g1", "runtime", "/usr/lib/jvm/java-21-openjdk-{machine}/bin/java", "-XX:+UseG1GC", "-cp", "{in}", "Program"),
    program("luajit", "runtime", "/usr/bin/luajit", "{src}/program.lua"),
    program("start-true", "start", "/usr/bin/true"),
    program("start-python", "start", "/usr/bin/python3.13", "-c", "pass"),
    program("exec-200", "start", "/usr/bin/bash", "-c", "for i in {1..200}; do {root}/usr/bin/true; done", children=True),
    program("fork-1000", "start", "/usr/bin/bash", "-c", "for i in {1..1000}; do ( : ); done"),
]


def inputs(native_root, guest):
    """Makes the files that the programs read, always the same, unless they are there."""
    IN.mkdir(parents=True, exist_ok=True)
    made = IN / f"made.{guest.name}"
    if made.exists() and made.stat().st_mtime > max(f.stat().st_mtime for f in [pathlib.Path(__file__), *SRC.iterdir()]):
        return
    rnd = random.Random(1)
    syllable = lambda: rnd.choice("bcdfghlmnprst") + rnd.choice("aeiou") + rnd.choice(["", "n", "th", "ing"])
    words = ["the", "of", "and", "to", "in", *("".join(syllable() for _ in range(rnd.randint(1, 3))) for _ in range(3000))]
    text = " ".join(rnd.choices(words, [1 / (i + 1) for i in range(len(words))], k=600_000))
    lines = "\n".join(text[i:i + 72] for i in range(0, len(text), 72)) + "\n"
    redis = [f"SET key:{i % 5000} value{i}\nINCRBY n {i % 7}\nLPUSH l{i % 50} {i}\nZADD z {i % 997} m{i % 3000}\nGET key:{i * 7 % 5000}\n"
             for i in range(6000)]
    numbers = [f"{rnd.random():.9f} {rnd.randrange(10**6)}\n" for _ in range(400000)]
    make = {"text4m": lines, "text8m": lines * 2, "text16m": lines * 4, "text128m": lines * 32, "numbers": "".join(numbers),
            "redis": "".join(redis) + "ZRANGE z 0 9 WITHSCORES\nLRANGE l7 0 9\nGET n\nDBSIZE\nSHUTDOWN NOSAVE\n"}
    for name, data in make.items():
        (IN / name).write_text(data)

    def output(name, *command):
        with (IN / name).open("wb") as f:
            subprocess.run(command, stdout=f, check=True)

    output("text128m.gz", "gzip", "-c", IN / "text128m")
    for name, count in (("c.c", "900"), ("long.c", "15000")):
        output(name, sys.executable, SRC / "make_c.py", count)
    native = [ROOT / "tools/in-sysroot.sh", native_root]
    output(f"long.{guest.name}.s", *native, f"/usr/bin/{guest.triple}-gcc-14", "-w", "-O1", "-S", IN / "long.c", "-o", "-")
    subprocess.run([*native, "/usr/lib/jvm/java-21-openjdk-amd64/bin/javac", "-d", IN, SRC / "Program.java"], check=True)
    made.touch()


def commands(p, vm, qemu, guest, guest_root, native_root):
    """{who: argv} of a program, for native, vm and QEMU; vm and qemu are what comes before -L SYSROOT."""
    tool = lambda name: str(ROOT / "tools" / name)
    who = {"native": ([tool("in-sysroot.sh"), native_root], "", "amd64"), "vm": ([*vm, "-L", guest_root], guest_root, guest.name),
           "qemu": ([tool("qemu-binfmt.sh"), guest.name, guest_root] if p.children else [qemu, "-L", guest_root], guest_root, guest.name)}
    made = {}
    for name, (prefix, root, machine) in who.items():
        words = {"{in}": str(IN), "{src}": str(SRC), "{machine}": machine, "{triplet}": guest.triple, "{guest}": guest.name, "{root}": root}
        argv = list(p.native if name == "native" and p.native else p.argv)
        for k, v in words.items():
            argv = [a.replace(k, v) for a in argv]
        made[name] = ["/bin/sh", "-c", f"RUN='{' '.join(prefix)}'; {argv[0]}"] if p.host else [*prefix, root + argv[0], *argv[1:]]
    return made
