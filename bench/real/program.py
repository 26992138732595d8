"""A bit of everything that Python programs do: classes, dictionaries, strings, JSON, regular expressions, big numbers, sorting."""
import collections
import json
import re


class Shape:
    def __init__(self, w, h):
        self.w, self.h = w, h

    def area(self):
        return self.w * self.h


total = sum(Shape(i % 13, i % 7).area() for i in range(60000))
words = collections.Counter(re.findall(r"\w+", " ".join(f"word{i * 7919 % 997} and some" for i in range(12000))))
tree = {str(i): {"list": list(range(i % 20)), "text": f"value {i}", "half": i / 2} for i in range(2500)}
text = json.dumps(tree)
back = json.loads(text)
rows = sorted(((k, len(v["list"])) for k, v in back.items()), key=lambda r: (r[1], r[0]))
fib = [0, 1]
for _ in range(3000):
    fib.append(fib[-1] + fib[-2])
sieve = bytearray([1]) * 200000
for i in range(2, 450):
    if sieve[i]:
        sieve[i * i::i] = bytes(len(sieve[i * i::i]))
print(total, words.most_common(3), len(text), rows[:3], fib[-1] % 10**20, sum(sieve))
