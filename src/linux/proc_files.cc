// Files under /proc that must describe the guest and not the program that runs it.
#include "linux/proc_files.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>

#include "base/format.h"

namespace vm::linux {
namespace {

/// A path into a process's directory: /proc/WHO/file or /proc/WHO/task/TID/file.
struct ProcPath {
    int pid = 0, tid = 0;
    std::string_view file;
};

int number(std::string_view s) {
    int n = -1;
    const auto r = std::from_chars(s.data(), s.data() + s.size(), n);
    return r.ec == std::errc{} && r.ptr == s.data() + s.size() ? n : -1;
}

std::optional<ProcPath> parse_path(std::string_view path) {
    if (!path.starts_with("/proc/")) return std::nullopt;
    path.remove_prefix(6);
    const auto take = [&path] {
        const size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        path.remove_prefix(slash == path.npos ? path.size() : path.find_first_not_of('/', slash));
        return part;
    };
    ProcPath p;
    const std::string_view who = take();
    p.pid = who == "self" || who == "thread-self" ? ::getpid() : number(who);
    p.tid = who == "thread-self" ? static_cast<int>(::gettid()) : p.pid;
    if (p.pid <= 0) return std::nullopt;
    if (path.starts_with("task/")) {
        take();
        p.tid = number(take());
    }
    p.file = path;
    return p;
}

bool is_ours(Process& p, const ProcPath& path) {
    if (path.pid == ::getpid() && path.tid == path.pid) return true;
    std::lock_guard guard(p.threads_mutex);
    for (const Thread* t : p.threads)
        if (t->tid == path.tid && (path.pid == ::getpid() || path.pid == path.tid)) return true;
    return false;
}

std::string guest_bytes(Process& p, u64 begin, u64 end) {
    if (end < begin || end - begin > u64{1} << 24) return {};
    std::string text(end - begin, '\0');
    if (!p.mm().read(begin, text.data(), text.size())) text.clear();
    return text;
}

/// A descriptor that reads as `text`, and can only be read.
int serve(const std::string& text, int flags) {
    if ((flags & O_ACCMODE) != O_RDONLY) return -EACCES;
    const int fd = static_cast<int>(::syscall(SYS_memfd_create, "proc", MFD_CLOEXEC));
    if (fd < 0) return -errno;
    for (size_t done = 0; done < text.size();) {
        const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
        if (n <= 0) {
            const int e = errno;
            ::close(fd);
            return -e;
        }
        done += static_cast<size_t>(n);
    }
    ::fchmod(fd, 0444);
    const int reading =
        ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDONLY | (flags & (O_CLOEXEC | O_NONBLOCK)));
    if (reading >= 0) {
        ::close(fd);
        return reading;
    }
    ::lseek(fd, 0, SEEK_SET);  // no /proc to open it again from
    if (!(flags & O_CLOEXEC)) ::fcntl(fd, F_SETFD, 0);
    return fd;
}

/// A name that leads into /proc from a directory there: as an absolute path.
std::string absolute(int dirfd, const std::string& path) {
    if (path.empty() || path.front() == '/') return path;
    char dir[PATH_MAX];
    const std::string link = dirfd == AT_FDCWD ? "/proc/self/cwd" : fmt::format("/proc/self/fd/{}", dirfd);
    const ssize_t n = ::readlink(link.c_str(), dir, sizeof dir);
    if (n < 5 || std::string_view(dir, 5) != "/proc") return path;
    return fmt::format("{}/{}", std::string_view(dir, static_cast<size_t>(n)), path);
}

std::string cpuinfo_text(Process& p) {
    return p.abi().cpuinfo(p.engine().isa(), p.options().engine.cpu_features,
                           static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

constexpr std::string_view kFiles[] = {"maps",    "smaps", "smaps_rollup", "numa_maps", "cmdline",
                                       "environ", "auxv",  "stat",         "status",    "statm",
                                       "limits",  "exe",   "mountinfo",    "mounts",    "mountstats"};

std::optional<std::string> text_of(Thread& t, const ProcPath& where, const std::string& path) {
    Process& p = t.process();
    const FileView& files = p.files();
    const std::string strip = files.kind() == FileView::Kind::Host ? "" : files.root();
    const std::string_view file = where.file;
    if (file == "maps") return p.mm().maps_text(strip);
    if (file == "smaps") return proc_smaps_text(p.mm(), strip);
    if (file == "smaps_rollup") return proc_smaps_rollup_text(p.mm());
    if (file == "numa_maps") return proc_numa_maps_text(p.mm());
    if (file == "cmdline") return guest_bytes(p, p.arg_start, p.arg_end);
    if (file == "environ") return guest_bytes(p, p.env_start, p.env_end);
    if (file == "auxv") return guest_bytes(p, p.auxv_addr, p.auxv_addr + p.auxv.size() * 8);
    if (file == "stat") return proc_stat_text(t, path, where.tid);
    if (file == "status") return proc_status_text(t, path, where.tid);
    if (file == "statm") return proc_statm_text(p, path);
    if (file == "limits") return proc_limits_text(path);
    if (file.starts_with("mount") && files.kind() == FileView::Kind::Root)
        return mounts_for_guest(files, read_host_file(path), file);
    return std::nullopt;
}

/// The file that is mapped where the process's code begins (describe_process): a guest's program, and a
/// native one's.
std::optional<std::string> program_of(int pid) {
    const u64 code = proc_stat_fields(fmt::format("/proc/{}/stat", pid))[26];
    const std::string maps = read_host_file(fmt::format("/proc/{}/maps", pid));
    std::string_view rest = maps;
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        u64 begin = 0, end = 0;
        const auto r = std::from_chars(line.data(), line.data() + line.size(), begin, 16);
        if (r.ec != std::errc{} || r.ptr == line.data() + line.size()) continue;
        std::from_chars(r.ptr + 1, line.data() + line.size(), end, 16);
        if (code < begin || code >= end) continue;
        const size_t name = line.find('/');
        if (name == line.npos) return std::nullopt;
        return std::string(line.substr(name));
    }
    return std::nullopt;
}

}  // namespace

std::string read_host_file(const std::string& path) {
    std::string text;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return text;
    char chunk[16384];
    for (ssize_t n; (n = ::read(fd, chunk, sizeof chunk)) > 0;) text.append(chunk, static_cast<size_t>(n));
    ::close(fd);
    return text;
}

std::array<u64, 64> proc_stat_fields(const std::string& path) {
    std::array<u64, 64> fields{};
    const std::string stat = read_host_file(path);
    const size_t paren = stat.rfind(')');
    if (paren == stat.npos) return fields;
    size_t at = paren + 2;
    for (size_t field = 3; field < fields.size() && at < stat.size(); field++) {
        const size_t to = std::min(stat.find(' ', at), stat.size());
        std::from_chars(stat.data() + at, stat.data() + to, fields[field]);
        at = to + 1;
    }
    return fields;
}

std::optional<int> open_emulated_proc(Thread& t, int dirfd, const std::string& name, int flags) {
    Process& p = t.process();
    if (flags & (O_PATH | O_DIRECTORY)) return std::nullopt;
    if (name.front() != '/') {
        const size_t slash = name.rfind('/');
        const std::string_view last = std::string_view(name).substr(slash == name.npos ? 0 : slash + 1);
        if (std::find(std::begin(kFiles), std::end(kFiles), last) == std::end(kFiles)) return std::nullopt;
    }
    const std::string path = absolute(dirfd, name);
    if (path == "/proc/cpuinfo" && p.abi().cpuinfo) return serve(cpuinfo_text(p), flags);
    const auto where = parse_path(path);
    if (!where) return std::nullopt;
    if (where->file == "exe") {
        const auto exe = guest_exe(p, path);
        if (!exe) return std::nullopt;
        const int fd = ::open(exe->c_str(), flags);
        return fd < 0 ? -errno : fd;
    }
    if (std::find(std::begin(kFiles), std::end(kFiles), where->file) == std::end(kFiles)) return std::nullopt;
    if (!is_ours(p, *where)) return std::nullopt;
    if (const auto text = text_of(t, *where, path)) return serve(*text, flags);
    return std::nullopt;
}

std::optional<std::string> guest_exe(const Process& p, const std::string& path) {
    if (!path.starts_with("/proc/") || !path.ends_with("/exe")) return std::nullopt;
    const auto where = parse_path(path);
    if (!where || where->file != "exe") return std::nullopt;
    if (where->pid == ::getpid()) return p.exe_path;
    char link[PATH_MAX];
    const ssize_t n = ::readlink(path.c_str(), link, sizeof link);
    if (n < 0) return std::nullopt;  // the kernel says why
    return program_of(where->pid);
}

void describe_process(const Process& p) {
    // The kernel's own record of a process, which ps, pgrep and killall read, also those of other guests and
    // of the host. The break stays ours, the host's heap grows there, and so does the auxiliary vector, which
    // debuggers of vm itself need.
    prctl_mm_map m{};
    m.start_code = p.code_start;
    m.end_code = p.code_end;
    m.start_data = p.data_start;
    m.end_data = p.data_end;
    m.start_brk = proc_stat_fields("/proc/self/stat")[47];
    m.brk = reinterpret_cast<u64>(::sbrk(0));
    m.start_stack = p.initial_sp;
    m.arg_start = p.arg_start;
    m.arg_end = p.arg_end;
    m.env_start = p.env_start;
    m.env_end = p.env_end;
    m.exe_fd = ~u32{0};
    // A kernel that cannot (no CONFIG_CHECKPOINT_RESTORE) goes on to show the translator's.
    (void)::prctl(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof m, 0);
}

}  // namespace vm::linux
