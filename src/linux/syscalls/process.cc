// Processes and threads: creation, end, execution; limits; prctl.
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

#include "base/format.h"
#include "linux/syscalls.h"

namespace vm::linux::sys {
namespace {

i64 read_strings(Call& c, u64 addr, std::vector<std::string>* out) {
    constexpr u64 kMost = 1 << 18, kMostBytes = u64{8} << 20;
    u64 bytes = 0;
    if (!addr) return 0;  // Linux takes NULL for an empty list
    for (u64 i = 0;; i++) {
        u64 p = 0;
        if (!c.get(addr + i * 8, &p)) return -EFAULT;
        if (!p) return 0;
        std::string s;
        if (!c.mm().read_string(c.plain(p), &s, 1 << 20)) return -EFAULT;
        bytes += s.size() + 9;
        if (i == kMost || bytes > kMostBytes) return -E2BIG;
        out->push_back(std::move(s));
    }
}

i64 execute(Call& c, std::string path, u64 argv_addr, u64 envp_addr) {
    std::vector<std::string> argv, env;
    i64 bad = read_strings(c, argv_addr, &argv);
    if (bad == 0) bad = read_strings(c, envp_addr, &env);
    if (bad < 0) {  // the kernel looks for the program first
        std::string host;
        const i64 r = c.t.process().files().resolve(AT_FDCWD, path, Look::Follow, &host);
        if (r < 0) return r;
        return ::access(host.c_str(), F_OK) != 0 ? -errno : bad;
    }
    if (const auto exe = guest_exe(c.t.process(), path); exe && c.t.process().files().visible(*exe))
        path = c.t.process().files().guest_path(*exe);
    // A signal already noted belongs to this program; its handler runs first.
    if (signal_waiting(c.t)) return -kRestartAlways;
    return do_execve(c.t, path, std::move(argv), std::move(env));
}

}  // namespace

i64 sys_exit(Call& c) {
    do_exit_thread(c.t, static_cast<int>(c.a[0]));
    return kNoResult;
}
i64 sys_exit_group(Call& c) {
    do_exit_group(c.t, static_cast<int>(c.a[0] & 255));
    return kNoResult;
}

i64 sys_execve(Call& c) {
    std::string path;
    if (const i64 r = read_path(c, c.a[0], &path); r < 0) return r;
    return execute(c, std::move(path), c.a[1], c.a[2]);
}

i64 sys_execveat(Call& c) {
    std::string path;
    if (const i64 r = read_path(c, c.a[1], &path); r < 0) return r;
    const int dirfd = static_cast<int>(c.a[0]);
    if (c.a[4] & ~u64{AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW}) return -EINVAL;
    if (path.empty()) {
        if (!(c.a[4] & AT_EMPTY_PATH)) return -ENOENT;
        if (::fcntl(dirfd, F_GETFD) < 0) return -EBADF;
        return execute(c, fmt::format("/proc/self/fd/{}", dirfd), c.a[2], c.a[3]);
    }
    if (c.a[4] & AT_SYMLINK_NOFOLLOW) {
        char byte;
        std::string host;
        if (const i64 r = resolve_path(c, dirfd, c.a[1], Look::NoFollow, &host); r < 0) return r;
        if (::readlinkat(dirfd, host.c_str(), &byte, 1) >= 0) return -ELOOP;
    }
    if (path.front() != '/' && dirfd != AT_FDCWD) {
        if (::fcntl(dirfd, F_GETFD) < 0) return -EBADF;
        path = fmt::format("/proc/self/fd/{}/{}", dirfd, path);
    }
    return execute(c, std::move(path), c.a[2], c.a[3]);
}

i64 sys_clone(Call& c) {
    // asm-generic: flags, stack, parent_tid, tls, child_tid; x86-64 has the last two the other way round.
    const bool generic = c.abi().generic_structs;
    CloneRequest r;
    r.flags = static_cast<u32>(c.a[0]) & ~u64{0xff};
    r.exit_signal = static_cast<int>(c.a[0] & 0xff);
    r.stack = c.a[1];
    r.parent_tid = r.pidfd = c.plain(c.a[2]);  // one pointer for both
    r.child_tid = c.plain(generic ? c.a[4] : c.a[3]);
    r.tls = generic ? c.a[3] : c.a[4];
    return do_clone(c.t, r);
}

i64 sys_clone3(Call& c) {
    struct Args {
        u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
            cgroup;
    } a{};
    constexpr u64 kVer0 = 64, kMaxPidLevels = 32;
    constexpr u64 kKnown = 0xffffffff | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
    if (c.a[1] < kVer0) return -EINVAL;
    if (c.a[1] > 4096) return -E2BIG;
    if (!c.mm().read(c.a[0], &a, std::min<u64>(c.a[1], sizeof a))) return -EFAULT;
    if (c.a[1] > sizeof a) {  // a newer structure: what we do not know must be zero
        std::string rest(c.a[1] - sizeof a, '\0');
        if (!c.mm().read(c.a[0] + sizeof a, rest.data(), rest.size())) return -EFAULT;
        if (rest.find_first_not_of('\0') != rest.npos) return -E2BIG;
    }
    if (a.set_tid_size > kMaxPidLevels || !a.set_tid != !a.set_tid_size) return -EINVAL;
    if (a.exit_signal > 64 || (a.flags & ~kKnown) || (a.flags & (0xff & ~u64{CLONE_NEWTIME})) ||
        (a.flags & CLONE_DETACHED) || !a.stack != !a.stack_size)
        return -EINVAL;
    if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal) return -EINVAL;
    if ((a.flags & CLONE_INTO_CGROUP) && (a.cgroup > 0x7fffffff || c.a[1] < sizeof a)) return -EINVAL;
    CloneRequest r;
    r.flags = a.flags;
    r.exit_signal = static_cast<int>(a.exit_signal);
    r.stack = a.stack + a.stack_size;
    r.parent_tid = c.plain(a.parent_tid);
    r.child_tid = c.plain(a.child_tid);
    r.tls = a.tls;
    r.pidfd = c.plain(a.pidfd);
    r.cgroup = a.cgroup;
    r.set_tid.resize(a.set_tid_size);
    if (a.set_tid && !c.mm().read(c.plain(a.set_tid), r.set_tid.data(), a.set_tid_size * sizeof(i32)))
        return -EFAULT;
    return do_clone(c.t, r);
}

i64 sys_set_tid_address(Call& c) {
    c.t.clear_child_tid = c.a[0];
    return c.t.tid;
}

i64 sys_set_robust_list(Call& c) {
    // The list head has one layout on all 64-bit Linux, and guest addresses are host addresses: the host
    // kernel itself releases the locks of a thread or process that dies.
    if (c.a[1] != 24) return -EINVAL;
    const i64 r = c.host(c.a[0], c.a[1]);
    if (r == 0) {
        c.t.robust_list = c.a[0];
        c.t.robust_list_len = c.a[1];
    }
    return r;
}

// ---- limits. Those on memory would hit the translator itself, so they are kept for the guest and applied to
// it alone.

namespace {
struct Limit {
    u64 cur, max;
};
bool is_ours(u64 resource) {
    return resource == RLIMIT_AS || resource == RLIMIT_DATA || resource == RLIMIT_STACK;
}
/// The guest's own view of the limits that are not handed to the host; guarded by the mutex.
struct OwnLimits {
    std::mutex mutex;
    bool set[RLIMIT_NLIMITS] = {};
    Limit value[RLIMIT_NLIMITS] = {};
};
OwnLimits& own_limits() {
    static OwnLimits l;
    return l;
}

i64 change_limit(Call& c, u64 pid, u64 resource, const Limit* set, Limit* old) {
    const bool self = pid == 0 || pid == static_cast<u64>(getpid());
    const bool ours = self && resource < RLIMIT_NLIMITS && is_ours(resource);
    Limit current{};
    const Limit* to_host = ours ? nullptr : set;
    const i64 r = raw_syscall(SYS_prlimit64, pid, resource, reinterpret_cast<u64>(to_host),
                              reinterpret_cast<u64>(&current));
    if (r < 0) return r;
    if (ours) {
        OwnLimits& l = own_limits();
        std::lock_guard lock(l.mutex);
        if (l.set[resource]) current = l.value[resource];
        if (set) {
            if (set->cur > set->max) return -EINVAL;
            if (set->max > current.max && geteuid() != 0) return -EPERM;
            l.set[resource] = true;
            l.value[resource] = *set;
            if (resource == RLIMIT_AS) c.mm().set_memory_limit(set->cur == RLIM_INFINITY ? 0 : set->cur);
        }
    }
    if (old) *old = current;
    return 0;
}
}  // namespace

}  // namespace vm::linux::sys
bool vm::linux::own_limit(int resource, u64* cur, u64* max) {
    auto& l = sys::own_limits();
    const std::lock_guard lock(l.mutex);
    if (!l.set[resource]) return false;
    *cur = l.value[resource].cur;
    *max = l.value[resource].max;
    return true;
}
namespace vm::linux::sys {

i64 sys_prlimit64(Call& c) {
    Limit set, old;
    if (c.a[2] && !c.get(c.a[2], &set)) return -EFAULT;
    const i64 r =
        change_limit(c, static_cast<u32>(c.a[0]), static_cast<u32>(c.a[1]), c.a[2] ? &set : nullptr, &old);
    if (r < 0) return r;
    return c.a[3] && !c.put(c.a[3], old) ? -EFAULT : 0;
}
i64 sys_getrlimit(Call& c) {
    Limit old;
    if (const i64 r = change_limit(c, 0, static_cast<u32>(c.a[0]), nullptr, &old); r < 0) return r;
    return c.put(c.a[1], old) ? 0 : -EFAULT;
}
i64 sys_setrlimit(Call& c) {
    Limit set;
    if (!c.get(c.a[1], &set)) return -EFAULT;
    return change_limit(c, 0, static_cast<u32>(c.a[0]), &set, nullptr);
}

// The kernel refuses some of it to processes with several threads, and one may be ours.
i64 sys_unshare(Call& c) {
    c.t.process().engine().stop_background();
    return pass(c);
}
i64 sys_setns(Call& c) {
    c.t.process().engine().stop_background();
    return pass(c);
}

i64 sys_personality(Call& c) {
    // Those change how the host lays out the memory of whatever it executes next, which is vm: nothing of the
    // guest's.
    constexpr u64 kReadImpliesExec = 0x400000, kMmapPageZero = 0x100000, kLimit32 = 0x800000,
                  kLimit3Gb = 0x8000000;
    constexpr u32 kPerMask = 0xff, kPerLinux32 = 8;
    const u32 persona = static_cast<u32>(c.a[0]);
    if ((persona & kPerMask) == kPerLinux32 && !c.abi().personality_32) return -EINVAL;
    if (persona != 0xffffffff && (persona & (kReadImpliesExec | kMmapPageZero | kLimit32 | kLimit3Gb)))
        return -EINVAL;
    return c.host(persona);
}

i64 sys_process_vm_readv(Call& c) {
    std::vector<IoVec> local, remote;
    if (const i64 r = copy_iovec(c, c.a[1], c.a[2], true, &local); r < 0) return r;
    if (const i64 r = copy_iovec(c, c.a[3], c.a[4], false, &remote); r < 0) return r;
    return c.host(c.a[0], reinterpret_cast<u64>(local.data()), local.size(),
                  reinterpret_cast<u64>(remote.data()), remote.size(), c.a[5]);
}
i64 sys_process_vm_writev(Call& c) {
    std::vector<IoVec> local, remote;
    if (const i64 r = copy_iovec(c, c.a[1], c.a[2], false, &local); r < 0) return r;
    if (const i64 r = copy_iovec(c, c.a[3], c.a[4], false, &remote); r < 0) return r;
    return c.host(c.a[0], reinterpret_cast<u64>(local.data()), local.size(),
                  reinterpret_cast<u64>(remote.data()), remote.size(), c.a[5]);
}

}  // namespace vm::linux::sys
