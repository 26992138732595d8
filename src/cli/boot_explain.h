// --explain: the whole machine before it starts, for people and programs.
#pragma once

#include "cli/boot_load.h"

namespace vm::cli {

/// `form`: "text" or "json". The machine is prepared.
std::string explain(const std::string& form, const BootOptions& o, const soc::RiscvVirtOptions& options,
                    const BootFiles& files, const soc::RiscvVirt& machine);

}  // namespace vm::cli
