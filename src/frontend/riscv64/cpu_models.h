// --cpu MODEL[,±extension…] for RV64.
#pragma once

#include <string>
#include <string_view>

#include "base/bits.h"

namespace vm::frontend::riscv64 {

/// As GuestIsa::parse_cpu. Models: max, rv64 (= rv64gc), rva20u64, rva22u64 (the "u64" may be left out), or
/// an ISA string as in -march ("rv64imac_zba"). Extensions that need others bring them; removing one removes
/// what needs it.
bool parse_cpu(std::string_view text, u64* features, std::string* error);
/// Every extension of rv64.isa.
u64 all_features();

}  // namespace vm::frontend::riscv64
