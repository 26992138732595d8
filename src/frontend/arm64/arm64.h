// The AArch64 guest ISA as the rest of the house sees it.
#pragma once

#include "frontend/guest_isa.h"

namespace vm::frontend::arm64 {

/// A64 at EL0 with the extensions of a64.isa. Immutable, thread-safe.
extern const frontend::GuestIsa kArm64;

/// Names of the features of a set in canonical order ("fp asimd aes …", --cpu spelling), for messages and `vm
/// info`.
std::string isa_string(u64 features);

}  // namespace vm::frontend::arm64
