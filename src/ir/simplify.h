// Local rules that make an instruction simpler: constant folding and identities. The builder applies them
// while code is made, the fold pass once more after guest state was forwarded.
#pragma once

#include <optional>

#include "ir/eval.h"

namespace vm::ir {

/// `in` is an instruction whose operands are indices into `insts`. Returns the existing value that equals it,
/// or kNone; then `in` may have been rewritten into a cheaper instruction with the same result (often a
/// Const), never with new operands that lie after the old ones. Constant time, no allocation.
Value simplify(const Inst* insts, Inst& in);

/// What the flags `in` makes are, if that is known: all operands are constants.
std::optional<Nzcv> known_flags(const Inst* insts, const Inst& in);
/// The integer comparison that condition `c` after FlagsSub with `sem` and without borrow in is.
std::optional<Cond> compared_by(FlagCond c, CarrySem sem);

/// The parts of simplify() in simplify_flags.cc and simplify_vec.cc.
Value simplify_flags(const Inst* insts, Inst& in);
Value simplify_vec(const Inst* insts, Inst& in);

/// `in` (or, xor, add) puts two shifts of one value together: (x << n) | (x >> width - n), or its i32 form
/// whose halves were widened to i64 each. That is how compilers rotate for ISAs without such an instruction;
/// the halves have no common bits, so xor and add mean the same. Returns the rotation, with op Nop if `in` is
/// none. If its type is not that of `in`, its result is to be widened by `*widen`.
Inst rotation(const Inst* insts, const Inst& in, Op* widen);

}  // namespace vm::ir
