// Signals of the guest. The kernel keeps the queues: every guest disposition and mask is mirrored to the
// host, and a host handler only notes one siginfo and blocks everything until the guest's handler frame is
// built at the next safepoint.
#pragma once

#include "linux/process.h"

namespace vm::linux {

inline constexpr u64 kSigDfl = 0, kSigIgn = 1;
inline constexpr u64 kSaNocldstop = 1, kSaNocldwait = 2, kSaSiginfo = 4, kSaRestorer = 0x04000000,
                     kSaOnstack = 0x08000000, kSaRestart = 0x10000000, kSaNodefer = 0x40000000,
                     kSaResethand = 0x80000000, kSaExposeTagbits = 0x800;
/// Flags that rt_sigaction keeps; others read as 0 (include/linux/signal.h, UAPI_SA_FLAGS).
inline constexpr u64 kSaKnown = kSaNocldstop | kSaNocldwait | kSaSiginfo | kSaOnstack | kSaRestart |
                                kSaNodefer | kSaResethand | kSaExposeTagbits;

constexpr u64 sigbit(int sig) { return u64{1} << (sig - 1); }
/// Signals that the engine's own fault handlers own on the host: never blocked and never ignored there.
inline constexpr u64 kSyncSignals = sigbit(4) | sigbit(5) | sigbit(7) | sigbit(8) | sigbit(11);
inline constexpr u64 kUnblockable = sigbit(9) | sigbit(19);

/// Blocks every signal of the calling host thread; returns the old mask. For fork and thread creation.
u64 block_host_signals();
void set_host_mask(u64 mask);

/// To be called on the guest thread's own host thread before it runs guest code, with all host signals
/// blocked: binds the thread to the host handlers and then applies t.blocked to the host. The first thread
/// inherits the host's mask.
void signals_thread_start(Thread& t, bool first);
/// Counterpart, at the thread's end: blocks all host signals; hands a noted but undelivered process-directed
/// signal on.
void signals_thread_end(Thread& t);
/// In the child after fork: pending signals are not inherited.
void signals_fork_child(Thread& t);
/// Before execve of the host, and only while !signal_waiting(t): sets the mask and the ignored signals that
/// the new program inherits. Use safe_syscall for the execve, and signals_exec_failed if it returns.
void signals_prepare_exec(Thread& t);
void signals_exec_failed(Thread& t);

/// In the first thread of a process that runs beside its parent in the same memory, before guest code.
void signals_share_memory(Thread& t);
/// CLONE_CLEAR_SIGHAND: handlers become the default action; what is ignored stays so.
void signals_clear_handlers(Thread& t);

/// A vfork child runs on its parent's Thread, in its memory, while the parent's host thread is suspended: it
/// gets a queue of its own. Call both in the parent, with all host signals blocked.
Thread::SignalQueue* signals_vfork_begin(Thread& t);
void signals_vfork_end(Thread& t, Thread::SignalQueue* parent);
/// Of a thread whose host thread is gone.
void signals_drop_queue(Thread& t);

/// Sets the guest mask (SIGKILL and SIGSTOP removed) and mirrors it to the host.
void set_guest_mask(Thread& t, u64 mask);
/// A system call runs with `mask` as temporary guest mask (ppoll, sigsuspend …): tells delivery which mask
/// the first handler's execution starts from. Cleared by deliver_signals.
void set_temporary_mask(Thread& t, u64 mask);
/// Signals noted in user space and not delivered: part of rt_sigpending.
u64 noted_signals(Thread& t);
/// Masks and dispositions as /proc shows them; `tid`: whose mask.
struct SignalSets {
    u64 blocked = 0, ignored = 0, caught = 0;
};
SignalSets signal_sets(Thread& t, int tid);
/// True if a host handler has noted a signal that the thread has not looked at yet.
bool signal_waiting(Thread& t);
/// Ends the process the way the default action of `sig` does (core file of the guest, terminate).
[[noreturn]] void die_by_signal(Thread& t, int sig, const SigInfo& info);

/// Runs host system call `nr`; returns its result or -errno. -kRestartSys: interrupted before or inside, may
/// be restarted. No signal is lost: one that arrives before the call's instruction makes the call return
/// -kRestartSys at once.
inline constexpr i64 kRestartSys = 512;     ///< restart if SA_RESTART, else EINTR
inline constexpr i64 kRestartAlways = 513;  ///< restart always (the call had not begun)
i64 safe_syscall(Thread& t, long nr, u64 a0 = 0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0, u64 a5 = 0);

}  // namespace vm::linux
