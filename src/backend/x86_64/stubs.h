// Runtime stubs: the hand-written code between C++ and generated code. All of them are emitted as one
// position-independent blob that the jit copies into the code cache once per engine (they depend on the
// guest's pinned slots).
#pragma once

#include <array>
#include <vector>

#include "backend/x86_64/convention.h"
#include "backend/x86_64/features.h"

namespace vm::backend::x86_64 {

inline constexpr unsigned kStubCount =
    static_cast<unsigned>(Stub::Helper0) + static_cast<unsigned>(HelperId::Count_);

/// Offsets into the blob.
struct StubTable {
    u32 enter = 0;                       ///< EnterFn
    u32 fault_exit = 0;                  ///< where a signal handler sends the host PC after recover_state
    std::array<u32, kStubCount> stub{};  ///< by Relocation::target of kind StubRel32
};

/// Runs generated code at `code` until an exit stub ran; then exit_reason, exit_value, exit_site, pc, guest
/// area, guest_mxcsr and return_sp of `state` are valid. Before, host_mxcsr, guest_mxcsr, return_sp must be
/// set.
///
/// How it left: exit_reason Next with exit_site != 0: through an unlinked direct exit (pc is not set; the
/// link site says where to go on). Otherwise exit_site is 0 and pc is the guest PC as ir::ExitReason defines
/// it. After fault_exit, exit_reason is MemoryFault and pc what the handler stored.
using EnterFn = void (*)(VcpuState* state, const void* code);

/// Emits all stubs for guests with this layout.
void emit_stubs(const ir::StateLayout& layout, const HostFeatures& features, std::vector<u8>& code,
                StubTable& table);

/// Fills what generated code and stubs expect in a fresh state: self, MXCSR values, FP constants, empty
/// lookup table. The return stack (return_top, return_sp) and `helpers` are the caller's.
void init_vcpu_state(VcpuState& state);

}  // namespace vm::backend::x86_64
