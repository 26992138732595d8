// Local rules that make an instruction simpler: constant folding and identities. The builder applies them
// while code is made, the fold pass once more after guest state was forwarded.
#pragma once

#include "ir/ir.h"

namespace vm::ir {

/// `in` is an instruction whose operands are indices into `insts`. Returns the existing value that equals it,
/// or kNone; then `in` may have been rewritten into a cheaper instruction with the same result (often a
/// Const), never with new operands that lie after the old ones. Constant time, no allocation.
Value simplify(const Inst* insts, Inst& in);

/// `in` (or, xor, add) puts two shifts of one value together: (x << n) | (x >> width - n), or its i32 form
/// whose halves were widened to i64 each. That is how compilers rotate for ISAs without such an instruction;
/// the halves have no common bits, so xor and add mean the same. Returns the rotation, with op Nop if `in` is
/// none. If its type is not that of `in`, its result is to be widened by `*widen`.
Inst rotation(const Inst* insts, const Inst& in, Op* widen);

}  // namespace vm::ir
