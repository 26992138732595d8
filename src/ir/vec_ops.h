// Which lanes and aux bits the 128-bit vector ops take: one table for the verifier and whoever makes them at
// random.
#pragma once

#include "ir/ir.h"

namespace vm::ir {

constexpr bool is_vector_op(Op op) { return op >= Op::VAdd && op <= Op::VBfMatMul; }
constexpr bool is_vector_crypto(Op op) { return op >= Op::VAesE && op <= Op::VSha512Su1; }
constexpr bool is_vector_float(Op op) { return op >= Op::VFAdd && op <= Op::VBfMatMul; }

/// Lane types as a set; bit 0 stands for an op whose mtype is void.
using LaneSet = u16;
constexpr LaneSet lane_set(Type t) {
    return t == Type::Void ? LaneSet{1} : static_cast<LaneSet>(1u << static_cast<u8>(t));
}
template <class... T>
constexpr LaneSet lane_set(Type first, T... rest) {
    return static_cast<LaneSet>(lane_set(first) | lane_set(rest...));
}
inline constexpr LaneSet kLanesToI32 = lane_set(Type::I8, Type::I16, Type::I32);
inline constexpr LaneSet kLanesInt = lane_set(Type::I8, Type::I16, Type::I32, Type::I64);
inline constexpr LaneSet kLanesFloat = lane_set(Type::F16, Type::F32, Type::F64);

struct VectorRule {
    LaneSet lanes;
    u32 aux;  ///< bits that mean something
};
inline constexpr u32 kFpAuxBits = 7 | 3 << 4 | kFpFlush, kFractionBits = 127u << 9;

constexpr VectorRule vector_rule(Op op) {
    switch (op) {
        case Op::VSplat:
        case Op::VInsert:
        case Op::VExtract:
        case Op::VScalar:
        case Op::VDup: return {kLanesInt | kLanesFloat, 0};
        case Op::VTable: return {lane_set(Type::Void, Type::I8), 0};
        case Op::VLow64: return {lane_set(Type::I64), 0};
        case Op::VSelect:
        case Op::VClmul:
        case Op::VExt:
        case Op::VBitrev:
        case Op::VPopcnt: return {lane_set(Type::I8), 0};
        case Op::VAvgU:
        case Op::VNarrowSatS:
        case Op::VNarrowSatSU:
        case Op::VNarrowSatU:
        case Op::VRev:
        case Op::VClz: return {kLanesToI32, 0};
        case Op::VMulDblHi: return {lane_set(Type::I16, Type::I32), kVRound};
        case Op::VMulWideS:
        case Op::VMulWideU:
        case Op::VWidenS:
        case Op::VWidenU: return {kLanesToI32, kVHigh};
        case Op::VClmulWide: return {lane_set(Type::I8, Type::I64), kVHigh};
        case Op::VDot:
        case Op::VMatMul: return {lane_set(Type::I8), kVDotSignedX | kVDotSignedY};
        case Op::VShiftS:
        case Op::VShiftU: return {kLanesInt, kVRound | kVSaturate | kVOverflowMask};
        case Op::VFma: return {kLanesFloat, kFpAuxBits | kFmaNegProduct | kFmaNegAddend};
        case Op::VFCmp: return {kLanesFloat, kFpAuxBits | 8};
        case Op::VFRound: return {kLanesFloat, kFpAuxBits | kFpExact};
        case Op::VFToInt:
        case Op::VIntToF: return {kLanesFloat, kFpAuxBits | kFpUnsigned | kFractionBits};
        case Op::VFWiden: return {lane_set(Type::F16, Type::F32), kFpAuxBits | kFpAltHalf | kVFHigh};
        case Op::VFNarrow: return {lane_set(Type::F16, Type::F32), kFpAuxBits | kFpAltHalf};
        case Op::VFmaWide:
            return {lane_set(Type::F16), kFpAuxBits | kVFmaFlushHalf | kFmaNegProduct | kVFmaHigh};
        case Op::VBfDot:
        case Op::VBfMatMul: return {lane_set(Type::F32), 0};
        default: break;
    }
    if (is_vector_crypto(op)) return {lane_set(Type::Void), 0};
    return is_vector_float(op) ? VectorRule{kLanesFloat, kFpAuxBits} : VectorRule{kLanesInt, 0};
}

}  // namespace vm::ir
