// The files that a machine begins with.
#pragma once

#include "boot/plan.h"
#include "cli/boot_options.h"

namespace vm::cli {

/// What `--firmware`, `--kernel` and `--initrd` name, read and given its place in memory.
struct BootFiles {
    boot::Program firmware, kernel;  ///< without segments: there is none
    std::vector<u8> initrd, tree;
    boot::Firmware mode = boot::Firmware::BuiltIn;
    boot::Plan plan;
    std::optional<boot::SymbolRange> signature;  ///< what --signature writes
};

boot::Firmware firmware_of(const BootOptions& o);
Result<BootFiles> read_boot_files(const BootOptions& o, u64 memory);

}  // namespace vm::cli
