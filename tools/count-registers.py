#!/usr/bin/env python3
"""Prints how often registers stand as operands in archives or programs of a guest, in percent, hottest first.

usage: count-registers.py riscv64|aarch64 FILE...     (needs the guest's objdump; isa.cc of a front end pins registers by this)
An instruction inside a loop (between the target of a backward branch and the branch) counts 8 times for each of at
most two levels.
"""
import collections
import re
import subprocess
import sys

ISA = sys.argv[1]
REGISTER = {
    "riscv64": re.compile(r"\b(?:ra|sp|gp|tp|[at][0-7]|s(?:\d|1[01])|f[at]\d{1,2}|fs\d{1,2})\b"),
    "aarch64": re.compile(r"\b(?:sp|[xwvqdshb]\d{1,2})\b"),
}[ISA]
BACKWARD = {
    "riscv64": re.compile(r"(?:b\w+|j)\t.*?([0-9a-f]+) <"),
    "aarch64": re.compile(r"(?:b(?:\.\w+)?|t?cbn?z|tbn?z)\t.*?([0-9a-f]+) <"),
}[ISA]
LINE = re.compile(r"\s+([0-9a-f]+):\s+(\S+)\t?(.*)")


def functions(path):
    """Lists of (address, mnemonic, operands), one a symbol."""
    command = [f"{ISA}-linux-gnu-objdump", "-d", "--no-show-raw-insn", path]
    code = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as objdump:
        for line in objdump.stdout:
            if line.rstrip().endswith(">:"):
                yield code
                code = []
            elif m := LINE.match(line):
                code.append((int(m[1], 16), m[2], m[3]))
    yield code


def canonical(register):
    """All views of one AArch64 register count as one."""
    if ISA != "aarch64" or register == "sp":
        return register
    return ("x" if register[0] in "xw" else "v") + register[1:]


def count(code, total):
    index = {address: i for i, (address, _, _) in enumerate(code)}
    depth = [0] * len(code)
    for i, (address, mnemonic, operands) in enumerate(code):
        m = BACKWARD.match(f"{mnemonic}\t{operands}")
        target = int(m[1], 16) if m else None
        if m and target <= address and target in index:
            for k in range(index[target], i + 1):
                depth[k] += 1
    for (_, _, operands), d in zip(code, depth):
        for register in REGISTER.findall(operands.split("<")[0]):
            total[canonical(register)] += 8 ** min(d, 2)


for path in sys.argv[2:]:
    total = collections.Counter()
    for code in functions(path):
        count(code, total)
    everything = sum(total.values()) or 1
    print(path, *(f"{r}:{100 * n / everything:.1f}" for r, n in total.most_common(40)))
