// What a file holds that a machine can begin with: a Linux kernel, an ELF program, or just code.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::boot {

enum class ProgramKind : u8 {
    Flat,   ///< bytes without any header, entered at the first
    Linux,  ///< a flat kernel (Linux, Documentation/arch/riscv/boot-image-header.rst)
    Elf,    ///< an ELF executable for RISC-V 64
};

/// Bytes of a program and where they belong; what `memory` has more than `bytes` is zero.
struct Segment {
    u64 address = 0;  ///< physical; of Flat and Linux, from where the program is put
    u64 memory = 0;   ///< bytes it takes there
    std::span<const u8> bytes;
};

/// A range that symbols of an ELF program name.
struct SymbolRange {
    u64 begin = 0, end = 0;
};

/// A file that was read and checked. Moves, but does not copy: segments point into its bytes.
struct Program {
    Program() = default;
    Program(Program&&) = default;
    Program& operator=(Program&&) = default;
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    std::string name;      ///< of the file, for messages
    std::string format;    ///< for people: "Linux image", "gzip'ed ELF program" ...
    std::vector<u8> file;  ///< unpacked
    ProgramKind kind = ProgramKind::Flat;
    std::vector<Segment> segments;        ///< none is empty; of Elf, ascending and apart
    u64 entry = 0;                        ///< of Elf: physical; else the first byte
    u64 text_offset = 0;                  ///< of Linux: from the begin of memory
    std::optional<u64> tohost, fromhost;  ///< symbols of Elf, as physical addresses
    std::optional<SymbolRange> signature;

    u64 size() const;  ///< from the first byte to the last in memory
};

/// Reads `file`: plain or packed by gzip, zstd or xz, an EFI zboot image or what it packs. It may unpack to
/// `most` bytes. `flat`: bytes of no known format are ProgramKind::Flat, else they are refused.
Result<Program> read_program(std::string name, std::vector<u8> file, u64 most, bool flat);

/// Of `file`, an ELF program that read_program() has unpacked. Inside this module.
Result<void> read_elf(Program& program);

}  // namespace vm::boot
