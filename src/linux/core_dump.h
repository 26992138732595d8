// Core files of the guest, as its own kernel would write them: for `gdb PROGRAM core` of the guest's
// architecture.
#pragma once

#include "linux/process.h"

namespace vm::linux {

/// Does the default action of `sig` write a core file?
bool signal_dumps_core(int sig);

/// Writes the core file if resource limits, PR_SET_DUMPABLE and core_pattern ask for one. The other threads
/// have stopped for good when it returns, in either case. True: written. For the thread that is about to die
/// by `sig`.
bool dump_core(Thread& t, int sig, const SigInfo& info);

/// The host process is about to die by a signal. Keeps its kernel from writing a core file of vm; if
/// `dumped`, as far as possible so that the parent is told of a core file all the same.
void forbid_host_core(const Thread& t, bool dumped);

/// Never returns where the process is to stop (Group::stopping): called by each thread on its way to guest
/// code.
void stop_if_asked(Thread& t);

/// core_pattern with its % parts filled in (core(5)), for a file.
struct CoreName {
    std::string pattern;
    bool uses_pid = false;
    int pid = 0, tid = 0, sig = 0, dumpable = 1;
    u64 time = 0, limit = 0;
    std::string comm, exe, host;
};
std::string core_file_name(const CoreName& n);

}  // namespace vm::linux
