// Floating-point operations of the interpreter: every op with the FP effect, and those without it that work
// on floats (fneg, fclass, vbfdot …). Integer-like operand patterns in, result pattern out; exact in every
// rounding mode.
#pragma once

#include "base/bits.h"
#include "base/softfloat.h"
#include "ir/interp.h"
#include "ir/ir.h"

namespace vm::ir {

/// Result bits of `in` for operand bits x, y, z (unused ones are 0), zero above the width of in.type.
/// `xtype` is the type of operand 0 (the other operands' types follow from the op's rules). Every operand is
/// zero above the width of its type. Sticky flags that the operation raises are or-ed into `fp.flags` and
/// `fp.input_denormal`. Round::Dyn in in.aux means `fp.rounding`. Flags results are Nzcv bits.
/// Total: never traps, never asserts.
u128 interp_fp(const Inst& in, Type xtype, u128 x, u128 y, u128 z, FpEnv& fp);

/// The same for ops on scalars, and for vector ops on the lanes that in.mtype names.
u64 interp_fp_scalar(const Inst& in, Type xtype, u64 x, u64 y, u64 z, FpEnv& fp);
u128 interp_fp_vector(const Inst& in, u128 x, u128 y, u128 z, FpEnv& fp);

/// The softfloat environment that aux bits 0..6 and `fp` ask for, and its flags back into `fp`.
softfloat::Env interp_fp_env(u32 aux, const FpEnv& fp);
void interp_fp_raise(const softfloat::Env& env, FpEnv& fp);

/// True for the ops that interp_fp evaluates.
constexpr bool is_interp_fp(Op op) {
    return (op >= Op::FAdd && op <= Op::NanUnbox) || (op >= Op::VFAdd && op <= Op::VBfMatMul) ||
           op == Op::FlagsFCmp;
}

}  // namespace vm::ir
