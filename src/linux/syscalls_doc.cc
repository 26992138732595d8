#include "linux/syscalls_doc.h"

#include "base/format.h"
#include "linux/syscalls.h"
#include "linux/syscalls/prctl.h"

namespace vm::linux {
namespace {

constexpr const Abi* kAbis[] = {&kRiscv64Abi, &kArm64Abi};

std::string number(int n) { return n < 0 ? "" : fmt::format("{}", n); }

/// The call's number in a guest ABI.
std::string number(const Abi& abi, const Syscall& s) {
    for (u64 nr = 0; nr < 2 * kSyscallNumbers; nr++)
        if (abi.syscall_index(nr) == s.generic) return number(static_cast<int>(nr));
    return "";
}

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
        "Test: the file of `tests/linux` that compares the call with the native one. x86-64: the host's "
        "number.\n\n"
        "| call |",
        count[0], count[1], count[2]);
    for (const Abi* abi : kAbis) out += fmt::format(" {} |", abi->name);
    out += " x86-64 | status | test or reason |\n|---|";
    for (size_t i = 0; i < std::size(kAbis); i++) out += "---|";
    out += "---|---|---|\n";
    for (const Syscall& s : syscall_table()) {
        const bool refused = s.status == SysStatus::Refused;
        const std::string note =
            refused || s.note == "-" ? std::string(refused ? s.note : "") : fmt::format("`{}.c`", s.note);
        out += fmt::format("| {} |", s.name);
        for (const Abi* abi : kAbis) out += fmt::format(" {} |", number(*abi, s));
        out += fmt::format(" {} | {} | {} |\n", number(s.x86), status_text(s), note);
    }
    out +=
        "\n## prctl\n\nOther options are EINVAL, as on a kernel that does not know them.\n\n| option | "
        "answered by | |\n|---|---|---|\n";
    const auto options = [&out](std::span<const PrctlOption> list, std::string_view only) {
        for (const PrctlOption& o : list)
            out += fmt::format("| {} | {} | {}{}{} |\n", o.name,
                               o.kind == PrctlOption::Kind::Ours ? "vm" : "host", only,
                               only.empty() || o.note.empty() ? "" : "; ", o.note);
    };
    options(prctl_options(), "");
    for (const Abi* abi : kAbis)
        if (abi->prctl_options) options(*abi->prctl_options, fmt::format("{} only", abi->name));
    return out;
}

}  // namespace vm::linux
