# Python's modules that lean on the operating system, and those with much C behind them. Prints only what every version prints.
import array
import asyncio
import concurrent.futures
import contextlib
import ctypes
import decimal
import difflib
import errno
import fcntl
import glob
import hashlib
import hmac
import json
import lzma
import math
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import pathlib
import pty
import random
import re
import resource
import select
import selectors
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import tarfile
import tempfile
import termios
import threading
import time
import xml.etree.ElementTree as ET
import zipfile
import zoneinfo
from datetime import datetime, timezone


def json_and_re():
    doc = {"n": [1, -2.5e-7, 1e300, 2**70], "s": "\u0000\"\\\u20ac\U0001f600", "t": [True, None], "o": {"k": {}}}
    text = json.dumps(doc, sort_keys=True)
    print(text, json.loads(text) == doc, json.dumps(doc, indent=1, ensure_ascii=False).count("\n"))
    with contextlib.suppress(json.JSONDecodeError):
        json.loads('{"a": 1,}')
        print("not reached")
    print(re.sub(r"(?P<y>\d{4})-(?P<m>\d\d)", r"\g<m>/\g<y>", "2024-02 x 1999-12"), re.split(r"[,;]\s*", "a, b;c"), re.fullmatch(r"(a|b)*c", "abbac").span())
    words = re.findall(r"(?i)\b[a-z']+\b", "It's the end of the world as we know it" * 50)
    print(len(words), bool(re.match(r"^(?:x+x+)+y", "x" * 18)), re.compile(r"(?<!a)b(?=c)").findall("abc bc bcb"))
    print(list(difflib.unified_diff(["a", "b", "c"], ["a", "x", "c"], lineterm=""))[3:])
    tree = ET.fromstring("<r><a k='1'>t</a><a k='2'/></r>")
    print([e.get("k") for e in tree.iter("a")], ET.tostring(tree).decode())


def numbers():
    decimal.getcontext().prec = 60
    print(decimal.Decimal(2).sqrt(), decimal.Decimal(1).exp(), decimal.Decimal("1.005").quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_EVEN))
    source = random.Random(7)
    a = array.array("d", (source.random() for _ in range(5000)))
    print(math.fsum(a), max(a), min(a), struct.unpack("<8B", struct.pack("<d", a[17])), struct.pack("@bhilqfd?5s", -1, -2, -3, -4, -5, 1.5, 2.5, True, b"ab").hex())
    print(3 ** 1000 % 10 ** 40, (1 << 4000).bit_length(), len(str(7 ** 3000)), int("9" * 300) // int("7" * 150) % 1000003)


def hashes():
    data = bytes(range(256)) * 500
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_512", "blake2b", "blake2s"):
        print(name, hashlib.new(name, data).hexdigest()[:32])
    print(hmac.new(b"key", data, "sha256").hexdigest()[:32], hashlib.pbkdf2_hmac("sha256", b"pw", b"salt", 2000).hex(), hashlib.scrypt(b"pw", salt=b"s", n=64, r=8, p=1).hex()[:32])
    print(len(lzma.compress(data)) < 2000, lzma.decompress(lzma.compress(data)) == data, ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED)


def files(d):
    p = pathlib.Path(d)
    (p / "sub").mkdir()
    (p / "sub/x.txt").write_text("hello\nworld\n")
    with zipfile.ZipFile(p / "z.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.write(p / "sub/x.txt", "x.txt")
        z.writestr("y", "y" * 5000)
    with zipfile.ZipFile(p / "z.zip") as z:
        print(z.testzip(), z.namelist(), z.read("x.txt"))
    with tarfile.open(p / "t.tar.xz", "w:xz") as t:
        t.add(p / "sub", "sub")
    with tarfile.open(p / "t.tar.xz") as t:
        print(t.getnames())
    print(sorted(os.path.basename(f) for f in glob.glob(f"{d}/**/*", recursive=True)), [len(files) for _, _, files in os.walk(d)])
    with open(p / "m", "w+b") as f:
        f.truncate(3 * 4096)
        with mmap.mmap(f.fileno(), 0) as m:
            m[4090:4100] = b"0123456789"
            m.flush()
            print(m.find(b"567"), m[4096:4098], m.size())
            m.resize(2 * 4096)
            print(len(m), os.fstat(f.fileno()).st_size)
        fcntl.flock(f, fcntl.LOCK_EX)
        fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10)
        print(os.pread(f.fileno(), 4, 4092), os.pwritev(f.fileno(), [b"ab", b"cd"], 1), os.preadv(f.fileno(), [bytearray(2), bytearray(3)], 0))
        os.posix_fallocate(f.fileno(), 0, 50000)
        print(os.lseek(f.fileno(), 0, os.SEEK_END), fcntl.fcntl(f, fcntl.F_GETFD) & fcntl.FD_CLOEXEC)
    anonymous = mmap.mmap(-1, 8192)
    anonymous[:5] = b"inher"
    if (pid := os.fork()) == 0:
        anonymous[:5] = b"child"
        os._exit(0)
    os.waitpid(pid, 0)
    print(anonymous[:5], [e.name for e in sorted(os.scandir(d), key=lambda e: e.name)])
    os.utime(p / "m", ns=(10**18, 2 * 10**18 + 5))
    st = os.stat(p / "m")
    print(st.st_mtime_ns, st.st_atime_ns, oct(st.st_mode), os.access(p / "m", os.X_OK), errno.errorcode[errno.ENOENT])
    os.sendfile(os.open(p / "copy", os.O_CREAT | os.O_WRONLY), fd := os.open(p / "sub/x.txt", os.O_RDONLY), 0, 5)
    print((p / "copy").read_text(), os.copy_file_range(fd, os.open(p / "copy2", os.O_CREAT | os.O_WRONLY), 6, 0), (p / "copy2").read_text())
    try:
        os.rmdir(d)
    except OSError as e:
        print(errno.errorcode[e.errno])
    con = sqlite3.connect(p / "db")
    con.execute("create table t(a, b)")
    con.executemany("insert into t values (?, ?)", ((i, i * i) for i in range(2000)))
    con.create_function("twice", 1, lambda v: 2 * v)
    print(con.execute("select sum(twice(b)), count(distinct a % 7) from t where a > ?", (10,)).fetchone())
    con.close()


def processes():
    r = subprocess.run([sys.executable, "-c", "import sys, os; print(sys.stdin.read().upper(), os.environ['X']); sys.exit(4)"], input="abc", capture_output=True, text=True, env={**os.environ, "X": "y"})
    print(r.returncode, r.stdout.split(), r.stderr)
    p1 = subprocess.Popen(["seq", "100"], stdout=subprocess.PIPE)
    p2 = subprocess.Popen(["grep", "-c", "9"], stdin=p1.stdout, stdout=subprocess.PIPE)
    p1.stdout.close()
    print(p2.communicate()[0], p1.wait(), subprocess.run(["sh", "-c", "kill -SEGV $$"]).returncode)
    try:
        subprocess.run(["sleep", "5"], timeout=0.1)
    except subprocess.TimeoutExpired:
        print("timeout")
    try:
        subprocess.run(["/no/such/program"])
    except FileNotFoundError as e:
        print(e.errno)
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 12"], os.environ)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), os.waitstatus_to_exitcode(os.system("exit 2")))
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, close_fds=True) as p:
        print(p.communicate(b"x" * 200000)[0] == b"x" * 200000)
    master, slave = pty.openpty()
    attrs = termios.tcgetattr(slave)
    attrs[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, attrs)
    os.write(master, b"line\n")
    print(os.read(slave, 100), os.isatty(slave), struct.unpack("hhhh", fcntl.ioctl(slave, termios.TIOCGWINSZ, b"\0" * 8)))
    print(resource.getrlimit(resource.RLIMIT_CORE)[0] <= 2**64, resource.getrusage(resource.RUSAGE_SELF).ru_utime > 0, os.sched_getaffinity(0) != set(), os.getpriority(os.PRIO_PROCESS, 0))


def square(x):
    return x * x


def shared(name, counter, q):
    block = multiprocessing.shared_memory.SharedMemory(name)
    for i in range(100):
        with counter.get_lock():
            counter.value += 1
            block.buf[0] = (block.buf[0] + 1) % 251
    block.close()
    q.put(os.getpid() != os.getppid())


def workers():
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(square, range(8)))
    ctx = multiprocessing.get_context("fork")
    block, counter, q = multiprocessing.shared_memory.SharedMemory(create=True, size=4096), ctx.Value("i", 0), ctx.Queue()
    children = [ctx.Process(target=shared, args=(block.name, counter, q)) for _ in range(3)]
    for c in children:
        c.start()
    print([q.get() for _ in children])
    for c in children:
        c.join()
    print(counter.value, block.buf[0], [c.exitcode for c in children])
    block.close()
    block.unlink()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print(sum(pool.map(lambda i: len(hashlib.sha256(bytes(100000)).digest()) * i, range(20))))
    barrier, events, cond = threading.Barrier(3), [], threading.Condition()

    def wait(i):
        barrier.wait()
        with cond:
            cond.wait_for(lambda: len(events) == i, timeout=20)
            events.append(i)
            cond.notify_all()

    ts = [threading.Thread(target=wait, args=(i,)) for i in (2, 1, 0)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    local = threading.local()
    local.x = 1
    print(events, threading.active_count(), hasattr(local, "x"), threading.Semaphore(0).acquire(timeout=0.02))


def signals():
    got = []
    for s in (signal.SIGUSR1, signal.SIGCHLD, signal.SIGALRM, signal.SIGRTMIN):
        signal.signal(s, lambda n, f: got.append(signal.Signals(n).name if n < 32 else "RT"))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    os.kill(os.getpid(), signal.SIGUSR1)
    print(got, signal.sigpending() == {signal.SIGUSR1}, signal.sigwait({signal.SIGUSR1}).name)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    while got.count("SIGALRM") < 3:
        signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0)
    if (pid := os.fork()) == 0:
        os._exit(3)
    print(os.waitpid(pid, 0)[1] >> 8)
    signal.pthread_kill(threading.get_ident(), signal.SIGRTMIN)
    r, w = os.pipe()
    os.set_blocking(w, False)
    signal.set_wakeup_fd(w, warn_on_full_buffer=False)
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0.01)
    print(sorted(set(got)), os.read(r, 10) == bytes([signal.SIGUSR1]), signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    signal.set_wakeup_fd(-1)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
    except KeyboardInterrupt:
        print("interrupted")
    info = signal.sigtimedwait([signal.SIGUSR2], 0.01)
    print(info, subprocess.run([sys.executable, "-X", "faulthandler", "-c", "import ctypes; ctypes.string_at(8)"], capture_output=True).returncode)


def sockets(d):
    a, b = socket.socketpair()
    a.sendmsg([b"one", b"two"])
    print(b.recv(10))
    socket.send_fds(a, [b"fd"], [0, 1])
    msg, fds, _, _ = socket.recv_fds(b, 10, 4)
    print(msg, len(fds), os.fstat(fds[0]).st_ino == os.fstat(0).st_ino)
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{d}/sock")
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"{d}/sock")
    peer, _ = server.accept()
    print(struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0] == os.getpid())
    u1, u2 = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    u1.bind(("127.0.0.1", 0))
    u2.settimeout(5)
    u2.sendto(b"datagram", u1.getsockname())
    data, sender = u1.recvfrom(100)
    print(data, sender[0], socket.inet_ntop(socket.AF_INET6, b"\0" * 15 + b"\1"), socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)[0][4])
    u2.setblocking(False)
    try:
        u2.recv(1)
    except BlockingIOError as e:
        print(errno.errorcode[e.errno])
    print(select.select([b], [a], [], 0)[1] == [a], select.select([b], [], [], 0.01)[0])
    poll, ep = select.poll(), select.epoll()
    poll.register(b, select.POLLIN)
    ep.register(b, select.EPOLLIN | select.EPOLLET)
    a.send(b"x")
    print([e for _, e in poll.poll(100)], [e for _, e in ep.poll(1)], ep.poll(0))
    with selectors.DefaultSelector() as sel:
        sel.register(b, selectors.EVENT_READ, "data")
        print([k.data for k, _ in sel.select(1)])
    tcp = socket.create_server(("127.0.0.1", 0), reuse_port=False)
    c = socket.create_connection(tcp.getsockname())
    s, _ = tcp.accept()
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent = threading.Thread(target=lambda: (c.sendall(b"z" * 3000000), c.shutdown(socket.SHUT_WR)))
    sent.start()
    total = 0
    while chunk := s.recv(65536):
        total += len(chunk)
    sent.join()
    print(total, c.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)
    try:
        socket.create_connection(("127.0.0.1", 1), timeout=2)
    except ConnectionRefusedError:
        print("refused")


async def echo_server():
    async def handle(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def client(i):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        out = []
        for k in range(5):
            writer.write(f"client {i} line {k}\n".encode())
            out.append((await reader.readline()).decode().strip())
        writer.close()
        return out[-1]

    print(await asyncio.gather(*(client(i) for i in range(6))))
    server.close()
    proc = await asyncio.create_subprocess_exec("tr", "a-z", "A-Z", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print((await proc.communicate(b"async child"))[0], proc.returncode)
    loop, fut = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
    loop.add_signal_handler(signal.SIGUSR2, lambda: fut.set_result("signal"))
    loop.call_later(0.01, os.kill, os.getpid(), signal.SIGUSR2)
    print(await fut, await loop.run_in_executor(None, sum, range(1000)))
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.sleep(5), 0.02)
        print("not reached")


def foreign():
    libc = ctypes.CDLL(None)
    libc.strlen.restype = ctypes.c_size_t
    numbers = (ctypes.c_int * 6)(5, 2, 9, -1, 7, 0)
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    libc.qsort(numbers, 6, 4, compare(lambda a, b: a[0] - b[0]))
    m = ctypes.CDLL("libm.so.6")
    m.pow.restype, m.pow.argtypes = ctypes.c_double, [ctypes.c_double, ctypes.c_double]
    print(libc.strlen(b"hello"), list(numbers), m.pow(2, 0.5), ctypes.sizeof(ctypes.c_long), ctypes.string_at(ctypes.create_string_buffer(b"buf"), 3))

    class S(ctypes.Structure):
        _fields_ = [("a", ctypes.c_uint8), ("b", ctypes.c_double), ("c", ctypes.c_uint32 * 3)]
    print(ctypes.sizeof(S), S.b.offset, bytes(S(1, 2.0, (1, 2, 3))).hex())
    print(datetime(2024, 7, 1, tzinfo=timezone.utc).isoformat(), zoneinfo.ZoneInfo("UTC").key, time.strftime("%F", time.gmtime(0)))


with tempfile.TemporaryDirectory() as top:
    for name, part in (("json, re", json_and_re), ("numbers", numbers), ("hashes", hashes), ("files", lambda: files(top)), ("processes", processes), ("foreign", foreign),
                       ("workers", workers), ("signals", signals), ("sockets", lambda: sockets(top)), ("asyncio", lambda: asyncio.run(echo_server()))):
        if __name__ == "__main__":
            print("==", name, flush=True)
            part()
