"""Makes rv64_*.txt: instructions, state in, and the state out that qemu-riscv64 computes. README.md describes the format.

The encodings come from src/frontend/riscv64/rv64.isa; operands are edge values and random ones from a fixed seed, so the
same QEMU gives the same files. QEMU 7.2 lacks some extensions: their cases go into rv64_tiers.txt without an expectation,
and the tests compare the tiers with each other. Needs qemu-riscv64 and the riscv64 cross binutils; running the tests does not.
"""
import random
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from case_line import case_files, memory_changes

HERE = Path(__file__).resolve().parent
ISA = HERE.parent.parent / "src/frontend/riscv64/rv64.isa"
NOT_IN_QEMU = {"Zicond", "Zfa", "Zacas", "Zcb", "Zicbom", "Zicbop", "Zicboz", "Zimop", "Zcmop", "Zihintntl", "Zawrs"}
# Where QEMU 7.2 is wrong: encoding, register values, and the result by the manual.
def corrected(c, new_x):
    """CTZW of a word that is 0: "the result is 32" (Zbb). QEMU 7.2 goes on counting where bit 63 alone is set."""
    if c.name == "CTZW":
        word = int.from_bytes(c.code[:4], "little")
        rd, value = word >> 7 & 31, c.x.get(word >> 15 & 31, 0)
        if rd and value & 0xFFFFFFFF == 0:
            new_x[rd - 1] = 32


# Encodings without a case here, and why.
EXCLUDED = {
    "ECALL": "ends every case",
    "EBREAK": "leaves (tests/linux)",
    "C_EBREAK": "leaves (tests/linux)",
}
CODE, DATA, PAGES, WINDOW, WINDOW_BYTES = 0x100000, 0x200000, 8, 0x400, 64
SLOT_BYTES, TEXT, CASES = 80, 0x110000, 0x1000000
SCRATCH = (31, 27, 5)  # the harness keeps its pointer in the first of these that the case does not use
M64 = (1 << 64) - 1


def background_x(n):
    return 0x9E3779B97F4A7C15 * n & M64


def background_f(n):
    return 0x9E3779B97F4A7C15 * (n + 32) & M64


def background_memory():
    return bytearray((37 * i + 11) & 255 for i in range(PAGES * WINDOW_BYTES))


def window(page, offset=0):
    return DATA + 4096 * page + WINDOW + offset


def sext(v, n):
    v &= (1 << n) - 1
    return v - (1 << n) if v >> (n - 1) else v


# ---- the instruction table --------------------------------------------------------------------------------------------
REGISTER_LETTERS = {"d": ("rd", 0), "s": ("rs1", 0), "t": ("rs2", 0), "u": ("rs3", 0), "e": ("rd rs1", 0),
                    "D": ("rd", 8), "S": ("rs1", 8), "T": ("rs2", 8), "E": ("rd rs1", 8)}


class Encoding:
    def __init__(self, line, formats):
        columns = [c.strip() for c in line.split("|")]
        words = columns[0].split()
        self.name = words[0]
        self.bits = "".join(w for w in words[1:] if not w.startswith("@"))
        self.format = next((formats[w[1:]] for w in words if w.startswith("@")), {})
        self.exts = columns[1].split("+")
        self.asm = columns[2]
        rest = columns[3] if len(columns) > 3 else ""
        self.constraints = re.findall(r"(?<!\S)(\w)(?:&(\d+))?(==|!=)(\d+)(?!\S)", rest)
        base = re.search(r"= (\w+)(.*)", rest)
        self.base = base[1] if base else self.name
        self.given = dict(re.findall(r"(\w+)=(-?\d+)", base[2])) if base else {}
        self.letters = {c: self.bits.count(c) for c in self.bits if c not in "01."}
        self.in_qemu = not set(self.exts) & NOT_IN_QEMU
        self.length = len(self.bits) // 8

    def valid(self, values):
        for letter, mask, op, number in self.constraints:
            v = values[letter] & int(mask) if mask else values[letter]
            if (v == int(number)) != (op == "=="):
                return False
        return True

    def word(self, values, rng):
        left, out = dict(self.letters), 0
        for c in self.bits:
            if c in left:
                left[c] -= 1
                b = values[c] >> left[c] & 1
            else:
                b = rng.getrandbits(1) if c == "." else int(c)
            out = out << 1 | b
        return out

    def members(self, values):
        """rd, rs1, … and imm as the decoder would fill them."""
        out = {k: int(v) for k, v in self.given.items()}
        for letter, v in values.items():
            if letter in REGISTER_LETTERS:
                names, add = REGISTER_LETTERS[letter]
                for n in names.split():
                    out[n] = v + add
            elif letter in self.format or letter in "iz":
                signed, places = self.format.get(letter, (letter == "i", None))
                n = self.letters[letter]
                places = places or list(range(n - 1, -1, -1))
                value = sum((v >> (n - 1 - k) & 1) << p for k, p in enumerate(places))
                top = max(places) + 1
                out["imm"] = out.get("imm", 0) | (sext(value, top) if signed else value)
        return out


def read_table():
    formats, rows = {}, []
    for line in ISA.read_text().splitlines():
        if line.startswith("format"):
            name, fields = re.match(r"format (\w+)\s*: (.*)", line).groups()
            formats[name] = {}
            for f in fields.split(","):
                letter, signed, places = re.match(r"\s*(\w) = imm( signed)?(.*)", f).groups()
                out = []
                for p in places.split():
                    hi, _, lo = p.partition(":")
                    out += range(int(hi), int(lo or hi) - 1, -1)
                formats[name][letter] = (bool(signed), out or None)
        elif "|" in line and not line.startswith("#"):
            rows.append(Encoding(line, formats))
    return rows


# ---- operands -----------------------------------------------------------------------------------------------------------
INTS = [0, 1, 2, 3, 7, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000,
        0x5555555555555555, 0x7FFFFFFFFFFFFFFF, 1 << 63, 0xFFFFFFFF80000000, M64 - 1, M64]
FORMATS = {"H": (5, 10), "S": (8, 23), "D": (11, 52)}


class Operands:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def integer(self):
        r = self.rng
        k = r.random()
        if k < 0.55:
            return r.choice(INTS)
        if k < 0.8:
            return r.getrandbits(64) >> r.randrange(64)
        return r.getrandbits(64)

    def field(self, n):
        """Bits of an immediate or shift amount."""
        r = self.rng
        k = r.random()
        if k < 0.2:
            return r.choice([0, (1 << n) - 1, 1 << (n - 1), (1 << (n - 1)) - 1])
        return 1 << r.randrange(n) if k < 0.35 else r.getrandbits(n)

    def pattern(self, kind):
        """An unboxed bit pattern of format H, S or D."""
        r, (e, f) = self.rng, FORMATS[kind]
        bias, top, sign = (1 << (e - 1)) - 1, (1 << e) - 1, r.getrandbits(1) << (e + f)
        k = r.random()
        if k < 0.40:  # the classes and the ends of each
            exponent, fraction = r.choice([(0, 0), (0, 1), (0, (1 << f) - 1), (1, 0), (bias, 0), (bias, 1), (bias - 1, 0),
                                           (bias - 1, (1 << f) - 1), (top - 1, (1 << f) - 1), (top, 0), (top, 1 << (f - 1)),
                                           (top, 1), (top, (1 << f) - 1), (bias + 1, 1 << (f - 1)), (bias - 1, 1 << (f - 1))])
        elif k < 0.60:  # near the borders of integer conversions
            exponent = bias + r.choice([x for x in (0, 1, 14, 15, 16, 30, 31, 32, 51, 52, 53, 62, 63, 64) if x < bias])
            fraction = r.choice([0, 1, (1 << f) - 1, 1 << (f - 1), r.getrandbits(f)])
        elif k < 0.85:  # ordinary numbers close to each other
            exponent, fraction = bias + r.randint(-6, 6), r.getrandbits(f)
        elif k < 0.92:  # tiny or huge
            exponent, fraction = r.choice([r.randint(0, 3), top - r.randint(1, 3)]), r.getrandbits(f)
        else:
            exponent, fraction = r.getrandbits(e), r.getrandbits(f)
        return sign | exponent << f | fraction

    def floating(self, kind):
        """An F register: boxed, sometimes not."""
        v = self.pattern(kind)
        width = 1 + sum(FORMATS[kind])
        if width == 64:
            return v
        if self.rng.random() < 0.06:
            return self.rng.getrandbits(64 - width) << width | v
        return M64 >> width << width | v


# ---- cases ----------------------------------------------------------------------------------------------------------------
class Case:
    def __init__(self, name):
        self.name, self.code, self.x, self.f, self.fcsr = name, b"", {}, {}, 0
        self.memory, self.accesses, self.used = {}, [], set()
        self.group = "i"

    def emit(self, word, length):
        self.code += word.to_bytes(length, "little")

    def scratch(self):
        return next(k for k, s in enumerate(SCRATCH) if s not in self.used and s not in self.x)

    def state(self):
        x = [self.x.get(n, background_x(n)) for n in range(32)]
        f = [self.f.get(n, background_f(n)) for n in range(32)]
        memory = background_memory()
        for (page, offset), data in self.memory.items():
            at = page * WINDOW_BYTES + offset
            memory[at:at + len(data)] = data
        return x, f, self.fcsr, memory

    def inputs(self):
        out = [f"x{n}={v:x}" for n, v in sorted(self.x.items())] + [f"f{n}={v:x}" for n, v in sorted(self.f.items())]
        out += [f"fcsr={self.fcsr:x}"] if self.fcsr else []
        return out + [f"m{p}+{o:x}={d.hex()}" for (p, o), d in sorted(self.memory.items())]


def float_kinds(name):
    """Format of the F operands of an encoding."""
    m = re.match(r"(C_)?FCVT(MOD)?_\w+?_(\w+)$", name)
    if m:
        return {"W": "D", "WU": "D", "L": "D", "LU": "D"}.get(m[3], m[3])
    suffix = name.split("_")[-1]
    return {"W": "S", "X": "S"}.get(suffix, suffix) if suffix in ("S", "D", "H", "W", "X") else "D"


MEMORY = re.compile(r"\((\{rs1\}|sp)\)")
SIZES = {"B": 1, "H": 2, "W": 4, "D": 8, "Q": 16}


def memory_kind(e):
    """('r' | 'w', size, may be misaligned) of a memory access, or None."""
    if not MEMORY.search(e.asm) or e.base == "JALR" or e.base.startswith(("PREFETCH", "CBO_")):
        return None
    if e.base.startswith(("LR_", "SC_", "AMO")):
        return ("r" if e.base.startswith("LR_") else "w", SIZES[e.base[-1]], False)
    letters = e.base.replace("FL", "L").replace("FS", "S").rstrip("U")
    return ("r" if letters[0] == "L" else "w", SIZES[letters[1]], True)


class Maker:
    def __init__(self, table):
        self.table = table
        self.by_name = {e.name: e for e in table}
        self.cases = []

    def draw(self, e, o, fixed=None):
        """Field values of a random instance."""
        for _ in range(10000):
            values = {}
            for letter, n in e.letters.items():
                if letter in REGISTER_LETTERS:
                    values[letter] = o.rng.getrandbits(n)
                elif letter == "m":
                    values[letter] = o.rng.choice([0, 1, 2, 3, 4, 7, 7, 7])
                elif letter == "c":
                    values[letter] = o.rng.choice([1, 2, 3])
                else:
                    values[letter] = o.field(n)
            values.update(fixed or {})
            if e.valid(values):
                return values
        raise RuntimeError(f"no instance of {e.name}")

    def operands(self, c, e, o, values, page=0):
        """Sets the registers and memory that one instance reads. False: draw again."""
        m = e.members(values)
        reads_x = [r for r in ("rs1", "rs2", "rs3") if "{" + r + "}" in e.asm] + (["rs1"] if "rd" in m and e.letters.keys() & {"e", "E"} else [])
        for member in ("rd", "rs1", "rs2", "rs3"):
            if member in m and "{f" + member[1:] + "}" not in e.asm and not self.is_float(e, member):
                c.used.add(m[member])
        kind = float_kinds(e.name)
        for member, v in m.items():
            if member in ("rs1", "rs2", "rs3") and self.is_float(e, member):
                c.f.setdefault(v, o.floating(kind))
        for member in reads_x:
            if not self.is_float(e, member) and m[member] != 0:
                c.x.setdefault(m[member], o.integer())
        access = memory_kind(e)
        if access:
            mode, size, unaligned = access
            base = m.get("rs1", 2)
            if base == 0:
                return False
            offset = o.rng.randrange(0, WINDOW_BYTES - size) if unaligned and o.rng.random() < 0.3 else o.rng.randrange(0, WINDOW_BYTES, size)
            address = window(page, offset)
            c.x[base] = (address - m.get("imm", 0)) & M64
            c.used.add(base)
            data = (o.pattern(kind) if self.is_float(e, "rd") else o.integer()) & ((1 << 8 * size) - 1)
            if size == 16:
                data |= o.integer() << 64
            c.memory[page, offset] = data.to_bytes(size, "little")
            c.accesses.append((mode, size, address))
        if e.base.startswith("CBO_"):
            if m["rs1"] == 0:
                return False
            c.x[m["rs1"]] = window(page, o.rng.randrange(WINDOW_BYTES))
            if e.base == "CBO_ZERO":
                c.accesses.append(("w", 64, window(page)))
        return True

    @staticmethod
    def is_float(e, member):
        """Is this member an F register (also of compressed forms, whose template says so)?"""
        return "{f" + {"rd": "d"}.get(member, member[1:]) + "}" in e.asm

    def single(self, e, o, fixed=None, fcsr=None):
        if e.name in EXCLUDED:
            return
        for _ in range(1000):
            c = Case(e.name)
            c.group = "tiers" if not e.in_qemu else group(e)
            values = self.draw(e, o, fixed)
            c.fcsr = o.rng.choice([0, 0, 0, o.rng.getrandbits(5)]) | o.rng.choice([0, 0, 1, 2, 3, 4]) << 5 if fcsr is None else fcsr
            if not uses_fp(e):
                c.fcsr = 0
            if not self.operands(c, e, o, values) or all(s in c.used or s in c.x for s in SCRATCH):
                continue
            if e.base == "SC_W" or e.base == "SC_D":
                c.accesses = []  # without a reservation nothing is accessed
            c.emit(e.word(values, o.rng), e.length)
            self.cases.append(c)
            return
        raise RuntimeError(f"no case for {e.name}")

    def branch(self, e, o):
        """Forward over one instruction that leaves a mark."""
        for _ in range(10000):
            c = Case(e.name)
            c.group = group(e)
            values = self.draw(e, o)
            if e.letters.get("i"):
                offset = e.length + 4
                values["i"] = next((v for v in self.immediates(e) if e.members({**values, "i": v}).get("imm") == offset), None)
            if e.base == "JALR":
                m = e.members(values)
                if m["rs1"] == 0:
                    continue
                c.x[m["rs1"]] = (CODE + e.length + 4 - m.get("imm", 0) + o.rng.getrandbits(1) * (m.get("imm", 0) % 2 == 0)) & M64
                c.used |= {m["rs1"], m.get("rd", 0)}
                ok = True
            else:
                ok = self.operands(c, e, o, values)
                m = e.members(values)
                if "rs2" in m and o.rng.random() < 0.3:
                    for r in ("rs1", "rs2"):
                        if m[r]:
                            c.x[m[r]] = 5
                elif e.name in ("C_BEQZ", "C_BNEZ") and o.rng.random() < 0.5:
                    c.x[m["rs1"]] = 0
            mark = o.rng.choice([r for r in range(5, 30) if r not in c.used and r not in c.x and r not in SCRATCH])
            c.used.add(mark)
            if not ok or all(s in c.used or s in c.x for s in SCRATCH):
                continue
            c.emit(e.word(values, o.rng), e.length)
            c.emit(0x00100013 | mark << 7, 4)  # li mark, 1
            self.cases.append(c)
            return

    @staticmethod
    def immediates(e):
        n = e.letters["i"]
        return range(1 << n) if n <= 12 else (1 << k for k in range(n))

    def sequence(self, pool, o, length, tiers):
        """Random instructions, every memory access on a page of its own, branches over one instruction."""
        while True:
            c = Case("SEQ")
            c.group = "tiers" if tiers else "sequences"
            c.fcsr = o.rng.choice([0, 0, 1, 2, 3, 4]) << 5 | o.rng.choice([0, o.rng.getrandbits(5)])
            pointers = o.rng.sample([2, 8, 9, 12, 14, 18, 21, 28, 30], PAGES - 1)
            free = [r for r in range(32) if r not in pointers and r not in SCRATCH[:1]]
            c.used = set(free) | set(pointers)
            for r in free:
                if r and o.rng.random() < 0.5:
                    c.x[r] = o.integer()
            for r in range(32):
                if o.rng.random() < 0.7:
                    c.f[r] = o.floating(o.rng.choice("HSSDDD"))
            page, done, tries = 0, 0, 0
            waiting = list(pointers)  # pointer registers whose access is still to come
            while done < length and tries < 5000 and len(c.code) < SLOT_BYTES - 12:
                tries += 1
                e = o.rng.choice(pool)
                values = self.draw(e, o)
                m = e.members(values)
                writes = m.get("rd") if not self.is_float(e, "rd") else None
                reads = [m[r] for r in ("rs1", "rs2", "rs3") if r in m and not self.is_float(e, r)]
                access = memory_kind(e)
                if SCRATCH[0] in reads + [writes]:
                    continue
                if access:
                    base = m.get("rs1", 2)
                    if base not in waiting or page == PAGES - 1:
                        continue
                    if writes in waiting and writes != base or e.base[:3] in ("LR_", "SC_"):
                        continue
                    if m.get("rs2") == base and o.rng.random() < 0.8:
                        continue
                    mode, size, unaligned = access
                    offset = o.rng.randrange(0, WINDOW_BYTES, size)
                    address = window(page, offset)
                    c.x[base] = (address - m.get("imm", 0)) & M64
                    kind = float_kinds(e.name)
                    data = (o.pattern(kind) if self.is_float(e, "rd") else o.integer()) & ((1 << 8 * size) - 1)
                    if size == 16:
                        data |= o.integer() << 64
                    c.memory[page, offset] = data.to_bytes(size, "little")
                    c.accesses.append((mode, size, address))
                    waiting.remove(base)
                    page += 1
                elif writes in waiting or "csr" in e.asm and not 0 < values["c"] < 4:
                    continue
                elif "csr" in e.asm and (values["c"] != 1 and ("rs1" in m or m.get("imm", 0) >> 5 * (values["c"] == 3) > 4)):
                    continue  # would make an invalid rounding mode possible
                elif e.base in ("AUIPC",) or e.base.startswith("CBO_"):
                    continue
                c.emit(e.word(values, o.rng), e.length)
                done += 1
                if o.rng.random() < 0.12 and len(c.code) < SLOT_BYTES - 20:  # a branch over a mark
                    a, b = o.rng.choice(free), o.rng.choice(free)
                    word = self.by_name["BLTU" if o.rng.random() < 0.5 else "BGE"]
                    values = {"s": a, "t": b, "i": next(v for v in range(4096) if word.members({"s": 0, "t": 0, "i": v})["imm"] == 8)}
                    c.emit(word.word(values, o.rng), 4)
                    c.emit(0x00150513, 4)  # addi a0,a0,1
            if page >= 3 and done == length:
                self.cases.append(c)
                return

    def loop(self, pool, o):
        """A loop of one block over random instructions; its accesses go to another page in each iteration."""
        while True:
            c = Case("LOOP")
            c.group = "loops"
            rounds = o.rng.randint(3, PAGES - 1)
            c.fcsr = o.rng.choice([0, 0, 1, 2, 3, 4]) << 5 | o.rng.choice([0, o.rng.getrandbits(5)])
            # pinned, unpinned or mixed registers
            names = o.rng.choice([[2, 8, 9, 10, 11, 12, 13, 14, 15, 18], [5, 6, 7, 16, 17, 22, 23, 24, 28, 29, 30], list(range(5, 31))])
            names = [r for r in names if r != SCRATCH[1]]
            pointer, count, stride = o.rng.sample(names, 3)
            free = [r for r in names if r not in (pointer, count, stride)]
            c.used = set(range(5, 31)) - {SCRATCH[1]}
            c.x = {r: o.integer() for r in free}
            c.x |= {pointer: window(0), count: rounds, stride: 4096}
            c.f = {r: o.floating(o.rng.choice("SDDD")) for r in range(32)}
            for page in range(rounds):
                c.memory[page, 0] = o.floating("D").to_bytes(8, "little") + o.integer().to_bytes(8, "little")
            accesses, done, length = [], 0, o.rng.randint(3, 11)
            while done < length:
                e = o.rng.choice(pool)
                fixed = {"i": 0} if memory_kind(e) and "i" in e.letters else {}
                values = self.draw(e, o, fixed)
                for letter, (members, _) in REGISTER_LETTERS.items():
                    member = members.split()[0]
                    if letter in values and e.letters[letter] == 5 and not self.is_float(e, member):
                        values[letter] = o.rng.choice(free)
                access = memory_kind(e)
                if access:
                    values["s"] = pointer
                    if len(accesses) == 3:
                        continue
                    accesses.append(access)
                m = e.members(values)
                ints = {m[r] for r in ("rd", "rs1", "rs2", "rs3") if r in m and not self.is_float(e, r)} - {pointer}
                if not ints <= set(free) | {0}:
                    if access:
                        accesses.pop()
                    continue
                c.emit(e.word(values, o.rng), e.length)
                done += 1
            if not accesses:
                continue
            c.emit(0x33 | pointer << 7 | pointer << 15 | stride << 20, 4)  # add pointer,pointer,stride
            c.emit(0xFFF00013 | count << 7 | count << 15, 4)  # addi count,count,-1
            bne = self.by_name["BNE"]
            back = next(v for v in range(4096) if bne.members({"s": 0, "t": 0, "i": v})["imm"] == -len(c.code))
            c.emit(bne.word({"s": count, "t": 0, "i": back}, o.rng), 4)
            mode, size, _ = accesses[0]
            c.accesses = [(mode, size, window(page)) for page in range(rounds)]
            self.cases.append(c)
            return

    def assembled(self, snippets):
        """Hand-written sequences: (name, assembly, registers, memory, accesses)."""
        for name, text, x, memory, accesses in snippets:
            c = Case(name)
            c.group = "programs"
            c.code = assemble(text)
            assert len(c.code) <= SLOT_BYTES - 4, name
            c.x, c.memory, c.accesses = x, memory, accesses
            c.used = set(range(5, 31)) - {SCRATCH[1]}
            self.cases.append(c)


def uses_fp(e):
    return "{f" in e.asm or "csr" in e.asm


def group(e):
    ext = e.exts[0]
    if ext == "C":
        return "c"
    if ext in ("F", "D", "M", "A"):
        return ext.lower()
    if ext.startswith("Zfh"):
        return "zfh"
    if ext.startswith("Zb"):
        return "b"
    return "zicsr" if ext == "Zicsr" else "i"


def snippets():
    """Loops, calls and returns, switches, LR/SC: what single instructions cannot show."""
    w = window
    yield ("LOOP_SUM", "1: ld a2,0(a0); add a3,a3,a2; addi a0,a0,8; bne a0,a1,1b",
           {10: w(0), 11: w(0, 64), 13: 0}, {(0, 0): bytes(range(64))}, [("r", 8, w(0))])
    yield ("LOOP_COPY", "1: lbu a2,0(a0); sb a2,0(a1); addi a0,a0,1; addi a1,a1,1; bnez a2,1b",
           {10: w(0), 11: w(1)}, {(0, 0): b"precise state\0"}, [("r", 1, w(0)), ("w", 1, w(1))])
    yield ("LOOP_FACTORIAL", "li a1,1; 1: mul a1,a1,a0; addi a0,a0,-1; bgtz a0,1b", {10: 20}, {}, [])
    yield ("CALL_RETURN", "li a0,5; jal ra,f; addi a0,a0,1; j e; f: slli a0,a0,4; ret; e: nop", {}, {}, [])
    yield ("CALL_NESTED", "jal ra,f; j e; f: mv t1,ra; addi a0,a0,1; jal ra,g; mv ra,t1; ret; g: slli a0,a0,3; ret; e: nop", {10: 3}, {}, [])
    yield ("CALL_RECURSIVE", "jal ra,f; j e; f: addi sp,sp,-8; sd ra,0(sp); addi a1,a1,3; addi a0,a0,-1; beqz a0,1f; jal ra,f; "
           "1: ld ra,0(sp); addi sp,sp,8; ret; e: nop", {2: w(0, 64), 10: 5, 11: 0}, {}, [("w", 8, w(0, 56))])
    yield ("CALL_LOOP", "1: jal ra,f; addi a1,a1,-1; bnez a1,1b; j e; f: add a0,a0,a1; ret; e: nop", {10: 0, 11: 9}, {}, [])
    yield ("RETURN_ELSEWHERE", "jal ra,f; addi a0,a0,1; addi a0,a0,2; j e; f: addi ra,ra,4; ret; e: nop", {10: 0}, {}, [])
    yield ("JUMP_TABLE", "la t1,1f; slli t2,a0,3; add t1,t1,t2; jr t1; 1: addi a1,a1,1; j e; addi a1,a1,2; j e; addi a1,a1,3; e: nop",
           {10: 1, 11: 0}, {}, [])
    yield ("JUMP_LOOP", "la t1,1f; 1: addi a0,a0,-1; beqz a0,e; jr t1; e: nop", {10: 6}, {}, [])
    yield ("JUMP_ODD", "la t1,1f; ori t1,t1,1; jr t1; ebreak; 1: addi a0,a0,1", {10: 0}, {}, [])
    yield ("LRSC_LOOP", "1: lr.w a2,(a0); add a3,a2,a1; sc.w a4,a3,(a0); bnez a4,1b", {10: w(0), 11: 7}, {(0, 0): b"\x05\0\0\x80"}, [("r", 4, w(0))])
    yield ("LRSC_D", "lr.d.aq a2,(a0); not a3,a2; sc.d.rl a4,a3,(a0)", {10: w(2, 8)}, {(2, 8): b"12345678"}, [("r", 8, w(2, 8))])
    yield ("SC_OTHER_ADDRESS", "lr.w a2,(a0); sc.w a4,a2,(a1)", {10: w(0), 11: w(1)}, {}, [("r", 4, w(0))])
    yield ("SC_TWICE", "lr.w a2,(a0); sc.w a4,a2,(a0); sc.w a5,a2,(a0)", {10: w(0)}, {}, [("r", 4, w(0))])
    yield ("SC_AFTER_STORE", "lr.w a2,(a0); addi a3,a2,1; sw a3,0(a0); sc.w a4,zero,(a0)", {10: w(0)}, {}, [("r", 4, w(0))])
    yield ("LOOP_AMO", "1: amoadd.w a2,a1,(a0); addi a3,a3,-1; bnez a3,1b", {10: w(0), 11: 3, 13: 5}, {}, [("w", 4, w(0))])
    yield ("LOOP_FP", "fcvt.d.w fa0,zero; fcvt.d.w fa1,a0; li a1,10; 1: fld fa2,0(a2); fmadd.d fa0,fa0,fa1,fa2; addi a1,a1,-1; bnez a1,1b",
           {10: 3, 12: w(0)}, {(0, 0): struct.pack("<d", 0.1)}, [("r", 8, w(0))])
    yield ("LOOP_FLAGS", "li a0,3; 1: fcvt.s.w fa0,a0; fdiv.s fa1,fa0,fa2; csrrci a1,fflags,1; add a2,a2,a1; addi a0,a0,-1; bnez a0,1b", {12: 0}, {}, [])
    yield ("ROUNDING_MODES", "li a0,10; fcvt.d.w fa0,a0; li a1,3; fcvt.d.w fa1,a1; fsrmi 1; fdiv.d fa2,fa0,fa1; fsrmi 3; fdiv.d fa3,fa0,fa1; "
           "fsrmi 4; fdiv.d fa4,fa0,fa1; fsrmi 0; fdiv.d fa5,fa0,fa1", {}, {}, [])
    yield ("NAN_CHAIN", "fcvt.d.w fa0,zero; fdiv.d fa1,fa0,fa0; fadd.d fa2,fa1,fa0; fmul.d fa3,fa2,fa2; fsd fa3,0(a0); fmv.x.d a1,fa1; fsd fa2,8(a0)",
           {10: w(0)}, {}, [("w", 8, w(0))])
    yield ("STACK_FRAME", "addi sp,sp,-32; sd ra,24(sp); sd s0,16(sp); addi s0,sp,32; sw a0,-20(s0); lw a5,-20(s0); addiw a5,a5,1; mv a0,a5; "
           "ld ra,24(sp); ld s0,16(sp); addi sp,sp,32", {2: w(3, 64), 10: 0x7FFFFFFF}, {}, [("w", 8, w(3, 56))])
    yield ("STRLEN", "mv a1,a0; 1: lb a2,0(a1); beqz a2,2f; addi a1,a1,1; j 1b; 2: sub a0,a1,a0", {10: w(0)}, {(0, 0): b"twelve chars\0"}, [("r", 1, w(0))])
    yield ("FENCE_I", "addi a0,a0,1; fence.i; addi a0,a0,1; fence; addi a0,a0,1", {10: 0}, {}, [])
    yield ("PATCHED", "lw a1,0(a0); la a2,1f; sw a1,0(a2); fence.i; .option push; .option norvc; 1: addi a3,a3,1; .option pop; nop",
           {10: w(0), 13: 0}, {(0, 0): (0x06468693).to_bytes(4, "little")}, [("r", 4, w(0))])  # addi a3,a3,100


# ---- the oracle -----------------------------------------------------------------------------------------------------------
def tool(command, cwd):
    subprocess.run(command, cwd=cwd, check=True)


def assemble(text, march="rv64imafdc_zicsr_zifencei"):
    with tempfile.TemporaryDirectory() as d:
        Path(d, "a.s").write_text(".option norelax\n" + text.replace("; ", "\n") + "\n")
        tool(["riscv64-linux-gnu-as", f"-march={march}", "-o", "a.o", "a.s"], d)
        tool(["riscv64-linux-gnu-ld", "-N", "--no-warn-rwx-segments", "--no-relax", "-e", "0", f"-Ttext={CODE:#x}", "-o", "a.elf", "a.o"], d)
        tool(["riscv64-linux-gnu-objcopy", "-O", "binary", "-j", ".text", "a.elf", "a.bin"], d)
        return Path(d, "a.bin").read_bytes()


X_AT, F_AT, FCSR_AT, MEMORY_AT = 88, 88 + 248, 88 + 248 + 256, 88 + 248 + 256 + 8
RECORD = MEMORY_AT + PAGES * WINDOW_BYTES
OUT_RECORD = RECORD - X_AT


def harness():
    """A program that runs the records of cases.bin and writes the state after each to standard output."""
    t = [f"""
    .option norelax
    .option norvc
    .section .slot,"awx"
slot: .zero {SLOT_BYTES + 16}
    .section .windows,"aw"
windows: .zero {PAGES * 4096}
    .section .cases,"aw"
cases: .incbin "cases.bin"
cases_end: .balign 8
    .data
    .balign 8
current: .dword cases
lock: .dword 0
out: .zero {OUT_RECORD}
    .text
    .globl _start
_start: j next
    j leave0
    j leave1
    j leave2
next:
    la t0, current
    ld t1, 0(t0)
    la t2, cases_end
    bgeu t1, t2, done
    la t3, slot
    mv t4, t1
    addi t5, t3, {SLOT_BYTES}
1:  ld t6, 0(t4)
    sd t6, 0(t3)
    addi t4, t4, 8
    addi t3, t3, 8
    bne t3, t5, 1b
    fence.i
    la t0, lock
    sc.w t0, zero, (t0)
    addi t4, t1, {MEMORY_AT}
    li t3, {window(0)}
    li t5, {PAGES}
2:  li t6, {WINDOW_BYTES // 8}
3:  ld t0, 0(t4)
    sd t0, 0(t3)
    addi t4, t4, 8
    addi t3, t3, 8
    addi t6, t6, -1
    bnez t6, 3b
    li t6, {4096 - WINDOW_BYTES}
    add t3, t3, t6
    addi t5, t5, -1
    bnez t5, 2b
    ld t0, {FCSR_AT}(t1)
    csrw fcsr, t0
    ld t0, {SLOT_BYTES}(t1)
    beqz t0, enter0
    addi t0, t0, -1
    beqz t0, enter1
    j enter2"""]
    for k, s in enumerate(SCRATCH):
        t.append(f"enter{k}: mv x{s}, t1")
        t += [f"    fld f{n}, {F_AT + 8 * n}(x{s})" for n in range(32)]
        t += [f"    ld x{n}, {X_AT + 8 * (n - 1)}(x{s})" for n in range(1, 32) if n != s]
        t.append("    j slot")
        t.append(f"leave{k}: la x{s}, out")
        t += [f"    sd x{n}, {8 * (n - 1)}(x{s})" for n in range(1, 32)]
        t += [f"    fsd f{n}, {F_AT - X_AT + 8 * n}(x{s})" for n in range(32)]
        t.append("    j store")
    t.append(f"""
store:
    la t0, out
    csrr t1, fcsr
    sd t1, {FCSR_AT - X_AT}(t0)
    addi t4, t0, {MEMORY_AT - X_AT}
    li t3, {window(0)}
    li t5, {PAGES}
2:  li t6, {WINDOW_BYTES // 8}
3:  ld t0, 0(t3)
    sd t0, 0(t4)
    addi t4, t4, 8
    addi t3, t3, 8
    addi t6, t6, -1
    bnez t6, 3b
    li t6, {4096 - WINDOW_BYTES}
    add t3, t3, t6
    addi t5, t5, -1
    bnez t5, 2b
    li a0, 1
    la a1, out
    li a2, {OUT_RECORD}
    li a7, 64
    ecall
    la t0, current
    ld t1, 0(t0)
    addi t1, t1, {RECORD}
    sd t1, 0(t0)
    j next
done:
    li a0, 0
    li a7, 93
    ecall
""")
    return "\n".join(t)


def jal(source, target):
    o = target - source
    return 0x6F | (o >> 12 & 255) << 12 | (o >> 11 & 1) << 20 | (o >> 1 & 1023) << 21 | (o >> 20 & 1) << 31


def record(c):
    x, f, fcsr, memory = c.state()
    k = c.scratch()
    code = c.code + jal(CODE + len(c.code), TEXT + 4 + 4 * k).to_bytes(4, "little")
    return code.ljust(SLOT_BYTES, b"\0") + struct.pack("<Q31Q32QQ", k, *x[1:], *f, fcsr) + bytes(memory)


def oracle(guest, cases):
    """QEMU's state after each case."""
    with tempfile.TemporaryDirectory() as d:
        Path(d, "harness.s").write_text(harness())
        Path(d, "cases.bin").write_bytes(b"".join(map(record, cases)))
        tool(["riscv64-linux-gnu-as", "-march=rv64imafdc_zicsr_zifencei", "-o", "harness.o", "harness.s"], d)
        tool(["riscv64-linux-gnu-ld", "--no-relax", "--no-warn-rwx-segments", "-z", "norelro", f"--section-start=.slot={CODE:#x}",
              f"-Ttext={TEXT:#x}", f"--section-start=.windows={DATA:#x}", f"--section-start=.cases={CASES:#x}", "-Tdata=0x300000",
              "-o", "harness", "harness.o"], d)
        r = subprocess.run([guest.qemu, "-cpu", guest.qemu_cpu, "./harness"], cwd=d, capture_output=True)
    done = len(r.stdout) // OUT_RECORD
    if r.returncode != 0 or done != len(cases):
        c = cases[min(done, len(cases) - 1)]
        sys.exit(f"QEMU ended with {r.returncode} in case {done}: {c.name} {c.code.hex()} {' '.join(c.inputs())} {r.stderr.decode()}")
    return [r.stdout[k * OUT_RECORD:(k + 1) * OUT_RECORD] for k in range(done)]


def outputs(c, after):
    """What differs from the inputs."""
    x, f, fcsr, memory = c.state()
    new = list(struct.unpack_from("<31Q32QQ", after))
    corrected(c, new)
    skip = SCRATCH[c.scratch()]
    out = [f"x{n}={new[n - 1]:x}" for n in range(1, 32) if n != skip and new[n - 1] != x[n]]
    out += [f"f{n}={new[31 + n]:x}" for n in range(32) if new[31 + n] != f[n]]
    out += [f"fcsr={new[63]:x}"] if new[63] != fcsr else []
    return out + memory_changes(memory, after[MEMORY_AT - X_AT:], WINDOW_BYTES)


# ---- which cases ------------------------------------------------------------------------------------------------------------
def make():
    table = read_table()
    maker = Maker(table)
    for n, e in enumerate(table):
        o = Operands(n + 1)
        if e.name in EXCLUDED:
            continue
        if e.base in ("JAL", "JALR", "BEQ", "BNE", "BLT", "BGE", "BLTU", "BGEU"):
            for _ in range(10 if e.base == "JAL" else 24):
                maker.branch(e, o)
        elif "m" in e.letters:  # static modes, then the dynamic one under each
            for _ in range(3 if e.in_qemu else 1):
                for mode in range(5):
                    maker.single(e, o, {"m": mode}, o.rng.choice([0, 0x60, 0x1F, 0x80]))
                    maker.single(e, o, {"m": 7}, mode << 5 | o.rng.choice([0, 0, 0x1F, o.rng.getrandbits(5)]))
        else:
            few = not e.asm.count("{") or e.base in ("FENCE",)
            for _ in range(2 if few else 8 if not e.in_qemu or e.exts[0] == "C" else 24 if "{f" in e.asm and not MEMORY.search(e.asm) else 16):
                maker.single(e, o)
    maker.assembled(snippets())
    plain = [e for e in table if e.name not in EXCLUDED and e.base not in ("JAL", "JALR", "BEQ", "BNE", "BLT", "BGE", "BLTU", "BGEU")
             and e.base not in ("PAUSE", "FENCE_I", "WRS_NTO", "WRS_STO", "AMOCAS_Q")]
    memory = [e for e in plain if memory_kind(e)]
    for tiers, count in ((False, 500), (True, 150)):
        usable = [e for e in plain if tiers or e.in_qemu and e.name != "CTZW"]  # see corrected()
        pool = usable + [e for e in memory if e in usable] * (len(usable) // len(memory) // 2 + 1)
        for n in range(count):
            maker.sequence(pool, Operands(100000 + n + 1000 * tiers), 4 + n % 12, tiers)
    body = [e for e in plain if e.in_qemu and e.length == 4 and e.name != "CTZW" and e.base not in ("AUIPC", "FENCE", "FENCE_TSO")
            and "csr" not in e.asm and e.base[:3] not in ("LR_", "SC_")]
    body += [e for e in body if memory_kind(e)] * 2 + [e for e in body if "{f" in e.asm and e.name.endswith("_D")]
    for n in range(250):
        maker.loop(body, Operands(200000 + n))
    return maker.cases


def files(guest):
    """{name: text} of all files."""
    return case_files(guest, "rv64", make(), outputs, oracle, "QEMU 7.2 lacks these encodings")
