// Options of file tests that say for which host code is made.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "backend/x86_64/features.h"
#include "base/bits.h"

namespace vm::test {

std::vector<std::string> words_of(std::string_view text);
/// `features: all | baseline | NAME…`. Unknown names are errors.
bool parse_features(const std::string& text, backend::x86_64::HostFeatures& f);
/// `opts: -NAME…`: back-end optimizations switched off.
bool parse_opts(const std::string& text, u64& disabled);

}  // namespace vm::test
