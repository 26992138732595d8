// Files under /proc that must describe the guest and not the program that runs it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/format.h"
#include "linux/process.h"

namespace vm::linux {
namespace {

/// The part of `path` after this process's own /proc directory ("maps"), or nothing. Threads' directories
/// show the same.
std::optional<std::string_view> own_file(std::string_view path, Process& p) {
    if (!path.starts_with("/proc/")) return std::nullopt;
    path.remove_prefix(6);
    auto take = [&] {
        const size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        path.remove_prefix(slash == path.npos ? path.size() : slash + 1);
        return part;
    };
    auto number = [](std::string_view s) {
        int n = -1;
        const auto r = std::from_chars(s.data(), s.data() + s.size(), n);
        return r.ec == std::errc{} && r.ptr == s.data() + s.size() ? n : -1;
    };
    const std::string_view who = take();
    if (who != "self" && who != "thread-self" && number(who) != ::getpid()) return std::nullopt;
    if (path.starts_with("task/")) {
        take();
        const int tid = number(take());
        std::lock_guard guard(p.threads_mutex);
        bool ours = false;
        for (const Thread* t : p.threads) ours |= t->tid == tid;
        if (!ours) return std::nullopt;
    }
    return path;
}

std::string read_host(const std::string& path) {
    std::string text;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return text;
    char chunk[4096];
    for (ssize_t n; (n = ::read(fd, chunk, sizeof chunk)) > 0;) text.append(chunk, static_cast<size_t>(n));
    ::close(fd);
    return text;
}

std::string guest_bytes(Process& p, u64 begin, u64 end) {
    std::string text(end - begin, '\0');
    if (!p.mm().read(begin, text.data(), text.size())) text.clear();
    return text;
}

/// /proc/…/stat: the host's line with the guest's addresses (proc(5), fields counted from 1).
std::string stat_text(Process& p, const std::string& path) {
    std::string line = read_host(path);
    const size_t paren = line.rfind(')');
    if (paren == line.npos) return line;
    std::vector<std::string> fields;  // fields[0] is field 3
    size_t at = paren + 2;
    while (at < line.size() && line[at] != '\n') {
        const size_t to = std::min({line.find(' ', at), line.find('\n', at), line.size()});
        fields.emplace_back(line, at, to - at);
        at = to + (to < line.size() && line[to] == ' ');
    }
    const std::pair<size_t, u64> guest[] = {{23, p.mm().mapped_bytes()},
                                            {26, p.code_start},
                                            {27, p.code_end},
                                            {28, p.initial_sp},
                                            {29, 0},
                                            {30, 0},
                                            {47, p.brk_start},
                                            {48, p.arg_start},
                                            {49, p.arg_end},
                                            {50, p.env_start},
                                            {51, p.env_end}};
    for (const auto& [number, value] : guest)
        if (number - 3 < fields.size()) fields[number - 3] = fmt::format("{}", value);
    std::string out = line.substr(0, paren + 1);
    for (const std::string& f : fields) out += " " + f;
    return out + "\n";
}

/// A descriptor that reads as `text`.
int serve(const std::string& text, int flags) {
    if ((flags & O_ACCMODE) != O_RDONLY) return -EACCES;
    const int fd =
        static_cast<int>(::syscall(SYS_memfd_create, "proc", flags & O_CLOEXEC ? MFD_CLOEXEC : 0u));
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
    ::lseek(fd, 0, SEEK_SET);
    return fd;
}

}  // namespace

std::optional<int> open_emulated_proc(Thread& t, const std::string& path, int flags) {
    Process& p = t.process();
    if (!path.starts_with("/proc/")) return std::nullopt;
    if (path == "/proc/cpuinfo") {
        if (!p.abi().cpuinfo) return std::nullopt;
        return serve(p.abi().cpuinfo(p.engine().isa(), p.options().engine.cpu_features,
                                     static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN))),
                     flags);
    }
    const auto file = own_file(path, p);
    if (!file) return std::nullopt;
    if (*file == "maps")
        return serve(p.mm().maps_text(p.files().kind() == FileView::Kind::Host ? "" : p.files().root()), flags);
    if (*file == "cmdline") return serve(guest_bytes(p, p.arg_start, p.arg_end), flags);
    if (*file == "environ") return serve(guest_bytes(p, p.env_start, p.env_end), flags);
    if (*file == "auxv") return serve(guest_bytes(p, p.auxv_addr, p.auxv_addr + p.auxv.size() * 8), flags);
    if (*file == "stat") return serve(stat_text(p, path), flags);
    if (*file == "exe") {
        const int fd = ::open(p.exe_path.c_str(), flags);
        return fd < 0 ? -errno : fd;
    }
    return std::nullopt;
}

}  // namespace vm::linux
