// Files: opening, status, links, vectors, fcntl and ioctl. What needs no conversion is a Passthrough row.
#include <asm/ioctl.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <climits>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/format.h"
#include "linux/structs.h"
#include "linux/syscalls.h"

namespace vm::linux::sys {
namespace {

i64 put_stat(Call& c, u64 addr, const struct stat& s) {
    if (c.abi().generic_structs) return c.put(addr, generic_stat(s)) ? 0 : -EFAULT;
    return c.put(addr, x86_stat(s)) ? 0 : -EFAULT;
}

/// Does the descriptor stand for a directory with an entry for each thread of this process?
bool lists_our_threads(int fd) {
    char text[PATH_MAX];
    const ssize_t n = ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), text, sizeof text);
    return n > 0 &&
           std::string_view(text, static_cast<size_t>(n)) == fmt::format("/proc/{}/task", ::getpid());
}

/// The path has been resolved under --root and holds no symlink: one that appears meanwhile must not lead
/// out. -ELOOP then.
i64 open_without_links(Call& c, const std::string& path, u32 flags, u64 mode) {
    const bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
    const u64 how[3] = {u64{flags} | O_LARGEFILE, creates ? mode & 07777 : 0, RESOLVE_NO_SYMLINKS};
    const i64 r =
        safe_syscall(c.t, SYS_openat2, static_cast<u64>(AT_FDCWD), ptr(path.c_str()), ptr(how), sizeof how);
    // Flags that openat ignores and openat2 does not, no openat2, or a refusal that openat repeats.
    if (r != -EINVAL && r != -ENOSYS && r != -EPERM) return r;
    return safe_syscall(c.t, SYS_openat, static_cast<u64>(AT_FDCWD), ptr(path.c_str()), flags, mode);
}

i64 open_file(Call& c, u32 guest_flags) {
    const int dirfd = static_cast<int>(c.a[0]);
    const u32 flags = host_open_flags(c.abi(), guest_flags);
    const FileView& files = c.t.process().files();
    Look look = flags & O_NOFOLLOW ? Look::NoFollow : Look::Follow;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) look = Look::Entry;
    for (int attempt = 0;; attempt++) {
        std::string path;
        if (const i64 r = resolve_path(c, dirfd, c.a[1], look, &path); r < 0) return r;
        if (const auto fd = open_emulated_proc(c.t, dirfd, path, static_cast<int>(flags))) return *fd;
        if (files.kind() != FileView::Kind::Root || (flags & O_PATH) || !path.starts_with(files.root() + "/"))
            return safe_syscall(c.t, SYS_openat, c.a[0], ptr(path.c_str()), flags, c.a[3]);
        const i64 r = open_without_links(c, path, flags, c.a[3]);
        if (r != -ELOOP || look != Look::Follow || attempt == 8) return r;
    }
}

/// openat2's own limits on the way: within `dirfd` they are the kernel's to keep, elsewhere they hold for the
/// guest's view.
i64 open_file2(Call& c, u64 (&how)[3]) {
    const int dirfd = static_cast<int>(c.a[0]);
    const FileView& files = c.t.process().files();
    const bool nofollow = how[0] & O_NOFOLLOW;
    std::string path;
    u64 from = c.a[0];
    if (how[2] & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) {
        if (const i64 r = read_path(c, c.a[1], &path); r < 0) return r;
    } else {
        std::string guest;
        if (const i64 r = read_path(c, c.a[1], &guest); r < 0) return r;
        auto exe = guest_exe(c.t.process(), guest);
        if (exe && !files.visible(*exe)) exe.reset();
        if (!how[2] || !exe) {
            if (const i64 r =
                    files.resolve(dirfd, guest, nofollow ? Look::NoFollow : Look::Follow, &path, how[2]);
                r < 0)
                return r;
        } else {
            path = guest;  // a link of /proc: the kernel knows whether the guest allows that
        }
        if (!how[2] && !nofollow && exe) path = *exe;
        if (const auto fd = open_emulated_proc(c.t, dirfd, path, static_cast<int>(how[0]))) return *fd;
        if ((how[2] & RESOLVE_NO_XDEV) && files.kind() == FileView::Kind::Root && path.starts_with('/')) {
            if (!path.starts_with(files.root())) return -EXDEV;
            path = "." + path.substr(files.root().size());
            from = static_cast<u64>(static_cast<i64>(files.root_fd()));
        }
    }
    return safe_syscall(c.t, SYS_openat2, from, ptr(path.c_str()), ptr(how), sizeof how);
}

i64 vector_io(Call& c, bool kernel_writes) {
    std::vector<IoVec> v;
    if (const i64 r = copy_iovec(c, c.a[1], static_cast<u32>(c.a[2]), kernel_writes, &v); r < 0)
        return descriptor_first(c, r);
    return c.host(c.a[0], ptr(v.data()), v.size(), c.a[3], c.a[4], c.a[5]);
}

}  // namespace

i64 sys_openat(Call& c) { return open_file(c, static_cast<u32>(c.a[2])); }

i64 sys_openat2(Call& c) {
    u64 how[3];
    if (c.a[3] < sizeof how) return -EINVAL;
    if (c.a[3] > 4096) return -E2BIG;
    if (!c.mm().read(c.a[2], how, sizeof how)) return -EFAULT;
    std::string rest(c.a[3] - sizeof how, '\0');
    if (!rest.empty() && !c.mm().read(c.a[2] + sizeof how, rest.data(), rest.size())) return -EFAULT;
    if (std::any_of(rest.begin(), rest.end(), [](char b) { return b != 0; })) return -E2BIG;
    if (how[0] >> 32) return -EINVAL;
    how[0] = host_open_flags(c.abi(), static_cast<u32>(how[0]));
    return open_file2(c, how);
}

// Programs close descriptors that they do not know; ours is not theirs.

i64 sys_close(Call& c) {
    const int fd = static_cast<int>(c.a[0]);
    return fd >= 0 && fd == c.t.process().self().hidden() ? -EBADF : pass(c);
}

i64 sys_close_range(Call& c) {
    const u64 first = static_cast<u32>(c.a[0]), last = static_cast<u32>(c.a[1]);
    const int hidden = c.t.process().self().hidden();
    const u64 ours = static_cast<u64>(hidden);
    if (hidden < 0 || first > ours || last < ours || first > last) return pass(c);
    u64 flags = c.a[2];
    if (first < ours) {
        if (const i64 r = c.host(first, ours - 1, flags); r < 0) return r;
        flags &= ~u64{CLOSE_RANGE_UNSHARE};  // done
    }
    return last > ours ? c.host(ours + 1, last, flags) : 0;
}

// The thread of tier 2 is not the guest's.
i64 sys_getdents64(Call& c) {
    constexpr size_t kLengthAt = 16, kNameAt = 19;  // of struct linux_dirent64
    for (;;) {
        const i64 r = pass(c);
        const int ours = r > 0 ? c.t.process().engine().background_tid() : 0;
        if (ours == 0 || !lists_our_threads(static_cast<int>(c.a[0]))) return r;
        std::vector<char> entries(static_cast<size_t>(r));
        if (!c.mm().read(c.a[1], entries.data(), entries.size())) return -EFAULT;
        size_t kept = 0;
        for (size_t at = 0; at < entries.size();) {
            u16 length = 0;
            std::memcpy(&length, &entries[at + kLengthAt], sizeof length);
            if (std::string_view(&entries[at + kNameAt]) != std::to_string(ours)) {
                std::memmove(&entries[kept], &entries[at], length);
                kept += length;
            }
            at += length;
        }
        if (kept == entries.size()) return r;
        if (!c.mm().write(c.a[1], entries.data(), kept)) return -EFAULT;
        if (kept != 0) return static_cast<i64>(kept);
    }
}

i64 sys_readv(Call& c) { return vector_io(c, true); }
i64 sys_writev(Call& c) { return vector_io(c, false); }
i64 sys_preadv(Call& c) { return static_cast<i64>(c.a[3]) < 0 ? -EINVAL : vector_io(c, true); }
i64 sys_pwritev(Call& c) { return static_cast<i64>(c.a[3]) < 0 ? -EINVAL : vector_io(c, false); }
i64 sys_preadv2(Call& c) { return vector_io(c, true); }
i64 sys_pwritev2(Call& c) { return vector_io(c, false); }
i64 sys_vmsplice(Call& c) {
    constexpr u64 kFlags = 15;
    // The direction is the pipe's: prepare for both.
    return static_cast<u32>(c.a[3]) & ~kFlags ? -EINVAL : vector_io(c, true);
}

i64 sys_newfstatat(Call& c) {
    struct stat s;
    std::string path;
    const Look look = c.a[3] & AT_SYMLINK_NOFOLLOW ? Look::NoFollow : Look::Follow;
    if (c.a[1])
        if (const i64 r = resolve_path(c, static_cast<int>(c.a[0]), c.a[1], look, &path); r < 0) return r;
    const i64 r = c.host(c.a[0], c.a[1] ? ptr(path.c_str()) : 0, ptr(&s), c.a[3]);
    return r < 0 ? r : put_stat(c, c.a[2], s);
}

i64 sys_fstat(Call& c) {
    struct stat s;
    const i64 r = c.host(c.a[0], ptr(&s));
    return r < 0 ? r : put_stat(c, c.a[1], s);
}

i64 sys_fcntl(Call& c) {
    constexpr u64 kFlockBytes = 32, kOwnerExBytes = 8;
    constexpr int kGetlk = 5, kSetlk = 6, kSetlkw = 7, kGetOwnerUids = 17;
    c.a[2] = c.plain(c.a[2]);
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
    const u64 arg = c.plain(c.a[2]);
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
        if (conf.buf != c.plain(conf.buf)) return -EFAULT;  // the kernel reads it from the guest's memory
        if (conf.buf && !c.out(conf.buf, static_cast<u32>(conf.len))) return -EFAULT;
    }
    return c.host(c.a[0], c.a[1], arg);
}

}  // namespace vm::linux::sys
