// The RV64 guest ISA as the rest of the house sees it.
#pragma once

#include "frontend/guest_isa.h"

namespace vm::frontend::riscv64 {

/// RV64GC with the scalar extensions of rv64.isa; user level. Immutable, thread-safe.
extern const frontend::GuestIsa kRiscv64;

/// The --cpu name of a feature set's extensions in canonical order ("rv64imafdc_zicsr_zba…"), for messages
/// and `vm info`.
std::string isa_string(u64 features);

}  // namespace vm::frontend::riscv64
