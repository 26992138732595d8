// The table against the kernel's own headers, structure sizes, and strace text.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <linux/stat.h>
#include <linux/time_types.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "linux/structs.h"
#include "linux/syscalls.h"
#include "linux/syscalls_doc.h"

namespace vm::linux {
namespace {

namespace fs = std::filesystem;
fs::path root() { return VM_SOURCE_DIR; }

std::string slurp(const fs::path& p) {
    std::ifstream in(p);
    std::stringstream s;
    s << in.rdbuf();
    return s.str();
}

std::map<std::string, int> numbers(const fs::path& header) {
    std::map<std::string, int> out;
    const std::string text = slurp(header);
    const std::regex line(R"(#define __NR(?:3264)?_(\w+)\s+(\d+)\s)");
    for (std::sregex_iterator i(text.begin(), text.end(), line), end; i != end; ++i)
        out[(*i)[1]] = std::stoi((*i)[2]);
    return out;
}

const Syscall* by_name(std::string_view name) {
    for (const Syscall& s : syscall_table())
        if (s.name == name) return &s;
    return nullptr;
}

TEST(SyscallTable, NumbersAreUniqueAndAscending) {
    std::set<int> x86;
    int last = -1;
    for (const Syscall& s : syscall_table()) {
        EXPECT_GT(s.generic, last) << s.name;
        last = s.generic;
        EXPECT_EQ(find_syscall(s.generic), &s);
        if (s.x86 >= 0) {
            EXPECT_TRUE(x86.insert(s.x86).second) << s.name;
        }
    }
    EXPECT_EQ(find_syscall(-1), nullptr);
    EXPECT_EQ(find_syscall(kSyscallNumbers), nullptr);
    EXPECT_EQ(find_syscall(300), nullptr);
}

TEST(SyscallTable, HasEveryNumberOfTheGenericHeader) {
    const fs::path header = "/usr/include/asm-generic/unistd.h";
    if (!fs::exists(header)) GTEST_SKIP() << header << " is not installed";
    // The header's names for numbers that 64-bit ABIs call otherwise, or that no 64-bit ABI has.
    const std::map<std::string, std::string> renamed{{"fstatat", "newfstatat"}};
    unsigned checked = 0;
    for (const auto& [name, nr] : numbers(header)) {
        if (nr >= 403 && nr <= 423) continue;  // time64 calls of 32-bit ABIs
        if (name == "sync_file_range2") continue;
        if (name == "syscalls" || name == "arch_specific_syscall" || name == "stat" || name == "lstat")
            continue;
        const auto r = renamed.find(name);
        const std::string& want = r == renamed.end() ? name : r->second;
        const Syscall* s = find_syscall(nr);
        ASSERT_NE(s, nullptr) << name << " " << nr;
        EXPECT_EQ(s->name, want);
        checked++;
    }
    EXPECT_GT(checked, 290u);
}

TEST(SyscallTable, GuestNumbersAgreeWithTheirHeaders) {
    // What the compiler of each guest sees: asm-generic's list and what its own header switches on.
    const std::pair<const Abi*, const char*> abis[] = {{&kRiscv64Abi, "riscv64"}, {&kArm64Abi, "aarch64"}};
    for (const auto& [abi, name] : abis) {
        const fs::path header = fs::path("/usr") / (std::string(name) + "-linux-gnu/include/asm/unistd.h");
        if (!fs::exists(header)) continue;
        const std::string text = slurp(header);
        EXPECT_EQ(abi->syscall_index(38) >= 0, text.find("__ARCH_WANT_RENAMEAT") != text.npos) << name;
        EXPECT_EQ(abi->syscall_index(163) >= 0, text.find("__ARCH_WANT_SET_GET_RLIMIT") != text.npos) << name;
        EXPECT_EQ(abi->syscall_index(259) >= 0, text.find("arch_specific_syscall + 15") != text.npos) << name;
    }
}

TEST(SyscallTable, X86NumbersAgreeWithTheHeader) {
    const fs::path header = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";
    if (!fs::exists(header)) GTEST_SKIP() << header << " is not installed";
    unsigned checked = 0;
    for (const auto& [name, nr] : numbers(header)) {
        const Syscall* s = by_name(name);
        if (!s) continue;  // open, fork and the like exist on x86-64 only
        EXPECT_EQ(s->x86, nr) << name;
        checked++;
    }
    EXPECT_GT(checked, 290u);
}

TEST(SyscallTable, RowsAreConsistent) {
    for (const Syscall& s : syscall_table()) {
        for (unsigned i = 0; i < s.arg_count; i++) {
            const ArgSpec& a = s.args[i];
            EXPECT_FALSE(a.name.empty()) << s.name;
            if (a.kind == ArgKind::Flags || a.kind == ArgKind::Enum) {
                EXPECT_TRUE(has_name_set(a.param)) << s.name << " " << a.param;
            }
            if (a.len_arg >= 0) {
                EXPECT_LT(a.len_arg, s.arg_count) << s.name;
            }
        }
        EXPECT_FALSE(s.note.empty()) << s.name;
        const bool refused = s.handler == sys::nosys || s.handler == sys::refuse;
        EXPECT_EQ(s.status == SysStatus::Refused, refused) << s.name;
        EXPECT_EQ(s.status == SysStatus::Passthrough,
                  s.handler == sys::pass || s.handler == sys::pass_no_restart)
            << s.name;
        if (!refused && s.note != "-") {
            EXPECT_TRUE(fs::exists(root() / "tests/linux" / (std::string(s.note) + ".c")))
                << s.name << ": " << s.note;
        }
    }
}

TEST(SyscallTable, EveryRowHasItsTest) {
    const std::string probe = slurp(root() / "tests/linux/probe.c");
    for (const Syscall& s : syscall_table()) {
        if (s.status != SysStatus::Refused) {
            EXPECT_TRUE(fs::exists(root() / "tests/linux" / (std::string(s.note) + ".c")))
                << s.name << ": " << s.note;
        }
        const bool refused = s.status == SysStatus::Refused;
        std::stringstream row;
        row << "C(" << s.name << ", " << s.generic << ", " << s.x86 << ", ";
        const size_t at = probe.find(row.str());
        ASSERT_NE(at, probe.npos) << "tests/linux/probe.c lacks " << row.str();
        EXPECT_EQ(probe.substr(at, probe.find('\n', at) - at).find("'R'") != std::string::npos, refused)
            << s.name;
    }
}

TEST(SyscallTable, PassedThroughCallsExistOnX86) {
    for (const Syscall& s : syscall_table())
        if (s.status == SysStatus::Passthrough) {
            EXPECT_GE(s.x86, 0) << s.name;
        }
}

TEST(SyscallTable, StructureSizesAreTheKernels) {
    const std::map<std::string_view, u64> host{{"timespec", sizeof(timespec)},
                                               {"itimerspec", sizeof(itimerspec)},
                                               {"timex", sizeof(timex)},
                                               {"tms", sizeof(tms)},
                                               {"siginfo", sizeof(siginfo_t)},
                                               {"sigevent", sizeof(sigevent)},
                                               {"stack", sizeof(stack_t)},
                                               {"rusage", sizeof(rusage)},
                                               {"rlimit", sizeof(rlimit)},
                                               {"utsname", sizeof(utsname)},
                                               {"sysinfo", sizeof(struct sysinfo)},
                                               {"statx", sizeof(struct statx)},
                                               {"statfs", sizeof(struct statfs)},
                                               {"pollfd", sizeof(pollfd)},
                                               {"sembuf", sizeof(sembuf)},
                                               {"futex_waitv", sizeof(futex_waitv)}};
    std::set<std::string_view> seen;
    for (const Syscall& s : syscall_table())
        for (const ArgSpec& a : s.args)
            if (const auto h = host.find(a.param); a.size && h != host.end()) {
                EXPECT_EQ(a.size, h->second) << a.param;
                seen.insert(a.param);
            }
    EXPECT_EQ(seen.size(), host.size());
}

TEST(SyscallText, Flags) {
    EXPECT_EQ(flags_text("open", 0), "O_RDONLY");
    EXPECT_EQ(flags_text("open", 02000000), "O_RDONLY|O_CLOEXEC");
    EXPECT_EQ(flags_text("open", 01101), "O_WRONLY|O_CREAT|O_TRUNC");
    EXPECT_EQ(flags_text("prot", 0), "PROT_NONE");
    EXPECT_EQ(flags_text("prot", 3), "PROT_READ|PROT_WRITE");
    EXPECT_EQ(flags_text("map", 0x22), "MAP_PRIVATE|MAP_ANONYMOUS");
    EXPECT_EQ(flags_text("prot", 0x80), "0x80");
    EXPECT_EQ(flags_text("socktype", 02000001), "SOCK_STREAM|SOCK_CLOEXEC");
    EXPECT_EQ(enum_text("futex", 128), "FUTEX_WAIT_PRIVATE");
    EXPECT_EQ(enum_text("futex", 393), "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME");
    EXPECT_EQ(enum_text("whence", 2), "SEEK_END");
    EXPECT_EQ(enum_text("whence", 77), "0x4d");
}

TEST(SyscallText, SignalsErrnosAndStrings) {
    EXPECT_EQ(signal_name(11), "SIGSEGV");
    EXPECT_EQ(signal_name(32), "SIGRTMIN");
    EXPECT_EQ(signal_name(34), "SIGRT_2");
    EXPECT_EQ(errno_name(ENOENT), "ENOENT");
    EXPECT_EQ(errno_name(512), "ERESTARTSYS");
    const auto quote = [](std::string_view s, bool more) {
        return quote_bytes(reinterpret_cast<const u8*>(s.data()), s.size(), more);
    };
    EXPECT_EQ(quote("a\n\"\\", false), "\"a\\n\\\"\\\\\"");
    EXPECT_EQ(quote(std::string_view("\0001\0z", 4), false), "\"\\0001\\0z\"");
    EXPECT_EQ(quote("abc", true), "\"abc\"...");
}

TEST(Structs, StatKeepsEveryField) {
    struct stat s {};
    s.st_dev = 1, s.st_ino = 2, s.st_mode = 3, s.st_nlink = 4, s.st_uid = 5, s.st_gid = 6, s.st_rdev = 7,
    s.st_size = 8;
    s.st_blksize = 9, s.st_blocks = 10, s.st_atim = {11, 12}, s.st_mtim = {13, 14}, s.st_ctim = {15, 16};
    const auto check = [](const auto& g) {
        const i64 got[] = {static_cast<i64>(g.dev),
                           static_cast<i64>(g.ino),
                           g.mode,
                           static_cast<i64>(g.nlink),
                           g.uid,
                           g.gid,
                           static_cast<i64>(g.rdev),
                           g.size,
                           g.blksize,
                           g.blocks,
                           g.atime,
                           g.atime_ns,
                           g.mtime,
                           g.mtime_ns,
                           g.ctime,
                           g.ctime_ns};
        for (int i = 0; i < 16; i++) EXPECT_EQ(got[i], i + 1);
    };
    check(generic_stat(s));
    check(x86_stat(s));
    EXPECT_EQ(offsetof(GenericStat, size), 48u);
    EXPECT_EQ(offsetof(GenericStat, blocks), 64u);
    EXPECT_EQ(offsetof(X86Stat, size), offsetof(struct stat, st_size));
    EXPECT_EQ(sizeof(HostSemidDs), sizeof(semid_ds));
}

TEST(Structs, OpenFlagsOfAnAbiThatDiffers) {
    const Abi& arm = kArm64Abi;
    EXPECT_EQ(host_open_flags(arm, 040000u | O_CLOEXEC), static_cast<u32>(O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(host_open_flags(arm, 0300000), static_cast<u32>(O_NOFOLLOW | O_DIRECT));
    for (u32 bit = 1; bit < 1u << 23; bit <<= 1)
        EXPECT_EQ(guest_open_flags(arm, host_open_flags(arm, bit)), bit);
    EXPECT_EQ(host_open_flags(kRiscv64Abi, 0x7fffff), 0x7fffffu);
}

TEST(GoldenSyscalls, DocsAreCurrent) {
    const fs::path doc = root() / "docs/syscalls.md";
    if (std::getenv("VM_BLESS")) std::ofstream(doc) << syscalls_markdown();
    EXPECT_EQ(slurp(doc), syscalls_markdown()) << "run with VM_BLESS=1 to rewrite " << doc;
}

}  // namespace
}  // namespace vm::linux
