// Waiting for descriptors. Masks are handed to the host call, so that changing the mask and waiting stay one
// step.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <cerrno>

#include <algorithm>

#include "linux/structs.h"
#include "linux/syscalls.h"

namespace vm::linux::sys {
namespace {

/// A temporary signal mask given by address; `set` false when the guest passed NULL.
struct Mask {
    bool set = false;
    u64 guest = 0, host = 0;
    u64 address() const { return set ? ptr(&host) : 0; }
};
i64 read_mask(Call& c, u64 addr, u64 size, Mask* m) {
    if (!addr) return 0;
    if (size != 8) return -EINVAL;
    if (!c.get(addr, &m->guest)) return -EFAULT;
    m->host = m->guest & ~kSyncSignals;
    m->set = true;
    return 0;
}
i64 finish(Call& c, const Mask& m, i64 r) {
    if (r == -EINTR && m.set) set_temporary_mask(c.t, m.guest);
    return never_restarted(r);
}

constexpr bool kHostPacked =
#if defined(__x86_64__)
    true;
#else
    false;
#endif

i64 wait_events(Call& c, u64 events, i32 max, u64 timeout, const Mask& m) {
    const bool convert = c.abi().generic_structs == kHostPacked;
    constexpr i32 kMost = 4096;  // fewer than asked for is always a correct answer
    if (max <= 0) return -EINVAL;
    const u64 guest_size = c.abi().generic_structs ? sizeof(GenericEpollEvent) : sizeof(X86EpollEvent);
    const i32 n = std::min(max, kMost);
    if (!c.out(events, static_cast<u64>(n) * guest_size)) return -EFAULT;
    if (!convert) return finish(c, m, c.host(c.a[0], events, static_cast<u64>(n), timeout, m.address(), 8));
    std::vector<epoll_event> host(static_cast<u64>(n));
    const i64 r = c.host(c.a[0], ptr(host.data()), static_cast<u64>(n), timeout, m.address(), 8);
    for (i64 i = 0; i < r; i++) {
        const epoll_event& e = host[static_cast<u64>(i)];
        const u64 at = events + static_cast<u64>(i) * guest_size;
        const GenericEpollEvent g{e.events, 0, e.data.u64};
        const X86EpollEvent x{e.events, e.data.u64};
        if (!(c.abi().generic_structs ? c.mm().write(at, &g, sizeof g) : c.mm().write(at, &x, sizeof x)))
            return -EFAULT;
    }
    return finish(c, m, r);
}

}  // namespace

i64 sys_epoll_ctl(Call& c) {
    epoll_event host{};
    if (static_cast<int>(c.a[1]) != EPOLL_CTL_DEL) {
        if (c.abi().generic_structs) {
            GenericEpollEvent e;
            if (!c.get(c.a[3], &e)) return -EFAULT;
            host.events = e.events;
            host.data.u64 = e.data;
        } else {
            X86EpollEvent e;
            if (!c.get(c.a[3], &e)) return -EFAULT;
            host.events = e.events;
            host.data.u64 = e.data;
        }
    }
    return c.host(c.a[0], c.a[1], c.a[2], ptr(&host));
}

i64 sys_epoll_pwait(Call& c) {
    Mask m;
    if (const i64 r = read_mask(c, c.a[4], c.a[5], &m); r < 0) return r;
    return wait_events(c, c.a[1], static_cast<i32>(c.a[2]), c.a[3], m);
}

i64 sys_epoll_pwait2(Call& c) {
    Mask m;
    timespec timeout;
    if (c.a[3] && !c.get(c.a[3], &timeout)) return -EFAULT;  // before the mask is looked at
    if (const i64 r = read_mask(c, c.a[4], c.a[5], &m); r < 0) return r;
    if (!c.in(c.a[3], 16)) return -EFAULT;
    return wait_events(c, c.a[1], static_cast<i32>(c.a[2]), c.a[3], m);
}

i64 sys_ppoll(Call& c) {
    Mask m;
    timespec timeout;
    if (c.a[2] && !c.get(c.a[2], &timeout)) return -EFAULT;  // before the mask is looked at
    if (const i64 r = read_mask(c, c.a[3], c.a[4], &m); r < 0) return r;
    if (!c.out(c.a[0], u64{static_cast<u32>(c.a[1])} * sizeof(pollfd)) || !c.out(c.a[2], 16)) return -EFAULT;
    return finish(c, m, c.host(c.a[0], c.a[1], c.a[2], m.address(), 8));
}

i64 sys_pselect6(Call& c) {
    Mask m;
    if (c.a[5]) {
        struct {
            u64 addr, size;
        } arg;
        if (!c.get(c.a[5], &arg)) return -EFAULT;
        if (const i64 r = read_mask(c, c.plain(arg.addr), arg.size, &m); r < 0) return r;
    }
    const u64 bytes = align_up(static_cast<u32>(std::clamp(static_cast<i32>(c.a[0]), 0, 1 << 20)), 64) / 8;
    for (unsigned i = 1; i <= 3; i++)
        if (!c.out(c.a[i], bytes)) return -EFAULT;
    if (!c.out(c.a[4], 16)) return -EFAULT;
    const struct { u64 addr, size; } host{m.address(), 8};
    return finish(c, m, c.host(c.a[0], c.a[1], c.a[2], c.a[3], c.a[4], m.set ? ptr(&host) : 0));
}

}  // namespace vm::linux::sys
