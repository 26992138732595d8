// Names of the optimizations that --jit-opt switches.
#pragma once

#include <string>
#include <vector>

#include "base/bits.h"
#include "base/result.h"

namespace vm::cli {

/// "-name" sets the optimization's bit in `*disabled`, "+name" or "name" clears it. "-all" and "+all" switch
/// every one.
Result<void> apply_jit_option(const std::string& word, u64* disabled);
std::vector<std::string> jit_option_names();

}  // namespace vm::cli
