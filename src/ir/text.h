// Text form of the IR: one instruction a line, `%3 = add i64 %1, %2`. What print writes, parse reads back to
// the same block.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ir/ir.h"

namespace vm::ir {

/// Whole block, a header line and one line an instruction, state slots by name. Thread-safe.
std::string print(const Block& block, const StateLayout& layout);
std::string print(const Inst& inst, Value self, const StateLayout& layout);
/// Inverse of print. Errors name the line and what was expected there.
Result<Block> parse(std::string_view text, const StateLayout& layout);
/// First broken rule (types, operand order, missing terminator, unknown slot …) with the instruction it is
/// in, or nothing.
Result<void> verify(const Block& block, const StateLayout& layout);

}  // namespace vm::ir
