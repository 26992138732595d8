// C++ functions that generated code calls for what the host cannot do in a few instructions. Generated code
// reaches helper `id` through Stub::Helper0 + id, which saves everything that C++ may clobber.
#pragma once

#include <array>

#include "backend/vcpu_state.h"

namespace vm::backend {

enum class HelperId : u8 {
    LookupIndirect,  ///< a = guest PC; returns the host entry of its translation, or 0. Fills
                     ///< VcpuState::lookup.
    ReadTime,        ///< a = which (ir::Op::ReadTime aux); returns ticks
    SoftFp,          ///< floating-point op described by scratch[0] (helper_code); operands are bit patterns
    IntOp,           ///< integer op described by scratch[0]; operands zero-extended
    WideOp,  ///< as described by scratch[0] (helper_code, lane type above it), a = aux, b = imm; operands and
             ///< result in `wide`
    TlbMiss,  ///< of a machine: a = guest address, b = kTlbMissStore or 0 | size in bytes; returns the host
              ///< address, or 0: the instruction is to be interpreted
    Count_
};

inline constexpr u64 kTlbMissStore = 256;
/// Of a group: only a page of which all is so will do.
inline constexpr u64 kTlbMissGroup = 512;

/// Every helper. Runs on the host stack under the host's MXCSR; VcpuState::guest_mxcsr holds the guest's and
/// is loaded again afterwards, so a helper raises sticky flags by or-ing them in there. Must not throw or
/// leave by other ways.
using HelperFn = u64 (*)(VcpuState* state, u64 a, u64 b, u64 c);
using HelperTable = std::array<const void*, static_cast<unsigned>(HelperId::Count_)>;

/// The table for VcpuState::helpers: pure arithmetic from here, the others from the engine. `tlb_miss` only
/// for machines.
HelperTable make_helper_table(HelperFn lookup_indirect, HelperFn read_time, HelperFn tlb_miss = nullptr);

/// What SoftFp and IntOp find in scratch[0]: op | result type << 8 | operand type << 12 | aux << 16. May be
/// negative as i32.
constexpr u32 helper_code(ir::Op op, ir::Type result, ir::Type operand, u32 aux) {
    return static_cast<u32>(op) | static_cast<u32>(result) << 8 | static_cast<u32>(operand) << 12 |
           (aux & 0xffff) << 16;
}

u64 helper_soft_fp(VcpuState* state, u64 a, u64 b, u64 c);
u64 helper_wide_op(VcpuState* state, u64 a, u64 b, u64 c);
u64 helper_int_op(VcpuState* state, u64 a, u64 b, u64 c);

}  // namespace vm::backend
