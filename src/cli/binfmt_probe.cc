#include "cli/binfmt_probe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "base/format.h"

namespace vm::cli {
namespace {

constexpr int kPatienceMs = 10'000;

class Fd {
  public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }
    int get() const { return fd_; }
    void reset(int fd = -1) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = fd;
    }

  private:
    int fd_;
};

/// The program in a file without a name, or, where memory may not be executed, in one that is removed at
/// once.
Result<int> program_file(const std::string& program) {
    int fd =
        static_cast<int>(::syscall(SYS_memfd_create, "vm-binfmt-probe", 0x10u /* MFD_EXEC, Linux 6.3 */));
    if (fd < 0 && errno == EINVAL) fd = static_cast<int>(::syscall(SYS_memfd_create, "vm-binfmt-probe", 0u));
    if (fd >= 0) {
        if (::write(fd, program.data(), program.size()) == static_cast<ssize_t>(program.size())) return fd;
        ::close(fd);
    }
    char name[] = "/tmp/vm-binfmt-probe-XXXXXX";
    const int out = ::mkstemp(name);
    if (out < 0)
        return fail(ErrorKind::Io, fmt::format("binfmt: no file for a trial program ({})", errno_text(errno)),
                    errno);
    const bool written =
        ::write(out, program.data(), program.size()) == static_cast<ssize_t>(program.size()) &&
        ::fchmod(out, 0755) == 0;
    ::close(out);
    fd = written ? ::open(name, O_RDONLY) : -1;
    const int e = errno;
    ::unlink(name);
    if (fd < 0)
        return fail(ErrorKind::Io, fmt::format("binfmt: no file for a trial program ({})", errno_text(e)), e);
    return fd;
}

/// In the child. Says on `report` why it could not.
[[noreturn]] void execute(int program, int input, int report) {
    ::dup2(input, 0);
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) {
        ::dup2(null, 1);
        ::dup2(null, 2);
    }
    char name[] = "vm-binfmt-probe";
    char* argv[] = {name, nullptr};
    char* env[] = {nullptr};
    ::syscall(SYS_execveat, program, "", argv, env, AT_EMPTY_PATH);
    const int e = errno;
    (void)!::write(report, &e, sizeof e);
    ::_exit(127);
}

std::string executable_of(pid_t pid) {
    char text[PATH_MAX];
    const ssize_t n = ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), text, sizeof text);
    return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
}

}  // namespace

std::string probe_program(const GuestKind& isa) {
    constexpr u64 kBase = 0x10000, kHeaders = 64 + 56;
    const u64 size = kHeaders + isa.probe.size_bytes();
    const Pattern pattern = elf_pattern(isa);
    std::string file(size, '\0');
    std::memcpy(file.data(), pattern.magic.data(), pattern.magic.size());
    auto put = [&](size_t at, auto value) { std::memcpy(&file[at], &value, sizeof value); };
    put(20, u32{1});            // e_version
    put(24, kBase + kHeaders);  // e_entry
    put(32, u64{64});           // e_phoff
    put(48, isa.elf_flags());   // e_flags
    put(52, u16{64});           // e_ehsize
    put(54, u16{56});           // e_phentsize
    put(56, u16{1});            // e_phnum
    put(64, u32{1});            // PT_LOAD
    put(68, u32{5});            // readable, executable
    put(80, kBase);             // p_vaddr
    put(88, kBase);             // p_paddr
    put(96, size);              // p_filesz
    put(104, size);             // p_memsz
    put(112, u64{0x1000});      // p_align
    std::memcpy(&file[kHeaders], isa.probe.data(), isa.probe.size_bytes());
    return file;
}

std::string errno_text(int e) { return std::generic_category().message(e); }

Result<std::string> who_runs(const GuestKind& isa) {
    auto file = program_file(probe_program(isa));
    if (!file) return std::unexpected(file.error());
    const Fd program(*file);
    int input[2], report[2];
    if (::pipe2(input, O_CLOEXEC) != 0)
        return fail(ErrorKind::Resource, "binfmt: no pipe for a trial", errno);
    Fd input_read(input[0]), input_write(input[1]);
    if (::pipe2(report, O_CLOEXEC) != 0)
        return fail(ErrorKind::Resource, "binfmt: no pipe for a trial", errno);
    Fd report_read(report[0]), report_write(report[1]);
    const pid_t pid = ::fork();
    if (pid < 0)
        return fail(ErrorKind::Resource,
                    fmt::format("binfmt: no process for a trial ({})", errno_text(errno)), errno);
    if (pid == 0) execute(program.get(), input[0], report[1]);
    report_write.reset();
    input_read.reset();
    int e = 0, status = 0;
    if (::read(report_read.get(), &e, sizeof e) == sizeof e) {  // else closed by a successful execve
        ::waitpid(pid, &status, 0);
        return fail(ErrorKind::Unsupported,
                    fmt::format("{} program cannot be executed: {}",
                                linux::with_article(std::string(isa.name())), errno_text(e)),
                    e);
    }
    const std::string by = executable_of(pid);
    (void)!::write(input_write.get(), "x", 1);
    input_write.reset();
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    pollfd p{pidfd.get(), POLLIN, 0};
    if (pidfd.get() >= 0 && ::poll(&p, 1, kPatienceMs) == 0) ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kProbeStatus) return by;
    return fail(
        ErrorKind::Io,
        fmt::format("{} program that {} runs ended with {} {} instead of {}",
                    linux::with_article(std::string(isa.name())), by, WIFEXITED(status) ? "status" : "signal",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), kProbeStatus));
}

}  // namespace vm::cli
