// `vm boot --net`: what people type for a network card.
#pragma once

#include <string>
#include <vector>

#include "soc/network.h"

namespace vm::cli {

extern const char* const kNetHelp;

/// The cards of all --net options: user, tap, or none alone.
Result<std::vector<soc::NetCard>> parse_nets(const std::vector<std::string>& texts);

}  // namespace vm::cli
