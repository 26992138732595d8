// Futexes: the kernel's own, on guest memory; thread ids are the host's, so PI and robust futexes work
// unchanged.
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <cerrno>

#include "linux/syscalls.h"

namespace vm::linux::sys {

namespace {

/// The array of futex_waitv and futex_requeue with the addresses in it checked; `waiters` holds the copy.
i64 load_waiters(Call& c, u64 count, std::vector<futex_waitv>* waiters) {
    waiters->resize(count);
    if (!c.mm().read(c.a[0], waiters->data(), count * sizeof(futex_waitv))) return -EFAULT;
    for (futex_waitv& w : *waiters) {
        w.uaddr = c.plain(w.uaddr);
        if (!c.out(w.uaddr, 4)) return -EFAULT;
    }
    return 0;
}
u64 address(const std::vector<futex_waitv>& v) { return reinterpret_cast<u64>(v.data()); }

}  // namespace

i64 sys_futex(Call& c) {
    const int op = static_cast<int>(c.a[1]) & FUTEX_CMD_MASK;
    if (!c.out(c.a[0], 4)) return -EFAULT;
    switch (op) {
        case FUTEX_WAIT:
        case FUTEX_WAIT_BITSET:
        case FUTEX_LOCK_PI:
        case FUTEX_LOCK_PI2:
        case FUTEX_WAIT_REQUEUE_PI:
            c.a[3] = c.plain(c.a[3]);
            if (!c.in(c.a[3], 16)) return -EFAULT;
            break;
        default: break;  // argument 3 is a number
    }
    switch (op) {
        case FUTEX_REQUEUE:
        case FUTEX_CMP_REQUEUE:
        case FUTEX_WAKE_OP:
        case FUTEX_WAIT_REQUEUE_PI:
        case FUTEX_CMP_REQUEUE_PI:
            if (!c.out(c.a[4], 4)) return -EFAULT;
            break;
        default: break;
    }
    return c.host(c.a[0], c.a[1], c.a[2], c.a[3], c.a[4], c.a[5]);
}

i64 sys_futex_waitv(Call& c) {
    std::vector<futex_waitv> waiters;
    const u64 count = static_cast<u32>(c.a[1]);
    // What the kernel looks at before the array.
    if (c.a[2] || !count || count > FUTEX_WAITV_MAX || !c.a[0]) return c.host(0, c.a[1], c.a[2], 0, c.a[4]);
    if (!c.in(c.a[3], 16)) return -EFAULT;
    if (const i64 r = load_waiters(c, count, &waiters); r < 0) return r;
    return c.host(address(waiters), count, c.a[2], c.a[3], c.a[4]);
}

i64 sys_futex_requeue(Call& c) {
    std::vector<futex_waitv> waiters;
    if (c.a[1] || !c.a[0]) return c.host(0, c.a[1], c.a[2], c.a[3]);
    if (const i64 r = load_waiters(c, 2, &waiters); r < 0) return r;
    return c.host(address(waiters), c.a[1], c.a[2], c.a[3]);
}

i64 sys_membarrier(Call& c) {
    // Barriers between threads are the host's. Making other threads see changed code is a matter of
    // translations: guests announce that with an instruction or a system call of their own.
    constexpr u64 kRefused =
        MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
        MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;
    if (c.a[0] & kRefused) return -EINVAL;
    const i64 r = c.host(c.a[0], c.a[1], c.a[2]);
    return c.a[0] == MEMBARRIER_CMD_QUERY && r > 0 ? static_cast<i64>(static_cast<u64>(r) & ~kRefused) : r;
}

}  // namespace vm::linux::sys
