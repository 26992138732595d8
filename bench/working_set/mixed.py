"""Different parts of Python one after the other, several times over: much code, none of it hot for long."""
import ast
import base64
import collections
import decimal
import difflib
import fractions
import hashlib
import heapq
import itertools
import json
import random
import re
import statistics
import string
import struct
import sys
import textwrap
import unicodedata
import zlib

rnd = random.Random(7)
words = ["".join(rnd.choices(string.ascii_lowercase, k=rnd.randint(2, 9))) for _ in range(600)]
text = " ".join(rnd.choices(words, k=6000))
source = open(textwrap.__file__).read()


def parsing():
    tree = ast.parse(source)
    return len(ast.dump(tree)) + len(ast.unparse(tree)) + sum(1 for _ in ast.walk(compile(source, "x", "exec", ast.PyCF_ONLY_AST)))


def matching():
    n = sum(len(m[0]) for m in re.finditer(r"\b(\w)(\w*?)(ing|ed|[aeiou]{2})\w*\b", text))
    return n + len(re.sub(r"(?P<a>\w+) (?P<b>\w+)", r"\g<b> \g<a>", text)) + len(re.split(r"[aeiou]+", text))


def storing():
    data = {w: [len(w), w.upper(), {"n": i, "f": i / 7}] for i, w in enumerate(words)}
    encoded = json.dumps(data, sort_keys=True, indent=1)
    back = json.loads(encoded)
    packed = zlib.compress(encoded.encode(), 6)
    return len(encoded) + len(back) + len(packed) + len(zlib.decompress(packed)) + len(base64.b85encode(packed))


def arithmetic():
    decimal.getcontext().prec = 60
    x = decimal.Decimal(2).sqrt() + decimal.Decimal(10).ln() + decimal.Decimal("0.1").exp()
    f = sum(fractions.Fraction(1, k) for k in range(1, 120))
    big = pow(3, 4000) % (10 ** 200 + 7) + int(str(7 ** 900)) // 3 ** 500
    return len(str(x)) + f.numerator % 1000 + big % 1000 + int(statistics.stdev(map(len, words)) * 1e6)


def ordering():
    heap = []
    for w in words:
        heapq.heappush(heap, (len(w), w))
    counts = collections.Counter(text)
    groups = {k: len(list(g)) for k, g in itertools.groupby(sorted(words, key=lambda w: w[::-1]), key=lambda w: w[-1])}
    return sum(heapq.heappop(heap)[0] * i for i in range(300)) + sum(counts.values()) + len(groups) + len(sorted(text.split(), key=str.swapcase))


def hashing():
    total = 0
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"):
        total += hashlib.new(name, text.encode()).digest()[0]
    return total + zlib.crc32(text.encode()) % 1000 + sum(struct.unpack("<4H", struct.pack("<d", 1 / 3)))


def comparing():
    a, b = words[:120], words[:60] + words[200:260]
    return len(list(difflib.unified_diff(a, b))) + len(difflib.get_close_matches("inga", words)) + len(textwrap.fill(text[:4000], 60))


def naming():
    return sum(len(unicodedata.normalize("NFD", chr(c))) + unicodedata.combining(chr(c)) for c in range(0xC0, 0x1200)) + len(
        "{:>10}|{:<8.3f}|{!r}".format("x", 1 / 3, words[:40]))


PARTS = [parsing, matching, storing, arithmetic, ordering, hashing, comparing, naming]
total = 0
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
    for part in PARTS:
        total += part()
print(total)
