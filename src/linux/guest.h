// The kinds of programs that this build runs. The list itself is the command line's (cli/guests.h).
#pragma once

#include <span>
#include <vector>

#include "linux/abi.h"
#include "linux/elf.h"

namespace vm::linux {

/// One kind: an ISA and its Linux.
struct Guest {
    const frontend::GuestIsa* isa;
    const Abi* abi;
};
using Guests = std::span<const Guest>;

/// The one whose programs have this e_machine; nullptr: none.
inline const Guest* find_guest(Guests guests, u16 machine) {
    for (const Guest& g : guests)
        if (g.abi->elf.machine == machine) return &g;
    return nullptr;
}
inline std::vector<ElfTarget> elf_targets(Guests guests) {
    std::vector<ElfTarget> targets;
    for (const Guest& g : guests) targets.push_back(g.abi->elf);
    return targets;
}

}  // namespace vm::linux
