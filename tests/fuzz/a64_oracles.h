// What an oracle for AArch64 is not asked about, with the reason.
#pragma once

#include <string>
#include <vector>

#include "frontend/arm64/a64_decode.h"

namespace vm::fuzz::a64 {

enum class Oracle { None, Qemu, Vixl };

/// Why `id` is not compared with `oracle`, or empty. Oracle::None: why it is not drawn at all.
std::string excluded(frontend::arm64::Insn id, Oracle oracle);
/// The encodings that cases for an oracle draw from.
std::vector<frontend::arm64::Insn> pool(Oracle oracle);

}  // namespace vm::fuzz::a64
