// Futexes: the kernel's own, on guest memory; thread ids are the host's, so PI and robust futexes work
// unchanged.
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <cerrno>

#include "linux/syscalls.h"

namespace vm::linux::sys {

i64 sys_futex(Call& c) {
    const int op = static_cast<int>(c.a[1]) & FUTEX_CMD_MASK;
    if (!c.out(c.a[0], 4)) return -EFAULT;
    switch (op) {
        case FUTEX_WAIT:
        case FUTEX_WAIT_BITSET:
        case FUTEX_LOCK_PI:
        case FUTEX_LOCK_PI2:
        case FUTEX_WAIT_REQUEUE_PI:
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

i64 sys_membarrier(Call& c) {
    // Barriers between threads are the host's. Making other threads see changed code is a matter of
    // translations: guests announce that with their own instruction or riscv_flush_icache.
    constexpr u64 kRefused =
        MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
        MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ;
    if (c.a[0] & kRefused) return -EINVAL;
    const i64 r = c.host(c.a[0], c.a[1], c.a[2]);
    return c.a[0] == MEMBARRIER_CMD_QUERY && r > 0 ? static_cast<i64>(static_cast<u64>(r) & ~kRefused) : r;
}

}  // namespace vm::linux::sys
