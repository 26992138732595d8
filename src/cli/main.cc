#include <cstdio>
#include <cstring>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/guests.h"

namespace vm::cli {
namespace {

constexpr const char* kVersion = "0.1.0";

constexpr const char* kHelp =
    "usage: vm COMMAND [ARG...]\n"
    "\n"
    "  run         run a program built for another processor (vm run --help)\n"
    "  boot        a whole machine (vm boot --help)\n"
    "  top         the counters of a program that runs (vm top --help)\n"
    "  cache       translations kept between runs: ls, verify, prune, warm, export, import, keygen\n"
    "  info        what this build and host can do, or what a program file is\n"
    "  binfmt      let the kernel start such programs like its own (vm binfmt --help)\n"
    "  version     print the version\n"
    "  completion  print shell completions for bash, zsh or fish\n";

std::string help() {
    return fmt::format("{}\nGuests: {} (Linux programs), riscv64 (machines). Host: Linux x86-64.\n", kHelp,
                       guest_names(", "));
}

}  // namespace

int version_command(const std::vector<std::string>& args) {
    if (!args.empty()) {
        complain(fmt::format("version takes no argument, got '{}'", args[0]));
        return kExitTool;
    }
    fmt::print("vm {}\n", kVersion);
    return 0;
}

void complain(const std::string& message) {
    std::string line = "vm: ";
    for (const char c : message) {  // names may hold anything; one line stays one line
        const auto byte = static_cast<unsigned char>(c);
        if (byte < ' ' || byte == 0x7f)
            line += fmt::format("\\x{:02x}", byte);
        else
            line += c;
    }
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
}

int exit_status(const Error& e) {
    switch (e.kind) {
        case ErrorKind::NotFound: return kExitNotFound;
        case ErrorKind::NotExecutable: return kExitNotExecutable;
        default: return kExitTool;
    }
}

Result<u64> parse_size(const std::string& text) {
    u64 value = 0;
    size_t i = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; i++) {
        if (value > (~u64{0} - 9) / 10)
            return fail(ErrorKind::InvalidArgument, fmt::format("size '{}' is too large", text));
        value = value * 10 + static_cast<u64>(text[i] - '0');
    }
    unsigned shift = 0;
    const std::string suffix = text.substr(i);
    if (suffix == "K" || suffix == "k")
        shift = 10;
    else if (suffix == "M" || suffix == "m")
        shift = 20;
    else if (suffix == "G" || suffix == "g")
        shift = 30;
    else if (suffix == "T" || suffix == "t")
        shift = 40;
    else if (!suffix.empty())
        i = 0;
    if (i == 0 || value > (~u64{0} >> shift))
        return fail(ErrorKind::InvalidArgument,
                    fmt::format("'{}' is not a size (a number, with K, M, G or T)", text));
    return value << shift;
}

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs(help().c_str(), stderr);
        return kExitTool;
    }
    const std::string command = argv[1];
    const std::vector<std::string> args(argv + 2, argv + argc);
    if (command == "run") return run_command(args);
    if (command == "boot") return boot_command(args);
    if (command == "top") return top_command(args);
    if (command == "cache") return cache_command(args);
    if (command == "info") return info_command(args);
    if (command == "binfmt") return binfmt_command(args);
    if (command == "version" || command == "--version") return version_command(args);
    if (command == "completion") return completion_command(args);
    if (command == "help" || command == "--help" || command == "-h") {
        std::fputs(help().c_str(), stdout);
        return 0;
    }
    complain(fmt::format("unknown command '{}'; vm --help lists them", command));
    return kExitTool;
}

}  // namespace vm::cli
