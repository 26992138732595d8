"""Threads, queues and a loop that a JIT compiles."""
import threading, queue, hashlib, sys
q, out = queue.Queue(), []
def work():
    while (n := q.get()) is not None:
        s = 0
        for i in range(60000):
            s = (s * 31 + (i ^ n)) % 1000000007
        out.append((n, s))
ts = [threading.Thread(target=work) for _ in range(6)]
for t in ts: t.start()
for n in range(24): q.put(n)
for _ in ts: q.put(None)
for t in ts: t.join()
print(hashlib.sha256(repr(sorted(out)).encode()).hexdigest())
