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
#include "linux/program.h"
#include "linux/signals.h"

namespace vm::linux {
namespace {

/// Everything that an execve of the host needs. Owned by the Thread: a vfork child that succeeds leaves it to
/// its parent.
struct Image {
    std::string file;
    std::vector<std::string> argv, env;
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
    i.argv_pointers = pointers(i.argv);
    i.env_pointers = pointers(i.env);
    signals_prepare_exec(t);
    const i64 r = safe_syscall(t, SYS_execve, reinterpret_cast<u64>(i.file.c_str()),
                               reinterpret_cast<u64>(i.argv_pointers.data()),
                               reinterpret_cast<u64>(i.env_pointers.data()));
    signals_exec_failed(t);
    return r;
}

/// What the kernel would find out before it gives the old program up: 0, or -errno.
i64 check_guest_elf(Process& p, const Program& prog) {
    auto elf = parse_elf(prog.fd, prog.path, p.abi().elf_machine, p.mm().page_size(), p.mm().task_size());
    if (!elf) return elf.error().kind == ErrorKind::Io ? -EIO : -ENOEXEC;
    if (elf->interpreter.empty()) return 0;
    const std::string loader = p.host_path(elf->interpreter);
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
        name = p.guest_path(real);
    } else {
        const int fd = ::fcntl(prog.fd, F_DUPFD, 100);
        name = fd < 0 ? prog.path : fmt::format("/proc/self/fd/{}", fd);
    }
    std::free(real);
    return name;
}

}  // namespace

/// Decides what the host is to execute. 0 or -errno.
static i64 make_image(Process& p, const std::string& path, std::vector<std::string> argv, Image* image) {
    if (argv.empty()) argv.emplace_back();  // as Linux since 5.18
    auto prog = open_program(p, path, std::move(argv));
    if (!prog) return prog.error().os_errno ? -prog.error().os_errno : -ENOEXEC;
    if (prog->head.size() < 20) return -ENOEXEC;
    const bool is_64_little = prog->head[4] == 2 && prog->head[5] == 1;
    const u16 machine = load_raw<u16>(prog->head.data() + 18);

    if (machine == p.abi().elf_machine && is_64_little) {
        if (const i64 r = check_guest_elf(p, *prog); r < 0) return r;
        std::vector<std::string>& command = image->argv;
        command = {"vm", "run"};
        for (const std::string& a : p.options().reexec_args) command.push_back(a);
        command.push_back("--argv0=" + prog->argv[0]);
        command.emplace_back("--");
        command.push_back(lasting_name(p, path, *prog));
        for (size_t i = 1; i < prog->argv.size(); i++) command.push_back(prog->argv[i]);
        image->file = "/proc/self/exe";
        return 0;
    }
    const bool host_program = (machine == host_machine() && prog->head[5] == 1) ||
                              (host_machine() == kEmX86_64 && machine == kEm386);
    if (!host_program) return -ENOEXEC;
    image->file = prog->host_path;
    image->argv = prog->argv;
    return 0;
}

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
