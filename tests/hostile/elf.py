"""Hostile ELF files: hand-made ones, each with a word of the sentence that refuses it, and random mutations of a good one."""
import random
import struct

MASK = (1 << 64) - 1
SPECIAL = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0xffffffff, 0x7fffffff, 1 << 63, MASK, 0x1000, MASK - 0xfff]
# offset and size of e_type, e_machine, e_entry, e_phoff, e_shoff, e_ehsize, e_phentsize, e_phnum, e_shentsize, class, order, version
EHDR_FIELDS = [(16, 2), (18, 2), (24, 8), (32, 8), (40, 8), (52, 2), (54, 2), (56, 2), (58, 2), (4, 1), (5, 1), (6, 1)]
LOAD, INTERP = 1, 3
# By guest: e_flags, code that leaves with 7, and ELF files of that machine that are refused
FLAGS = {"riscv64": 5, "arm64": 0}
EXIT_7 = {"riscv64": struct.pack("<3I", 0x00700513, 0x05d00893, 0x00000073),  # li a0,7; li a7,93; ecall
          "arm64": struct.pack("<3I", 0xd28000e0, 0xd2800ba8, 0xd4000001)}  # mov x0,#7; mov x8,#93; svc #0
REFUSED = {"riscv64": [("RV64E", {"flags": 8}, "RV64E")], "arm64": []}
S390X = 22


def phdr(kind=LOAD, flags=5, offset=0, vaddr=0x10000, filesz=0x1000, memsz=0x1000, align=0x1000):
    return struct.pack("<IIQQQQQQ", kind, flags, offset, vaddr & MASK, vaddr & MASK, filesz & MASK, memsz & MASK, align)


def interp(path, size=None, offset=0xe00):
    return phdr(INTERP, 4, offset, 0x10e00, len(path) if size is None else size, len(path))


class Maker:
    """Makes ELF files for a guest of tools/guests/."""

    def __init__(self, guest):
        self.name, self.machine = guest.name, int.from_bytes(guest.machine, "little")

    def elf(self, *phdrs, kind=2, machine=None, entry=0x10f00, phnum=None, phentsize=56, phoff=64, flags=None, tail=b""):
        """A program that leaves with 7, if its program headers let it: 4096 bytes, code at 0xf00, `tail` at 0xe00."""
        head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
            "<HHIQQQIHHHHHH", kind, machine or self.machine, 1, entry, phoff, 0, FLAGS[self.name] if flags is None else flags, 64, phentsize,
            len(phdrs) if phnum is None else phnum, 64, 0, 0)
        data = bytearray((head + b"".join(phdrs)).ljust(0x1000, b"\0"))
        data[0xe00:0xe00 + len(tail)] = tail
        code = EXIT_7[self.name]
        data[0xf00:0xf00 + len(code)] = code
        return bytes(data)

    def crafted(self):
        """name, bytes, exit status, word of the message"""
        good, elf = phdr(), self.elf
        yield "no program headers", elf(), 126, "no program headers"
        yield "65535 program headers", elf(good, phnum=65535), 126, "65535"
        yield "program headers of another size", elf(good, phentsize=32), 126, "32 bytes"
        yield "program headers beyond the file", elf(good, phoff=MASK - 8), 126, "cut off"
        yield "nothing to load", elf(phdr(kind=4)), 126, "nothing to load"
        yield "memory size that wraps", elf(phdr(memsz=MASK)), 126, "address space"
        yield "memory size of the whole address space", elf(phdr(memsz=1 << 46)), (125, 126), "loaded"
        yield "segment of 2^63 bytes", elf(phdr(memsz=1 << 63)), 126, "address space"
        yield "segment beyond user space", elf(phdr(vaddr=1 << 56), entry=(1 << 56) + 0xf00), 126, "address space"
        yield "segment in the kernel's half", elf(phdr(vaddr=MASK & ~0xfff), entry=MASK), 126, "address space"
        yield "file size above memory size", elf(phdr(filesz=0x1000, memsz=0x800)), 126, "larger in the file"
        yield "file size beyond the file", elf(phdr(filesz=0x2000, memsz=0x2000)), 126, "cut off"
        yield "offset beyond the file", elf(phdr(offset=1 << 62)), 126, "cut off"
        yield "offset that does not fit the address", elf(phdr(offset=0x10, filesz=0x100)), 126, "aligned"
        yield "alignment that is no power of two", elf(phdr(align=3)), 126, "aligned to 0x3"
        yield "alignment of 2^40", elf(phdr(align=1 << 40)), 126, "aligned to"
        yield "overlapping segments", elf(good, phdr(vaddr=0x10800, offset=0x800, filesz=0x800)), 126, "overlap"
        yield "segments in descending order", elf(good, phdr(vaddr=0x8000)), 126, "order"
        yield "entry outside the code", elf(good, entry=0x20000), 126, "entry point 0x20000"
        yield "entry in data", elf(phdr(flags=6)), 126, "entry point"
        yield "shared library", elf(phdr(vaddr=0), kind=3, entry=0), 126, "shared library"
        yield "core dump", elf(good, kind=4), 126, "core dump"
        yield "an ISA that vm does not run", elf(good, machine=S390X), 126, "s390"
        for what, how, word in REFUSED[self.name]:
            yield what, elf(good, **how), 126, word
        yield "loader's name without an end", elf(interp(b"/lib/ld"), good, tail=b"/lib/ld"), 126, "does not end"
        yield "loader's name of no byte", elf(interp(b"", 0), good), 126, "length"
        yield "loader's name of 2^40 bytes", elf(interp(b"", 1 << 40), good), 126, "length"
        yield "loader's name beyond the file", elf(interp(b"", 64, 1 << 40), good), 126, "cut off"
        yield "loader's name of control characters", elf(interp(b"\x1b[2J\n\0"), good, tail=b"\x1b[2J\n\0"), 126, "not a path"
        for what, path, status, word in [("a directory", b"/tmp\0", 126, "directory"), ("no file", b"/nowhere/ld.so\0", 127, "/nowhere/ld.so"),
                                         ("a host program", b"/bin/true\0", 126, "x86-64"), ("a device", b"/dev/null\0", 126, "regular"),
                                         ("in no directory", b"/bin/true/ld.so\0", 127, "/bin/true/ld.so")]:
            yield "loader that is " + what, elf(interp(path), good, tail=path), status, word


def mutate(good, rnd):
    """Random bytes, truncations, hostile header fields."""
    data = bytearray(good)
    kind = rnd.randrange(5)
    if kind == 0:
        return bytes(data[:rnd.randrange(len(data))] if rnd.random() < 0.3 else data[:rnd.randrange(600)])
    if kind == 1:
        for _ in range(rnd.randrange(1, 8)):
            data[rnd.randrange(min(len(data), 512))] = rnd.randrange(256)
    elif kind == 2:
        off, size = rnd.choice(EHDR_FIELDS)
        data[off:off + size] = (rnd.choice(SPECIAL) & (1 << 8 * size) - 1).to_bytes(size, "little")
    elif kind == 3:
        phoff, = struct.unpack_from("<Q", data, 32)
        n, = struct.unpack_from("<H", data, 56)
        at = phoff + 56 * rnd.randrange(n) + rnd.choice([0, 8, 16, 24, 32, 40, 48])
        struct.pack_into("<Q", data, at, rnd.choice(SPECIAL) if rnd.random() < 0.7 else rnd.getrandbits(64))
    else:
        data = bytearray(random.Random(rnd.random()).randbytes(rnd.randrange(4096)))
        if rnd.random() < 0.7:
            data[:20] = good[:20]
    return bytes(data)
