// `vm-user`: what binfmt_misc starts for a guest's program, also by hand in a chroot: vm-user PROGRAM
// [ARG...]. Everything after its own name belongs to the guest; options come from VM_* variables.
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/guests.h"
#include "linux/self_exe.h"

namespace vm::cli {
namespace {

std::string usage() {
    return fmt::format(
        "usage: vm-user PROGRAM [ARG...]\n"
        "\n"
        "Runs a Linux program of another processor ({}), as `vm run` does. One static executable: copy it "
        "into "
        "a chroot, or let the\n"
        "kernel start it (vm binfmt install). Options are variables with the names and meanings of vm run "
        "--help: VM_SYSROOT,\n"
        "VM_ROOT, VM_WORKDIR, VM_STRACE, VM_STATS, VM_TIER, VM_CPU, VM_STACK, VM_MEMORY_LIMIT, … A program "
        "with "
        "more rights than\n"
        "its caller (setuid under binfmt_misc's flag C) takes none of them.\n",
        guest_names(", "));
}

/// What the kernel says about the program that it wants run (Documentation/admin-guide/binfmt-misc.rst).
struct KernelCall {
    int fd = -1;         ///< flags O and C: the program, opened
    bool argv0 = false;  ///< flag P: argv[0] as the caller wrote it follows the program's path
    bool any() const { return fd >= 0 || argv0; }
};
KernelCall kernel_call() {
    constexpr unsigned long kPreserveArgv0 = 1;  // AT_FLAGS_PRESERVE_ARGV0
    KernelCall k;
    errno = 0;
    const unsigned long fd = ::getauxval(AT_EXECFD);
    if (errno == 0) k.fd = static_cast<int>(fd);
    k.argv0 = ::getauxval(AT_FLAGS) & kPreserveArgv0;
    return k;
}

}  // namespace

int user_main(int argc, char** argv) {
    const KernelCall kernel = kernel_call();
    std::vector<std::string> words(argv, argv + argc), args;
    const bool again = !kernel.any() && argc > 0 && words[0] == kRunAgain;
    if (again) {
        args.assign(words.begin() + 1, words.end());
    } else {
        const size_t program = 1, rest = kernel.argv0 ? 3 : 2;
        if (words.size() < rest) {
            std::fputs(usage().c_str(), stderr);
            return kExitTool;
        }
        if (!kernel.any() && words.size() == 2 && (words[1] == "--help" || words[1] == "-h")) {
            std::fputs(usage().c_str(), stdout);
            return 0;
        }
        if (!kernel.any() && words.size() == 2 && words[1] == "--version") return version_command({});
        // More rights than the caller: nothing of the caller's says what to do, or where to write.
        if (::getauxval(AT_SECURE)) args.insert(args.end(), {"--ignore-env", "--no-cache"});
        if (kernel.argv0) args.push_back("--argv0=" + words[2]);
        args.insert(args.end(), {"--", words[program]});
        args.insert(args.end(), words.begin() + static_cast<std::ptrdiff_t>(rest), words.end());
    }
    auto command = parse_run(args);
    if (!command) {
        complain(command.error().message);
        return exit_status(command.error());
    }
    linux::RunOptions& o = command->options;
    o.reexec_command = {kRunAgain};
    if (!again) {
        o.program_fd = kernel.fd;
        o.by_binfmt = kernel.any();
        // Without /proc the only other way to this file is the name it was started by; the kernel's callers
        // have no name.
        if (!kernel.any() && ::access("/proc/self/exe", F_OK) != 0)
            o.self_fd = linux::open_self_by_name(&o.self_name);
    }
    return run_parsed(*command);
}

}  // namespace vm::cli
