"""About 300 lines of ordinary Python over much of the interpreter; prints only what any Python 3.11+ prints."""
import asyncio
import base64
import bisect
import collections
import contextlib
import csv
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import heapq
import io
import itertools
import json
import math
import operator
import os
import pickle
import queue
import random
import re
import shutil
import signal
import socket
import statistics
import string
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unicodedata
import zlib


def section(name):
    print(f"== {name}")


@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: int = 0

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)


class Colour(enum.IntFlag):
    RED = 1
    GREEN = 2
    BLUE = 4


class Tree:
    def __init__(self):
        self.root = None

    def insert(self, key):
        node = [key, None, None]
        if self.root is None:
            self.root = node
            return
        at = self.root
        while True:
            side = 1 if key < at[0] else 2
            if at[side] is None:
                at[side] = node
                return
            at = at[side]

    def __iter__(self):
        def walk(n):
            if n:
                yield from walk(n[1])
                yield n[0]
                yield from walk(n[2])
        return walk(self.root)


def numbers():
    section("numbers")
    print(2 ** 200, -7 // 3, -7 % 3, 7 // -3, divmod(-17, 5), pow(3, 1000, 1009))
    print(0.1 + 0.2, 1e308 * 10, -math.inf, math.nan != math.nan, 5 / 3, 2.5 // 0.7, 1e-320)
    print(math.sqrt(2), math.pi, math.e ** 0.5, math.sin(1), math.cos(1), math.tan(1), math.atan2(1, -1), math.log(10), math.exp(1))
    print(math.gamma(5.5), math.erf(0.5), math.hypot(3, 4), math.fsum([0.1] * 10), math.gcd(84, 36), math.factorial(30))
    print(round(2.5), round(3.5), round(-2.5), round(1.005, 2), int(-3.9), math.floor(-3.1), math.ceil(-3.1), math.trunc(3.9))
    print((255).to_bytes(2, "big"), int.from_bytes(b"\x01\x02", "little"), bin(10), hex(255), oct(8), int("zz", 36))
    print(float.hex(0.1), float.fromhex("0x1.8p3"), (0.1).as_integer_ratio(), complex(1, 2) * complex(3, -1), abs(3 + 4j))
    print(decimal.Decimal(1) / decimal.Decimal(7), fractions.Fraction(3, 4) + fractions.Fraction(5, 6))
    print(statistics.mean([1, 2, 3, 4]), statistics.stdev([2.0, 4.0, 4.0, 5.0]), sum(range(10 ** 5)))
    x = 12345
    for _ in range(50000):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
    print(x)
    print("%.17g %e %10.3f %+d %05d %x" % (1 / 3, 12345.678, 2.71828, 5, 42, 255), f"{1234567.891:,.2f} {255:#b} {0.000123:g}")


def texts():
    section("texts")
    s = "The quick brown fox jumps over the lazy dog"
    print(s.split(), s.title(), s.swapcase(), s[::-1], s.count("o"), s.find("fox"), s.replace("o", "0"))
    print(sorted(set(s.lower()) - {" "}) == list(string.ascii_lowercase), " ".join(sorted(s.split(), key=str.lower)))
    print("äöü€😀".encode("utf-8"), "äöü".upper(), unicodedata.name("€"), len("😀"), "ß".casefold())
    print(re.findall(r"\b(\w)(\w*)\b", "ab cde f"), re.sub(r"(\d+)", lambda m: str(int(m[1]) * 2), "a1b22c333"))
    print(textwrap.fill(s * 2, 30).splitlines()[1], base64.b64encode(b"hello world"), zlib.crc32(b"hello"), zlib.adler32(b"hello"))
    print(hashlib.sha256(b"abc").hexdigest(), hashlib.md5(b"abc").hexdigest(), hashlib.sha3_256(b"abc").hexdigest()[:16])
    data = b"abc" * 10000
    packed = zlib.compress(data)
    print(len(packed) < 200, zlib.decompress(packed) == data)
    print(struct.pack("<iHdf", -1, 65535, 1.5, 0.25).hex(), struct.unpack(">q", b"\xff" * 8))


def containers():
    section("containers")
    print([x * x for x in range(10) if x % 3], {x: x ** 2 for x in range(5)}, sorted({x % 7 for x in range(50)}))
    print(sorted([(3, "c"), (1, "z"), (1, "a")]), max("pear", "fig", key=len), sum((x for x in range(10) if x % 2), start=100))
    print(dict(zip("abc", itertools.count(5))), list(itertools.groupby("aabbc", key=str.upper))[0][0], {**{"x": 1}, "y": 2} | {"x": 3})
    d = collections.OrderedDict(a=1, b=2)
    d.move_to_end("a")
    print(d == {"b": 2, "a": 1}, list(d), collections.Counter("mississippi").most_common(2))
    dq = collections.deque(range(5), maxlen=5)
    dq.rotate(2)
    dq.append(9)
    print(list(dq), heapq.nsmallest(3, [5, 1, 4, 2]), bisect.bisect([1, 3, 5], 3))
    print(list(itertools.permutations("abc", 2))[:4], list(itertools.accumulate([1, 2, 3, 4], operator.mul)))
    print(functools.reduce(lambda a, b: a * b, range(1, 11)), list(zip("ab", [1, 2])), list(map(len, ["a", "bb"])))
    tree = Tree()
    rnd = random.Random(42)
    for _ in range(300):
        tree.insert(rnd.randrange(10000))
    keys = list(tree)
    print(keys == sorted(keys), len(keys), keys[:5], keys[-1])
    print(Point(1, 2) + Point(3), Point(1) < Point(2), dataclasses.asdict(Point(5, 6)), (Colour.RED | Colour.BLUE).value)
    nested = {"a": [1, 2.5, None, True], "b": {"c": "d\n\u20ac"}}
    print(json.dumps(nested, sort_keys=True), json.loads(json.dumps(nested)) == nested, pickle.loads(pickle.dumps(nested)) == nested)
    a, *b, c = range(6)
    print(a, b, c, slice(1, 9, 3).indices(7), list(range(10, 0, -3)))


def control():
    section("control")

    def gen():
        total = 0
        while True:
            got = yield total
            if got is None:
                return "done"
            total += got

    g = gen()
    next(g)
    print(g.send(5), g.send(7))
    try:
        g.send(None)
    except StopIteration as e:
        print(e.value)

    @contextlib.contextmanager
    def managed(log):
        log.append("in")
        try:
            yield log
        finally:
            log.append("out")

    log = []
    with contextlib.suppress(ZeroDivisionError), managed(log):
        1 // 0
    print(log)
    for bad in (lambda: [][1], lambda: {}["k"], lambda: int("x"), lambda: None.attr, lambda: "a" + 1):
        try:
            bad()
        except Exception as e:
            print(type(e).__name__)
    try:
        def deep(n):
            return deep(n + 1) + 1
        deep(0)
    except RecursionError:
        print("recursion limit")

    @functools.lru_cache(None)
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)
    print(fib(90), fib.cache_info().misses)

    class Meta(type):
        def __call__(cls, *args):
            made = super().__call__(*args)
            made.label = f"{cls.__name__}{args}"
            return made

    class Thing(metaclass=Meta):
        def __init__(self, n):
            self.n = n

        def __getattr__(self, name):
            return name * self.n

    print(Thing(2).label, Thing(3).ab, (lambda *a, k=1, **kw: (a, k, kw))(1, 2, z=3))
    match [1, {"k": (2, 3)}]:
        case [1, {"k": (a, b)}]:
            print("matched", a, b)


def files():
    section("files")
    d = tempfile.mkdtemp()
    path = os.path.join(d, "f.csv")
    with open(path, "w", newline="") as f:
        csv.writer(f).writerows([["a", "b"], [1, "x,y"], [2, 'q"r']])
    with open(path, newline="") as f:
        print(list(csv.reader(f)))
    print(os.path.getsize(path), sorted(os.listdir(d)), os.path.exists(path + "x"))
    with open(path, "rb+") as f:
        f.seek(2)
        f.write(b"Z")
        f.seek(0)
        print(f.readline())
    os.rename(path, path + "2")
    os.mkdir(os.path.join(d, "sub"))
    os.symlink("f.csv2", os.path.join(d, "link"))
    print([(e.name, e.is_dir(), e.is_symlink()) for e in sorted(os.scandir(d), key=lambda e: e.name)])
    try:
        open(os.path.join(d, "none"))
    except OSError as e:
        print(e.errno, e.strerror)
    shutil.rmtree(d)
    print(os.path.exists(d), io.StringIO("a\nb").readlines())


def processes():
    section("processes")
    print(subprocess.run(["echo", "from a child"], capture_output=True, text=True).stdout.strip())
    print(subprocess.run("exit 3", shell=True).returncode, subprocess.run(["sh", "-c", "kill -9 $$"]).returncode)
    p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print(p.communicate(b"piped")[0])
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(w, b"child speaks")
        os._exit(5)
    os.close(w)
    print(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    got = []
    signal.signal(signal.SIGUSR1, lambda s, f: got.append(s))
    os.kill(os.getpid(), signal.SIGUSR1)
    print(got == [signal.SIGUSR1])
    signal.signal(signal.SIGALRM, lambda s, f: got.append(s))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    time.sleep(0.1)
    print(len(got))


def threads():
    section("threads")
    q, results, lock = queue.Queue(), [], threading.Lock()

    def worker():
        while (item := q.get()) is not None:
            with lock:
                results.append(item * item)

    workers = [threading.Thread(target=worker) for _ in range(4)]
    for t in workers:
        t.start()
    for i in range(200):
        q.put(i)
    for _ in workers:
        q.put(None)
    for t in workers:
        t.join()
    print(len(results), sum(results))

    async def ticker(n):
        await asyncio.sleep(0.01 * n)
        return n * 10

    async def gather():
        return await asyncio.gather(*(ticker(i) for i in (3, 1, 2)))

    print(asyncio.run(gather()))
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def serve():
        c, _ = server.accept()
        c.sendall(c.recv(100).upper())
        c.close()

    t = threading.Thread(target=serve)
    t.start()
    with socket.create_connection(("127.0.0.1", port)) as c:
        c.sendall(b"over tcp")
        print(c.recv(100))
    t.join()
    print(datetime.datetime(2024, 2, 29, 12, 30) + datetime.timedelta(days=366), datetime.date(2000, 1, 1).isoweekday())


for part in (numbers, texts, containers, control, files, processes, threads):
    part()
print(sys.byteorder, sys.maxsize, struct.calcsize("P"))
