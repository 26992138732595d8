// Host code of one compiled block as text that does not change when the code moves: labels, names of stubs
// and guest PCs instead of displacements.
#pragma once

#include <functional>
#include <string>

#include "backend/compiler.h"

namespace vm::test {

/// False: this build has no host disassembler.
bool can_disassemble();
/// `guest` gives the text of the guest instruction at a PC.
std::string host_text(const backend::CompiledBlock& block, const ir::StateLayout& layout,
                      const std::function<std::string(u64)>& guest);

}  // namespace vm::test
