// arm64 parts of the ABI description that are code: signal frames, core files, prctl, vDSO. Reached through
// Abi.
#pragma once

#include "linux/abi.h"
#include "linux/syscalls/prctl.h"

namespace vm::linux {

bool arm64_push_signal_frame(Thread& t, int sig, const SigInfo& info, u64 handler, u64 restorer, u64 flags,
                             u64 old_mask);
bool arm64_pop_signal_frame(Thread& t, u64* mask);
std::optional<i32> arm64_note_fault(Thread& t, engine::Exit& e);
CoreRegisters arm64_core_registers(Thread& t);

/// New pointer-authentication keys, as execve makes them.
void arm64_init_registers(Thread& t);
/// Pointer-authentication keys whose instructions do something, as PR_PAC_AP…KEY bits.
u64 arm64_enabled_keys(Thread& t);
extern const std::span<const PrctlOption> kArm64PrctlOptions;

/// The features that a CPU with the extension has and armv8 has not.
u64 arm64_features(const frontend::GuestIsa& isa, std::string_view extension);
/// Does the process's CPU have the extension?
bool arm64_has(const frontend::GuestIsa& isa, u64 features, std::string_view extension);
bool arm64_has(Thread& t, std::string_view extension);

/// Bytes that the largest frame takes, with what aligning may cost: AT_MINSIGSTKSZ.
inline constexpr u64 kArm64LargestFrame = 4720;
extern const VdsoDescription kArm64Vdso;  // abi_arm64_vdso.cc

}  // namespace vm::linux
