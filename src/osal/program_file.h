// What an ELF program of this host says of itself. The file may be anything: every size is checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bits.h"
#include "base/result.h"

namespace vm::osal {

struct ProgramSection {
    u64 address, size;  ///< the address as linked
};

struct ProgramFile {
    std::string build_id;    ///< hexadecimal; empty: there is none
    u64 header_address = 0;  ///< of the program headers, as linked (AT_PHDR less the load bias)
    std::optional<ProgramSection> section;
};

/// A 64-bit program that the descriptor `fd` is open on, with the section that is called `section` if it has
/// one. NotExecutable: it is no such program.
Result<ProgramFile> read_program_file(int fd, std::string_view section);

}  // namespace vm::osal
