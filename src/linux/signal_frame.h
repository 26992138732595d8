// What signal frames of all ABIs need: their common parts, the alternate stack and dispositions.
#pragma once

#include "linux/signals.h"

namespace vm::linux {

/// stack_t of 64-bit Linux.
struct GuestStack {
    u64 sp = 0;
    u32 flags = 0, pad = 0;
    u64 size = 0;
};

/// The front of struct ucontext of asm-generic and arm64; the registers follow, aligned to 16.
struct UcontextHead {
    u64 flags, link;
    GuestStack stack;
    u64 sigmask;
    u8 unused[1024 / 8 - 8];  ///< glibc has 1024 signals
};
static_assert(sizeof(UcontextHead) == 168);

/// Writes part of a frame, or reads it. False: that memory is not there.
bool write_frame(Thread& t, u64 addr, const void* from, u64 bytes);
bool read_frame(Thread& t, u64 addr, void* to, u64 bytes);

bool on_altstack(const Thread& t, u64 sp);
/// As sigaltstack reports it, and as frames save it.
GuestStack altstack_state(const Thread& t, u64 sp);
i64 set_altstack(Thread& t, const GuestStack& s, u64 sp);
/// Where a frame for a handler with `flags` begins (it grows down from there).
u64 signal_stack_top(Thread& t, u64 sp, u64 flags);
/// SS_AUTODISARM: after the frame has saved the setting.
void disarm_altstack(Thread& t);

/// SIGSEGV that the guest cannot have blocked away: its handler runs or the process dies.
void force_sigsegv(Thread& t);

/// rt_sigaction.
i64 guest_sigaction(Thread& t, int sig, const SigAction* act, SigAction* old);

}  // namespace vm::linux
