#include "linux/syscalls.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <climits>

#include "base/format.h"

namespace vm::linux {
namespace {

struct KindName {
    std::string_view text;
    ArgKind kind;
};
constexpr KindName kKinds[] = {
    {"int", ArgKind::Int},          {"uint", ArgKind::Uint},
    {"hex", ArgKind::Hex},          {"long", ArgKind::Long},
    {"size", ArgKind::Size},        {"fd", ArgKind::Fd},
    {"at", ArgKind::DirFd},         {"mode", ArgKind::Mode},
    {"pid", ArgKind::Pid},          {"uid", ArgKind::Uid},
    {"sig", ArgKind::Sig},          {"dev", ArgKind::Dev},
    {"flags", ArgKind::Flags},      {"enum", ArgKind::Enum},
    {"path", ArgKind::Path},        {"lpath", ArgKind::PathNoFollow},
    {"npath", ArgKind::PathEntry},  {"str", ArgKind::Str},
    {"ptr", ArgKind::Ptr},          {"area", ArgKind::Area},
    {"mem", ArgKind::Mem},          {"in", ArgKind::In},
    {"out", ArgKind::Out},          {"outvar", ArgKind::OutVar},
    {"st", ArgKind::Struct},        {"ost", ArgKind::OutStruct},
    {"iost", ArgKind::InOutStruct}, {"iov", ArgKind::Iov},
    {"oiov", ArgKind::OutIov},      {"argv", ArgKind::Argv},
};
struct StructSize {
    std::string_view name;
    u16 size;
};
/// Structures that look the same to all 64-bit Linux ABIs; sizes from the kernel's uapi headers (checked in
/// the tests).
constexpr StructSize kStructs[] = {
    {"int", 4},        {"int2", 8},         {"loff", 8},          {"sigset", 8},      {"timespec", 16},
    {"timespec2", 32}, {"timeval", 16},     {"timezone", 8},      {"itimerspec", 32}, {"itimerval", 32},
    {"timex", 208},    {"tms", 32},         {"siginfo", 128},     {"sigevent", 64},   {"stack", 24},
    {"rusage", 144},   {"rlimit", 16},      {"utsname", 390},     {"sysinfo", 112},   {"statfs", 120},
    {"statx", 256},    {"pollfd", 8},       {"sembuf", 6},        {"mq_attr", 64},    {"caphdr", 8},
    {"capdata", 24},   {"futex_waitv", 24}, {"futex_waitv2", 48},
};
struct BadSyscallRow {};  // thrown only while compiling a malformed row

constexpr std::string_view trim(std::string_view s) {
    while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    return s;
}
constexpr ArgSpec parse_arg(std::string_view text) {
    ArgSpec spec;
    const auto space = text.find(' ');
    if (space == text.npos) throw BadSyscallRow{};
    std::string_view kind = text.substr(0, space);
    spec.name = text.substr(space + 1);
    if (const auto colon = kind.find(':'); colon != kind.npos) {
        spec.param = kind.substr(colon + 1);
        kind = kind.substr(0, colon);
    }
    for (const auto& k : kKinds)
        if (k.text == kind) spec.kind = k.kind;
    switch (spec.kind) {
        case ArgKind::None: throw BadSyscallRow{};
        case ArgKind::In:
        case ArgKind::Out:
        case ArgKind::OutVar:
        case ArgKind::Iov:
        case ArgKind::OutIov:
            if (spec.param.size() != 1) throw BadSyscallRow{};
            spec.len_arg = static_cast<i8>(spec.param[0] - '0');
            break;
        case ArgKind::Struct:
        case ArgKind::OutStruct:
        case ArgKind::InOutStruct:
            if (const auto star = spec.param.find('*'); star != spec.param.npos) {
                spec.len_arg = static_cast<i8>(spec.param[star + 1] - '0');
                spec.param = spec.param.substr(0, star);
            }
            for (const auto& s : kStructs)
                if (s.name == spec.param) spec.size = s.size;
            if (!spec.size) throw BadSyscallRow{};
            break;
        case ArgKind::Flags:
        case ArgKind::Enum:
            if (spec.param.empty()) throw BadSyscallRow{};
            break;
        default: break;
    }
    return spec;
}
constexpr Syscall row(std::string_view name, int generic, int x86, SysStatus status, Handler handler,
                      RetKind ret, std::string_view args, std::string_view note) {
    Syscall s{name, static_cast<i16>(generic), static_cast<i16>(x86), status, handler, ret, {}, 0, note};
    while (!args.empty()) {
        const auto comma = args.find(',');
        s.args[s.arg_count++] = parse_arg(trim(args.substr(0, comma)));
        args = comma == args.npos ? std::string_view{} : args.substr(comma + 1);
    }
    return s;
}

constexpr Syscall kTable[] = {
#define SYSCALL(name, generic, x86, status, handler, ret, args, note) \
    row(#name, generic, x86, SysStatus::status, sys::handler, RetKind::ret, args, note),
#include "linux/syscalls.def"
#undef SYSCALL
};
constexpr auto kByGeneric = [] {
    std::array<i16, kSyscallNumbers> index{};
    index.fill(-1);
    for (u64 i = 0; i < std::size(kTable); i++)
        if (kTable[i].generic >= 0) index[static_cast<u64>(kTable[i].generic)] = static_cast<i16>(i);
    return index;
}();

/// Addresses that are neither the guest's nor the kernel's: vm's own memory. The kernel must not be pointed
/// there.
bool forbidden(Call& c, u64 addr) { return addr >= c.mm().task_size() && addr < u64{1} << 47; }

u64 length_of(Call& c, const ArgSpec& s) {
    if (s.len_arg < 0) return s.size;
    u64 n = c.a[static_cast<u64>(s.len_arg)];
    const ArgKind kind = c.d.args[static_cast<u64>(s.len_arg)].kind;
    if (kind == ArgKind::Int)
        n = static_cast<u64>(std::max(static_cast<i32>(n), 0));  // the kernel refuses negative ones
    if (kind == ArgKind::Uint) n = static_cast<u32>(n);
    return s.size ? std::min<u64>(static_cast<u32>(n), 1 << 20) * s.size : n;
}

/// How the call looks at path argument `i`: the row says it, and flags may change it.
Look look_of(Call& c, unsigned i) {
    const ArgKind kind = c.d.args[i].kind;
    if (kind == ArgKind::PathEntry) return Look::Entry;
    bool follow = kind == ArgKind::Path;
    for (unsigned j = i + 1; j < c.d.arg_count; j++) {
        const ArgSpec& s = c.d.args[j];
        if (s.kind != ArgKind::Flags) continue;
        const u64 v = c.a[j];
        constexpr u64 kFspickNoFollow = 2, kMoveMountFromFollow = 1, kMoveMountToFollow = 0x10;
        if (s.param == "at") follow = follow ? !(v & AT_SYMLINK_NOFOLLOW) : (v & AT_SYMLINK_FOLLOW) != 0;
        if (s.param == "inotify") follow = !(v & IN_DONT_FOLLOW);
        if (s.param == "umount") follow = !(v & UMOUNT_NOFOLLOW);
        if (s.param == "fspick") follow = !(v & kFspickNoFollow);
        if (s.param == "move_mount") follow = (v & (i == 1 ? kMoveMountFromFollow : kMoveMountToFollow)) != 0;
    }
    return follow ? Look::Follow : Look::NoFollow;
}

/// Checks argument `i` and replaces it by what the host is to see. `text` holds translated paths.
i64 prepare_argument(Call& c, unsigned i, std::string* text) {
    const ArgSpec& s = c.d.args[i];
    u64& v = c.a[i];
    switch (s.kind) {
        case ArgKind::Path:
        case ArgKind::PathNoFollow:
        case ArgKind::PathEntry: {
            if (!v) return 0;
            const int dirfd =
                i && c.d.args[i - 1].kind == ArgKind::DirFd ? static_cast<int>(c.a[i - 1]) : AT_FDCWD;
            const i64 r = resolve_path(c, dirfd, v, look_of(c, i), text);
            if (r < 0) return r;
            v = reinterpret_cast<u64>(text->c_str());
            return 0;
        }
        case ArgKind::Str:
        case ArgKind::Area:
        case ArgKind::Mem:
        case ArgKind::Argv: return forbidden(c, v) ? -EFAULT : 0;
        case ArgKind::In:
        case ArgKind::Struct: return c.in(v, length_of(c, s)) ? 0 : -EFAULT;
        case ArgKind::Out:
        case ArgKind::OutStruct:
        case ArgKind::InOutStruct: return c.out(v, length_of(c, s)) ? 0 : -EFAULT;
        case ArgKind::OutVar: {
            if (!v) return 0;
            u32 room = 0;
            if (!c.get(c.a[static_cast<u64>(s.len_arg)], &room)) return -EFAULT;
            return c.out(v, room) ? 0 : -EFAULT;
        }
        default: return 0;
    }
}

}  // namespace

i64 descriptor_first(Call& c, i64 error) {
    const ArgSpec& s = c.d.args[0];
    const int fd = static_cast<int>(c.a[0]);
    if (s.kind != ArgKind::Fd) return error;
    if (::fcntl(fd, F_GETFD) < 0) return -EBADF;
    int type;
    socklen_t size = sizeof type;
    if (s.name == "sockfd" && ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return -errno;
    return error;
}

namespace {

i64 pass_with(Call& c) {
    if (c.d.host_nr() < 0) return -ENOSYS;
    std::string texts[6];
    const std::array<u64, 6> guest = c.a;
    for (unsigned i = 0; i < c.d.arg_count; i++)
        if (const i64 r = prepare_argument(c, i, &texts[i]); r < 0) {
            c.a = guest;
            return r == -EFAULT ? descriptor_first(c, r) : r;
        }
    const std::array<u64, 6> h = c.a;
    c.a = guest;
    return c.host(h[0], h[1], h[2], h[3], h[4], h[5]);
}

}  // namespace

std::array<u64, 6> plain_arguments(const Thread& t, const Syscall& d, const std::array<u64, 6>& a) {
    std::array<u64, 6> plain = a;
    for (unsigned i = 0; i < d.arg_count; i++) {
        const ArgKind kind = d.args[i].kind;
        if (kind == ArgKind::Area)
            plain[i] = t.abi().untagged(a[i]);
        else if (kind >= ArgKind::Path && kind != ArgKind::Ptr)
            plain[i] = t.plain(a[i]);
    }
    return plain;
}

std::span<const Syscall> syscall_table() { return kTable; }

const Syscall* find_syscall(int generic) {
    if (generic < 0 || generic >= kSyscallNumbers) return nullptr;
    const i16 i = kByGeneric[static_cast<u64>(generic)];
    return i < 0 ? nullptr : &kTable[i];
}

bool Call::in(u64 addr, u64 len) {
    if (!addr || mm().in_range(addr, len)) return true;
    // A length beyond the end of user space is the kernel's to judge as long as it cannot reach our memory.
    return !forbidden(*this, addr) && !mm().in_range(addr, 0);
}

bool Call::out(u64 addr, u64 len) {
    if (!in(addr, len)) return false;
    if (addr && len) mm().prepare_kernel_write(addr, len);
    return true;
}

i64 read_path(Call& c, u64 addr, std::string* out) {
    if (c.mm().read_string(addr, out, PATH_MAX - 1)) return 0;
    return out->size() >= PATH_MAX ? -ENAMETOOLONG : -EFAULT;
}

i64 resolve_path(Call& c, int dirfd, u64 addr, Look look, std::string* out) {
    std::string path;
    if (const i64 r = read_path(c, addr, &path); r < 0) return r;
    if (look == Look::Follow) {
        // Another process's that the guest cannot see is not to be opened by that link either.
        if (auto exe = guest_exe(c.t.process(), path); exe && c.t.process().files().visible(*exe)) {
            *out = std::move(*exe);
            return 0;
        }
    }
    return c.t.process().files().resolve(dirfd, path, look, out);
}

i64 copy_iovec(Call& c, u64 addr, u64 count, bool kernel_writes, std::vector<IoVec>* out) {
    if (count > 1024) return -EINVAL;  // UIO_MAXIOV
    out->resize(count);
    if (count && !c.mm().read(addr, out->data(), count * sizeof(IoVec))) return -EFAULT;
    for (IoVec& v : *out) {
        v.base = c.plain(v.base);
        if (static_cast<i64>(v.len) < 0) return -EINVAL;
        if (v.len && !(kernel_writes ? c.out(v.base, v.len) : c.in(v.base, v.len))) return -EFAULT;
    }
    return 0;
}

i64 raw_syscall(long nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
    const long r = ::syscall(nr, a0, a1, a2, a3, a4, a5);
    return r == -1 ? -errno : r;
}

i64 sys::pass(Call& c) { return pass_with(c); }
i64 sys::pass_no_restart(Call& c) { return never_restarted(pass_with(c)); }
i64 sys::nosys(Call&) { return -ENOSYS; }
i64 sys::refuse(Call&) { return -EPERM; }

void do_syscall(Thread& t) {
    const Abi& abi = t.abi();
    engine::Vcpu& v = t.vcpu();
    std::array<u64, 6> args;
    for (unsigned i = 0; i < 6; i++) args[i] = v.reg(abi.arg_offset[i]);
    const u64 nr = v.reg(abi.nr_offset);
    const Syscall* d = find_syscall(abi.syscall_index(nr));
    const bool trace = t.process().options().strace != RunOptions::Strace::Off;
    if (!d) {
        if (trace) strace_unknown(t, nr, args);
        v.set_reg(abi.ret_offset, static_cast<u64>(-ENOSYS));
        return;
    }
    if (trace &&
        (d->ret == RetKind::NoReturn || d->handler == sys::sys_execve || d->handler == sys::sys_execveat))
        strace_line(t, *d, args, 0, false);
    Call call{t, *d, plain_arguments(t, *d, args)};
    i64 result = d->handler(call);
    if (t.exiting || result == kNoResult) {
        if (!t.exiting && signal_waiting(t)) deliver_signals(t, nullptr);
        return;
    }
    if (result != -kRestartSys && result != -kRestartAlways)
        v.set_reg(abi.ret_offset, static_cast<u64>(result));
    // The child of a clone returns from it too; its parent has traced the call.
    const bool child = result == 0 && (d->handler == sys::sys_clone || d->handler == sys::sys_clone3);
    if (trace && !child) strace_line(t, *d, args, result, true);
    if (result == -kRestartSys || result == -kRestartAlways || result == -EINTR || signal_waiting(t))
        deliver_signals(t, &result);
}

}  // namespace vm::linux
