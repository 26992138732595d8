#!/usr/bin/env python3
"""Writes the expectations of decode_test.cc: what LLVM's disassembler says about RV64 instruction words.

LLVM 19 (Debian package llvm-19) knows every extension of rv64.isa, which Debian 12's binutils does not. The output is
committed, so that the test needs no LLVM:
  tools/rv64-expect.py --llvm-bin /usr/lib/llvm-19/bin > src/frontend/riscv64/testdata/rv64_expect.txt

All 16-bit patterns are listed as ranges of equal mnemonic; of the 32-bit ones, random instances of every line of the
table and words that differ from one in a fixed bit. Where LLVM's opinion is corrected, `correct` says why.
"""
import argparse
import random
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "src/frontend/riscv64/rv64.isa"
FEATURES = ("m a f d c zicsr zifencei zicntr zihintpause zihintntl zba zbb zbc zbs zicond zfhmin zfh zfa zawrs "
            "experimental-zacas zcb zicbom zicbop zicboz zimop zcmop").split()


def table_rows():
    for line in TABLE.read_text().splitlines():
        if "|" in line and not line.startswith("#"):
            words = [w for w in line.split("|")[0].split() if not w.startswith("@")]
            yield words[0], "".join(words[1:])


def csr_names():
    names = set()
    for line in TABLE.read_text().splitlines():
        if line.startswith("names csr"):
            names.update(w.split("=")[-1] for w in line.split()[2:])
    return names


CSRS = csr_names()


def words32(fills, flips, rng):
    out = []
    for _, bits in table_rows():
        if len(bits) != 32:
            continue
        for k in range(fills + flips):
            word = int("".join(b if b in "01" else rng.choice("01") for b in bits), 2)
            if k == 0:  # one that is surely valid: dynamic rounding mode, even register numbers
                word |= 7 << 12 if "mmm" in bits else 0
                word &= ~sum(1 << p for p in (7, 15, 20) if bits[31 - p] in "dst")
            if k >= fills:
                word ^= 1 << (31 - rng.choice([p for p in range(32) if bits[p] in "01"]))
            if word & 3 == 3 and word & 31 != 31:  # not 16 bits, not longer than 32 bits
                out.append(word)
    return sorted(set(out))


def llvm(bin_dir, size, words):
    """{word: text}, the text in our style with pc = 0; None where LLVM knows no instruction."""
    with tempfile.TemporaryDirectory() as tmp:
        Path(tmp, "words").write_bytes(b"".join(w.to_bytes(size, "little") for w in words))
        Path(tmp, "a.s").write_text(f'.text\n.incbin "{tmp}/words"\n')
        attrs = "--mattr=" + ",".join("+" + f for f in FEATURES)
        subprocess.run([f"{bin_dir}/llvm-mc", "--triple=riscv64", attrs, "--filetype=obj", "a.s", "-o", "a.o"], cwd=tmp,
                       check=True)
        dump = subprocess.run([f"{bin_dir}/llvm-objdump", "-d", attrs, "-M", "no-aliases", "--no-show-raw-insn", "a.o"],
                              cwd=tmp, check=True, capture_output=True, text=True).stdout
    out = {}
    for line in dump.splitlines():
        m = re.match(r"\s*([0-9a-f]+):\s+(.*)", line)
        if m:
            address = int(m[1], 16)
            assert address % size == 0, line
            word = words[address // size]
            out[word] = correct(word, normal(m[2], word, address))
    assert len(out) == len(set(words))
    return out


def normal(text, word, address):
    """LLVM's text in our style."""
    if text.startswith("<unknown>"):
        return None
    target = re.search(r"(0x[0-9a-f]+) <.*>$", text)
    if target:
        text = text[:target.start()] + hex((int(target[1], 16) - address) & (1 << 64) - 1)
    text = re.sub(r" <.*>$", "", re.sub(r"\s+", " ", text).replace(", ", ","))
    if not re.match(r"fcvt\.(d\.(s|h|w|wu)|s\.h) ", text):  # their rm is without effect: 0 is what assemblers write
        text = text.replace(",dyn", "")
    # Number bases are a matter of style: ours are those of binutils.
    number = r"(-?)0x([0-9a-f]+)"
    if not target and not re.match(r"(c\.)?(lui|auipc|s[lr][la]i|s[lr][la]iw|slli\.uw|rori|roriw|b(clr|ext|inv|set)i) ", text):
        text = re.sub(number, lambda m: m[1] + str(int(m[2], 16)), text)
    if re.match(r"csr", text):
        mnemonic, operands = text.split(" ")
        parts = operands.split(",")
        parts[1] = parts[1] if parts[1] in CSRS else hex(word >> 20)
        text = mnemonic + " " + ",".join(parts)
    return text


def correct(word, text):
    low7, rd, f3, rs1 = word & 127, word >> 7 & 31, word >> 12 & 7, word >> 15 & 31
    if word & 3 != 3:
        # C.NTL is a C.ADD hint that LLVM has no disassembly for; C.NOP's immediate is a hint that we do not print.
        hints = {0x9016 - 12: "c.ntl.p1", 0x9016 - 8: "c.ntl.pall", 0x9016 - 4: "c.ntl.s1", 0x9016: "c.ntl.all"}
        if word in hints:
            return hints[word]
        if word == 0:
            return None  # LLVM calls it c.unimp
        if word & 0xf07f == 0x6001 and text and text.startswith("c.lui"):
            return None  # C.LUI with immediate 0 is reserved; LLVM takes it
        if text and text.startswith("c.lui zero,-"):
            return f"c.lui zero,{hex((1 << 20) - int(text.split('-')[1], 16))}"
        if text and text.startswith("c.nop"):
            return "c.nop"
        if text and re.match(r"c\.s[lr][la]i64", text):
            return text.replace("64", "") + ",0x0"  # RV128's name; a hint with shift amount 0 on RV64
        return text
    if low7 == 0b0001111 and f3 == 0:
        # "Base implementations shall treat all reserved fence configurations as normal fences" and ignore rd and rs1.
        fm, pred, succ = word >> 28, word >> 24 & 15, word >> 20 & 15
        if (fm, pred, succ) == (8, 3, 3):
            return "fence.tso"
        if (fm, pred, succ, rd, rs1) == (0, 1, 0, 0, 0):
            return "pause"
        names = ["".join(c for k, c in enumerate("iorw") if s >> 3 - k & 1) or "0" for s in range(16)]
        return f"fence {names[pred]},{names[succ]}"
    if low7 == 0b0001111 and f3 == 1:
        return "fence.i"  # the same rule: "base implementations shall ignore these fields"
    if text and text.startswith("fcvtmod") and not text.endswith(",rtz"):
        return None  # "other rm values are reserved"; LLVM takes them
    ntl = {2: "ntl.p1", 3: "ntl.pall", 4: "ntl.s1", 5: "ntl.all"}
    if word & ~(31 << 20) == 0x33 and word >> 20 & 31 in ntl:
        return ntl[word >> 20 & 31]
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llvm-bin", required=True)
    parser.add_argument("--fills", type=int, default=2, help="random instances of each 32-bit line")
    parser.add_argument("--flips", type=int, default=2, help="instances with one fixed bit flipped")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all-text16", action="store_true", help="whole text of each 16-bit pattern, not ranges")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    print("# Written by tools/rv64-expect.py from LLVM's disassembler. `FIRST LAST TEXT` are 16-bit patterns of one")
    print("# quadrant (FIRST, FIRST + 4, ... LAST) with one mnemonic; `WORD TEXT` are single words at pc 0; - is invalid.")
    for quadrant in range(3):
        words = list(range(quadrant, 0x10000, 4))
        texts = llvm(args.llvm_bin, 2, words)
        if args.all_text16:
            for w in words:
                print(f"{w:04x} {texts[w] or '-'}")
            continue
        first = words[0]
        name = lambda w: (texts[w] or "-").split(" ")[0]
        for w in words:
            if w == words[-1] or name(w + 4) != name(w):
                print(f"{first:04x} {w:04x} {name(w)}")
                first = w + 4
    words = words32(args.fills, args.flips, rng)
    texts = llvm(args.llvm_bin, 4, words)
    for w in words:
        print(f"{w:08x} {texts[w] or '-'}")


if __name__ == "__main__":
    main()
