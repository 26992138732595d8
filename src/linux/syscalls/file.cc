// Files: opening, status, links, vectors, fcntl and ioctl. What needs no conversion is a Passthrough row.
#include <asm/ioctl.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

#include <algorithm>

#include "base/format.h"
#include "linux/structs.h"
#include "linux/syscalls.h"

namespace vm::linux::sys {
namespace {

u64 ptr(const void* p) { return reinterpret_cast<u64>(p); }

i64 put_stat(Call& c, u64 addr, const struct stat& s) {
    if (c.abi().generic_structs) return c.put(addr, generic_stat(s)) ? 0 : -EFAULT;
    return c.put(addr, x86_stat(s)) ? 0 : -EFAULT;
}

/// Opens with the guest's rules; `how` replaces flags and mode for openat2.
i64 open_file(Call& c, int dirfd, u64 path_addr, u32 guest_flags, u64 mode, const u64* how) {
    std::string guest_path;
    if (const i64 r = read_path(c, path_addr, &guest_path); r < 0) return r;
    const u32 flags = host_open_flags(c.abi(), guest_flags);
    if (guest_path.starts_with("/proc/"))
        if (const auto fd = open_emulated_proc(c.t, guest_path, static_cast<int>(flags))) return *fd;
    std::string path;
    if (const i64 r = resolve_path(c, dirfd, path_addr, !(flags & O_NOFOLLOW), &path); r < 0) return r;
    const u64 d = static_cast<u64>(static_cast<i64>(dirfd));
    if (!how) return safe_syscall(c.t, SYS_openat, d, ptr(path.c_str()), flags, mode);
    return safe_syscall(c.t, SYS_openat2, d, ptr(path.c_str()), ptr(how), 24);
}

i64 vector_io(Call& c, bool kernel_writes) {
    std::vector<IoVec> v;
    if (const i64 r = copy_iovec(c, c.a[1], static_cast<u32>(c.a[2]), kernel_writes, &v); r < 0) return r;
    return c.host(c.a[0], ptr(v.data()), v.size(), c.a[3], c.a[4], c.a[5]);
}

}  // namespace

i64 sys_openat(Call& c) {
    return open_file(c, static_cast<int>(c.a[0]), c.a[1], static_cast<u32>(c.a[2]), c.a[3], nullptr);
}

i64 sys_openat2(Call& c) {
    u64 how[3];
    if (c.a[3] < sizeof how) return -EINVAL;
    if (c.a[3] > 4096) return -E2BIG;
    if (!c.mm().read(c.a[2], how, sizeof how)) return -EFAULT;
    std::string rest(c.a[3] - sizeof how, '\0');
    if (!rest.empty() && !c.mm().read(c.a[2] + sizeof how, rest.data(), rest.size())) return -EFAULT;
    if (std::any_of(rest.begin(), rest.end(), [](char b) { return b != 0; })) return -E2BIG;
    if (how[0] >> 32) return -EINVAL;
    const u32 guest_flags = static_cast<u32>(how[0]);
    how[0] = host_open_flags(c.abi(), guest_flags);
    return open_file(c, static_cast<int>(c.a[0]), c.a[1], guest_flags, 0, how);
}

i64 sys_readv(Call& c) { return vector_io(c, true); }
i64 sys_writev(Call& c) { return vector_io(c, false); }
i64 sys_preadv(Call& c) { return vector_io(c, true); }
i64 sys_pwritev(Call& c) { return vector_io(c, false); }
i64 sys_preadv2(Call& c) { return vector_io(c, true); }
i64 sys_pwritev2(Call& c) { return vector_io(c, false); }
i64 sys_vmsplice(Call& c) { return vector_io(c, true); }  // the direction is the pipe's: prepare for both

i64 sys_readlinkat(Call& c) {
    std::string guest_path, path;
    if (const i64 r = read_path(c, c.a[1], &guest_path); r < 0) return r;
    if (static_cast<i32>(c.a[3]) <= 0) return -EINVAL;
    const u64 room = static_cast<u32>(c.a[3]);
    if (is_own_exe(guest_path)) {
        const std::string& exe = c.t.process().exe_path;
        const u64 n = std::min<u64>(exe.size(), room);
        return c.out(c.a[2], n) && c.mm().write(c.a[2], exe.data(), n) ? static_cast<i64>(n) : -EFAULT;
    }
    if (const i64 r = resolve_path(c, static_cast<int>(c.a[0]), c.a[1], false, &path); r < 0) return r;
    if (!c.out(c.a[2], room)) return -EFAULT;
    return c.host(c.a[0], ptr(path.c_str()), c.a[2], room);
}

i64 sys_newfstatat(Call& c) {
    struct stat s;
    std::string path;
    const bool follow = !(c.a[3] & AT_SYMLINK_NOFOLLOW);
    if (c.a[1])
        if (const i64 r = resolve_path(c, static_cast<int>(c.a[0]), c.a[1], follow, &path); r < 0) return r;
    const i64 r = c.host(c.a[0], c.a[1] ? ptr(path.c_str()) : 0, ptr(&s), c.a[3]);
    return r < 0 ? r : put_stat(c, c.a[2], s);
}

i64 sys_fstat(Call& c) {
    struct stat s;
    const i64 r = c.host(c.a[0], ptr(&s));
    return r < 0 ? r : put_stat(c, c.a[1], s);
}

i64 sys_chroot(Call& c) {
    const i64 r = pass(c);
    if (r == 0) c.t.process().leave_sysroot();
    return r;
}

i64 sys_fcntl(Call& c) {
    constexpr u64 kFlockBytes = 32, kOwnerExBytes = 8;
    constexpr int kGetlk = 5, kSetlk = 6, kSetlkw = 7, kGetOwnerUids = 17;
    switch (static_cast<int>(c.a[1])) {
        case F_GETFL: {
            const i64 r = c.host(c.a[0], c.a[1]);
            return r < 0 ? r : guest_open_flags(c.abi(), static_cast<u32>(r));
        }
        case F_SETFL: return c.host(c.a[0], c.a[1], host_open_flags(c.abi(), static_cast<u32>(c.a[2])));
        case kGetlk:
        case kSetlk:
        case kSetlkw:
        case F_OFD_GETLK:
        case F_OFD_SETLK:
        case F_OFD_SETLKW:
            if (!c.out(c.a[2], kFlockBytes)) return -EFAULT;
            break;
        case F_GETOWN_EX:
        case F_SETOWN_EX:
        case F_GET_RW_HINT:
        case F_SET_RW_HINT:
        case F_GET_FILE_RW_HINT:
        case F_SET_FILE_RW_HINT:
        case kGetOwnerUids:
            if (!c.out(c.a[2], kOwnerExBytes)) return -EFAULT;
            break;
        default: break;
    }
    return c.host(c.a[0], c.a[1], c.a[2]);
}

i64 sys_ioctl(Call& c) {
    const u32 request = static_cast<u32>(c.a[1]);
    constexpr u32 kSgIo = 0x2285, kKvmType = 0xae, kUsbType = 'U';
    // Requests whose structures lead the kernel to further memory that the table cannot check.
    if (request == kSgIo || _IOC_TYPE(request) == kKvmType ||
        (_IOC_TYPE(request) == kUsbType && _IOC_SIZE(request)))
        return -ENOTTY;
    const u64 arg = c.a[2];
    const u64 size = _IOC_DIR(request) != _IOC_NONE && _IOC_SIZE(request) ? _IOC_SIZE(request) : 64;
    if (c.mm().in_range(arg, size))
        c.mm().prepare_kernel_write(arg, size);
    else if (arg >= c.mm().task_size() && arg < u64{1} << 47)
        return -EFAULT;
    if (request == SIOCGIFCONF) {
        struct {
            i32 len, pad;
            u64 buf;
        } conf;
        if (!c.get(arg, &conf)) return -EFAULT;
        if (conf.buf && !c.out(conf.buf, static_cast<u32>(conf.len))) return -EFAULT;
    }
    return c.host(c.a[0], c.a[1], arg);
}

}  // namespace vm::linux::sys
