// Accesses to memory that may not be there: they return what went wrong instead of dying. They work once the
// process has its fault handler (osal/fault.h). Any thread; the guest-side pointer is a plain number.
#pragma once

#include "base/bits.h"

namespace vm::osal {

/// Why an access failed. `signal` 0: it did not.
struct MemFault {
    u64 addr = 0;
    int signal = 0;  ///< SIGSEGV or SIGBUS
    int code = 0;    ///< si_code
    bool write = false;
    explicit operator bool() const { return signal != 0; }
};

/// `size` bytes (1, 2, 4, 8, 16), each done as one host access. 16 is two halves that may be seen apart.
[[nodiscard]] MemFault guarded_load(u64 addr, unsigned size, void* out);
[[nodiscard]] MemFault guarded_store(u64 addr, unsigned size, const void* in);
/// Atomic compare-and-swap of 1..8 bytes, sequentially consistent; any alignment. `*old` is zero-extended.
[[nodiscard]] MemFault guarded_cas(u64 addr, unsigned size, u64 expected, u64 desired, u64* old);
/// The same for 16 bytes; `addr` must be 16-byte aligned (otherwise it reports a fault).
[[nodiscard]] MemFault guarded_cas16(u64 addr, const void* expected, const void* desired, void* old);
/// Copies `bytes`; either side may fault. On a fault an unknown part has been copied.
[[nodiscard]] MemFault guarded_copy_in(void* to, u64 from, u64 bytes);
[[nodiscard]] MemFault guarded_copy_out(u64 to, const void* from, u64 bytes);
[[nodiscard]] MemFault guarded_zero(u64 to, u64 bytes);
/// True if [addr, addr + bytes) can be read and equals `with`.
[[nodiscard]] bool guarded_equal(u64 addr, const void* with, u64 bytes);

/// For the fault handler: if `pc` is inside a guarded access, where to go on; else 0. Async-signal-safe.
u64 guarded_fixup(u64 pc);
/// The rax value that tells the guarded access what happened.
constexpr u64 pack_fault(int signal, int code, bool write) {
    return static_cast<u64>(signal) | u64{write} << 8 | static_cast<u64>(static_cast<u32>(code)) << 32;
}

}  // namespace vm::osal
