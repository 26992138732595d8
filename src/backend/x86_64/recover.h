// From the host registers at a fault back to complete guest state. Async-signal-safe: no allocation, no
// locks.
#pragma once

#include <span>

#include "backend/x86_64/convention.h"

namespace vm::backend::x86_64 {

/// Host registers at the fault; plain arrays so that no OS header is needed here.
struct HostContext {
    u64 gpr[16];  ///< in encoding order (HostReg)
    u64 xmm[16][2];
    u32 mxcsr;
};

/// Writes the pinned registers of `ctx` to state.guest, then applies the DirtySlot entries that cover
/// `host_offset` (offset of the fault in the block's code), guest_mxcsr and return_sp. The caller sets pc,
/// exit_reason and exit_value.
void recover_state(VcpuState& state, const ir::StateLayout& layout, const PinMap& pins,
                   const HostContext& ctx, std::span<const DirtySlot> dirty, u32 host_offset);

/// The kDirtyTrap of the instruction at `host_offset`, or nullptr.
const DirtySlot* find_trap(std::span<const DirtySlot> dirty, u32 host_offset);

}  // namespace vm::backend::x86_64
