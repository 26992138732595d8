// Vector operations of the interpreter that are not floating point.
#pragma once

#include <array>

#include "base/bits.h"
#include "ir/ir.h"

namespace vm::ir {

/// Result of a vector op that is not floating point. Scalar operands and results are zero-extended; operands
/// that the op does not have are ignored.
u128 interp_vec(const Inst& in, u128 x, u128 y, u128 z);

constexpr bool is_interp_vec(Op op) { return op >= Op::VAdd && op <= Op::VSha512Su1; }

// --- shared by the interp_vec*.cc files and interp_crypto.cc

template <class T>
using LaneArray = std::array<T, 16 / sizeof(T)>;
template <class T>
LaneArray<T> lanes_of(u128 v) {
    return std::bit_cast<LaneArray<T>>(v);
}
template <class T>
u128 vector_of(const LaneArray<T>& lanes) {
    return std::bit_cast<u128>(lanes);
}

/// Ops whose result lanes come from other lanes or have another width than their operands'.
u128 interp_vec_shape(const Inst& in, u128 x, u128 y, u128 z);
constexpr bool is_vec_shape(Op op) {
    return op == Op::VTable || op == Op::VDup || (op >= Op::VMulWideS && op <= Op::VMulWideU) ||
           (op >= Op::VClmulWide && op <= Op::VMatMul) || (op >= Op::VWidenS && op <= Op::VRev);
}
u128 interp_crypto(Op op, u128 x, u128 y, u128 z);

}  // namespace vm::ir
