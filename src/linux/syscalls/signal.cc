// Signal system calls; the machinery is in signals.cc.
#include <sys/syscall.h>
#include <cerrno>
#include <csignal>

#include "linux/signal_frame.h"
#include "linux/syscalls.h"
#include "linux/vfork.h"

namespace vm::linux::sys {

i64 sys_rt_sigaction(Call& c) {
    // struct sigaction: handler, flags, [restorer,] mask.
    const u64 words = c.abi().sigaction_restorer ? 4 : 3;
    if (c.a[3] != 8) return -EINVAL;
    u64 raw[4] = {};
    SigAction act, old;
    if (c.a[1]) {
        if (!c.mm().read(c.a[1], raw, words * 8)) return -EFAULT;
        act = {raw[0], raw[1], words == 4 ? raw[2] : 0, raw[words - 1]};
    }
    const i64 r = guest_sigaction(c.t, static_cast<int>(c.a[0]), c.a[1] ? &act : nullptr, &old);
    if (r < 0 || !c.a[2]) return r;
    raw[0] = old.handler;
    raw[1] = old.flags;
    raw[2] = old.restorer;
    raw[words - 1] = old.mask;
    return c.out(c.a[2], words * 8) && c.mm().write(c.a[2], raw, words * 8) ? 0 : -EFAULT;
}

i64 sys_rt_sigprocmask(Call& c) {
    if (c.a[3] != 8) return -EINVAL;
    const u64 old = c.t.blocked;
    if (c.a[1]) {
        u64 set = 0;
        if (!c.get(c.a[1], &set)) return -EFAULT;
        switch (static_cast<int>(c.a[0])) {
            case SIG_BLOCK: set_guest_mask(c.t, old | set); break;
            case SIG_UNBLOCK: set_guest_mask(c.t, old & ~set); break;
            case SIG_SETMASK: set_guest_mask(c.t, set); break;
            default: return -EINVAL;
        }
    }
    return c.a[2] && !c.put(c.a[2], old) ? -EFAULT : 0;
}

i64 sys_rt_sigpending(Call& c) {
    if (c.a[1] > 8) return -EINVAL;
    u64 set = 0;
    const i64 r = raw_syscall(SYS_rt_sigpending, reinterpret_cast<u64>(&set), 8);
    if (r < 0) return r;
    set = (set | noted_signals(c.t)) & c.t.blocked;
    return c.out(c.a[0], c.a[1]) && c.mm().write(c.a[0], &set, c.a[1]) ? 0 : -EFAULT;
}

// SIGKILL goes to the host as every signal does, but a process in this memory must not die with our locks.
static i64 send(Call& c, u64 id, u64 sig) {
    if (static_cast<int>(sig) == SIGKILL) stop_before_kill(c.t, static_cast<int>(id));
    return pass(c);
}
i64 sys_kill(Call& c) { return send(c, c.a[0], c.a[1]); }
i64 sys_tkill(Call& c) { return send(c, c.a[0], c.a[1]); }
i64 sys_tgkill(Call& c) { return send(c, c.a[1], c.a[2]); }
i64 sys_rt_sigqueueinfo(Call& c) { return send(c, c.a[0], c.a[1]); }
i64 sys_rt_tgsigqueueinfo(Call& c) { return send(c, c.a[1], c.a[2]); }

i64 sys_rt_sigsuspend(Call& c) {
    u64 mask = 0;
    if (c.a[1] != 8) return -EINVAL;
    if (!c.get(c.a[0], &mask)) return -EFAULT;
    // Noted while blocked: the host does not hold these back, so it would not wake us for them.
    if (noted_signals(c.t) & ~mask) {
        set_temporary_mask(c.t, mask);
        return -EINTR;
    }
    const u64 host = mask & ~kSyncSignals;
    const i64 r = c.host(reinterpret_cast<u64>(&host), 8);
    if (r == -EINTR) set_temporary_mask(c.t, mask);
    return never_restarted(r);
}

i64 sys_sigaltstack(Call& c) {
    const u64 sp = c.t.vcpu().reg(c.abi().sp_offset);
    const GuestStack old = altstack_state(c.t, sp);
    if (c.a[0]) {
        GuestStack s;
        if (!c.get(c.a[0], &s)) return -EFAULT;
        if (const i64 r = set_altstack(c.t, s, sp); r < 0) return r;
    }
    return c.a[1] && !c.put(c.a[1], old) ? -EFAULT : 0;
}

i64 sys_rt_sigreturn(Call& c) {
    u64 mask = 0;
    c.t.vcpu().clear_reservation();
    if (!c.abi().pop_signal_frame(c.t, &mask)) {
        force_sigsegv(c.t);
        return kNoResult;
    }
    c.t.vcpu().state_changed();
    set_guest_mask(c.t, mask);
    return kNoResult;
}

i64 sys_restart_syscall(Call&) { return -EINTR; }

}  // namespace vm::linux::sys
