"""Makes a64_*.txt: instructions, state in, and the state out that qemu-aarch64 computes. README.md describes the format.

Instances of the encodings come from the program a64_instances (of build/release, or $A64_INSTANCES); operands are edge values and
random ones from a fixed seed, so the same table and the same QEMU give the same files. What QEMU does not have, and what depends on
its random keys, goes into a64_tiers.txt without an expectation, and the tests compare the tiers with each other. Needs qemu-aarch64
and the aarch64 cross binutils; running the tests does not.
"""
import os
import random
import struct
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from case_line import case_files, memory_changes

HERE = Path(__file__).resolve().parent
INSTANCES = os.environ.get("A64_INSTANCES", HERE.parent.parent / "build/release/a64_instances")
# Encodings without a case here, and why.
EXCLUDED = {"SVC": "ends every case", "BRK": "leaves (tests/linux)"}
CODE, DATA, PAGES, WINDOW, WINDOW_BYTES = 0x100000, 0x200000, 8, 0x400, 64
SLOT_BYTES, TEXT, CASES = 160, 0x110000, 0x1000000
M64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
NEXT, DIRECT, INDIRECT = range(3)
NONE, OFFSET, PRE, POST, REGISTER, POST_REGISTER, LITERAL, OTHER = range(8)
NZCV, FPCR, FPSR = 0xDA10, 0xDA20, 0xDA21
FPCR_BITS, FPSR_BITS = [19, 22, 23, 24, 25, 26], 0x0800009F
INTS = [0, 1, 2, 3, 7, 31, 32, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000,
        0x5555555555555555, 0x7FFFFFFFFFFFFFFF, 1 << 63, 0xFFFFFFFF80000000, M64 - 1, M64]
FORMATS = {2: (5, 10), 4: (8, 23), 8: (11, 52)}


def background(n, wide=False):
    """Register number n of x0 … x30, sp, v0 … v31, as case_file.cc has it."""
    low = GOLDEN * (n + 1) & M64
    return low | (GOLDEN * (n + 1 + 64) & M64) << 64 if wide else low


def background_memory():
    return bytearray((37 * i + 11) & 255 for i in range(PAGES * WINDOW_BYTES))


def window(page, offset=0):
    return DATA + 4096 * page + WINDOW + offset


class Instance:
    def __init__(self, line):
        name, word, *numbers, writes, exclusive, reason = line.split()
        self.name, self.word = name, int(word, 16)
        self.flow, self.target, self.address, self.load, self.prefetch, self.offset, self.size, self.alignment = map(int, numbers)
        self.writes, self.exclusive, self.in_qemu = int(writes, 16), int(exclusive), reason == "-"

    @property
    def rd(self):
        return self.word & 31

    @property
    def rn(self):
        return self.word >> 5 & 31

    @property
    def ra(self):
        return self.word >> 10 & 31

    @property
    def rm(self):
        return self.word >> 16 & 31

    @property
    def vector(self):
        """Does it use vector registers?"""
        memory = self.word >> 25 & 5 == 4
        return self.word >> 26 & 1 if memory else self.word >> 25 & 7 == 7

    @property
    def system(self):
        return self.word >> 24 == 0xD5

    @property
    def sys_address(self):
        """DC and IC: the address is in Rt."""
        return self.word >> 19 == 0xD508_0000 >> 19

    @property
    def signs(self):
        """Depends on the keys of pointer authentication."""
        return self.name.startswith(("PAC", "AUT", "BRA", "BLRA", "LDRA")) or self.name.endswith("_auth")

    def kind(self):
        """r or w, as the memory sees it."""
        atomic = self.word >> 24 & 0x3B == 0x38 and self.word >> 21 & 1 and not self.word >> 10 & 3 and not self.vector
        compare = self.word >> 24 & 0x3F == 8 and self.word >> 21 & 1 and (self.word >> 23 & 1 or not self.word >> 31)
        if atomic and self.word >> 12 & 15 == 12:
            return "r"  # LDAPR
        return "w" if atomic or compare or not self.load else "r"


def instances(seed, count):
    text = subprocess.run([INSTANCES, str(seed), str(count)], check=True, capture_output=True, text=True).stdout
    return [i for i in map(Instance, text.splitlines()) if i.name not in EXCLUDED]


# ---- operands -----------------------------------------------------------------------------------------------------------
class Operands:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def integer(self):
        r, k = self.rng, self.rng.random()
        return r.choice(INTS) if k < 0.5 else r.getrandbits(64) >> r.randrange(64) if k < 0.8 else r.getrandbits(64)

    def pattern(self, size):
        """A bit pattern of a floating-point format of 2, 4 or 8 bytes."""
        r, (e, f) = self.rng, FORMATS[size]
        bias, top, sign = (1 << e - 1) - 1, (1 << e) - 1, r.getrandbits(1) << e + f
        k = r.random()
        if k < 0.45:  # the classes and the ends of each
            exponent, fraction = r.choice([(0, 0), (0, 1), (0, (1 << f) - 1), (1, 0), (bias, 0), (bias, 1), (bias - 1, 0), (bias - 1, (1 << f) - 1),
                                           (top - 1, (1 << f) - 1), (top, 0), (top, 1 << f - 1), (top, 1), (top, (1 << f) - 1), (bias + 1, 1 << f - 1)])
        elif k < 0.60:  # near the borders of integer conversions
            exponent = min(bias + r.choice([0, 1, 7, 8, 14, 15, 16, 30, 31, 32, 52, 53, 62, 63, 64]), top - 1)
            fraction = r.choice([0, 1, (1 << f) - 1, 1 << f - 1, r.getrandbits(f)])
        elif k < 0.85:  # ordinary numbers close to each other
            exponent, fraction = bias + r.randint(-6, 6), r.getrandbits(f)
        else:
            exponent, fraction = r.choice([r.randint(0, 3), top - r.randint(1, 3), r.getrandbits(e)]), r.getrandbits(f)
        return sign | exponent << f | fraction

    def vector(self, size, floating):
        """128 bits of lanes of `size` bytes."""
        r = self.rng
        if not floating and r.random() < 0.25:  # counts of shifts
            return sum((r.randint(-70, 70) & (1 << 8 * size) - 1) << 8 * at for at in range(0, 16, size))
        lane = lambda: self.pattern(size) if floating else self.integer() & (1 << 8 * size) - 1
        return sum(lane() << 8 * at for at in range(0, 16, size))

    def fpcr(self):
        return sum(self.rng.getrandbits(1) << b for b in FPCR_BITS if b in (22, 23) or self.rng.random() < 0.5)


# ---- cases ----------------------------------------------------------------------------------------------------------------
class Case:
    def __init__(self, name, group):
        self.name, self.group, self.code = name, group, b""
        self.x, self.sp, self.v = {}, None, {}
        self.nzcv = self.fpcr = self.fpsr = 0
        self.memory, self.accesses = {}, []

    def emit(self, word):
        self.code += word.to_bytes(4, "little")

    def set_base(self, n, value):
        if n == 31:
            self.sp = value & M64
        else:
            self.x[n] = value & M64

    def state(self):
        x = [self.x.get(n, background(n)) for n in range(31)] + [background(31) if self.sp is None else self.sp]
        v = [self.v.get(n, background(32 + n, True)) for n in range(32)]
        memory = background_memory()
        for (page, offset), data in self.memory.items():
            at = page * WINDOW_BYTES + offset
            memory[at:at + len(data)] = data
        return x, v, [self.nzcv, self.fpcr, self.fpsr], memory

    def inputs(self):
        out = [f"x{n}={v:x}" for n, v in sorted(self.x.items())] + ([f"sp={self.sp:x}"] if self.sp is not None else [])
        out += [f"v{n}={v:x}" for n, v in sorted(self.v.items())]
        out += [f"{name}={value:x}" for name, value in (("nzcv", self.nzcv), ("fpcr", self.fpcr), ("fpsr", self.fpsr)) if value]
        return out + [f"m{p}+{o:x}={d.hex()}" for (p, o), d in sorted(self.memory.items())]


def group(i):
    if not i.in_qemu or i.signs:
        return "tiers"
    if i.flow != NEXT:
        return "branch"
    if i.system:
        return "system"
    if i.address not in (NONE, LITERAL) or i.prefetch or i.address == LITERAL:
        return "memory_v" if i.vector else "memory"
    if not i.vector:
        return "integer"
    if i.word >> 24 & 0x5F in (0x1E, 0x1F):
        return "fp"
    return "crypto" if i.name.startswith(("AES", "SHA", "PMULL", "EOR3", "BCAX", "XAR", "RAX")) else "simd"


def float_size(i):
    """Of a scalar floating-point instruction: bytes of its format."""
    return {0: 4, 1: 8, 3: 2}.get(i.word >> 22 & 3, 4)


def with_offset(word, offset):
    words = offset // 4
    if word & 0x7C000000 == 0x14000000:
        return word & 0xFC000000 | words & 0x3FFFFFF
    if word & 0x7E000000 == 0x36000000:
        return word & ~(0x3FFF << 5) | (words & 0x3FFF) << 5
    return word & ~(0x7FFFF << 5) | (words & 0x7FFFF) << 5


def extended(word, value, log):
    """Offset that the index register of a register form makes."""
    option, shift = word >> 13 & 7, log if word >> 12 & 1 else 0
    if option & 3 == 2:
        value &= 0xFFFFFFFF
        if option == 6 and value >> 31:
            value -= 1 << 32
    return value << shift & M64


class Maker:
    def __init__(self):
        self.cases = []

    def registers(self, c, i, o):
        """What a single instruction may read."""
        for n in {i.rd, i.rn, i.rm} | ({i.ra} if i.word >> 24 & 0x1F == 0x1B else set()):
            if n != 31 and (not i.vector or n == i.rn):
                c.x.setdefault(n, o.integer())
        if not i.vector and i.rn == 31 and o.rng.random() < 0.5:
            c.sp = o.integer()
        if i.vector:
            scalar_fp = i.word >> 24 & 0x5F in (0x1E, 0x1F)
            size = float_size(i) if scalar_fp else o.rng.choice([1, 2, 4, 8])
            floating = scalar_fp or size > 1 and i.name.startswith(("F", "SCVTF", "UCVTF", "BF"))
            fields = {i.rd, i.rn, i.rm} | ({i.ra} if i.word >> 24 in (0x1F, 0xCE) else set())
            for n in fields:
                c.v.setdefault(n, o.vector(size, floating))
            if scalar_fp or i.name.startswith(("F", "SCVTF", "UCVTF", "BF")):
                c.fpcr = o.fpcr() if o.rng.random() < 0.6 else 0
            c.fpsr = o.rng.getrandbits(32) & FPSR_BITS if o.rng.random() < 0.25 else 0
        c.nzcv = o.rng.getrandbits(4) << 28 if o.rng.random() < 0.6 else 0

    def access(self, c, i, o, page=0, base=None):
        """Registers, memory and the access of an instruction that has one. False: draw again."""
        n = (i.rd if i.sys_address else i.rn) if base is None else base
        if i.sys_address and n == 31 or i.size > WINDOW_BYTES:
            return False
        unit = max(i.alignment, 16 if n == 31 else 1)
        step = unit if o.rng.random() < 0.3 else max(unit, i.size & -i.size)
        index = 0
        if i.address in (REGISTER, POST_REGISTER):
            if i.rm == n or n == 31:
                return False
            if i.rm != 31:
                c.x[i.rm] = o.integer()
            index = extended(i.word, c.x.get(i.rm, 0), i.size.bit_length() - 1) if i.address == REGISTER else 0
        moved = i.offset if i.address in (OFFSET, PRE) else 0
        if n == 31 and (moved % 16 or i.address in (PRE, POST) and i.offset % 16):
            return False
        places = [a for a in range(0, WINDOW_BYTES - i.size + 1, step)]
        offset = o.rng.choice(places)
        address = window(page, offset)
        c.set_base(n, address - moved - index)
        size = 64 if i.sys_address else i.size
        if not i.sys_address:
            c.memory[page, offset] = o.rng.randbytes(size) if o.rng.random() < 0.6 else (o.vector(8, i.vector) | o.vector(8, i.vector) << 128).to_bytes(32, "little")[:size].ljust(size, b"\x80")
        else:
            address &= ~63
        # An exclusive store alone accesses nothing, nor does what fails to authenticate its base.
        if i.exclusive != 2 and not i.signs and (not i.sys_address or i.name == "DC_ZVA"):
            c.accesses.append(("w" if i.sys_address else i.kind(), size, address))
        return True

    def single(self, i, o):
        c = Case(i.name, group(i))
        if i.system and i.word >> 20 & 1:  # MRS, MSR
            r = o.rng.choice([NZCV, FPCR, FPSR])
            i.word = i.word & ~(0xFFFF << 5) | r << 5
            self.registers(c, i, o)
            c.fpcr, c.fpsr = o.fpcr(), o.rng.getrandbits(32) & FPSR_BITS
            value = {NZCV: o.rng.getrandbits(64) & ~0xFFFFFFFF | o.rng.getrandbits(4) << 28, FPCR: o.fpcr(), FPSR: o.rng.getrandbits(32) & FPSR_BITS}[r]
            if i.rd != 31:
                c.x[i.rd] = value
        elif i.address == LITERAL:
            self.registers(c, i, o)
            data = o.vector(8, i.vector).to_bytes(16, "little")[:max(4, i.size)]
            c.emit(with_offset(i.word, 8))
            c.emit(0x14000000 | 1 + len(data) // 4)
            c.code += data
        else:
            self.registers(c, i, o)
            if i.address != NONE and not i.prefetch and not self.access(c, i, o):
                return False
        if i.address != LITERAL:
            c.emit(i.word)
        self.cases.append(c)
        return True

    def branch(self, i, o):
        """Over one instruction that leaves a mark."""
        c = Case(i.name, group(i))
        mark = o.rng.choice([r for r in range(31) if r not in (i.rd, i.rn, i.target, 30)])
        c.nzcv = o.rng.getrandbits(4) << 28
        if i.flow == INDIRECT:
            if i.target == 31:
                return False
            c.x[i.target] = CODE + 8
            if i.signs and i.rd not in (31, i.target):
                c.x[i.rd] = o.integer()
            c.emit(i.word)
        else:
            if i.rd != 31 and i.name in ("CBZ", "CBNZ", "TBZ", "TBNZ"):
                c.x[i.rd] = o.rng.choice([0, 1 << 32, o.integer(), o.integer()])
            c.emit(with_offset(i.word, 8))
        c.emit(0xD2800020 | mark)  # mov mark, #1
        self.cases.append(c)
        return True

    def frame(self, c, o, avoid):
        """Random registers, flags and modes for a sequence."""
        for r in range(31):
            if r not in avoid and o.rng.random() < 0.5:
                c.x[r] = o.integer()
        for r in range(32):
            if o.rng.random() < 0.7:
                c.v[r] = o.vector(o.rng.choice([2, 4, 8, 8]), o.rng.random() < 0.6)
        c.nzcv = o.rng.getrandbits(4) << 28
        if o.rng.random() < 0.5:
            c.fpcr = o.fpcr()

    def sequence(self, pool, memory, o, length):
        """Random instructions, every access on a page of its own, branches over one instruction."""
        while True:
            c = Case("SEQ", "sequences")
            pointers = o.rng.sample(range(31), PAGES - 1)
            self.frame(c, o, pointers)
            page = done = 0
            waiting = list(pointers)
            for _ in range(3000):
                if done == length or len(c.code) > SLOT_BYTES - 20:
                    break
                i = o.rng.choice(memory if waiting and o.rng.random() < 0.4 else pool)
                reads_back = sum(1 << p for p in waiting)
                if i.address == NONE:
                    if i.writes & reads_back:
                        continue
                    c.emit(i.word)
                else:
                    base = o.rng.choice(waiting)
                    if i.writes & reads_back or not i.vector and base in (i.rd, i.ra, i.rm) or page == PAGES - 1:
                        continue
                    if not self.access(c, i, o, page, base):
                        continue
                    c.emit(i.word & ~(31 << 5) | base << 5)
                    waiting.remove(base)
                    page += 1
                done += 1
                if o.rng.random() < 0.12:
                    free = o.rng.choice([r for r in range(31) if r not in waiting])
                    c.emit(o.rng.choice([0x54000040 | o.rng.randrange(14), 0xB4000040 | free, 0x36180040 | free]))  # over the next one
                    c.emit(0x91000400 | free << 5 | free)  # add free, free, #1
            if page >= 3 and done == length:
                self.cases.append(c)
                return

    def loop(self, pool, memory, o):
        """A loop of one block over random instructions; its accesses go to another page in each iteration."""
        while True:
            c = Case("LOOP", "loops")
            rounds = o.rng.randint(3, PAGES - 1)
            # registers that stay in host registers, others, or any
            names = o.rng.choice([[0, 1, 2, 3, 4, 5, 8, 19, 20, 21, 22, 29], [6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 23, 24], list(range(31))])
            pointer, count, stride = o.rng.sample(names, 3)
            self.frame(c, o, ())
            c.x |= {pointer: window(0), count: rounds, stride: 4096}
            keep = 1 << pointer | 1 << count | 1 << stride
            for page in range(rounds):
                c.memory[page, 0] = o.vector(8, True).to_bytes(16, "little")
            accesses, done, length = [], 0, o.rng.randint(3, 11)
            while done < length:
                i = o.rng.choice(memory if o.rng.random() < 0.4 else pool)
                if i.writes & keep:
                    continue
                word = i.word
                if i.address != NONE:
                    if i.address != OFFSET or i.size > 32 or len(accesses) == 3 or not i.vector and pointer in (i.rd, i.ra, i.rm):
                        continue
                    if word >> 24 & 0x3B == 0x39:
                        word &= ~(0xFFF << 10)
                    elif word >> 24 & 0x3A == 0x28:
                        word &= ~(0x7F << 15)
                    elif i.offset:
                        word &= ~(0x1FF << 12)
                    word = word & ~(31 << 5) | pointer << 5
                    accesses.append((i.kind(), i.size))
                c.emit(word)
                done += 1
            if not accesses:
                continue
            c.emit(0x8B000000 | stride << 16 | pointer << 5 | pointer)  # add pointer, pointer, stride
            c.emit(0xF1000400 | count << 5 | count)  # subs count, count, #1
            c.emit(with_offset(0x54000001, -len(c.code)))  # b.ne
            mode, size = accesses[0]
            c.accesses = [(mode, size, window(page)) for page in range(rounds)]
            self.cases.append(c)
            return

    def assembled(self, snippets):
        """Hand-written sequences: (name, assembly, registers, memory, accesses)."""
        for name, text, x, memory, accesses in snippets:
            c = Case(name, "programs")
            c.code = assemble(text)
            assert len(c.code) <= SLOT_BYTES - 4, name
            c.sp = x.pop("sp", None)
            c.x, c.memory, c.accesses = x, memory, accesses
            self.cases.append(c)


def snippets():
    """Loops, calls and returns, exclusives, what faults in the middle: what single instructions cannot show."""
    w = window
    yield ("LOOP_SUM", "1: ldr x2,[x0],#8; add x3,x3,x2; cmp x0,x1; b.ne 1b", {0: w(0), 1: w(0, 64), 3: 0}, {(0, 0): bytes(range(64))}, [("r", 8, w(0))])
    yield ("LOOP_COPY", "1: ldrb w2,[x0],#1; strb w2,[x1],#1; cbnz w2,1b", {0: w(0), 1: w(1)}, {(0, 0): b"precise state\0"}, [("r", 1, w(0)), ("w", 1, w(1))])
    yield ("LOOP_COPY_VECTOR", "1: ldp q0,q1,[x0],#32; stp q0,q1,[x1],#32; subs x2,x2,#1; b.gt 1b", {0: w(0), 1: w(1), 2: 2}, {(0, 0): bytes(range(64))},
           [("r", 32, w(0)), ("w", 32, w(1))])
    yield ("LOOP_FACTORIAL", "mov x1,#1; 1: mul x1,x1,x0; subs x0,x0,#1; b.gt 1b", {0: 20}, {}, [])
    yield ("CALL_RETURN", "mov x0,#5; bl f; add x0,x0,#1; b e; f: lsl x0,x0,#4; ret; e: nop", {}, {}, [])
    yield ("CALL_NESTED", "bl f; b e; f: mov x9,x30; add x0,x0,#1; bl g; mov x30,x9; ret; g: lsl x0,x0,#3; ret; e: nop", {0: 3}, {}, [])
    yield ("CALL_RECURSIVE", "bl f; b e; f: str x30,[sp,#-16]!; add x1,x1,#3; subs x0,x0,#1; b.eq 1f; bl f; 1: ldr x30,[sp],#16; ret; e: nop",
           {"sp": w(0, 64), 0: 4, 1: 0}, {}, [("w", 8, w(0, 48))])
    yield ("CALL_LOOP", "1: bl f; subs x1,x1,#1; b.ne 1b; b e; f: add x0,x0,x1; ret; e: nop", {0: 0, 1: 9}, {}, [])
    yield ("CALL_POINTER", "adr x9,f; blr x9; add x0,x0,#1; b e; f: add x0,x0,#16; ret; e: nop", {0: 0}, {}, [])
    yield ("RETURN_ELSEWHERE", "bl f; add x0,x0,#1; add x0,x0,#2; b e; f: add x30,x30,#4; ret; e: nop", {0: 0}, {}, [])
    yield ("RETURN_BY_BRANCH", "bl f; add x0,x0,#1; b e; f: br x30; e: nop", {0: 0}, {}, [])
    yield ("JUMP_TABLE", "adr x9,1f; add x9,x9,x0,lsl #3; br x9; 1: add x1,x1,#1; b e; add x1,x1,#2; b e; add x1,x1,#3; e: nop", {0: 1, 1: 0}, {}, [])
    yield ("JUMP_LOOP", "adr x9,1f; 1: subs x0,x0,#1; b.eq e; br x9; e: nop", {0: 6}, {}, [])
    yield ("EXCLUSIVE_LOOP", "1: ldaxr w2,[x0]; add w3,w2,w1; stlxr w4,w3,[x0]; cbnz w4,1b", {0: w(0), 1: 7}, {(0, 0): b"\x05\0\0\x80"}, [("r", 4, w(0))])
    yield ("EXCLUSIVE_PAIR", "ldxp x2,x3,[x0]; stxp w4,x3,x2,[x0]", {0: w(2, 16)}, {(2, 16): b"0123456789abcdef"}, [("r", 16, w(2, 16))])
    yield ("EXCLUSIVE_OTHER_ADDRESS", "ldxr w2,[x0]; stxr w4,w2,[x1]", {0: w(0), 1: w(1)}, {}, [("r", 4, w(0))])
    yield ("EXCLUSIVE_TWICE", "ldxr w2,[x0]; stxr w4,w2,[x0]; stxr w5,w2,[x0]", {0: w(0)}, {}, [("r", 4, w(0))])
    yield ("EXCLUSIVE_CLEARED", "ldxr w2,[x0]; clrex; stxr w4,wzr,[x0]", {0: w(0)}, {}, [("r", 4, w(0))])
    yield ("LOOP_ATOMIC", "1: ldadd w1,w2,[x0]; subs x3,x3,#1; b.ne 1b", {0: w(0), 1: 3, 3: 5}, {}, [("w", 4, w(0))])
    yield ("LOOP_CAS", "1: ldr x2,[x0]; add x3,x2,x1; mov x4,x2; casal x4,x3,[x0]; cmp x4,x2; b.ne 1b", {0: w(0), 1: 7}, {}, [("r", 8, w(0))])
    yield ("LOOP_FP", "fmov d0,xzr; scvtf d1,x0; mov x1,#10; 1: ldr d2,[x2]; fmadd d0,d0,d1,d2; subs x1,x1,#1; b.ne 1b", {0: 3, 2: w(0)},
           {(0, 0): struct.pack("<d", 0.1)}, [("r", 8, w(0))])
    yield ("LOOP_FLAGS", "mov x0,#3; fmov s2,#3.0; 1: scvtf s0,x0; fdiv s1,s2,s0; mrs x1,fpsr; add x2,x2,x1; msr fpsr,xzr; subs x0,x0,#1; b.ne 1b", {2: 0}, {}, [])
    yield ("FLAGS_AFTER_WRITE", "fcmp d0,d1; fadd d2,d0,d1; msr fpsr,xzr; cset x0,ne; mrs x1,fpsr", {}, {}, [])
    yield ("ROUNDING_MODES", "mov x0,#10; scvtf d0,x0; mov x0,#3; scvtf d1,x0; mov x0,#0x400000; msr fpcr,x0; fdiv d2,d0,d1; mov x0,#0x800000; msr fpcr,x0; "
           "fdiv d3,d0,d1; mov x0,#0xc00000; msr fpcr,x0; fdiv d4,d0,d1; msr fpcr,xzr; fdiv d5,d0,d1", {}, {}, [])
    yield ("DEFAULT_NAN", "fmov d0,xzr; fdiv d1,d0,d0; fneg d1,d1; fadd d2,d1,d0; mov x0,#0x2000000; msr fpcr,x0; fadd d3,d1,d0; msr fpcr,xzr; str d2,[x1]; str d3,[x1,#8]",
           {1: w(0)}, {}, [("w", 8, w(0))])
    yield ("SATURATION", "movi v0.16b,#127; sqadd v1.16b,v0.16b,v0.16b; mrs x0,fpsr; msr fpsr,xzr; uqadd v2.16b,v0.16b,v0.16b; mrs x1,fpsr", {}, {}, [])
    yield ("STACK_FRAME", "stp x29,x30,[sp,#-32]!; mov x29,sp; str w0,[x29,#28]; ldr w8,[x29,#28]; add w0,w8,#1; ldp x29,x30,[sp],#32", {"sp": w(3, 64), 0: 0x7FFFFFFF},
           {}, [("w", 16, w(3, 32))])
    yield ("STRLEN", "mov x1,x0; 1: ldrb w2,[x1],#1; cbnz w2,1b; sub x0,x1,x0; sub x0,x0,#1", {0: w(0)}, {(0, 0): b"twelve chars\0"}, [("r", 1, w(0))])
    yield ("FIND_BYTE", "movi v1.16b,#97; ldr q0,[x0]; cmeq v0.16b,v0.16b,v1.16b; shrn v0.8b,v0.8h,#4; fmov x1,d0; rbit x1,x1; clz x1,x1; lsr x1,x1,#2", {0: w(0)},
           {(0, 0): b"zyxwvutsrqponmla"}, [("r", 16, w(0))])
    yield ("PATCHED", "ldr w1,[x0]; adr x2,1f; str w1,[x2]; dc cvau,x2; dsb ish; ic ivau,x2; dsb ish; isb; 1: add x3,x3,#1; nop", {0: w(0), 3: 0},
           {(0, 0): (0x91019063).to_bytes(4, "little")}, [("r", 4, w(0))])  # add x3, x3, #100
    # Signaling and quiet NaNs, infinities of both signs: what each sum, root and comparison makes of them, one after the other.
    nans = struct.pack("<8Q", 0x3FF8000000000000, 0xFFF8000000000456, 0x7FF0000000000123, 0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000789, 1, 0xFFF4000000000001)
    yield ("LOOP_NANS", "1: ldr d1,[x0],#8; fadd d0,d0,d1; fsub d2,d1,d2; fsqrt d3,d1; fmul d4,d1,d2; fadd d5,d1,d4; fadd d6,d6,d1; fmov d6,x2; fcmpe d0,d1; "
           "cinc x3,x3,vs; fcvtzs x5,d2; add x6,x6,x5; cmp x0,x1; b.ne 1b", {0: w(0), 1: w(0, 64), 2: 0x7FF0000000000000, 3: 0, 6: 0}, {(0, 0): nans}, [("r", 8, w(0))])
    yield ("LOOP_NANS_VECTOR", "1: ldr q1,[x0],#16; fadd v0.2d,v0.2d,v1.2d; fsub v2.2d,v1.2d,v2.2d; fsqrt v3.2d,v1.2d; fadd v4.4s,v4.4s,v1.4s; "
           "fmax v5.2d,v1.2d,v2.2d; fcmgt v6.2d,v1.2d,v2.2d; subs x1,x1,#1; b.ne 1b", {0: w(0), 1: 4}, {(0, 0): nans}, [("r", 16, w(0))])
    yield ("LOOP_INVALID", "fmov d0,xzr; fmov d4,x2; 1: fdiv d1,d0,d0; fadd d2,d2,d1; fsub d3,d4,d4; fcmpe d1,d0; cinc x3,x3,vs; fcvtzs w4,d4; add x5,x5,x4; "
           "fadd d6,d3,d1; subs x1,x1,#1; b.ne 1b", {1: 60, 2: 0x7FF0000000000000, 3: 0, 5: 0}, {}, [])


# ---- the oracle -----------------------------------------------------------------------------------------------------------
def tool(command, cwd):
    subprocess.run(command, cwd=cwd, check=True)


def assemble(text):
    with tempfile.TemporaryDirectory() as d:
        Path(d, "a.s").write_text(text.replace("; ", "\n") + "\n")
        tool(["aarch64-linux-gnu-as", "-march=armv8.6-a+crypto+sha3", "-o", "a.o", "a.s"], d)
        tool(["aarch64-linux-gnu-ld", "-N", "--no-warn-rwx-segments", "-e", "0", f"-Ttext={CODE:#x}", "-o", "a.elf", "a.o"], d)
        tool(["aarch64-linux-gnu-objcopy", "-O", "binary", "-j", ".text", "a.elf", "a.bin"], d)
        return Path(d, "a.bin").read_bytes()


STATE_BYTES, MEMORY_BYTES = 256 + 512 + 32, PAGES * WINDOW_BYTES
RECORD, OUT_RECORD = SLOT_BYTES + STATE_BYTES + MEMORY_BYTES, STATE_BYTES + MEMORY_BYTES


def windows(load, store):
    """Copies the windows of all pages: x3 in guest memory, x4 in the record."""
    return f"""
    ldr x3, ={window(0)}
    mov x5, #{PAGES}
2:  mov x6, #{WINDOW_BYTES // 8}
3:  ldr x0, [{load}], #8
    str x0, [{store}], #8
    subs x6, x6, #1
    b.ne 3b
    add x3, x3, #{4096 - WINDOW_BYTES}
    subs x5, x5, #1
    b.ne 2b"""


def harness():
    """A program that runs the records of cases.bin and writes the state after each to standard output."""
    saved = "\n".join([f"    str x{n}, [x0, #{8 * n}]" for n in range(1, 31)] + [f"    str q{n}, [x0, #{256 + 16 * n}]" for n in range(32)])
    loaded = "\n".join([f"    ldr q{n}, [x0, #{256 + 16 * n}]" for n in range(32)] + [f"    ldr x{n}, [x0, #{8 * n}]" for n in range(2, 31)])
    return f"""
    .section .slot,"awx"
slot: .zero {SLOT_BYTES + 16}
    .section .windows,"aw"
windows: .zero {PAGES * 4096}
    .section .cases,"aw"
cases: .incbin "cases.bin"
cases_end: .balign 16
    .data
    .balign 16
current: .quad cases
    .balign 16
out: .zero {OUT_RECORD}
    .text
    .globl _start
_start: b next
leave:
    msr tpidr_el0, x0
    ldr x0, =out
{saved}
    mrs x1, tpidr_el0
    str x1, [x0]
    mov x1, sp
    str x1, [x0, #248]
    mrs x1, nzcv
    str x1, [x0, #768]
    mrs x1, fpcr
    str x1, [x0, #776]
    mrs x1, fpsr
    str x1, [x0, #784]
    add x4, x0, #{STATE_BYTES}{windows("x3", "x4")}
    mov x0, #1
    ldr x1, =out
    mov x2, #{OUT_RECORD}
    mov x8, #64
    svc #0
    ldr x0, =current
    ldr x1, [x0]
    add x1, x1, #{RECORD}
    str x1, [x0]
next:
    ldr x0, =current
    ldr x1, [x0]
    ldr x2, =cases_end
    cmp x1, x2
    b.hs done
    ldr x3, =slot
    mov x4, x1
    add x5, x3, #{SLOT_BYTES}
1:  ldr x6, [x4], #8
    str x6, [x3]
    dc cvau, x3
    dsb ish
    ic ivau, x3
    add x3, x3, #8
    cmp x3, x5
    b.ne 1b
    dsb ish
    isb
    clrex
    add x4, x1, #{SLOT_BYTES + STATE_BYTES}{windows("x4", "x3")}
    add x0, x1, #{SLOT_BYTES}
    ldr x2, [x0, #248]
    mov sp, x2
    ldr x2, [x0, #768]
    msr nzcv, x2
    ldr x2, [x0, #776]
    msr fpcr, x2
    ldr x2, [x0, #784]
    msr fpsr, x2
    msr tpidr_el0, xzr
{loaded}
    ldr x1, [x0, #8]
    ldr x0, [x0]
    b slot
done:
    mov x0, #0
    mov x8, #93
    svc #0
    .ltorg
"""


def record(c):
    x, v, status, memory = c.state()
    code = c.code + (0x14000000 | (TEXT + 4 - CODE - len(c.code)) // 4 & 0x3FFFFFF).to_bytes(4, "little")
    vectors = b"".join(value.to_bytes(16, "little") for value in v)
    return code.ljust(SLOT_BYTES, b"\0") + struct.pack("<32Q", *x) + vectors + struct.pack("<4Q", *status, 0) + bytes(memory)


def oracle(guest, cases):
    """QEMU's state after each case."""
    with tempfile.TemporaryDirectory() as d:
        Path(d, "harness.s").write_text(harness())
        Path(d, "cases.bin").write_bytes(b"".join(map(record, cases)))
        tool(["aarch64-linux-gnu-as", "-o", "harness.o", "harness.s"], d)
        tool(["aarch64-linux-gnu-ld", "--no-warn-rwx-segments", "-z", "norelro", f"--section-start=.slot={CODE:#x}", f"-Ttext={TEXT:#x}",
              f"--section-start=.windows={DATA:#x}", f"--section-start=.cases={CASES:#x}", "-Tdata=0x300000", "-o", "harness", "harness.o"], d)
        r = subprocess.run([guest.qemu, "-cpu", guest.qemu_cpu, "./harness"], cwd=d, capture_output=True)
    done = len(r.stdout) // OUT_RECORD
    if r.returncode != 0 or done != len(cases):
        c = cases[min(done, len(cases) - 1)]
        sys.exit(f"QEMU ended with {r.returncode} in case {done}: {c.name} {c.code.hex()} {' '.join(c.inputs())} {r.stderr.decode()}")
    return [r.stdout[k * OUT_RECORD:(k + 1) * OUT_RECORD] for k in range(done)]


def outputs(c, after):
    """What differs from the inputs."""
    x, v, status, memory = c.state()
    new = struct.unpack_from("<32Q", after)
    new_v = [int.from_bytes(after[256 + 16 * n:272 + 16 * n], "little") for n in range(32)]
    names = [f"x{n}" for n in range(31)] + ["sp"]
    out = [f"{name}={value:x}" for name, value, old in zip(names, new, x) if value != old]
    out += [f"v{n}={new_v[n]:x}" for n in range(32) if new_v[n] != v[n]]
    out += [f"{name}={value:x}" for name, value, old in zip(("nzcv", "fpcr", "fpsr"), struct.unpack_from("<3Q", after, 768), status) if value != old]
    return out + memory_changes(memory, after[STATE_BYTES:], WINDOW_BYTES)


# ---- which cases ------------------------------------------------------------------------------------------------------------
def make():
    maker = Maker()
    drawn = instances(1, 400)
    by_name = defaultdict(list)
    for i in drawn:
        by_name[i.name].append(i)
    for number, (name, some) in enumerate(by_name.items()):
        o = Operands(number + 1)
        kind = group(some[0])
        wanted = {"fp": 16, "simd": 8, "integer": 10, "branch": 8, "memory": 6, "memory_v": 5, "system": 6, "crypto": 6, "tiers": 4}[kind]
        if name in ("HINT", "NOP", "YIELD", "WFE", "WFI", "SEV", "SEVL", "BTI", "DSB", "DMB", "ISB", "SB", "CLREX"):
            wanted = 2
        made = 0
        for i in some:
            made += maker.branch(i, o) if i.flow != NEXT else maker.single(i, o)
            if made == wanted:
                break
        else:
            sys.exit(f"{name}: only {made} cases")
    maker.assembled(snippets())
    usable = [i for i in drawn if i.flow == NEXT and i.in_qemu and not i.signs and not i.system and not i.prefetch and not i.exclusive]
    plain = [i for i in usable if i.address == NONE and i.name not in ("ADR", "ADRP")]
    memory = [i for i in usable if i.address in (OFFSET, PRE, POST) and i.alignment == 1]
    for n in range(400):
        maker.sequence(plain, memory, Operands(100000 + n), 4 + n % 12)
    for n in range(250):
        maker.loop(plain, memory, Operands(200000 + n))
    return maker.cases


def files(guest):
    """{name: text} of all files."""
    return case_files(guest, "a64", make(), outputs, oracle, "QEMU 7.2 lacks these encodings, or its keys are random")
