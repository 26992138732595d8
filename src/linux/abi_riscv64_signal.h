// riscv64 signal frames; called through Abi::push_signal_frame and pop_signal_frame.
#pragma once

#include "linux/abi.h"

namespace vm::linux {

bool riscv64_push_signal_frame(Thread& t, int sig, const SigInfo& info, u64 handler, u64 restorer, u64 flags, u64 old_mask);
bool riscv64_pop_signal_frame(Thread& t, u64* mask);

}  // namespace vm::linux
