// What tests of processors leave in memory, as text that is compared with other models'.
#pragma once

#include <string>

#include "boot/program.h"
#include "mem/guest_ram.h"

namespace vm::boot {

/// Bytes a line of the text may have.
bool is_granularity(u64 bytes);

/// May it be read at the end? An error names what is wrong with the program's symbols.
Result<SymbolRange> check_signature(const Program& program, u64 ram, u64 ram_size);

/// The memory of `range` as the reference models of RISC-V's architecture tests write it (Spike's
/// +signature): a line for each `granularity` bytes, in hexadecimal, the byte at the highest address first;
/// what lacks at the end is zero.
std::string signature_text(const mem::GuestRam& ram, const SymbolRange& range, u64 granularity);

}  // namespace vm::boot
