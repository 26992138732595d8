// Names of the values that system calls take, for strace text.
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/format.h"
#include "linux/syscalls.h"

namespace vm::linux {
namespace {

struct Name {
    u64 value;
    std::string_view text;
};
#define N(x) \
    { static_cast<u64>(x), #x }

// Values with several bits come before their parts. A zero entry names the empty set.
constexpr Name kOpen[] = {N(O_SYNC),      {020000000 | O_DIRECTORY, "O_TMPFILE"},
                          N(O_WRONLY),    N(O_RDWR),
                          N(O_CREAT),     N(O_EXCL),
                          N(O_NOCTTY),    N(O_TRUNC),
                          N(O_APPEND),    N(O_NONBLOCK),
                          N(O_DSYNC),     N(O_ASYNC),
                          N(O_DIRECT),    {0100000, "O_LARGEFILE"},
                          N(O_DIRECTORY), N(O_NOFOLLOW),
                          N(O_NOATIME),   N(O_CLOEXEC),
                          N(O_PATH),      {0, "O_RDONLY"}};
constexpr Name kAt[] = {N(AT_SYMLINK_NOFOLLOW),
                        {0x200, "AT_REMOVEDIR"},
                        N(AT_SYMLINK_FOLLOW),
                        N(AT_NO_AUTOMOUNT),
                        N(AT_EMPTY_PATH),
                        {0x2000, "AT_STATX_FORCE_SYNC"},
                        {0x4000, "AT_STATX_DONT_SYNC"},
                        {0, "0"}};
constexpr Name kFspick[] = {{1, "FSPICK_CLOEXEC"},
                            {2, "FSPICK_SYMLINK_NOFOLLOW"},
                            {4, "FSPICK_NO_AUTOMOUNT"},
                            {8, "FSPICK_EMPTY_PATH"},
                            {0, "0"}};
constexpr Name kMoveMount[] = {{0x1, "MOVE_MOUNT_F_SYMLINKS"},
                               {0x2, "MOVE_MOUNT_F_AUTOMOUNTS"},
                               {0x4, "MOVE_MOUNT_F_EMPTY_PATH"},
                               {0x10, "MOVE_MOUNT_T_SYMLINKS"},
                               {0x20, "MOVE_MOUNT_T_AUTOMOUNTS"},
                               {0x40, "MOVE_MOUNT_T_EMPTY_PATH"},
                               {0, "0"}};
constexpr Name kAccess[] = {N(R_OK), N(W_OK), N(X_OK), {0, "F_OK"}};
constexpr Name kProt[] = {N(PROT_READ),       N(PROT_WRITE),      N(PROT_EXEC),    N(PROT_GROWSDOWN),
                          {0x10, "PROT_BTI"}, {0x20, "PROT_MTE"}, {0, "PROT_NONE"}};
constexpr Name kMap[] = {{3, "MAP_SHARED_VALIDATE"},
                         N(MAP_SHARED),
                         N(MAP_PRIVATE),
                         N(MAP_FIXED),
                         N(MAP_ANONYMOUS),
                         N(MAP_GROWSDOWN),
                         N(MAP_DENYWRITE),
                         N(MAP_LOCKED),
                         N(MAP_NORESERVE),
                         N(MAP_POPULATE),
                         N(MAP_NONBLOCK),
                         N(MAP_STACK),
                         N(MAP_HUGETLB),
                         {0x100000, "MAP_FIXED_NOREPLACE"},
                         {0, "0"}};
constexpr Name kMremap[] = {N(MREMAP_MAYMOVE), N(MREMAP_FIXED), {4, "MREMAP_DONTUNMAP"}, {0, "0"}};
constexpr Name kMsync[] = {N(MS_ASYNC), N(MS_INVALIDATE), N(MS_SYNC), {0, "0"}};
constexpr Name kMlockall[] = {N(MCL_CURRENT), N(MCL_FUTURE), {4, "MCL_ONFAULT"}, {0, "0"}};
constexpr Name kClone[] = {N(CLONE_VM),
                           N(CLONE_FS),
                           N(CLONE_FILES),
                           N(CLONE_SIGHAND),
                           {0x1000, "CLONE_PIDFD"},
                           N(CLONE_PTRACE),
                           N(CLONE_VFORK),
                           N(CLONE_PARENT),
                           N(CLONE_THREAD),
                           N(CLONE_NEWNS),
                           N(CLONE_SYSVSEM),
                           N(CLONE_SETTLS),
                           N(CLONE_PARENT_SETTID),
                           N(CLONE_CHILD_CLEARTID),
                           N(CLONE_UNTRACED),
                           N(CLONE_CHILD_SETTID),
                           N(CLONE_NEWCGROUP),
                           N(CLONE_NEWUTS),
                           N(CLONE_NEWIPC),
                           N(CLONE_NEWUSER),
                           N(CLONE_NEWPID),
                           N(CLONE_NEWNET),
                           N(CLONE_IO)};
constexpr Name kMsg[] = {N(MSG_OOB),      N(MSG_PEEK), N(MSG_DONTROUTE),    N(MSG_CTRUNC),  N(MSG_TRUNC),
                         N(MSG_DONTWAIT), N(MSG_EOR),  N(MSG_WAITALL),      N(MSG_CONFIRM), N(MSG_ERRQUEUE),
                         N(MSG_NOSIGNAL), N(MSG_MORE), N(MSG_CMSG_CLOEXEC), {0, "0"}};
constexpr Name kAf[] = {N(AF_UNSPEC),  N(AF_UNIX),   N(AF_INET),  N(AF_INET6),
                        N(AF_NETLINK), N(AF_PACKET), N(AF_VSOCK), N(AF_ALG)};
constexpr Name kWait[] = {N(WNOHANG),
                          N(WUNTRACED),
                          N(WEXITED),
                          N(WCONTINUED),
                          {0x01000000, "WNOWAIT"},
                          {0x20000000, "__WNOTHREAD"},
                          {0x40000000, "__WALL"},
                          {0x80000000, "__WCLONE"},
                          {0, "0"}};
constexpr Name kWaitid[] = {N(P_ALL), N(P_PID), N(P_PGID), {3, "P_PIDFD"}};
constexpr Name kClock[] = {N(CLOCK_REALTIME),
                           N(CLOCK_MONOTONIC),
                           N(CLOCK_PROCESS_CPUTIME_ID),
                           N(CLOCK_THREAD_CPUTIME_ID),
                           N(CLOCK_MONOTONIC_RAW),
                           N(CLOCK_REALTIME_COARSE),
                           N(CLOCK_MONOTONIC_COARSE),
                           N(CLOCK_BOOTTIME),
                           N(CLOCK_REALTIME_ALARM),
                           N(CLOCK_BOOTTIME_ALARM),
                           N(CLOCK_TAI)};
constexpr Name kWhence[] = {N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), {3, "SEEK_DATA"}, {4, "SEEK_HOLE"}};
constexpr Name kFcntl[] = {N(F_DUPFD),
                           N(F_GETFD),
                           N(F_SETFD),
                           N(F_GETFL),
                           N(F_SETFL),
                           {5, "F_GETLK"},
                           {6, "F_SETLK"},
                           {7, "F_SETLKW"},
                           N(F_SETOWN),
                           N(F_GETOWN),
                           {10, "F_SETSIG"},
                           {11, "F_GETSIG"},
                           {15, "F_SETOWN_EX"},
                           {16, "F_GETOWN_EX"},
                           {36, "F_OFD_GETLK"},
                           {37, "F_OFD_SETLK"},
                           {38, "F_OFD_SETLKW"},
                           {1024, "F_SETLEASE"},
                           {1025, "F_GETLEASE"},
                           {1026, "F_NOTIFY"},
                           N(F_DUPFD_CLOEXEC),
                           {1031, "F_SETPIPE_SZ"},
                           {1032, "F_GETPIPE_SZ"},
                           {1033, "F_ADD_SEALS"},
                           {1034, "F_GET_SEALS"}};
constexpr Name kIoctl[] = {N(TCGETS),
                           N(TCSETS),
                           N(TCSETSW),
                           N(TCSETSF),
                           N(TIOCGWINSZ),
                           N(TIOCSWINSZ),
                           N(TIOCGPGRP),
                           N(TIOCSPGRP),
                           N(TIOCSCTTY),
                           N(TIOCNOTTY),
                           N(TIOCGSID),
                           N(FIONREAD),
                           N(FIONBIO),
                           N(FIOCLEX),
                           N(FIONCLEX),
                           N(TCSBRK),
                           N(TCFLSH),
                           N(TCXONC),
                           N(TIOCSTI),
                           N(TIOCGPTN),
                           N(TIOCSPTLCK),
                           {0x5441, "TIOCGPTPEER"},
                           {0x802c542a, "TCGETS2"},
                           {0x402c542b, "TCSETS2"},
                           {0x402c542c, "TCSETSW2"},
                           {0x402c542d, "TCSETSF2"}};
constexpr Name kEpollOp[] = {N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD)};
constexpr Name kEventfd[] = {N(EFD_SEMAPHORE), N(EFD_CLOEXEC), N(EFD_NONBLOCK), {0, "0"}};
constexpr Name kEpollCreate[] = {N(EPOLL_CLOEXEC), {0, "0"}};
constexpr Name kTimerfd[] = {N(TFD_CLOEXEC), N(TFD_NONBLOCK), {0, "0"}};
constexpr Name kInotify[] = {N(IN_ACCESS),        N(IN_MODIFY),      N(IN_ATTRIB),      N(IN_CLOSE_WRITE),
                             N(IN_CLOSE_NOWRITE), N(IN_OPEN),        N(IN_MOVED_FROM),  N(IN_MOVED_TO),
                             N(IN_CREATE),        N(IN_DELETE),      N(IN_DELETE_SELF), N(IN_MOVE_SELF),
                             N(IN_ONLYDIR),       N(IN_DONT_FOLLOW), N(IN_EXCL_UNLINK), N(IN_MASK_ADD),
                             N(IN_ONESHOT)};
constexpr Name kFlock[] = {N(LOCK_SH), N(LOCK_EX), N(LOCK_UN), N(LOCK_NB)};
constexpr Name kFallocate[] = {{1, "FALLOC_FL_KEEP_SIZE"},      {2, "FALLOC_FL_PUNCH_HOLE"},
                               {8, "FALLOC_FL_COLLAPSE_RANGE"}, {16, "FALLOC_FL_ZERO_RANGE"},
                               {32, "FALLOC_FL_INSERT_RANGE"},  {0, "0"}};
constexpr Name kMount[] = {N(MS_RDONLY),     N(MS_NOSUID),  N(MS_NODEV), N(MS_NOEXEC), N(MS_REMOUNT),
                           N(MS_NOATIME),    N(MS_BIND),    N(MS_MOVE),  N(MS_REC),    N(MS_SILENT),
                           N(MS_UNBINDABLE), N(MS_PRIVATE), N(MS_SLAVE), N(MS_SHARED), {0, "0"}};
constexpr Name kUmount[] = {N(MNT_FORCE), N(MNT_DETACH), N(MNT_EXPIRE), N(UMOUNT_NOFOLLOW), {0, "0"}};
constexpr Name kXattr[] = {N(XATTR_CREATE), N(XATTR_REPLACE), {0, "0"}};
constexpr Name kRwf[] = {N(RWF_HIPRI), N(RWF_DSYNC), N(RWF_SYNC), N(RWF_NOWAIT), N(RWF_APPEND), {0, "0"}};
constexpr Name kSplice[] = {
    N(SPLICE_F_MOVE), N(SPLICE_F_NONBLOCK), N(SPLICE_F_MORE), N(SPLICE_F_GIFT), {0, "0"}};
constexpr Name kRename[] = {
    {1, "RENAME_NOREPLACE"}, {2, "RENAME_EXCHANGE"}, {4, "RENAME_WHITEOUT"}, {0, "0"}};
constexpr Name kGetrandom[] = {N(GRND_NONBLOCK), N(GRND_RANDOM), {4, "GRND_INSECURE"}, {0, "0"}};
constexpr Name kMemfd[] = {{1, "MFD_CLOEXEC"},     {2, "MFD_ALLOW_SEALING"}, {4, "MFD_HUGETLB"},
                           {8, "MFD_NOEXEC_SEAL"}, {16, "MFD_EXEC"},         {0, "0"}};
constexpr Name kStatxMask[] = {{0xfff, "STATX_ALL"},   {0x7ff, "STATX_BASIC_STATS"}, {1, "STATX_TYPE"},
                               {2, "STATX_MODE"},      {4, "STATX_NLINK"},           {8, "STATX_UID"},
                               {16, "STATX_GID"},      {32, "STATX_ATIME"},          {64, "STATX_MTIME"},
                               {128, "STATX_CTIME"},   {256, "STATX_INO"},           {512, "STATX_SIZE"},
                               {1024, "STATX_BLOCKS"}, {2048, "STATX_BTIME"},        {0, "0"}};
constexpr Name kFutex[] = {
    N(FUTEX_WAIT),         N(FUTEX_WAKE),        N(FUTEX_REQUEUE),         N(FUTEX_CMP_REQUEUE),
    N(FUTEX_WAKE_OP),      N(FUTEX_LOCK_PI),     N(FUTEX_UNLOCK_PI),       N(FUTEX_TRYLOCK_PI),
    N(FUTEX_WAIT_BITSET),  N(FUTEX_WAKE_BITSET), N(FUTEX_WAIT_REQUEUE_PI), N(FUTEX_CMP_REQUEUE_PI),
    {13, "FUTEX_LOCK_PI2"}};
constexpr Name kItimer[] = {N(ITIMER_REAL), N(ITIMER_VIRTUAL), N(ITIMER_PROF)};
constexpr Name kSched[] = {N(SCHED_OTHER),     N(SCHED_FIFO),     N(SCHED_RR),
                           {3, "SCHED_BATCH"}, {5, "SCHED_IDLE"}, {6, "SCHED_DEADLINE"}};
constexpr Name kSigprocmask[] = {N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK)};
constexpr Name kPrio[] = {N(PRIO_PROCESS), N(PRIO_PGRP), N(PRIO_USER)};
constexpr Name kRlimit[] = {N(RLIMIT_CPU),      N(RLIMIT_FSIZE), N(RLIMIT_DATA),   N(RLIMIT_STACK),
                            N(RLIMIT_CORE),     N(RLIMIT_RSS),   N(RLIMIT_NPROC),  N(RLIMIT_NOFILE),
                            N(RLIMIT_MEMLOCK),  N(RLIMIT_AS),    N(RLIMIT_LOCKS),  N(RLIMIT_SIGPENDING),
                            N(RLIMIT_MSGQUEUE), N(RLIMIT_NICE),  N(RLIMIT_RTPRIO), N(RLIMIT_RTTIME)};
constexpr Name kRusage[] = {
    N(RUSAGE_SELF), {static_cast<u32>(RUSAGE_CHILDREN), "RUSAGE_CHILDREN"}, {1, "RUSAGE_THREAD"}};
constexpr Name kPrctl[] = {N(PR_SET_PDEATHSIG),
                           N(PR_GET_PDEATHSIG),
                           N(PR_GET_DUMPABLE),
                           N(PR_SET_DUMPABLE),
                           N(PR_SET_KEEPCAPS),
                           N(PR_GET_KEEPCAPS),
                           N(PR_SET_NAME),
                           N(PR_GET_NAME),
                           N(PR_GET_SECCOMP),
                           N(PR_SET_SECCOMP),
                           N(PR_CAPBSET_READ),
                           N(PR_CAPBSET_DROP),
                           N(PR_SET_SECUREBITS),
                           N(PR_GET_SECUREBITS),
                           N(PR_SET_TIMERSLACK),
                           N(PR_GET_TIMERSLACK),
                           N(PR_SET_CHILD_SUBREAPER),
                           N(PR_GET_CHILD_SUBREAPER),
                           N(PR_SET_NO_NEW_PRIVS),
                           N(PR_GET_NO_NEW_PRIVS),
                           N(PR_SET_THP_DISABLE),
                           N(PR_GET_THP_DISABLE),
                           N(PR_CAP_AMBIENT),
                           N(PR_SET_MM),
                           N(PR_SET_VMA)};
constexpr Name kFadvise[] = {N(POSIX_FADV_NORMAL),   N(POSIX_FADV_RANDOM),   N(POSIX_FADV_SEQUENTIAL),
                             N(POSIX_FADV_WILLNEED), N(POSIX_FADV_DONTNEED), N(POSIX_FADV_NOREUSE)};
constexpr Name kMadvise[] = {N(MADV_NORMAL),
                             N(MADV_RANDOM),
                             N(MADV_SEQUENTIAL),
                             N(MADV_WILLNEED),
                             N(MADV_DONTNEED),
                             N(MADV_FREE),
                             N(MADV_REMOVE),
                             N(MADV_DONTFORK),
                             N(MADV_DOFORK),
                             N(MADV_MERGEABLE),
                             N(MADV_HUGEPAGE),
                             N(MADV_NOHUGEPAGE),
                             N(MADV_DONTDUMP),
                             N(MADV_DODUMP),
                             N(MADV_WIPEONFORK),
                             N(MADV_KEEPONFORK),
                             {20, "MADV_COLD"},
                             {21, "MADV_PAGEOUT"},
                             {22, "MADV_POPULATE_READ"},
                             {23, "MADV_POPULATE_WRITE"}};
constexpr Name kSol[] = {{0, "SOL_IP"},   N(SOL_SOCKET),    {6, "SOL_TCP"},
                         {17, "SOL_UDP"}, {41, "SOL_IPV6"}, {270, "SOL_NETLINK"}};
constexpr Name kShutdown[] = {N(SHUT_RD), N(SHUT_WR), N(SHUT_RDWR)};
constexpr Name kIpc[] = {N(IPC_CREAT), N(IPC_EXCL), N(IPC_NOWAIT), {0, "0"}};
constexpr Name kIpcCmd[] = {N(IPC_RMID), N(IPC_SET), N(IPC_STAT), {3, "IPC_INFO"}, N(GETPID), N(GETVAL),
                            N(GETALL),   N(GETNCNT), N(GETZCNT),  N(SETVAL),       N(SETALL)};
constexpr Name kMembarrier[] = {N(MEMBARRIER_CMD_QUERY),
                                N(MEMBARRIER_CMD_GLOBAL),
                                N(MEMBARRIER_CMD_GLOBAL_EXPEDITED),
                                N(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED),
                                N(MEMBARRIER_CMD_PRIVATE_EXPEDITED),
                                N(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED),
                                N(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE),
                                N(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)};
constexpr Name kPoll[] = {{1, "POLLIN"},         {2, "POLLPRI"},   {4, "POLLOUT"},       {8, "POLLERR"},
                          {16, "POLLHUP"},       {32, "POLLNVAL"}, {0x40, "POLLRDNORM"}, {0x80, "POLLRDBAND"},
                          {0x2000, "POLLRDHUP"}, {0, "0"}};
constexpr Name kEpoll[] = {{1, "EPOLLIN"},
                           {2, "EPOLLPRI"},
                           {4, "EPOLLOUT"},
                           {8, "EPOLLERR"},
                           {16, "EPOLLHUP"},
                           {0x40, "EPOLLRDNORM"},
                           {0x2000, "EPOLLRDHUP"},
                           {1u << 28, "EPOLLEXCLUSIVE"},
                           {1u << 29, "EPOLLWAKEUP"},
                           {1u << 30, "EPOLLONESHOT"},
                           {1u << 31, "EPOLLET"},
                           {0, "0"}};
constexpr Name kSa[] = {N(SA_NOCLDSTOP), N(SA_NOCLDWAIT), N(SA_SIGINFO), {0x04000000, "SA_RESTORER"},
                        N(SA_ONSTACK),   N(SA_RESTART),   N(SA_NODEFER), {0x80000000, "SA_RESETHAND"},
                        {0, "0"}};
constexpr Name kSocktype[] = {N(SOCK_CLOEXEC), N(SOCK_NONBLOCK), {0, "0"}};
#undef N

struct Set {
    std::string_view name;
    std::span<const Name> names;
};
constexpr Set kSets[] = {
    {"open", kOpen},
    {"at", kAt},
    {"fspick", kFspick},
    {"move_mount", kMoveMount},
    {"access", kAccess},
    {"prot", kProt},
    {"map", kMap},
    {"mremap", kMremap},
    {"msync", kMsync},
    {"mlockall", kMlockall},
    {"clone", kClone},
    {"msg", kMsg},
    {"af", kAf},
    {"wait", kWait},
    {"waitid", kWaitid},
    {"clock", kClock},
    {"whence", kWhence},
    {"fcntl", kFcntl},
    {"ioctl", kIoctl},
    {"epoll_op", kEpollOp},
    {"eventfd", kEventfd},
    {"epoll_create", kEpollCreate},
    {"timerfd", kTimerfd},
    {"inotify", kInotify},
    {"flock", kFlock},
    {"fallocate", kFallocate},
    {"mount", kMount},
    {"umount", kUmount},
    {"xattr", kXattr},
    {"rwf", kRwf},
    {"splice", kSplice},
    {"rename", kRename},
    {"getrandom", kGetrandom},
    {"memfd", kMemfd},
    {"statx_mask", kStatxMask},
    {"futex", kFutex},
    {"itimer", kItimer},
    {"sched", kSched},
    {"sigprocmask", kSigprocmask},
    {"prio", kPrio},
    {"rlimit", kRlimit},
    {"rusage", kRusage},
    {"prctl", kPrctl},
    {"fadvise", kFadvise},
    {"madvise", kMadvise},
    {"sol", kSol},
    {"shutdown", kShutdown},
    {"ipc", kIpc},
    {"ipc_cmd", kIpcCmd},
    {"membarrier", kMembarrier},
    {"poll", kPoll},
    {"epoll", kEpoll},
    {"sa", kSa},
    {"socktype", kSocktype},
};

std::span<const Name> find_set(std::string_view name) {
    for (const Set& s : kSets)
        if (s.name == name) return s.names;
    return {};
}

std::string socktype_text(u64 v) {
    constexpr std::string_view kTypes[] = {"0",        "SOCK_STREAM", "SOCK_DGRAM",
                                           "SOCK_RAW", "SOCK_RDM",    "SOCK_SEQPACKET"};
    const u64 type = v & 15;
    std::string s = type < std::size(kTypes) ? std::string(kTypes[type]) : fmt::format("{:#x}", type);
    if (type == 0 && (v & ~u64{15})) s.clear();
    if (v & SOCK_CLOEXEC) s += s.empty() ? "SOCK_CLOEXEC" : "|SOCK_CLOEXEC";
    if (v & SOCK_NONBLOCK) s += s.empty() ? "SOCK_NONBLOCK" : "|SOCK_NONBLOCK";
    return s;
}

}  // namespace

bool has_name_set(std::string_view set) { return !find_set(set).empty(); }

std::string flags_text(std::string_view set, u64 v) {
    v = static_cast<u32>(v);
    if (set == "socktype") return socktype_text(v);
    std::string out, zero = "0";
    u64 rest = v;
    for (const Name& n : find_set(set)) {
        if (n.value == 0) {
            // O_RDONLY is what is left when no access mode was given.
            if (v == 0 || (set == "open" && !(v & O_ACCMODE))) zero = std::string(n.text);
            continue;
        }
        if ((rest & n.value) != n.value) continue;
        if (!out.empty()) out += '|';
        out += n.text;
        rest &= ~n.value;
    }
    if (set == "open" && !(v & O_ACCMODE)) out = out.empty() ? zero : zero + '|' + out;
    if (rest) out += fmt::format("{}{:#x}", out.empty() ? "" : "|", rest);
    return out.empty() ? zero : out;
}

std::string enum_text(std::string_view set, u64 v) {
    v = static_cast<u32>(v);
    std::string suffix;
    if (set == "futex") {
        if (v & FUTEX_PRIVATE_FLAG) suffix = "_PRIVATE";
        if (v & FUTEX_CLOCK_REALTIME) suffix += "|FUTEX_CLOCK_REALTIME";
        v &= static_cast<u32>(FUTEX_CMD_MASK);
    }
    for (const Name& n : find_set(set))
        if (n.value == v) return std::string(n.text) + suffix;
    return fmt::format("{:#x}", v) + suffix;
}

std::string signal_name(int sig) {
    constexpr std::string_view kNames[] = {
        "0",    "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
        "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
        "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS"};
    if (sig == 0) return "0";
    if (sig > 0 && sig < 32) return fmt::format("SIG{}", kNames[sig]);
    if (sig == 32) return "SIGRTMIN";
    if (sig > 32 && sig <= 64) return fmt::format("SIGRT_{}", sig - 32);
    return fmt::format("{}", sig);
}

std::string_view errno_name(int e) {
    switch (e) {
        case 512: return "ERESTARTSYS";
        case 513: return "ERESTARTNOINTR";
        default: break;
    }
    const char* s = strerrorname_np(e);
    return s ? s : "";
}

}  // namespace vm::linux
