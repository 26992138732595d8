// What happens when memory is full.
#pragma once

#include "base/bits.h"

namespace vm::gc {

enum class Policy : u8 {
    Generations,  ///< what was not used lately goes, see Collector
    Fifo,         ///< the oldest area is emptied, whatever is in it
    Flush,        ///< all areas are emptied
};

}  // namespace vm::gc
