// GDB's numbers of signals (include/gdb/signals.def) and Linux's of the architectures here.
#pragma once

namespace vm::debug {

/// 0 stays 0; what the other side has no number for is GDB's "unknown signal", and 0.
int gdb_signal(int linux_number);
int linux_signal(int gdb_number);

}  // namespace vm::debug
