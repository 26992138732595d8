#include "osal/other_process.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/format.h"

namespace vm::osal {
namespace {

constexpr size_t kMostText = size_t{16} << 20;  ///< of a file in /proc
constexpr u64 kKernelThread = 0x200000;         ///< PF_KTHREAD, include/linux/sched.h

/// The errno, 0 if `out` is the text.
int read_text(const std::string& path, std::string& out) {
    out.clear();
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error = 0;
    for (char buffer[4096]; out.size() < kMostText;) {
        const ssize_t n = ::read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) error = errno;
        if (n <= 0) break;
        out.append(buffer, static_cast<size_t>(n));
    }
    ::close(fd);
    return error;
}

std::string text_of(const std::string& path) {
    std::string text;
    (void)read_text(path, text);
    return text;
}

/// Takes the next word off `text`.
std::string_view next_word(std::string_view& text) {
    constexpr std::string_view kSpace = " \t\n";
    const size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
    const size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    text.remove_prefix(end);
    return word;
}

std::optional<u64> number(std::string_view word, int base = 10) {
    u64 value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    if (error != std::errc() || end != word.data() + word.size()) return {};
    return value;
}

}  // namespace

std::optional<TaskStat> parse_task_stat(std::string_view text) {
    const size_t open = text.find('('), close = text.rfind(')');  // the name may hold anything
    if (open == text.npos || close == text.npos || close < open) return {};
    TaskStat s;
    s.name = text.substr(open + 1, close - open - 1);
    text.remove_prefix(close + 1);
    for (unsigned field = 3; field <= 22; field++) {
        const std::string_view word = next_word(text);
        if (word.empty()) return {};
        if (field == 3) s.state = word[0];
        if (field != 9 && field != 14 && field != 22) continue;
        const auto value = number(word);
        if (!value) return {};
        if (field == 9) s.of_kernel = *value & kKernelThread;
        if (field == 14) s.user_ticks = *value;
        if (field == 22) s.start_ticks = *value;
    }
    return s;
}

std::vector<u64> status_numbers(std::string_view status, std::string_view name, int base) {
    std::vector<u64> out;
    for (size_t at = 0; at < status.size();) {
        const size_t end = std::min(status.find('\n', at), status.size());
        std::string_view line = status.substr(at, end - at);
        at = end + 1;
        if (!line.starts_with(name) || line.size() == name.size() || line[name.size()] != ':') continue;
        line.remove_prefix(name.size() + 1);
        while (const auto value = number(next_word(line), base)) out.push_back(*value);
        break;
    }
    return out;
}

std::optional<FilePlace> find_file_place(std::string_view maps, u64 address) {
    for (size_t at = 0; at < maps.size();) {
        const size_t end = std::min(maps.find('\n', at), maps.size());
        std::string_view line = maps.substr(at, end - at);
        at = end + 1;
        const std::string_view range = next_word(line);
        const size_t dash = range.find('-');
        if (dash == range.npos) continue;
        const auto from = number(range.substr(0, dash), 16), to = number(range.substr(dash + 1), 16);
        if (!from || !to || address < *from || address >= *to) continue;
        next_word(line);  // rights
        const auto offset = number(next_word(line), 16);
        if (!offset) return {};
        next_word(line);  // device
        next_word(line);  // inode
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        return FilePlace{std::string(line), address - *from + *offset};
    }
    return {};
}

std::string why_refused(const TraceRights& r) {
    const u64 us = r.our_users.empty() ? 0 : r.our_users[0];
    const auto foreign = std::ranges::find_if(r.their_users, [&](u64 user) { return user != us; });
    if (r.memory && r.yama_scope >= 3)
        return fmt::format("kernel.yama.ptrace_scope is {}: nobody may read the memory of process {}",
                           r.yama_scope, r.pid);
    if (!bit(r.our_capabilities, CAP_SYS_PTRACE)) {
        if (foreign != r.their_users.end())
            return fmt::format("process {} belongs to user {}: run vm top as that user or as root", r.pid,
                               *foreign);
        if (!r.dumpable)
            return fmt::format(
                "process {} is closed to its own user (its program is setuid or may not be read, or it "
                "called prctl(PR_SET_DUMPABLE)): run vm top as root",
                r.pid);
        if (r.their_capabilities & ~r.our_capabilities)
            return fmt::format("process {} has capabilities that this user lacks: run vm top as root", r.pid);
        if (r.memory && r.yama_scope == 2)
            return fmt::format("kernel.yama.ptrace_scope is 2: only root may read the memory of process {}",
                               r.pid);
        if (r.memory && r.yama_scope == 1)
            return fmt::format(
                "kernel.yama.ptrace_scope is 1: only its parents may read the memory of process {}; run vm "
                "top as root, or set it to 0",
                r.pid);
    }
    return fmt::format(
        "the kernel does not let this user look into process {}: another user namespace, a security module "
        "or a seccomp filter",
        r.pid);
}

u64 ticks_per_second() { return static_cast<u64>(std::max(::sysconf(_SC_CLK_TCK), 1L)); }

// ---------------------------------------------------------------------------------------------- the process

std::string OtherProcess::path(std::string_view name) const { return fmt::format("/proc/{}/{}", pid_, name); }

std::unexpected<Error> OtherProcess::gone() const {
    return fail(ErrorKind::NotFound, fmt::format("process {} has ended", pid_));
}

std::unexpected<Error> OtherProcess::refused(bool memory) const {
    TraceRights r;
    r.pid = pid_;
    r.memory = memory;
    const std::string theirs = text_of(path("status")), ours = text_of("/proc/self/status");
    r.their_users = status_numbers(theirs, "Uid");
    r.our_users = status_numbers(ours, "Uid");
    const auto first = [](const std::vector<u64>& v) { return v.empty() ? 0 : v[0]; };
    r.their_capabilities = first(status_numbers(theirs, "CapPrm", 16));
    r.our_capabilities = first(status_numbers(ours, memory ? "CapPrm" : "CapEff", 16));
    std::string_view scope = "0";
    const std::string text = text_of("/proc/sys/kernel/yama/ptrace_scope");
    if (std::string_view rest = text; !rest.empty()) scope = next_word(rest);
    r.yama_scope = static_cast<int>(number(scope).value_or(0));
    // Files of one that may not be dumped are root's (fs/proc/base.c, task_dump_owner).
    struct stat owner {};
    if (r.their_users.size() > 1 && ::stat(path("status").c_str(), &owner) == 0)
        r.dumpable = owner.st_uid == r.their_users[1];
    return fail(ErrorKind::Io, why_refused(r), EPERM);
}

OtherProcess::OtherProcess(OtherProcess&& other) noexcept
    : pid_(other.pid_),
      pidfd_(std::exchange(other.pidfd_, -1)),
      inner_pid_(other.inner_pid_),
      nested_(other.nested_),
      start_ticks_(other.start_ticks_) {}

OtherProcess::~OtherProcess() {
    if (pidfd_ >= 0) ::close(pidfd_);
}

Result<OtherProcess> OtherProcess::open(int pid) {
    OtherProcess p;
    p.pid_ = pid;
    p.pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    std::string text;
    if (read_text(p.path("stat"), text) != 0) {
        if (::kill(pid, 0) == 0 || errno == EPERM)
            return fail(ErrorKind::NotFound,
                        fmt::format("process {} is hidden: /proc is not mounted, or with hidepid", pid));
        return fail(ErrorKind::NotFound, fmt::format("there is no process {}", pid));
    }
    const auto stat = parse_task_stat(text);
    if (!stat) return p.gone();
    if (stat->of_kernel)
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("process {} is a thread of the kernel ({})", pid, stat->name));
    const std::string status = text_of(p.path("status"));
    const auto group = status_numbers(status, "Tgid"), inner = status_numbers(status, "NSpid");
    if (!group.empty() && group[0] != static_cast<u64>(pid))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("{} is a thread of process {}: vm top {}", pid, group[0], group[0]));
    if (stat->ended())
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("process {} has ended; its parent has not asked for its status yet", pid));
    p.start_ticks_ = stat->start_ticks;
    p.nested_ = inner.size() > 1;
    p.inner_pid_ = inner.empty() ? pid : static_cast<int>(inner.back());
    return p;
}

bool OtherProcess::ended() const {
    const auto stat = parse_task_stat(text_of(path("stat")));
    return !stat || stat->ended() || stat->start_ticks != start_ticks_;
}

double OtherProcess::age() const {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    const double started = static_cast<double>(start_ticks_) / static_cast<double>(ticks_per_second());
    return std::max(0.0, static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 - started);
}

std::map<int, int> OtherProcess::threads() const {
    std::map<int, int> out;
    DIR* d = ::opendir(path("task").c_str());
    if (d == nullptr) return out;
    while (const dirent* entry = ::readdir(d)) {
        const auto id = number(entry->d_name);
        if (!id) continue;
        u64 inner = *id;
        if (nested_) {
            const auto ids =
                status_numbers(text_of(path(fmt::format("task/{}/status", entry->d_name))), "NSpid");
            if (ids.empty()) continue;
            inner = ids.back();
        }
        out[static_cast<int>(inner)] = static_cast<int>(*id);
    }
    ::closedir(d);
    return out;
}

std::optional<u64> OtherProcess::user_ticks(int tid) const {
    const auto stat = parse_task_stat(text_of(path(fmt::format("task/{}/stat", tid))));
    if (!stat) return {};
    return stat->user_ticks;
}

std::string OtherProcess::command_line() const { return text_of(path("cmdline")); }
std::string OtherProcess::maps() const { return text_of(path("maps")); }

std::string OtherProcess::program_name() const {
    char name[4096];
    const ssize_t n = ::readlink(path("exe").c_str(), name, sizeof name);
    return n < 0 ? std::string() : std::string(name, static_cast<size_t>(n));
}

Result<ProgramFile> OtherProcess::program(std::string_view section) const {
    const int fd = ::open(path("exe").c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        const int error = errno;
        if (error == ENOENT || error == ESRCH) return gone();
        const std::string name = program_name();
        if (name.empty()) return refused(false);
        return fail(ErrorKind::Io,
                    fmt::format("process {} runs {}, which cannot be read ({})", pid_, name,
                                std::generic_category().message(error)),
                    error);
    }
    auto file = read_program_file(fd, section);
    ::close(fd);
    return file;
}

Result<u64> OtherProcess::header_address() const {
    std::string text;
    const int error = read_text(path("auxv"), text);
    if (error == EACCES || error == EPERM) return refused(false);
    for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= text.size(); at += sizeof(Elf64_auxv_t)) {
        const auto entry = load_raw<Elf64_auxv_t>(&text[at]);
        if (entry.a_type == AT_PHDR) return entry.a_un.a_val;
    }
    return gone();
}

Result<void> OtherProcess::read(u64 address, void* out, u64 size) const {
    const iovec here{out, size}, there{reinterpret_cast<void*>(address), size};
    const ssize_t n = ::process_vm_readv(pid_, &here, 1, &there, 1, 0);
    if (n >= 0 && static_cast<u64>(n) == size) return {};
    if (n < 0 && errno == EPERM) return refused(true);
    if (n < 0 && errno == ENOSYS)
        return fail(ErrorKind::Unsupported, "this host's kernel has no process_vm_readv(2)", ENOSYS);
    return fail(ErrorKind::NotFound, fmt::format("process {} has nothing at {:#x}", pid_, address), EFAULT);
}

}  // namespace vm::osal
