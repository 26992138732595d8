#include "linux/signals.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "base/format.h"
#include "linux/core_dump.h"
#include "linux/debugging.h"
#include "linux/signal_frame.h"
#include "linux/syscalls.h"
#include "linux/vfork.h"
#include "osal/fault.h"

extern "C" {
vm::i64 vm_safe_syscall(const volatile vm::u32* flag, long nr, const vm::u64* args);
extern const char vm_safe_syscall_start[], vm_safe_syscall_insn[], vm_safe_syscall_not_begun[],
    vm_safe_syscall_restart[];
}

namespace vm::linux {

constexpr int kSyncList[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};

/// Written by host handlers of the owning thread, read by the thread itself outside them; hence volatile, not
/// atomic.
struct Thread::SignalQueue {
    volatile u32 flag = 0;  ///< something was noted since deliver_signals looked
    volatile u32 full = 0;  ///< signal number in `info`, 0 none; while set, the host mask is full
    SigInfo info{};
    volatile u32 sync_full[5] = {};  ///< sent (not raised) SIGILL … SIGSEGV: never blocked on the host
    SigInfo sync_info[5]{};
    bool temporary = false;
    u64 temporary_mask = 0;
    bool is_vfork_child = false;  ///< runs on its parent's Thread and memory while the parent waits
    bool executing = false;       ///< the host mask is the one that the new program inherits
};

namespace {

/// The guest thread of this host thread. Read in signal handlers; static TLS of the program, so no allocation
/// there.
thread_local Thread* current_thread = nullptr;

/// The kernel's struct sigaction; glibc's wrappers would keep signals 32 and 33 from the guest's libc.
struct KernelSigaction {
    u64 handler, flags;
#if defined(__x86_64__) || defined(__aarch64__)
    u64 restorer;
#endif
    u64 mask;
};

#if defined(__x86_64__)
[[gnu::naked]] void host_restorer() { asm volatile("mov $15, %eax\n\tsyscall"); }
#endif

i64 host_sigaction(int sig, u64 handler, u64 flags, u64 mask, KernelSigaction* old = nullptr) {
    KernelSigaction act{};
    act.handler = handler;
    act.flags = flags;
#if defined(__x86_64__)
    act.flags |= kSaRestorer;
    act.restorer = reinterpret_cast<u64>(&host_restorer);
#endif
    act.mask = mask;
    return raw_syscall(SYS_rt_sigaction, static_cast<u64>(sig), reinterpret_cast<u64>(&act),
                       reinterpret_cast<u64>(old), 8);
}

int sync_index(int sig) {
    for (int i = 0; i < 5; i++)
        if (kSyncList[i] == sig) return i;
    return -1;
}

void requeue(bool to_thread, int sig, const SigInfo& info) {
    const u64 p = reinterpret_cast<u64>(&info);
    const u64 pid = static_cast<u64>(getpid());
    if (to_thread)
        raw_syscall(SYS_rt_tgsigqueueinfo, pid, static_cast<u64>(gettid()), static_cast<u64>(sig), p);
    else
        raw_syscall(SYS_rt_sigqueueinfo, pid, static_cast<u64>(sig), p);
}

/// A signal found the thread inside safe_syscall and before its instruction: the call must not begin.
void leave_safe_syscall(ucontext_t* uc) {
#if defined(__x86_64__)
    auto& pc = uc->uc_mcontext.gregs[REG_RIP];
#else
    auto& pc = uc->uc_mcontext.pc;
#endif
    const u64 at = static_cast<u64>(pc);
    if (at == reinterpret_cast<u64>(vm_safe_syscall_insn))
        pc = static_cast<std::remove_reference_t<decltype(pc)>>(
            reinterpret_cast<u64>(vm_safe_syscall_restart));
    else if (at >= reinterpret_cast<u64>(vm_safe_syscall_start) &&
             at < reinterpret_cast<u64>(vm_safe_syscall_insn))
        pc = static_cast<std::remove_reference_t<decltype(pc)>>(
            reinterpret_cast<u64>(vm_safe_syscall_not_begun));
}

void block_in_context(ucontext_t* uc) { store_raw<u64>(&uc->uc_sigmask, ~kSyncSignals); }

/// Handler of every asynchronous signal that the guest has a handler for.
void on_host_signal(int sig, siginfo_t* info, void* context) {
    const int saved_errno = errno;
    auto* uc = static_cast<ucontext_t*>(context);
    const SigInfo noted = load_raw<SigInfo>(info);
    Thread* t = current_thread;
    if (!t || !t->queue) {  // not a guest thread (any more): some guest thread shall have it
        block_in_context(uc);
        requeue(false, sig, noted);
        errno = saved_errno;
        return;
    }
    Thread::SignalQueue& q = *t->queue;
    if (const int i = sync_index(sig); i >= 0) {
        if (!q.sync_full[i]) q.sync_info[i] = noted;
        q.sync_full[i] = 1;
    } else if (q.full) {
        // The mask was opened with one signal noted; this one goes back to the kernel's queue.
        block_in_context(uc);
        requeue(true, sig, noted);
    } else {
        q.info = noted;
        q.full = static_cast<u32>(sig);
        block_in_context(uc);
    }
    q.flag = 1;
    t->vcpu().request_safepoint();
    leave_safe_syscall(uc);
    errno = saved_errno;
}

/// The host mask of a guest thread. A vfork child shares our locks with its parent and may only be killed
/// where it holds none: it keeps everything blocked except inside safe_syscall.
u64 host_mask(Thread& t) { return t.queue->is_vfork_child ? ~kSyncSignals : t.blocked & ~kSyncSignals; }

SigAction* actions(Thread& t) { return t.group->actions->action; }
/// Locks the dispositions that actions() gives.
std::unique_lock<std::mutex> lock_actions(Thread& t) { return std::unique_lock(t.group->actions->mutex); }

bool default_ignored(int sig) { return sig == SIGCHLD || sig == SIGURG || sig == SIGWINCH || sig == SIGCONT; }
bool default_stops(int sig) { return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU; }

/// The process dies and stops at safepoints only: see Group::shares_memory; and a debugger is asked first.
bool acts_at_safepoints(const Thread& t) { return t.group->shares_memory || t.control != nullptr; }

/// Makes the host's disposition follow the guest's. Called with the dispositions locked. `safepoints`: see
/// acts_at_safepoints().
void mirror_action(int sig, const SigAction& a, bool safepoints) {
    if (kSyncSignals & sigbit(sig))
        return;  // the fault handlers stay; deliver_signals applies the guest's wish
    const bool at_safepoint = signal_dumps_core(sig) || (safepoints && !default_ignored(sig));
    const bool by_host = a.handler == kSigDfl && !at_safepoint;
    if (by_host || a.handler == kSigIgn)
        host_sigaction(sig, a.handler, a.flags & (kSaNocldstop | kSaNocldwait), 0);
    else
        host_sigaction(sig, reinterpret_cast<u64>(&on_host_signal),
                       kSaSiginfo | kSaOnstack | kSaRestart | (a.flags & (kSaNocldstop | kSaNocldwait)),
                       ~kSyncSignals);
}

/// Takes the disposition for one delivery, honouring SA_RESETHAND.
SigAction take_action(Thread& t, int sig) {
    const auto lock = lock_actions(t);
    SigAction& slot = actions(t)[sig];
    const SigAction a = slot;
    if (a.handler != kSigDfl && a.handler != kSigIgn && (a.flags & kSaResethand)) {
        slot.handler = kSigDfl;
        mirror_action(sig, slot, acts_at_safepoints(t));
    }
    return a;
}

void stop_by_default(int sig, bool safepoints) {
    host_sigaction(sig, kSigDfl, 0, 0);
    raw_syscall(SYS_tgkill, static_cast<u64>(getpid()), static_cast<u64>(gettid()), static_cast<u64>(sig));
    set_host_mask(~kSyncSignals & ~sigbit(sig));  // stops here until SIGCONT
    set_host_mask(~kSyncSignals);
    if (safepoints) mirror_action(sig, {}, true);
}

/// Applies the restart rules to a call that the signal interrupted, before its handler's frame saves the
/// registers.
void finish_interrupted_call(Thread& t, i64* result, const SigAction& a) {
    if (!result) return;
    if (*result == -kRestartAlways || (*result == -kRestartSys && (a.flags & kSaRestart))) {
        t.vcpu().set_pc(t.vcpu().pc() - t.abi().syscall_insn_bytes);
    } else if (*result == -kRestartSys) {
        t.vcpu().set_reg(t.abi().ret_offset, static_cast<u64>(-EINTR));
    }
    *result = 0;
}

/// si_addr of a fault as a handler with `flags` sees it (kernel/signal.c, hide_si_addr_tag_bits).
void hide_tag(Thread& t, int sig, u64 flags, SigInfo* info) {
    const i32 code = load_raw<i32>(info->bytes + 8);
    const bool has_address = code > 0 && (kSyncSignals & sigbit(sig)) && !(sig == SIGTRAP);
    if (!has_address || (flags & kSaExposeTagbits)) return;
    u8* address = info->bytes + 16;
    store_raw<u64>(address, t.abi().untagged(load_raw<u64>(address)));
}

/// Builds the handler's frame. `mask`: what is blocked now; `old_mask`: what sigreturn restores.
bool enter_handler(Thread& t, int sig, SigInfo info, const SigAction& a, u64 mask, u64 old_mask) {
    t.vcpu().clear_reservation();
    hide_tag(t, sig, a.flags, &info);
    if (!t.abi().push_signal_frame(t, sig, info, a.handler, a.restorer, a.flags, old_mask)) return false;
    t.vcpu().state_changed();
    t.blocked = (mask | a.mask | (a.flags & kSaNodefer ? 0 : sigbit(sig))) & ~kUnblockable;
    return true;
}

SigInfo make_info(int sig, int code, u64 addr) {
    SigInfo s{};
    store_raw<i32>(s.bytes, sig);
    store_raw<i32>(s.bytes + 8, code);
    store_raw<u64>(s.bytes + 16, addr);
    return s;
}

/// A frame could not be written: SIGSEGV instead, to its own handler if that runs elsewhere, else death.
void frame_failed(Thread& t, int sig) {
    const SigAction a = take_action(t, SIGSEGV);
    const bool fatal =
        sig == SIGSEGV || a.handler == kSigDfl || a.handler == kSigIgn || (t.blocked & sigbit(SIGSEGV));
    constexpr int kSiKernel = 0x80;
    const SigInfo info = make_info(SIGSEGV, kSiKernel, 0);
    if (fatal || !enter_handler(t, SIGSEGV, info, a, t.blocked, t.blocked)) die_by_signal(t, SIGSEGV, info);
}

bool tracing(Thread& t) { return t.process().options().strace != RunOptions::Strace::Off; }

/// True if the guest's registers now point at a handler.
bool deliver(Thread& t, int sig, const SigInfo& info, i64* result) {
    const SigAction a = take_action(t, sig);
    if (a.handler == kSigIgn) return false;
    if (tracing(t)) strace_signal(t, sig, info);
    if (a.handler == kSigDfl) {
        if (default_ignored(sig)) return false;
        if (!default_stops(sig)) {
            t.process().save_translations();
            die_by_signal(t, sig, info);
        }
        stop_by_default(sig, acts_at_safepoints(t));
        return false;
    }
    finish_interrupted_call(t, result, a);
    Thread::SignalQueue& q = *t.queue;
    const u64 mask = q.temporary ? q.temporary_mask : t.blocked;
    q.temporary = false;
    if (!enter_handler(t, sig, info, a, mask, t.blocked)) frame_failed(t, sig);
    return true;
}

/// One signal that is not blocked. True if the guest's registers now point at a handler.
bool deliver_one(Thread& t, int number, const SigInfo& noted, i64* result) {
    const int sig = t.control == nullptr ? number : signal_to_debugger(t, number);
    if (sig == 0) return false;
    const SigInfo info = sig == number ? noted : make_info(sig, SI_USER, 0);
    return deliver(t, sig, info, result);
}

/// The next noted signal that the mask lets through; 0 if none.
int next_signal(Thread& t, SigInfo* info) {
    Thread::SignalQueue& q = *t.queue;
    const u64 mask = q.temporary ? q.temporary_mask : t.blocked;
    for (int i = 0; i < 5; i++) {
        if (!q.sync_full[i] || (mask & sigbit(kSyncList[i]))) continue;
        *info = q.sync_info[i];
        q.sync_full[i] = 0;
        return kSyncList[i];
    }
    if (const int sig = static_cast<int>(q.full)) {
        *info = q.info;
        q.full = 0;
        return sig;
    }
    return 0;
}

}  // namespace

u64 block_host_signals() {
    const u64 all = ~kSyncSignals;
    u64 old = 0;
    raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<u64>(&all), reinterpret_cast<u64>(&old), 8);
    return old;
}

void set_host_mask(u64 mask) {
    raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<u64>(&mask), 0, 8);
}

void signals_thread_start(Thread& t, bool first) {
    if (first) {
        u64 inherited = 0;
        raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, 0, reinterpret_cast<u64>(&inherited), 8);
        t.blocked = inherited & ~kUnblockable;
    }
    if (!t.queue) t.queue = new Thread::SignalQueue;
    current_thread = &t;
    set_host_mask(t.blocked & ~kSyncSignals);
}

void signals_thread_end(Thread& t) {
    block_host_signals();
    current_thread = nullptr;
    if (!t.queue) return;
    if (t.queue->full) requeue(false, static_cast<int>(t.queue->full), t.queue->info);
    delete t.queue;
    t.queue = nullptr;
}

void signals_fork_child(Thread& t) {
    if (t.queue) *t.queue = Thread::SignalQueue{};
    current_thread = &t;
    if (!t.group->shares_memory) return;
    // The child of a process that shares memory shares none: the host may kill it at any time.
    t.group->shares_memory = false;
    const auto lock = lock_actions(t);
    for (int sig = 1; sig <= 64; sig++)
        if (actions(t)[sig].handler == kSigDfl && !(kUnblockable & sigbit(sig)))
            mirror_action(sig, actions(t)[sig], false);
}

void signals_share_memory(Thread& t) {
    t.group->shares_memory = true;
    const auto lock = lock_actions(t);
    for (int sig = 1; sig <= 64; sig++)
        if (actions(t)[sig].handler == kSigDfl && !(kUnblockable & sigbit(sig)))
            mirror_action(sig, actions(t)[sig], true);
}

void signals_clear_handlers(Thread& t) {
    const auto lock = lock_actions(t);
    for (int sig = 1; sig <= 64; sig++) {
        SigAction& slot = actions(t)[sig];
        if (slot.handler <= kSigIgn) continue;
        slot = {};
        mirror_action(sig, slot, acts_at_safepoints(t));
    }
}

void signals_prepare_exec(Thread& t) {
    Thread::SignalQueue& q = *t.queue;
    set_host_mask(~u64{0});
    for (int i = 0; i < 5; i++)
        if (q.sync_full[i]) requeue(true, kSyncList[i], q.sync_info[i]);
    {
        const auto lock = lock_actions(t);
        for (const int sig : kSyncList)
            if (actions(t)[sig].handler == kSigIgn) host_sigaction(sig, kSigIgn, 0, 0);
    }
    q.executing = true;
    set_host_mask(t.blocked);  // what the new program inherits
}

void signals_exec_failed(Thread& t) {
    t.queue->executing = false;
    if (!t.queue->full) set_host_mask(host_mask(t));
}

Thread::SignalQueue* signals_vfork_begin(Thread& t) {
    auto* child = new Thread::SignalQueue;
    child->is_vfork_child = true;
    return std::exchange(t.queue, child);
}

void signals_drop_queue(Thread& t) {
    if (current_thread == &t) current_thread = nullptr;
    delete std::exchange(t.queue, nullptr);
}

void signals_vfork_end(Thread& t, Thread::SignalQueue* parent) { delete std::exchange(t.queue, parent); }

void set_guest_mask(Thread& t, u64 mask) {
    t.blocked = mask & ~kUnblockable;
    Thread::SignalQueue& q = *t.queue;
    if (!q.full) set_host_mask(host_mask(t));
    for (int i = 0; i < 5; i++)
        if (q.sync_full[i] && !(t.blocked & sigbit(kSyncList[i]))) q.flag = 1;
}

void set_temporary_mask(Thread& t, u64 mask) {
    t.queue->temporary = true;
    t.queue->temporary_mask = mask & ~kUnblockable;
}

u64 noted_signals(Thread& t) {
    u64 s = t.queue->full ? sigbit(static_cast<int>(t.queue->full)) : 0;
    for (int i = 0; i < 5; i++)
        if (t.queue->sync_full[i]) s |= sigbit(kSyncList[i]);
    return s;
}

SignalSets signal_sets(Thread& t, int tid) {
    SignalSets s;
    {
        const std::lock_guard lock(t.process().threads_mutex);
        for (const Thread* other : t.process().threads)
            if (other->tid == tid) s.blocked = other->blocked;
    }
    const auto lock = lock_actions(t);
    for (int sig = 1; sig <= 64; sig++) {
        const u64 handler = actions(t)[sig].handler;
        if (handler == kSigIgn) s.ignored |= sigbit(sig);
        if (handler > kSigIgn) s.caught |= sigbit(sig);
    }
    return s;
}

bool signal_waiting(Thread& t) { return t.queue->flag != 0; }

void die_by_signal(Thread& t, int sig, const SigInfo& info) {
    if (t.control != nullptr && !t.hidden) t.control->ended({.by_signal = true, .code = sig});
    if (signal_dumps_core(sig)) forbid_host_core(t, dump_core(t, sig, info));
    if (t.group->shares_memory) stop_group(t.process(), t.home, ::getpid());
    host_sigaction(sig, kSigDfl, 0, 0);
    raw_syscall(SYS_tgkill, static_cast<u64>(getpid()), static_cast<u64>(gettid()), static_cast<u64>(sig));
    set_host_mask(~sigbit(sig));
    // Only a signal that the host refuses to die of (init of a container) gets here.
    raw_syscall(SYS_exit_group, static_cast<u64>(128 + sig));
    __builtin_unreachable();
}

static i64 debugged_syscall(Thread& t, long nr, const u64* args) {
    const HostCall call(t);
    return vm_safe_syscall(&t.queue->flag, nr, args);
}

i64 safe_syscall(Thread& t, long nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
    const u64 args[6] = {a0, a1, a2, a3, a4, a5};
    const bool open = t.queue->is_vfork_child && !t.queue->executing;
    if (open) set_host_mask(t.blocked & ~kSyncSignals);
    const i64 r =
        t.control == nullptr ? vm_safe_syscall(&t.queue->flag, nr, args) : debugged_syscall(t, nr, args);
    if (open) set_host_mask(~kSyncSignals);
    return r;
}

void force_sigsegv(Thread& t) { frame_failed(t, 0); }

void deliver_signals(Thread& t, i64* result) {
    Thread::SignalQueue& q = *t.queue;
    if (!result && !q.flag) return;
    bool entered = false;
    do {
        q.flag = 0;
        SigInfo info;
        while (const int sig = next_signal(t, &info)) entered |= deliver_one(t, sig, info, result);
        // Opening the mask lets the kernel hand over what else is pending; it then lies on top of the first
        // handler.
        set_host_mask(host_mask(t));
    } while (q.flag);
    q.temporary = false;
    if (!entered && result && (*result == -kRestartSys || *result == -kRestartAlways))
        t.vcpu().set_pc(t.vcpu().pc() - t.abi().syscall_insn_bytes);
}

void raise_sync(Thread& t, const engine::Exit& exit) {
    engine::Exit e = exit;
    const auto own_code = t.abi().note_fault ? t.abi().note_fault(t, e) : std::nullopt;
    int sig = SIGILL, code = own_code.value_or(ILL_ILLOPC);
    u64 addr = t.abi().untagged(e.pc);
    switch (e.reason) {
        case ir::ExitReason::Breakpoint: sig = SIGTRAP, code = TRAP_BRKPT; break;
        case ir::ExitReason::Misaligned: sig = SIGBUS, code = BUS_ADRALN, addr = e.value; break;
        case ir::ExitReason::FetchFault:
        case ir::ExitReason::MemoryFault:
            addr = e.value;
            sig = e.host_signal == SIGBUS ? SIGBUS : SIGSEGV;
            if (sig == SIGBUS)
                code = e.host_code > 0 ? e.host_code : BUS_ADRERR;
            else
                code = t.mm().prot_at(t.abi().untagged(addr)) < 0 ? SEGV_MAPERR : SEGV_ACCERR;
            break;
        case ir::ExitReason::Unsupported:
            fmt::print(stderr,
                       "vm: instruction at {:#x} is not supported by this build; the program gets SIGILL\n",
                       addr);
            break;
        default: break;
    }
    t.vcpu().set_pc(e.pc);
    const SigInfo info = make_info(sig, code, addr);
    if (t.control != nullptr) {
        const int instead = signal_to_debugger(t, sig);
        if (instead == 0) return;
        if (instead != sig) {
            deliver(t, instead, make_info(instead, SI_USER, 0), nullptr);
            if (!t.queue->full) set_host_mask(host_mask(t));
            return;
        }
    }
    if (tracing(t)) strace_signal(t, sig, info);
    const SigAction a = take_action(t, sig);
    if (a.handler == kSigDfl || a.handler == kSigIgn || (t.blocked & sigbit(sig)))
        die_by_signal(t, sig, info);
    if (!enter_handler(t, sig, info, a, t.blocked, t.blocked)) frame_failed(t, sig);
    if (!t.queue->full) set_host_mask(host_mask(t));
}

void install_host_signal_handlers(Thread& first) {
    const auto lock = lock_actions(first);
    osal::set_sent_signal_hook(&on_host_signal);
    for (int sig = 1; sig <= 64; sig++) {
        KernelSigaction old{};
        if (raw_syscall(SYS_rt_sigaction, static_cast<u64>(sig), 0, reinterpret_cast<u64>(&old), 8) < 0)
            continue;
        if (old.handler == kSigIgn)  // stays ignored over execve
            actions(first)[sig].handler = kSigIgn;
        else if (signal_dumps_core(sig) || acts_at_safepoints(first))
            mirror_action(sig, actions(first)[sig], acts_at_safepoints(first));
    }
}

i64 guest_sigaction(Thread& t, int sig, const SigAction* act, SigAction* old) {
    if (sig < 1 || sig > 64) return -EINVAL;
    if (act && (kUnblockable & sigbit(sig))) return -EINVAL;
    const auto lock = lock_actions(t);
    SigAction& slot = actions(t)[sig];
    const SigAction before = slot;
    if (act) {
        slot = *act;
        slot.flags &= kSaKnown | (t.abi().sigaction_restorer ? kSaRestorer : 0);
        slot.mask &= ~kUnblockable;
        const bool same_host =
            before.handler > kSigIgn && act->handler > kSigIgn && before.flags == act->flags;
        if (!same_host) mirror_action(sig, slot, acts_at_safepoints(t));
    }
    if (old) *old = before;
    return 0;
}

// ---- frames and the alternate stack

namespace {
constexpr u32 kSsOnstack = 1, kSsDisable = 2, kSsAutodisarm = 1u << 31;
}  // namespace

bool write_frame(Thread& t, u64 addr, const void* from, u64 bytes) {
    const u64 at = t.plain(addr);
    t.mm().prepare_kernel_write(at, bytes);
    return t.mm().write(at, from, bytes);
}

bool read_frame(Thread& t, u64 addr, void* to, u64 bytes) { return t.mm().read(t.plain(addr), to, bytes); }

bool on_altstack(const Thread& t, u64 sp) {
    return !(t.altstack_flags & kSsAutodisarm) && t.altstack_size && sp > t.altstack_sp &&
           sp - t.altstack_sp <= t.altstack_size;
}

GuestStack altstack_state(const Thread& t, u64 sp) {
    const u32 mode = !t.altstack_size ? kSsDisable : on_altstack(t, sp) ? kSsOnstack : 0;
    return {t.altstack_sp, mode | (t.altstack_flags & kSsAutodisarm), 0, t.altstack_size};
}

i64 set_altstack(Thread& t, const GuestStack& s, u64 sp) {
    if (on_altstack(t, sp)) return -EPERM;
    const u32 mode = s.flags & ~kSsAutodisarm;
    if (mode != 0 && mode != kSsOnstack && mode != kSsDisable) return -EINVAL;
    if (mode == kSsDisable) {
        t.altstack_sp = t.altstack_size = 0;
    } else {
        if (s.size < t.abi().min_signal_stack) return -ENOMEM;
        t.altstack_sp = s.sp;
        t.altstack_size = s.size;
    }
    t.altstack_flags = s.flags & (kSsAutodisarm | kSsDisable);
    return 0;
}

u64 signal_stack_top(Thread& t, u64 sp, u64 flags) {
    if ((flags & kSaOnstack) && t.altstack_size && !on_altstack(t, sp))
        return t.altstack_sp + t.altstack_size;
    return sp;
}

void disarm_altstack(Thread& t) {
    if (!(t.altstack_flags & kSsAutodisarm)) return;
    t.altstack_sp = t.altstack_size = 0;
    t.altstack_flags = kSsDisable;
}

}  // namespace vm::linux
