// prctl by its options.
#pragma once

#include <span>
#include <string_view>

#include "base/bits.h"

namespace vm::linux {

struct Call;

/// One option that is answered; every other one is EINVAL, as on a kernel that does not know it.
struct PrctlOption {
    /// What the host does with the arguments that follow.
    enum class Kind : unsigned char {
        Host,  ///< numbers, or nothing
        Out4,  ///< the first is the address of an int that the kernel writes
        Out8,  ///< … of a long
        Name,  ///< … of 16 bytes
        Ours,  ///< a handler of ours
    };
    int number;
    std::string_view name;
    Kind kind;
    std::string_view note;              ///< for docs/syscalls.md
    i64 (*handler)(Call& c) = nullptr;  ///< of kind Ours
};
/// Those of every ISA; Abi::prctl_options has its own.
std::span<const PrctlOption> prctl_options();

}  // namespace vm::linux
