// Structures whose layout differs between guest ABIs and the host, and the conversions.
#pragma once

#include <sys/epoll.h>
#include <sys/stat.h>

#include "linux/abi.h"

namespace vm::linux {

/// struct stat of asm-generic (riscv64, arm64).
struct GenericStat {
    u64 dev, ino;
    u32 mode, nlink, uid, gid;
    u64 rdev, pad1;
    i64 size;
    i32 blksize, pad2;
    i64 blocks;
    i64 atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
    u32 unused[2];
};
static_assert(sizeof(GenericStat) == 128);
/// struct stat of x86-64.
struct X86Stat {
    u64 dev, ino, nlink;
    u32 mode, uid, gid, pad0;
    u64 rdev;
    i64 size, blksize, blocks;
    i64 atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
    i64 unused[3];
};
static_assert(sizeof(X86Stat) == 144);
GenericStat generic_stat(const struct stat& s);
X86Stat x86_stat(const struct stat& s);

/// epoll_event: packed on x86-64 only.
struct GenericEpollEvent {
    u32 events, pad;
    u64 data;
};
static_assert(sizeof(GenericEpollEvent) == 16);
struct [[gnu::packed]] X86EpollEvent {
    u32 events;
    u64 data;
};
static_assert(sizeof(X86EpollEvent) == 12);

/// semid64_ds: x86-64 has a spare word behind each time.
struct IpcPerm {
    i32 key;
    u32 uid, gid, cuid, cgid, mode;
    u16 seq, pad;
    u32 pad2;
    u64 unused[2];
};
static_assert(sizeof(IpcPerm) == 48);
struct GenericSemidDs {
    IpcPerm perm;
    i64 otime, ctime;
    u64 nsems, unused[2];
};
struct X86SemidDs {
    IpcPerm perm;
    i64 otime;
    u64 unused1;
    i64 ctime;
    u64 unused2, nsems, unused[2];
};
static_assert(sizeof(GenericSemidDs) == 88 && sizeof(X86SemidDs) == 104);
#if defined(__x86_64__)
using HostSemidDs = X86SemidDs;
#else
using HostSemidDs = GenericSemidDs;
#endif
template <class To, class From>
To convert_semid(const From& f) {
    To t{};
    t.perm = f.perm;
    t.otime = f.otime;
    t.ctime = f.ctime;
    t.nsems = f.nsems;
    return t;
}

/// open(2) flags, guest to host and back.
u32 host_open_flags(const Abi& abi, u32 flags);
u32 guest_open_flags(const Abi& abi, u32 flags);

/// struct user_msghdr, the same for all 64-bit ABIs.
struct MsgHdr {
    u64 name;
    u32 namelen, pad0;
    u64 iov, iovlen, control, controllen;
    u32 flags, pad1;
};
static_assert(sizeof(MsgHdr) == 56);
struct MmsgHdr {
    MsgHdr hdr;
    u32 len, pad;
};

}  // namespace vm::linux
