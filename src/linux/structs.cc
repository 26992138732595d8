#include "linux/structs.h"

#include <fcntl.h>

namespace vm::linux {
namespace {

#if defined(__aarch64__)
constexpr u32 kHostLargefile = 0400000;
#else
constexpr u32 kHostLargefile = 0100000;  // glibc's O_LARGEFILE is 0 where it is implied
#endif

struct FlagPair {
    u32 guest, host;
};
struct FlagPairs {
    FlagPair p[4];
};
FlagPairs pairs(const Abi& a) {
    return {{{a.o_directory, O_DIRECTORY},
             {a.o_nofollow, O_NOFOLLOW},
             {a.o_direct, O_DIRECT},
             {a.o_largefile, kHostLargefile}}};
}

template <class S>
void common(S& o, const struct stat& s) {
    o.dev = s.st_dev;
    o.ino = s.st_ino;
    o.mode = s.st_mode;
    o.nlink = static_cast<decltype(o.nlink)>(s.st_nlink);
    o.uid = s.st_uid;
    o.gid = s.st_gid;
    o.rdev = s.st_rdev;
    o.size = s.st_size;
    o.blksize = static_cast<decltype(o.blksize)>(s.st_blksize);
    o.blocks = s.st_blocks;
    o.atime = s.st_atim.tv_sec;
    o.atime_ns = s.st_atim.tv_nsec;
    o.mtime = s.st_mtim.tv_sec;
    o.mtime_ns = s.st_mtim.tv_nsec;
    o.ctime = s.st_ctim.tv_sec;
    o.ctime_ns = s.st_ctim.tv_nsec;
}

}  // namespace

GenericStat generic_stat(const struct stat& s) {
    GenericStat o{};
    common(o, s);
    return o;
}
X86Stat x86_stat(const struct stat& s) {
    X86Stat o{};
    common(o, s);
    return o;
}

u32 host_open_flags(const Abi& abi, u32 flags) {
    u32 out = flags;
    for (const auto& p : pairs(abi).p) out &= ~p.guest;
    for (const auto& p : pairs(abi).p)
        if (flags & p.guest) out |= p.host;
    return out;
}
u32 guest_open_flags(const Abi& abi, u32 flags) {
    u32 out = flags;
    for (const auto& p : pairs(abi).p) out &= ~p.host;
    for (const auto& p : pairs(abi).p)
        if (flags & p.host) out |= p.guest;
    return out;
}

}  // namespace vm::linux
