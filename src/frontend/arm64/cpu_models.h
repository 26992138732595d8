// --cpu MODEL[,±feature…] for AArch64.
#pragma once

#include <string>
#include <string_view>

#include "base/bits.h"

namespace vm::frontend::arm64 {

/// As GuestIsa::parse_cpu. Models: max, armv8 (Armv8.0-A with FP and SIMD), cortex-a72, neoverse-n1. Features
/// by the names of the tables in lower case (lse, fp16, dotprod …); those that need others bring them,
/// removing one removes what needs it.
bool parse_cpu(std::string_view text, u64* features, std::string* error);
/// Every feature of the tables.
u64 all_features();

}  // namespace vm::frontend::arm64
