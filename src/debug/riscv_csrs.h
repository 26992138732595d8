// Names of the CSRs of machines ("CSR Listing"), for debuggers. Those of floating point are with its
// registers.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/bits.h"

namespace vm::debug {

struct CsrName {
    u16 number;
    std::string name;
};
/// In the order of their numbers.
std::vector<CsrName> csr_names();

}  // namespace vm::debug
