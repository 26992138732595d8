// riscv64 parts of the ABI description that are code: signal frames, vDSO and riscv_hwprobe. Reached through
// Abi.
#pragma once

#include "linux/abi.h"

namespace vm::linux {

bool riscv64_push_signal_frame(Thread& t, int sig, const SigInfo& info, u64 handler, u64 restorer, u64 flags,
                               u64 old_mask);
void riscv64_core_registers(Thread& t, std::vector<u64>* general, std::vector<u64>* fp);
bool riscv64_pop_signal_frame(Thread& t, u64* mask);
/// Where a frame holds pc, x1, x2 …; and f0, f1 …
inline constexpr u32 kRiscv64FrameRegs = 304, kRiscv64FrameFp = 560;
extern const VdsoDescription kRiscv64Vdso;  // abi_riscv64_vdso.cc
std::optional<u64> riscv64_hwprobe(const frontend::GuestIsa& isa, i64 key, u64 features);

}  // namespace vm::linux
