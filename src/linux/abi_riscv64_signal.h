// riscv64 parts of the ABI description that are code: signal frames and vDSO. Reached through Abi.
#pragma once

#include "linux/abi.h"

namespace vm::linux {

bool riscv64_push_signal_frame(Thread& t, int sig, const SigInfo& info, u64 handler, u64 restorer, u64 flags,
                               u64 old_mask);
CoreRegisters riscv64_core_registers(Thread& t);
bool riscv64_pop_signal_frame(Thread& t, u64* mask);
/// Where a frame holds pc, x1, x2 …; and f0, f1 …
inline constexpr u32 kRiscv64FrameRegs = 304, kRiscv64FrameFp = 560;
extern const VdsoDescription kRiscv64Vdso;  // abi_riscv64_vdso.cc

}  // namespace vm::linux
