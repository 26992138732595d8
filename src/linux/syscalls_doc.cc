#include "linux/syscalls_doc.h"

#include "base/format.h"
#include "linux/syscalls.h"
#include "linux/syscalls/prctl.h"

namespace vm::linux {
namespace {

std::string number(int n) { return n < 0 ? "" : fmt::format("{}", n); }

std::string_view status_text(const Syscall& s) {
    switch (s.status) {
        case SysStatus::Implemented: return "implemented";
        case SysStatus::Passthrough: return "passed through";
        case SysStatus::Refused: return s.handler == sys::refuse ? "EPERM by decision" : "ENOSYS by decision";
    }
    return "";
}

}  // namespace

std::string syscalls_markdown() {
    unsigned count[3] = {};
    for (const Syscall& s : syscall_table()) count[static_cast<u8>(s.status)]++;
    std::string out = fmt::format(
        "# System calls\n\n"
        "Generated from `src/linux/syscalls.def` (`VM_BLESS=1 build/release/test_linux "
        "--gtest_filter='GoldenSyscalls*'`).\n\n"
        "*Implemented*: a handler of ours decides. *Passed through*: arguments are checked, paths and "
        "pointers translated, and\n"
        "the host kernel does it. Every number that is not listed answers ENOSYS. {} implemented, {} passed "
        "through, {} refused.\n"
        "Test: the file of `tests/linux` that compares the call with the native one.\n\n"
        "| call | riscv64, arm64 | x86-64 | status | test or reason |\n|---|---|---|---|---|\n",
        count[0], count[1], count[2]);
    for (const Syscall& s : syscall_table()) {
        const bool refused = s.status == SysStatus::Refused;
        const std::string note =
            refused || s.note == "-" ? std::string(refused ? s.note : "") : fmt::format("`{}.c`", s.note);
        out += fmt::format("| {} | {} | {} | {} | {} |\n", s.name, number(s.generic), number(s.x86),
                           status_text(s), note);
    }
    out +=
        "\n## prctl\n\nOther options are EINVAL, as on a kernel that does not know them.\n\n| option | "
        "answered by | |\n|---|---|---|\n";
    for (const PrctlOption& o : prctl_options())
        out += fmt::format("| {} | {} | {} |\n", o.name, o.kind == PrctlOption::Kind::Ours ? "vm" : "host",
                           o.note);
    return out;
}

}  // namespace vm::linux
