// Asynchronous I/O of the kernel (libaio). Its structures are the same for all 64-bit ABIs and guest
// addresses are host addresses, so control blocks go to the host as they are, once every pointer in them was
// checked. The ring that io_setup maps is the host's and lies outside the guest's address space; its address
// is only a number to the guest, or readable as libaio does.
#include <linux/aio_abi.h>
#include <cerrno>

#include "linux/syscalls.h"

namespace vm::linux::sys {
namespace {

bool addresses_ok(Call& c, const iocb& b) {
    switch (b.aio_lio_opcode) {
        case IOCB_CMD_PREAD: return c.out(b.aio_buf, b.aio_nbytes);
        case IOCB_CMD_PWRITE: return c.in(b.aio_buf, b.aio_nbytes);
        case IOCB_CMD_PREADV:
        case IOCB_CMD_PWRITEV: {
            std::vector<IoVec> v;
            return copy_iovec(c, b.aio_buf, b.aio_nbytes, b.aio_lio_opcode == IOCB_CMD_PREADV, &v) != -EFAULT;
        }
        default: return true;  // no memory, or an operation that the kernel refuses
    }
}

}  // namespace

i64 sys_io_submit(Call& c) {
    const i64 n = static_cast<i64>(c.a[1]);
    if (n < 0) return -EINVAL;
    i64 good = 0;
    for (; good < n; good++) {
        u64 at = 0;
        iocb block;
        if (!c.get(c.a[2] + static_cast<u64>(good) * 8, &at) || !c.get(at, &block)) break;
        if (!c.out(at, sizeof block) || !addresses_ok(c, block)) break;
    }
    if (good == 0 && n > 0) {  // what the kernel says of a bad context comes first
        const i64 r = c.host(c.a[0], 0, c.a[2]);
        return r < 0 ? r : -EFAULT;
    }
    return c.host(c.a[0], static_cast<u64>(good), c.a[2]);
}

i64 sys_io_getevents(Call& c) {
    const i64 n = static_cast<i64>(c.a[2]);
    if (n > 0 && !c.out(c.a[3], std::min<u64>(c.a[2], 1 << 20) * sizeof(io_event))) return -EFAULT;
    if (!c.in(c.a[4], 16)) return -EFAULT;
    return never_restarted(c.host(c.a[0], c.a[1], c.a[2], c.a[3], c.a[4]));
}

i64 sys_io_pgetevents(Call& c) {
    struct {
        u64 mask, size;
    } arg{};
    u64 guest = 0, host = 0;
    if (c.a[5] && !c.get(c.a[5], &arg)) return -EFAULT;
    if (arg.mask) {
        if (arg.size != 8) return -EINVAL;
        if (!c.get(c.plain(arg.mask), &guest)) return -EFAULT;
        host = guest & ~kSyncSignals;
        arg.mask = reinterpret_cast<u64>(&host);
    }
    const i64 n = static_cast<i64>(c.a[2]);
    if (n > 0 && !c.out(c.a[3], std::min<u64>(c.a[2], 1 << 20) * sizeof(io_event))) return -EFAULT;
    if (!c.in(c.a[4], 16)) return -EFAULT;
    const i64 r = c.host(c.a[0], c.a[1], c.a[2], c.a[3], c.a[4], c.a[5] ? reinterpret_cast<u64>(&arg) : 0);
    if (r == -EINTR && arg.mask) set_temporary_mask(c.t, guest);
    return never_restarted(r);
}

}  // namespace vm::linux::sys
