// Local rules that make an instruction simpler: constant folding and identities. The builder applies them
// while code is made, the fold pass once more after guest state was forwarded.
#pragma once

#include "ir/ir.h"

namespace vm::ir {

/// `in` is an instruction whose operands are indices into `insts`. Returns the existing value that equals it,
/// or kNone; then `in` may have been rewritten into a cheaper instruction with the same result (often a
/// Const), never with new operands that lie after the old ones. Constant time, no allocation.
Value simplify(const Inst* insts, Inst& in);

}  // namespace vm::ir
