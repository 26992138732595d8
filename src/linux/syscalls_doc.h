// docs/syscalls.md from the table.
#pragma once

#include <string>

namespace vm::linux {
std::string syscalls_markdown();
}
