// The `vm` command: parses what people type, calls the rooms below, maps failures to exit statuses.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "linux/process.h"

namespace vm::cli {

inline constexpr int kExitTool = 125, kExitNotExecutable = 126, kExitNotFound = 127;

/// Whole programs: vm, vm-user. Return the exit status.
int main(int argc, char** argv);
int user_main(int argc, char** argv);
/// argv[0] of a vm-user that is to run a child of its guest; the arguments of `vm run` follow.
inline constexpr const char* kRunAgain = "vm run";

/// `vm run` as typed, before anything is touched. `args` is what follows the word `run`.
struct RunCommand {
    linux::RunOptions options;
    bool help = false, help_all = false;
    std::string metrics;  ///< where they are served; empty: nowhere
    std::string gdb;      ///< --gdb
};
/// Parses the arguments of `vm run`. The guest's own arguments are never interpreted.
Result<RunCommand> parse_run(const std::vector<std::string>& args);
/// Runs it to its end; the exit status.
int run_parsed(const RunCommand& command);
int run_command(const std::vector<std::string>& args);
int boot_command(const std::vector<std::string>& args);
int cache_command(const std::vector<std::string>& args);
int cache_warm_command(const std::vector<std::string>& args);
int version_command(const std::vector<std::string>& args);
int info_command(const std::vector<std::string>& args);
int top_command(const std::vector<std::string>& args);
int binfmt_command(const std::vector<std::string>& args);
int completion_command(const std::vector<std::string>& args);

/// Number with an optional suffix K, M, G or T (powers of 1024) in bytes.
Result<u64> parse_size(const std::string& text);
/// $XDG_CACHE_HOME/vm or $HOME/.cache/vm; empty if neither is set.
std::string default_cache_dir();
/// One line on stderr: "vm: …".
void complain(const std::string& message);
int exit_status(const Error& e);

}  // namespace vm::cli
