// Memory: everything goes through the AddressSpace, which is the truth about guest mappings.
#include <sys/mman.h>
#include <cerrno>

#include "linux/syscalls.h"

namespace vm::linux::sys {
namespace {

i64 host_on_range(Call& c) {
    if (c.a[1] && !c.mm().in_range(c.a[0], c.a[1])) return -ENOMEM;
    return c.host(c.a[0], c.a[1], c.a[2]);
}

}  // namespace

i64 sys_brk(Call& c) { return c.mm().brk(c.a[0]); }

i64 sys_mmap(Call& c) {
    const u32 flags = static_cast<u32>(c.a[3]);
    const bool file = !(flags & MAP_ANONYMOUS);
    const int fd = file ? static_cast<int>(c.a[4]) : -1;
    return c.mm().mmap(c.a[0], c.a[1], static_cast<u32>(c.a[2]), flags, fd, c.a[5]);
}
i64 sys_munmap(Call& c) { return c.mm().munmap(c.a[0], c.a[1]); }
i64 sys_mprotect(Call& c) { return c.mm().mprotect(c.a[0], c.a[1], static_cast<u32>(c.a[2])); }
i64 sys_mremap(Call& c) { return c.mm().mremap(c.a[0], c.a[1], c.a[2], static_cast<u32>(c.a[3]), c.a[4]); }
i64 sys_madvise(Call& c) { return c.mm().madvise(c.a[0], c.a[1], static_cast<int>(c.a[2])); }
i64 sys_msync(Call& c) { return c.mm().msync(c.a[0], c.a[1], static_cast<int>(c.a[2])); }
i64 sys_remap_file_pages(Call& c) {
    if (c.a[2]) return -EINVAL;  // prot must be 0
    return c.mm().remap_file_pages(c.a[0], c.a[1], c.a[3]);
}
i64 sys_mlock(Call& c) { return host_on_range(c); }
i64 sys_munlock(Call& c) { return host_on_range(c); }
i64 sys_mlock2(Call& c) { return host_on_range(c); }

i64 sys_mlockall(Call& c) {
    // On fault: our own reservations must not be filled with pages that nobody touches.
    constexpr u64 kOnFault = 4;
    return c.host(c.a[0] ? c.a[0] | kOnFault : 0);
}

i64 sys_mincore(Call& c) {
    const u64 page = c.mm().page_size();
    if (c.a[0] & (page - 1)) return -EINVAL;
    if (!c.mm().in_range(c.a[0], c.a[1])) return -ENOMEM;
    if (!c.out(c.a[2], align_up(c.a[1], page) / page)) return -EFAULT;
    return c.host(c.a[0], c.a[1], c.a[2]);
}

// No guest of ours has protection keys: what Linux answers on such a processor.
i64 sys_pkey_mprotect(Call& c) {
    const i32 key = static_cast<i32>(c.a[3]);
    if (key != -1 && key != 0) return -EINVAL;
    return c.mm().mprotect(c.a[0], c.a[1], static_cast<u32>(c.a[2]));
}
i64 sys_pkey_alloc(Call& c) { return c.a[0] || c.a[1] > 3 ? -EINVAL : -ENOSPC; }
i64 sys_pkey_free(Call&) { return -EINVAL; }

}  // namespace vm::linux::sys
