// System V IPC.
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <cerrno>
#include <map>
#include <mutex>

#include "linux/structs.h"
#include "linux/syscalls.h"

namespace vm::linux::sys {
namespace {

constexpr int kIpcInfo = 3, kStat = 11, kInfo = 12, kStatAny = 13, kSemStat = 18, kSemInfo = 19,
              kSemStatAny = 20;

/// Attached segments by address: shmdt gives no length. Guarded; not used from signal handlers.
struct Segments {
    std::mutex mutex;
    std::map<u64, u64> length;
};
Segments& segments() {
    static Segments s;
    return s;
}

}  // namespace

i64 sys_msgsnd(Call& c) {
    if (static_cast<i64>(c.a[2]) < 0) return -EINVAL;
    return c.in(c.a[1], c.a[2] + 8) ? never_restarted(c.host(c.a[0], c.a[1], c.a[2], c.a[3])) : -EFAULT;
}
i64 sys_msgrcv(Call& c) {
    if (static_cast<i64>(c.a[2]) < 0) return -EINVAL;
    return c.out(c.a[1], c.a[2] + 8) ? never_restarted(c.host(c.a[0], c.a[1], c.a[2], c.a[3], c.a[4]))
                                     : -EFAULT;
}
i64 sys_msgctl(Call& c) {
    constexpr u64 kMsqidDs = 120;
    return c.out(c.a[2], kMsqidDs) ? c.host(c.a[0], c.a[1], c.a[2]) : -EFAULT;
}

i64 sys_semctl(Call& c) {
    const int cmd = static_cast<int>(c.a[2]);
    HostSemidDs host{};
    c.a[3] = c.plain(c.a[3]);
    switch (cmd) {
        case IPC_STAT:
        case kSemStat:
        case kSemStatAny: {
            const i64 r = c.host(c.a[0], c.a[1], c.a[2], ptr(&host));
            if (r < 0) return r;
            const bool ok = c.abi().generic_structs ? c.put(c.a[3], convert_semid<GenericSemidDs>(host))
                                                    : c.put(c.a[3], convert_semid<X86SemidDs>(host));
            return ok ? r : -EFAULT;
        }
        case IPC_SET: {
            GenericSemidDs g;
            X86SemidDs x;
            if (!(c.abi().generic_structs ? c.get(c.a[3], &g) : c.get(c.a[3], &x))) return -EFAULT;
            host = c.abi().generic_structs ? convert_semid<HostSemidDs>(g) : convert_semid<HostSemidDs>(x);
            return c.host(c.a[0], c.a[1], c.a[2], ptr(&host));
        }
        case GETALL:
        case SETALL: {
            const i64 r = raw_syscall(SYS_semctl, c.a[0], 0, IPC_STAT, ptr(&host));
            if (r < 0) return r;
            if (!c.out(c.a[3], host.nsems * 2)) return -EFAULT;
            break;
        }
        case kIpcInfo:
        case kSemInfo:
            if (!c.out(c.a[3], 40)) return -EFAULT;
            break;
        default: break;
    }
    return c.host(c.a[0], c.a[1], c.a[2], c.a[3]);
}

i64 sys_shmctl(Call& c) {
    constexpr u64 kLargest = 112;  // shmid_ds; shminfo64 and shm_info are smaller
    const int cmd = static_cast<int>(c.a[1]);
    if (cmd == IPC_STAT || cmd == IPC_SET || cmd == kIpcInfo || cmd == kStat + 2 || cmd == kInfo + 2 ||
        cmd == kStatAny + 2)
        if (!c.out(c.a[2], kLargest)) return -EFAULT;
    return c.host(c.a[0], c.a[1], c.a[2]);
}

i64 sys_shmat(Call& c) {
    constexpr u64 kShmRdonly = 010000, kShmRnd = 020000, kShmRemap = 040000, kShmExec = 0100000;
    shmid_ds ds{};
    if (const i64 r = raw_syscall(SYS_shmctl, c.a[0], IPC_STAT, ptr(&ds)); r < 0) return r;
    const u64 page = c.mm().page_size(), len = align_up(ds.shm_segsz, page);
    u64 addr = c.a[1];
    if (c.a[2] & kShmRnd) addr = align_down(addr, page);
    if ((addr & (page - 1)) || ((c.a[2] & kShmRemap) && !addr)) return -EINVAL;
    u32 prot = PROT_READ;
    if (!(c.a[2] & kShmRdonly)) prot |= PROT_WRITE;
    if (c.a[2] & kShmExec) prot |= PROT_EXEC;
    // First a place of our own choosing in the guest's address space, then the segment on top of it.
    u32 flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    if (addr) flags |= c.a[2] & kShmRemap ? MAP_FIXED : MAP_FIXED_NOREPLACE;
    const i64 at = c.mm().mmap(addr, len, prot, flags, -1, 0, "/SYSV (deleted)");
    if (at < 0) return at == -EEXIST ? -EINVAL : at;
    const i64 r =
        raw_syscall(SYS_shmat, c.a[0], static_cast<u64>(at), (c.a[2] & (kShmRdonly | kShmExec)) | kShmRemap);
    if (r < 0) {
        c.mm().munmap(static_cast<u64>(at), len);
        return r;
    }
    std::lock_guard lock(segments().mutex);
    segments().length[static_cast<u64>(at)] = len;
    return at;
}

i64 sys_shmdt(Call& c) {
    u64 len = 0;
    {
        std::lock_guard lock(segments().mutex);
        const auto it = segments().length.find(c.a[0]);
        if (it == segments().length.end()) return -EINVAL;
        len = it->second;
        segments().length.erase(it);
    }
    return c.mm().munmap(c.a[0], len);  // unmapping the whole segment detaches it
}

}  // namespace vm::linux::sys
