#include "linux/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/format.h"
#include "linux/file_view.h"

namespace vm::linux {
namespace {

constexpr u64 kHeadBytes = 256;  // BINPRM_BUF_SIZE
constexpr int kMaxScripts = 4;

/// A `#!` line whose interpreter does not end within the bytes that are looked at (fs/binfmt_script.c); its
/// argument may.
bool shebang_cut(std::string_view head) {
    if (head.size() < kHeadBytes || head.find('\n') != head.npos) return false;
    const size_t from = head.find_first_not_of(" \t", 2);
    return from != head.npos && head.find_first_of(std::string_view(" \t\0", 3), from) == head.npos;
}

Result<int> cannot_open(const std::string& name, int e) {
    if (e == ENOENT || e == ENOTDIR)
        return fail(ErrorKind::NotFound, fmt::format("{}: no such file", name.empty() ? "''" : name), e);
    return fail(ErrorKind::NotExecutable, fmt::format("{}: {}", name, std::generic_category().message(e)), e);
}

Result<int> open_file(const std::string& name, const std::string& host) {
    struct stat st {};
    if (::stat(host.c_str(), &st) != 0) return cannot_open(name, errno);
    if (S_ISDIR(st.st_mode))
        return fail(ErrorKind::NotExecutable, fmt::format("{}: is a directory, not a program", name), EACCES);
    if (!S_ISREG(st.st_mode))
        return fail(ErrorKind::NotExecutable,
                    fmt::format("{}: is not a regular file, so it cannot be run", name), EACCES);
    if (::faccessat(AT_FDCWD, host.c_str(), X_OK, AT_EACCESS) != 0)
        return fail(ErrorKind::NotExecutable,
                    fmt::format("{}: is not marked as executable; chmod +x it", name), errno);
    const int fd = ::open(host.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        const int e = errno;
        return fail(ErrorKind::NotExecutable,
                    fmt::format("{}: cannot be opened ({})", name, std::generic_category().message(e)), e);
    }
    return fd;
}

}  // namespace

Program::Program(Program&& o) noexcept
    : fd(std::exchange(o.fd, -1)),
      path(std::move(o.path)),
      host_path(std::move(o.host_path)),
      argv(std::move(o.argv)),
      is_script(o.is_script),
      head(std::move(o.head)) {}

Program::~Program() {
    if (fd >= 0) ::close(fd);
}

Result<Program> open_program(const FileView& files, const std::string& path, std::vector<std::string> argv,
                             int given) {
    std::string current = path;
    bool script = false;
    for (int depth = 0;; depth++) {
        if (depth > kMaxScripts)
            return fail(ErrorKind::NotExecutable,
                        fmt::format("{}: its '#!' lines name scripts more than {} deep", path, kMaxScripts),
                        ELOOP);
        Program prog;
        prog.path = current;
        const i64 resolved = files.resolve(AT_FDCWD, current, Look::Follow, &prog.host_path);
        Result<int> fd = given;
        if (resolved < 0)
            fd = cannot_open(current, static_cast<int>(-resolved));
        else if (given < 0)
            fd = open_file(current, prog.host_path);
        if (!fd) {
            Error e = fd.error();
            if (script)
                e.message =
                    fmt::format("{}: the interpreter in its '#!' line cannot be used: {}", path, e.message);
            return std::unexpected(std::move(e));
        }
        prog.fd = *fd;
        given = -1;
        char head[kHeadBytes];
        const ssize_t n = ::pread(prog.fd, head, sizeof head, 0);
        if (n < 0)
            return fail(
                ErrorKind::NotExecutable,
                fmt::format("{}: cannot be read ({})", current, std::generic_category().message(errno)),
                errno);
        prog.head.assign(head, static_cast<size_t>(n));
        switch (file_kind(prog.head)) {
            case FileKind::Elf:
                prog.argv = std::move(argv);
                prog.is_script = script;
                return prog;
            case FileKind::Other:
                if (n == 0)
                    return fail(ErrorKind::NotExecutable,
                                fmt::format("{}: is empty, so it cannot be run", current), ENOEXEC);
                return fail(
                    ErrorKind::NotExecutable,
                    fmt::format("{}: is neither an ELF program nor a script that starts with '#!'", current),
                    ENOEXEC);
            case FileKind::Script: break;
        }
        std::string interpreter, argument;
        if (shebang_cut(prog.head))
            return fail(ErrorKind::NotExecutable,
                        fmt::format("{}: its '#!' line is longer than {} bytes", current, kHeadBytes),
                        ENOEXEC);
        if (!parse_shebang(prog.head, &interpreter, &argument))
            return fail(ErrorKind::NotExecutable,
                        fmt::format("{}: its '#!' line names no interpreter", current), ENOEXEC);
        std::vector<std::string> rewritten{interpreter};
        if (!argument.empty()) rewritten.push_back(argument);
        rewritten.push_back(current);
        for (size_t i = 1; i < argv.size(); i++) rewritten.push_back(std::move(argv[i]));
        argv = std::move(rewritten);
        current = interpreter;
        script = true;
    }
}

}  // namespace vm::linux
