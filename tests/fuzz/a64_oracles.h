// What an oracle for AArch64 is not asked about, with the reason.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "frontend/arm64/a64_decode.h"

namespace vm::fuzz::a64 {

/// Who runs the cases besides our tiers. Tiers: nobody, all in one process; Programs: nobody, each in its
/// own.
enum class Oracle { Tiers, Programs, Qemu, Vixl };

/// Why `id` is not drawn in cases for `oracle`, or empty.
std::string excluded(frontend::arm64::Insn id, Oracle oracle);
/// Of those that VIXL is asked about: where it is wrong if the destination is a source, and if the base is
/// SP.
std::set<frontend::arm64::Insn> vixl_distinct(), vixl_no_sp();
/// The encodings that cases for an oracle draw from, of those in `only` if there are any.
std::vector<frontend::arm64::Insn> pool(Oracle oracle, const std::set<std::string, std::less<>>& only);

}  // namespace vm::fuzz::a64
