// Integer vector operations of the interpreter.
#pragma once

#include "base/bits.h"
#include "ir/ir.h"

namespace vm::ir {

/// Result of a vector op that is not floating point (VAdd … VTable). Scalar operands and results are
/// zero-extended.
u128 interp_vec(const Inst& in, u128 x, u128 y);

}  // namespace vm::ir
