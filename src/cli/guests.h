// Every kind of guest program that this build runs: the one list of them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "linux/guest.h"

namespace vm::cli {

struct GuestKind {
    linux::Guest guest;
    std::string_view alias;        ///< what people also call it, empty = nothing
    std::string_view cpu_example;  ///< a value for --cpu
    /// Code of a program that does read(0, sp - 16, 1) and exit(kProbeStatus).
    std::span<const u32> probe;

    std::string_view name() const { return guest.abi->name; }
    u16 machine() const { return guest.abi->elf.machine; }
    u32 elf_flags() const { return guest.abi->vdso->elf_flags; }  ///< of its programs
};
inline constexpr int kProbeStatus = 42;

std::span<const GuestKind> guest_kinds();
/// The same for linux::Process.
linux::Guests guests();
/// By its name or alias; nullptr: none.
const GuestKind* find_guest_kind(std::string_view name);
/// Their names with `separator` between them.
std::string guest_names(std::string_view separator);

}  // namespace vm::cli
