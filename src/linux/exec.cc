// execve: the guest's programs are run by this program again, with the same options; the host's own are run
// as they are.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/format.h"
#include "linux/elf.h"
#include "linux/process.h"
#include "linux/signals.h"

namespace vm::linux {
namespace {

/// Everything that an execve of the host needs. Owned by the Thread: a vfork child that succeeds leaves it to
/// its parent.
struct Image {
    std::string
        file;  ///< the program itself, for a kernel that can run it: the host's own, or by binfmt_misc
    std::vector<std::string> argv;  ///< its arguments
    bool itself = false;  ///< the kernel is to run it: nothing of ours, or a setuid program under binfmt_misc
    std::vector<std::string> again;  ///< how this executable is to run it; empty: it is none of the guest's
    int self_fd = -1;                ///< what to execute for `again`; -1 = /proc/self/exe
    std::vector<std::string> env;
    std::vector<char*> argv_pointers, env_pointers;
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> v;
    for (std::string& s : strings) v.push_back(s.data());
    v.push_back(nullptr);
    return v;
}

i64 host_exec(Thread& t) {
    Image& i = *static_cast<Image*>(t.exec_image.get());
    i.env_pointers = pointers(i.env);
    auto execute = [&](int dirfd, const char* file, std::vector<std::string>& argv, u64 flags) {
        i.argv_pointers = pointers(argv);
        return safe_syscall(t, SYS_execveat, static_cast<u64>(static_cast<i64>(dirfd)),
                            reinterpret_cast<u64>(file), reinterpret_cast<u64>(i.argv_pointers.data()),
                            reinterpret_cast<u64>(i.env_pointers.data()), flags);
    };
    signals_prepare_exec(t);
    i64 r = -ENOEXEC;
    if (i.itself) r = execute(AT_FDCWD, i.file.c_str(), i.argv, 0);
    if (r == -ENOEXEC && !i.again.empty()) {
        if (i.self_fd >= 0) {
            t.process().self().begin_exec();
            r = execute(i.self_fd, "", i.again, AT_EMPTY_PATH);
            t.process().self().exec_failed();
        } else {
            r = execute(AT_FDCWD, "/proc/self/exe", i.again, 0);
            // Without /proc, as in a bare chroot, binfmt_misc may still run the program.
            if ((r == -ENOENT || r == -EACCES) && !i.itself &&
                t.process().files().kind() == FileView::Kind::Host)
                r = execute(AT_FDCWD, i.file.c_str(), i.argv, 0);
        }
    }
    signals_exec_failed(t);
    return r;
}

/// What the kernel would find out before it gives the old program up: 0, or -errno.
i64 check_guest_elf(Process& p, const Program& prog) {
    auto elf = parse_elf(prog.fd, prog.path, elf_targets(p.guests()));
    if (!elf) return elf.error().kind == ErrorKind::Io ? -EIO : -ENOEXEC;
    if (elf->interpreter.empty()) return 0;
    std::string loader;
    if (const i64 r = p.files().resolve(AT_FDCWD, elf->interpreter, Look::Follow, &loader); r < 0) return r;
    return ::access(loader.c_str(), R_OK) == 0 ? 0 : -errno;
}

/// execveat and fexecve name the file by descriptor. Another process must find it: by its real name if it
/// still has one, else through a copy of the descriptor that stays open.
std::string lasting_name(const Process& p, const std::string& path, const Program& prog) {
    if (!path.starts_with("/proc/self/fd/") && !path.starts_with("/dev/fd/")) return prog.path;
    if (prog.is_script) return prog.path;
    char* real = ::realpath(prog.host_path.c_str(), nullptr);
    struct stat by_name {
    }, by_fd{};
    const bool same = real && ::stat(real, &by_name) == 0 && ::fstat(prog.fd, &by_fd) == 0 &&
                      by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
    std::string name;
    if (same) {
        name = p.files().guest_path(real);
    } else {
        const int fd = ::fcntl(prog.fd, F_DUPFD, 100);
        name = fd < 0 ? prog.path : fmt::format("/proc/self/fd/{}", fd);
    }
    std::free(real);
    return name;
}

/// Would the kernel give the program another user or group?
bool changes_credentials(const Program& prog) {
    struct stat st {};
    if (::fstat(prog.fd, &st) != 0) return false;
    return ((st.st_mode & S_ISUID) && st.st_uid != ::geteuid()) ||
           ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != ::getegid());
}

/// --cpu for a program of `guest`: one that is not for this process's ISA may mean nothing to another.
bool has_cpu(const RunOptions& o, const Guest& guest) {
    u64 features = 0;
    std::string error;
    return !o.cpu.empty() && guest.isa->parse_cpu(o.cpu, &features, &error);
}

/// The command that makes this executable run the program, with the options it has itself.
std::vector<std::string> run_again(Process& p, const std::string& path, const Program& prog,
                                   const Guest& guest, int self_fd) {
    const RunOptions& o = p.options();
    std::vector<std::string> command = o.reexec_command;
    for (size_t i = 0; i < o.reexec_args.size(); i++) {
        if (o.reexec_args[i] == "--cache" && p.files().left())
            command.insert(command.end(), {"--no-cache"}), i++;  // the directory is out of sight since chroot
        else
            command.push_back(o.reexec_args[i]);
    }
    switch (p.files().kind()) {
        case FileView::Kind::Host: break;
        case FileView::Kind::Overlay:
            command.push_back("--sysroot=" + p.files().root());
            if (p.files().cwd_has_guest_name()) command.emplace_back("--cwd-has-guest-name");
            break;
        case FileView::Kind::Root: command.push_back("--root=" + p.files().root()); break;
    }
    if (has_cpu(o, guest)) command.push_back("--cpu=" + o.cpu);
    if (o.by_binfmt) command.emplace_back("--by-binfmt");
    if (self_fd >= 0) command.push_back(fmt::format("--self-fd={}", self_fd));
    if (self_fd >= 0 && !p.self().name().empty()) command.push_back("--self-name=" + p.self().name());
    command.push_back("--argv0=" + prog.argv[0]);
    command.emplace_back("--");
    command.push_back(lasting_name(p, path, prog));
    command.insert(command.end(), prog.argv.begin() + 1, prog.argv.end());
    return command;
}

/// Decides what the host is to execute. 0 or -errno.
i64 make_image(Process& p, const std::string& path, std::vector<std::string> argv, Image* image) {
    if (argv.empty()) argv.emplace_back();  // as Linux since 5.18
    auto prog = open_program(p.files(), path, std::move(argv));
    if (!prog) return prog.error().os_errno ? -prog.error().os_errno : -ENOEXEC;
    if (prog->head.size() < 20) return -ENOEXEC;
    const bool is_64_little = prog->head[4] == 2 && prog->head[5] == 1;
    const u16 machine = load_raw<u16>(prog->head.data() + 18);
    image->file = prog->host_path;
    image->argv = prog->argv;

    const Guest* guest = find_guest(p.guests(), machine);
    if (guest && is_64_little) {
        if (const i64 r = check_guest_elf(p, *prog); r < 0) return r;
        image->self_fd = p.self().fd();
        image->again = run_again(p, path, *prog, *guest, image->self_fd);
        image->itself =
            p.options().by_binfmt && p.files().kind() == FileView::Kind::Host && changes_credentials(*prog);
        return 0;
    }
    const bool host_program = (machine == host_machine() && prog->head[5] == 1) ||
                              (host_machine() == kEmX86_64 && machine == kEm386);
    // Under --root a program of the host would see the host's files in place of the guest's.
    if (!host_program || p.files().kind() == FileView::Kind::Root) return -ENOEXEC;
    image->itself = true;
    return 0;
}

}  // namespace

i64 do_execve(Thread& t, const std::string& path, std::vector<std::string> argv,
              std::vector<std::string> env) {
    auto image = std::make_shared<Image>();
    if (const i64 r = make_image(t.process(), path, std::move(argv), image.get()); r < 0) return r;
    image->env = std::move(env);
    t.process().save_translations();
    t.exec_image = std::move(image);
    const i64 r = host_exec(t);
    t.exec_image.reset();
    return r;
}

}  // namespace vm::linux
