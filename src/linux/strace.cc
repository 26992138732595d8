// System calls as text: one line a call, built from the call's row in syscalls.def.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <algorithm>

#include "base/format.h"
#include "linux/structs.h"
#include "linux/syscalls.h"

namespace vm::linux {
namespace {

constexpr u64 kShownBytes = 32;  // of buffers, as strace -s
constexpr u64 kShownItems = 16;  // of arrays

template <class T>
bool get(Thread& t, u64 addr, T* v) {
    return t.mm().read(addr, v, sizeof(T));
}

std::string hex_or_null(u64 v) { return v ? fmt::format("{:#x}", v) : "NULL"; }

std::string string_text(Thread& t, u64 addr) {
    if (!addr) return "NULL";
    std::string s;
    if (!t.mm().read_string(addr, &s, 4096)) return fmt::format("{:#x}", addr);
    return quote_bytes(reinterpret_cast<const u8*>(s.data()), s.size(), false);
}

std::string bytes_text(Thread& t, u64 addr, u64 len) {
    if (!addr) return "NULL";
    u8 buf[kShownBytes];
    const u64 n = std::min<u64>(len, kShownBytes);
    if (n && !t.mm().read(addr, buf, n)) return fmt::format("{:#x}", addr);
    return quote_bytes(buf, n, len > n);
}

std::string timespec_text(Thread& t, u64 addr, std::string_view fraction) {
    i64 v[2];
    if (!get(t, addr, &v)) return fmt::format("{:#x}", addr);
    return fmt::format("{{tv_sec={}, {}={}}}", v[0], fraction, v[1]);
}

std::string sigset_text(u64 v) {
    const bool complement = std::popcount(v) > 32;
    if (complement) v = ~v;
    std::string s = complement ? "~[" : "[";
    for (int sig = 1; sig <= 64; sig++)
        if (v & sigbit(sig)) s += (s.back() == '[' ? "" : " ") + signal_name(sig).substr(3);
    return s + "]";
}

std::string siginfo_text(Thread& t, u64 addr) {
    struct {
        i32 sig, error, code, pad;
        i32 pid, uid;
    } s;
    if (!get(t, addr, &s)) return fmt::format("{:#x}", addr);
    return fmt::format("{{si_signo={}, si_code={}, si_pid={}, si_uid={}}}", signal_name(s.sig), s.code, s.pid,
                       s.uid);
}

std::string statx_text(Thread& t, u64 addr) {
    struct {
        u32 mask, blksize;
        u64 attributes;
        u32 nlink, uid, gid;
        u16 mode, pad;
        u64 ino, size;
    } s;
    if (!get(t, addr, &s)) return fmt::format("{:#x}", addr);
    return fmt::format("{{stx_mode={:#o}, stx_nlink={}, stx_size={}, ...}}", s.mode, s.nlink, s.size);
}

std::string pollfd_text(Thread& t, u64 addr, bool done) {
    struct {
        i32 fd;
        u16 events, revents;
    } p;
    if (!get(t, addr, &p)) return fmt::format("{:#x}", addr);
    std::string s = fmt::format("{{fd={}, events={}", p.fd, flags_text("poll", p.events));
    if (done && p.revents) s += fmt::format(", revents={}", flags_text("poll", p.revents));
    return s + "}";
}

std::string wait_status_text(u32 s) {
    const unsigned sig = s & 0x7f, code = (s >> 8) & 0xff;
    if (s == 0xffff) return "WIFCONTINUED(s)";
    if ((s & 0xff) == 0x7f)
        return fmt::format("WIFSTOPPED(s) && WSTOPSIG(s) == {}", signal_name(static_cast<int>(code)));
    if (sig == 0) return fmt::format("WIFEXITED(s) && WEXITSTATUS(s) == {}", code);
    return fmt::format("WIFSIGNALED(s) && WTERMSIG(s) == {}{}", signal_name(static_cast<int>(sig)),
                       s & 0x80 ? " && WCOREDUMP(s)" : "");
}

std::string stat_text(Thread& t, u64 addr) {
    u32 mode;
    u64 size;
    if (!addr) return "NULL";
    // st_mode and st_size by their offsets in the two layouts.
    const bool generic = t.abi().generic_structs;
    if (!get(t, addr + (generic ? 16 : 24), &mode) || !get(t, addr + 48, &size))
        return fmt::format("{:#x}", addr);
    constexpr std::pair<u32, std::string_view> kTypes[] = {
        {S_IFREG, "S_IFREG"}, {S_IFDIR, "S_IFDIR"}, {S_IFLNK, "S_IFLNK"},  {S_IFCHR, "S_IFCHR"},
        {S_IFBLK, "S_IFBLK"}, {S_IFIFO, "S_IFIFO"}, {S_IFSOCK, "S_IFSOCK"}};
    std::string type = fmt::format("{:#o}", mode & S_IFMT);
    for (const auto& [value, name] : kTypes)
        if ((mode & S_IFMT) == value) type = name;
    return fmt::format("{{st_mode={}|{:#o}, st_size={}, ...}}", type, mode & 07777, size);
}

std::string sigaction_text(Thread& t, u64 addr) {
    if (!addr) return "NULL";
    const u64 words = t.abi().sigaction_restorer ? 4 : 3;
    u64 w[4];
    if (!t.mm().read(addr, w, words * 8)) return fmt::format("{:#x}", addr);
    const std::string handler = w[0] == kSigDfl   ? "SIG_DFL"
                                : w[0] == kSigIgn ? "SIG_IGN"
                                                  : fmt::format("{:#x}", w[0]);
    return fmt::format("{{sa_handler={}, sa_mask={}, sa_flags={}}}", handler, sigset_text(w[words - 1]),
                       flags_text("sa", w[1]));
}

std::string struct_item(Thread& t, const ArgSpec& a, u64 addr, bool done) {
    const std::string_view s = a.param;
    u64 v = 0;
    i32 w[2] = {};
    if (s == "timespec") return timespec_text(t, addr, "tv_nsec");
    if (s == "timespec2")
        return "[" + timespec_text(t, addr, "tv_nsec") + ", " + timespec_text(t, addr + 16, "tv_nsec") + "]";
    if (s == "timeval") return timespec_text(t, addr, "tv_usec");
    if (s == "itimerspec" || s == "itimerval") {
        const std::string_view f = s == "itimerspec" ? "tv_nsec" : "tv_usec";
        return fmt::format("{{it_interval={}, it_value={}}}", timespec_text(t, addr, f),
                           timespec_text(t, addr + 16, f));
    }
    if (s == "sigset") return get(t, addr, &v) ? sigset_text(v) : fmt::format("{:#x}", addr);
    if (s == "siginfo") return siginfo_text(t, addr);
    if (s == "statx") return statx_text(t, addr);
    if (s == "pollfd") return pollfd_text(t, addr, done);
    if (a.name == "wstatus" && get(t, addr, &w[0]))
        return "{" + wait_status_text(static_cast<u32>(w[0])) + "}";
    if (s == "int") return get(t, addr, &w[0]) ? fmt::format("{}", w[0]) : fmt::format("{:#x}", addr);
    if (s == "int2") return get(t, addr, &w) ? fmt::format("{}, {}", w[0], w[1]) : fmt::format("{:#x}", addr);
    if (s == "loff")
        return get(t, addr, &v) ? fmt::format("{}", static_cast<i64>(v)) : fmt::format("{:#x}", addr);
    if (s == "rlimit") {
        u64 r[2];
        const auto one = [](u64 x) {
            return x == ~u64{0} ? std::string("RLIM64_INFINITY") : fmt::format("{}", x);
        };
        if (get(t, addr, &r)) return fmt::format("{{rlim_cur={}, rlim_max={}}}", one(r[0]), one(r[1]));
    }
    return fmt::format("{:#x}", addr);
}

std::string struct_text(Thread& t, const ArgSpec& a, u64 addr, const std::array<u64, 6>& args, bool done) {
    if (!addr) return "NULL";
    const bool array = a.len_arg >= 0 || a.param == "int" || a.param == "int2" || a.param == "loff";
    if (a.len_arg < 0)
        return array ? "[" + struct_item(t, a, addr, done) + "]" : struct_item(t, a, addr, done);
    const u64 n = static_cast<u32>(args[static_cast<u64>(a.len_arg)]);
    std::string s = "[";
    for (u64 i = 0; i < std::min(n, kShownItems); i++)
        s += (i ? ", " : "") + struct_item(t, a, addr + i * a.size, done);
    return s + (n > kShownItems ? ", ...]" : "]");
}

std::string iov_text(Thread& t, u64 addr, u64 count, u64 limit) {
    std::string s = "[";
    for (u64 i = 0; i < std::min(count, kShownItems); i++) {
        IoVec v;
        if (!get(t, addr + i * sizeof v, &v)) return fmt::format("{:#x}", addr);
        const u64 shown = std::min(v.len, limit);
        s += fmt::format("{}{{iov_base={}, iov_len={}}}", i ? ", " : "", bytes_text(t, v.base, shown), v.len);
        limit -= shown;
    }
    return s + (count > kShownItems ? ", ...]" : "]");
}

std::string argv_text(Thread& t, u64 addr) {
    if (!addr) return "NULL";
    std::string s = "[";
    for (u64 i = 0;; i++) {
        u64 p = 0;
        if (!get(t, addr + i * 8, &p)) return fmt::format("{:#x}", addr);
        if (!p) return s + "]";
        if (i == kShownItems * 2) return s + ", ...]";
        s += (i ? ", " : "") + string_text(t, p);
    }
}

/// A socket address, for the calls whose bytes argument is one.
std::string sockaddr_text(Thread& t, u64 addr, u64 len) {
    sockaddr_storage ss{};
    const u64 n = std::min<u64>(len, sizeof ss);
    if (!addr) return "NULL";
    if (n < 2 || !t.mm().read(addr, &ss, n)) return fmt::format("{:#x}", addr);
    if (ss.ss_family == AF_UNIX) {
        const auto* p = reinterpret_cast<const u8*>(&ss) + 2;
        const bool abstract = n > 2 && p[0] == 0;
        const u64 size = abstract ? n - 3 : strnlen(reinterpret_cast<const char*>(p), n - 2);
        return fmt::format("{{sa_family=AF_UNIX, sun_path={}{}}}", abstract ? "@" : "",
                           quote_bytes(p + abstract, size, false));
    }
    if (ss.ss_family == AF_INET && n >= sizeof(sockaddr_in)) {
        const auto in = load_raw<sockaddr_in>(&ss);
        const u32 ip = ntohl(in.sin_addr.s_addr);
        return fmt::format("{{sa_family=AF_INET, sin_port=htons({}), sin_addr=inet_addr(\"{}.{}.{}.{}\")}}",
                           ntohs(in.sin_port), ip >> 24, (ip >> 16) & 255, (ip >> 8) & 255, ip & 255);
    }
    return fmt::format("{{sa_family={}, ...}}", enum_text("af", ss.ss_family));
}

bool is_sockaddr(const Syscall& d, const ArgSpec& a) {
    return a.name == "dest_addr" || a.name == "src_addr" ||
           (a.name == "addr" && d.generic >= 200 && d.generic <= 242);
}

std::string bytes_argument(Thread& t, const Syscall& d, const ArgSpec& a, u64 v,
                           const std::array<u64, 6>& args, i64 result) {
    u64 len = args[static_cast<u64>(a.len_arg)];
    if (a.kind == ArgKind::OutVar) {
        u32 n = 0;
        if (!v) return "NULL";
        if (result < 0 || !get(t, len, &n)) return fmt::format("{:#x}", v);
        len = n;
    } else if (a.kind == ArgKind::Out) {
        if (result < 0) return hex_or_null(v);
        if (d.ret == RetKind::Int) len = std::min<u64>(len, static_cast<u64>(result));
    }
    return is_sockaddr(d, a) ? sockaddr_text(t, v, len) : bytes_text(t, v, len);
}

std::string argument_text(Thread& t, const Syscall& d, unsigned i, const std::array<u64, 6>& args, i64 result,
                          bool done) {
    const ArgSpec& a = d.args[i];
    const u64 v = args[i];
    const bool ok = done && result >= 0;
    switch (a.kind) {
        case ArgKind::None: return "";
        case ArgKind::Int:
        case ArgKind::Fd:
        case ArgKind::Pid: return fmt::format("{}", static_cast<i32>(v));
        case ArgKind::Uid:
        case ArgKind::Uint:
            return static_cast<u32>(v) == ~u32{0} ? "-1" : fmt::format("{}", static_cast<u32>(v));
        case ArgKind::Hex: return v ? fmt::format("{:#x}", v) : "0";
        case ArgKind::Dev: return fmt::format("{:#x}", v);
        case ArgKind::Long: return fmt::format("{}", static_cast<i64>(v));
        case ArgKind::Size: return fmt::format("{}", v);
        case ArgKind::DirFd:
            return static_cast<i32>(v) == AT_FDCWD ? "AT_FDCWD" : fmt::format("{}", static_cast<i32>(v));
        case ArgKind::Mode: return fmt::format("{:#o}", static_cast<u32>(v));
        case ArgKind::Sig: return signal_name(static_cast<i32>(v));
        case ArgKind::Flags:
            if (a.param == "clone" &&
                d.handler == sys::sys_clone) {  // the low byte is the signal at the child's end
                const std::string signal = (v & 0xff) ? "|" + signal_name(static_cast<i32>(v & 0xff)) : "";
                return v & ~u64{0xff}   ? flags_text(a.param, v & ~u64{0xff}) + signal
                       : signal.empty() ? "0"
                                        : signal.substr(1);
            }
            if (a.param == "open") return flags_text(a.param, host_open_flags(t.abi(), static_cast<u32>(v)));
            return flags_text(a.param, v);
        case ArgKind::Enum: return enum_text(a.param, v);
        case ArgKind::Path:
        case ArgKind::PathNoFollow:
        case ArgKind::PathEntry:
        case ArgKind::Str: return string_text(t, v);
        case ArgKind::Ptr:
        case ArgKind::Area:
        case ArgKind::Mem:
            if (a.name == "statbuf" && ok) return stat_text(t, v);
            if (a.name == "act" || (a.name == "oldact" && ok)) return sigaction_text(t, v);
            return hex_or_null(v);
        case ArgKind::In:
        case ArgKind::Out:
        case ArgKind::OutVar: return bytes_argument(t, d, a, v, args, done ? result : -1);
        case ArgKind::OutStruct: return ok ? struct_text(t, a, v, args, true) : hex_or_null(v);
        case ArgKind::Struct:
        case ArgKind::InOutStruct: return struct_text(t, a, v, args, ok);
        case ArgKind::Iov: return iov_text(t, v, args[static_cast<u64>(a.len_arg)], ~u64{0});
        case ArgKind::OutIov:
            return ok ? iov_text(t, v, args[static_cast<u64>(a.len_arg)], static_cast<u64>(result))
                      : hex_or_null(v);
        case ArgKind::Argv: return argv_text(t, v);
    }
    return "";
}

std::string result_text(const Syscall& d, i64 r, bool done) {
    if (!done || d.ret == RetKind::NoReturn) return "?";
    if (r == -kRestartSys || r == -kRestartAlways)
        return fmt::format("? {} (To be restarted)", errno_name(static_cast<int>(-r)));
    if (r < 0 && r >= -4095) {
        const int e = static_cast<int>(-r);
        return fmt::format("-1 {} ({})", errno_name(e),
                           strerrordesc_np(e) ? strerrordesc_np(e) : "Unknown error");
    }
    switch (d.ret) {
        case RetKind::Addr:
        case RetKind::Hex: return fmt::format("{:#x}", static_cast<u64>(r));
        case RetKind::Octal: return fmt::format("{:#o}", static_cast<u64>(r));
        default: return fmt::format("{}", r);
    }
}

std::string json_string(std::string_view s) {
    std::string out = "\"";
    for (const char c : s) {
        if (c == '"' || c == '\\')
            out += '\\', out += c;
        else if (static_cast<u8>(c) < 32 || static_cast<u8>(c) >= 127)
            out += fmt::format("\\u{:04x}", static_cast<u8>(c));
        else
            out += c;
    }
    return out + '"';
}

/// One write, so that lines of several threads and processes do not mix. Not through stdio: the guest owns
/// its buffers.
void write_line(const std::string& line) {
    for (u64 at = 0; at < line.size();) {
        const auto n = ::write(STDERR_FILENO, line.data() + at, line.size() - at);
        if (n < 0 && errno != EINTR) return;
        if (n > 0) at += static_cast<u64>(n);
    }
}

}  // namespace

std::string quote_bytes(const u8* p, u64 shown, bool more) {
    std::string s = "\"";
    for (u64 i = 0; i < shown; i++) {
        const u8 c = p[i];
        switch (c) {
            case '\n': s += "\\n"; break;
            case '\r': s += "\\r"; break;
            case '\t': s += "\\t"; break;
            case '\v': s += "\\v"; break;
            case '\f': s += "\\f"; break;
            case '"': s += "\\\""; break;
            case '\\': s += "\\\\"; break;
            default:
                if (c >= 32 && c < 127) {
                    s += static_cast<char>(c);
                } else {  // shortest octal that the next character does not extend
                    const bool digit_follows = i + 1 < shown && p[i + 1] >= '0' && p[i + 1] <= '9';
                    s += digit_follows ? fmt::format("\\{:03o}", c) : fmt::format("\\{:o}", c);
                }
        }
    }
    return s + (more ? "\"..." : "\"");
}

/// How many arguments are worth showing: open's mode counts only when a file may be made.
static unsigned shown_arguments(const Syscall& d, const std::array<u64, 6>& args) {
    const bool creates =
        args[2] & (O_CREAT | 020000000);  // O_TMPFILE without O_DIRECTORY; the same everywhere
    return d.handler == sys::sys_openat && !creates ? 3 : d.arg_count;
}

void strace_line(Thread& t, const Syscall& d, const std::array<u64, 6>& given, i64 result, bool done) {
    const std::array<u64, 6> args = plain_arguments(t, d, given);
    const bool json = t.process().options().strace == RunOptions::Strace::Json;
    std::string line;
    if (json) {
        line = fmt::format("{{\"pid\":{},\"tid\":{},\"call\":\"{}\",\"args\":{{", getpid(), t.tid, d.name);
        for (unsigned i = 0; i < shown_arguments(d, args); i++)
            line += fmt::format("{}\"{}\":{}", i ? "," : "", d.args[i].name,
                                json_string(argument_text(t, d, i, args, result, done)));
        line += "}";
        if (done) line += fmt::format(",\"result\":{}", result);
        if (done && result < 0 && result >= -4095)
            line += fmt::format(",\"errno\":\"{}\"", errno_name(static_cast<int>(-result)));
        line += "}\n";
    } else {
        if (t.tid != getpid()) line = fmt::format("[pid {}] ", t.tid);
        line += fmt::format("{}(", d.name);
        for (unsigned i = 0; i < shown_arguments(d, args); i++)
            line += (i ? ", " : "") + argument_text(t, d, i, args, result, done);
        line += fmt::format(") = {}\n", result_text(d, result, done));
    }
    write_line(line);
}

void strace_unknown(Thread& t, u64 nr, const std::array<u64, 6>& a) {
    if (t.process().options().strace == RunOptions::Strace::Json)
        write_line(fmt::format(
            "{{\"pid\":{},\"tid\":{},\"call\":\"syscall_{}\",\"result\":-38,\"errno\":\"ENOSYS\"}}\n",
            getpid(), t.tid, static_cast<i64>(nr)));
    else
        write_line(fmt::format(
            "syscall_{}({:#x}, {:#x}, {:#x}, {:#x}, {:#x}, {:#x}) = -1 ENOSYS (Function not implemented)\n",
            static_cast<i64>(nr), a[0], a[1], a[2], a[3], a[4], a[5]));
}

void strace_signal(Thread& t, int sig, const SigInfo& info) {
    const i32 code = load_raw<i32>(info.bytes + 8);
    const bool fault = code > 0 && (kSyncSignals & sigbit(sig));
    const std::string detail = fault ? fmt::format("si_addr={:#x}, pc={:#x}", load_raw<u64>(info.bytes + 16),
                                                   t.abi().untagged(t.vcpu().pc()))
                                     : fmt::format("si_pid={}, si_uid={}", load_raw<i32>(info.bytes + 16),
                                                   load_raw<u32>(info.bytes + 20));
    if (t.process().options().strace == RunOptions::Strace::Json) {
        write_line(fmt::format("{{\"pid\":{},\"tid\":{},\"signal\":\"{}\",\"code\":{},\"detail\":\"{}\"}}\n",
                               getpid(), t.tid, signal_name(sig), code, detail));
        return;
    }
    const std::string who = t.tid != getpid() ? fmt::format("[pid {}] ", t.tid) : "";
    write_line(fmt::format("{0}--- {1} {{si_signo={1}, si_code={2}, {3}}} ---\n", who, signal_name(sig), code,
                           detail));
}

}  // namespace vm::linux
