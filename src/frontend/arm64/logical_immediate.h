// Immediates of logical instructions. Manual: pseudocode DecodeBitMasks.
#pragma once

#include "base/bits.h"

namespace vm::frontend::arm64 {

/// The mask that N:immr:imms (13 bits) means at width 64 (sf) or 32. False: unallocated.
bool logical_immediate(unsigned sf, u32 imm13, u64* mask);

}  // namespace vm::frontend::arm64
