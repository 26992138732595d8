// Small host facts and services: CPU features, clocks, futex.
#pragma once

#include <atomic>
#include <string>

#include "base/bits.h"

namespace vm::osal {

/// What the host processor and kernel offer that the product uses or reports.
struct HostCpu {
    bool shadow_stack = false;  ///< CET shadow stacks are on for this process: RET must match CALL
};
const HostCpu& host_cpu();
/// The processor's brand string. Asked anew each time: cpuid costs microseconds under a hypervisor.
std::string host_cpu_model();

/// The GNU build id of this program, in hexadecimal; empty if the linker made none. Differs whenever the
/// program does.
std::string build_id();

/// CLOCK_MONOTONIC in nanoseconds (vDSO, async-signal-safe).
u64 monotonic_ns();
/// Nanoseconds since 1970-01-01 UTC.
u64 realtime_ns();
/// Random numbers that nobody can guess.
void random_bytes(void* out, u64 bytes);
/// CPU time of the calling thread in nanoseconds (a system call).
u64 thread_cpu_ns();

/// FUTEX_WAIT_PRIVATE / FUTEX_WAKE_PRIVATE. wait returns when woken, when *word != expected, on a signal, or
/// after the timeout.
void futex_wait(const std::atomic<u32>& word, u32 expected, u64 timeout_ns);
void futex_wake(const std::atomic<u32>& word, unsigned threads);

}  // namespace vm::osal
