// `vm cache warm`: translates programs before anybody runs them.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/guests.h"

namespace vm::cli {
namespace {

constexpr const char* kHelp =
    "translate programs, and the libraries that they are linked to, without running them\n"
    "Usage: vm cache warm [OPTIONS] PROGRAM...\n"
    "\n"
    "The options are those of vm run; those that translations depend on (-L, --root, --cpu, --jit-opt, "
    "--cache)\n"
    "must be the same as for the runs that are to profit. A program's loader runs, its own code does not. "
    "What is\n"
    "not reached from the functions in a file's unwind table by direct jumps and calls is translated when it "
    "runs.\n";

/// In a child: the program is loaded, translated, and the process ends.
[[noreturn]] void warm_one(linux::RunOptions o, int report) {
    // glibc's loader maps all libraries, prints what it found, and ends before it relocates them.
    o.env.emplace_back("LD_TRACE_LOADED_OBJECTS=1");
    o.warm_report = report;
    auto process = linux::Process::create(o, guests());
    if (!process) {
        complain(fmt::format("cache warm: {}", process.error().message));
        ::_exit(exit_status(process.error()));
    }
    ::_exit((*process)->run());
}

}  // namespace

int cache_warm_command(const std::vector<std::string>& args) {
    if (!args.empty() && (args[0] == "-h" || args[0] == "--help")) {
        std::fputs(kHelp, stdout);
        return 0;
    }
    auto command = parse_run(args);
    if (!command) {
        complain(fmt::format("cache warm: {}", command.error().message));
        return exit_status(command.error());
    }
    if (command->help) return 0;
    linux::RunOptions& o = command->options;
    if (o.argv[0] != o.program || !o.workdir.empty()) {
        complain("cache warm: takes no --argv0 and no -w: the program is not run");
        return kExitTool;
    }
    using engine::Tier;
    if (o.engine.image_dir.empty() || (o.engine.tier != Tier::Auto && o.engine.tier != Tier::One)) {
        complain(
            "cache warm: these options keep no translations (see --cache, --no-cache and --tier of vm run)");
        return kExitTool;
    }
    const int report = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (report < 0 || null < 0 || ::dup2(null, STDIN_FILENO) < 0 || ::dup2(null, STDOUT_FILENO) < 0) {
        complain(fmt::format("cache warm: {}", std::generic_category().message(errno)));
        return kExitTool;
    }
    int result = 0;
    for (const std::string& program : std::vector<std::string>(o.argv)) {
        o.program = program;
        o.argv = {program};
        const pid_t child = ::fork();
        if (child == 0) warm_one(o, report);
        int status = 0;
        if (child < 0 || ::waitpid(child, &status, 0) != child) {
            complain(fmt::format("cache warm: {}", std::generic_category().message(errno)));
            return kExitTool;
        }
        if (WIFSIGNALED(status)) {
            complain(
                fmt::format("cache warm: {}: its loader was killed by signal {}", program, WTERMSIG(status)));
            result = kExitTool;
        } else if (WEXITSTATUS(status) != 0) {
            // A loader that did not find a library has said so.
            if (WEXITSTATUS(status) == linux::kNotKept)
                complain(fmt::format("cache warm: {}: its translations could not be kept in {}", program,
                                     o.engine.image_dir));
            else if (WEXITSTATUS(status) < kExitTool)
                complain(fmt::format("cache warm: {}: its loader ended with status {}", program,
                                     WEXITSTATUS(status)));
            result = WEXITSTATUS(status) < kExitTool ? 1 : WEXITSTATUS(status);
        }
    }
    return result;
}

}  // namespace vm::cli
