// Floating-point operations of the interpreter: every op with the FP effect, and fneg, fabs, fcopysign,
// fclass, nanbox, nanunbox. Integer-like operand patterns in, result pattern out; exact in every rounding
// mode.
#pragma once

#include "base/bits.h"
#include "ir/interp.h"
#include "ir/ir.h"

namespace vm::ir {

/// Result bits of `in` for operand bits x, y, z (unused ones are 0), zero above the width of in.type.
/// `xtype` is the type of operand 0 (the other operands' types follow from the op's rules). Every operand is
/// zero above the width of its type. Sticky flags that the operation raises are or-ed into `fp.flags`.
/// Round::Dyn in in.aux means `fp.rounding`. Vector ops (VFAdd …) work on the lanes that in.mtype names.
/// Total: never traps, never asserts.
u128 interp_fp(const Inst& in, Type xtype, u128 x, u128 y, u128 z, FpEnv& fp);

/// True for the ops that interp_fp evaluates.
constexpr bool is_interp_fp(Op op) {
    return (op >= Op::FAdd && op <= Op::NanUnbox) || (op >= Op::VFAdd && op <= Op::VBfMatMul) ||
           op == Op::FlagsFCmp;
}

}  // namespace vm::ir
