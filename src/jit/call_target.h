// Calls through registers, as tier 2 sees them.
#pragma once

#include "base/bits.h"

namespace vm::jit {

/// Where a call through a register leads, as far as is known.
struct CallTarget {
    u32 site = 0;          ///< low half of the address that it returns to; 0: no call
    u64 target = 0;        ///< 0: several places, or not known
    bool settled = false;  ///< enough was seen to know that there are several
};

}  // namespace vm::jit
