// The text forms of binfmt_misc: what is written to register, what an entry reads as
// (Documentation/admin-guide/binfmt-misc.rst).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"
#include "base/result.h"
#include "cli/guests.h"

namespace vm::cli {

/// The first bytes of its programs, position-independent or not, whatever OS ABI they name, and which bits of
/// them count.
struct Pattern {
    std::vector<u8> magic, mask;
    bool operator==(const Pattern&) const = default;
};
Pattern elf_pattern(const GuestKind& isa);
/// "vm-riscv64"
std::string entry_name(const GuestKind& isa);

/// The line for register. InvalidArgument: the kernel has no room for it, or no delimiter is left.
Result<std::string> register_line(const GuestKind& isa, const std::string& interpreter,
                                  const std::string& flags);

/// An entry as the kernel shows it.
struct BinfmtEntry {
    std::string name, interpreter;
    std::string flags;  ///< in the kernel's order: P O C F
    bool enabled = false;
    u64 offset = 0;
    Pattern pattern;        ///< empty: goes by the file's extension
    std::string extension;  ///< ".jar"
};
Result<BinfmtEntry> parse_entry(const std::string& name, std::string_view text);
/// Would the entry take a program of this ISA?
bool takes(const BinfmtEntry& entry, const GuestKind& isa);
/// The same letters in the kernel's order.
std::string kernel_order(std::string_view flags);

}  // namespace vm::cli
