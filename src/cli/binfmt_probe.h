// Who runs a foreign program, found out by executing one.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/binfmt_entry.h"

namespace vm::cli {

/// What a number of errno means.
std::string errno_text(int e);
/// Executes a tiny program of the ISA the way any process would, looks which executable runs it, and lets it
/// end. The name of that executable. An error has execve's number in os_errno (ENOEXEC: nobody runs it) or
/// says how the program failed.
Result<std::string> who_runs(const GuestKind& isa);
/// The program: waits for a byte on standard input and exits with kProbeStatus (guests.h).
std::string probe_program(const GuestKind& isa);

}  // namespace vm::cli
