// Life and death of guest threads; the seam between process.cc and threads.cc.
#pragma once

#include "linux/process.h"

namespace vm::linux {

/// What remains of a guest thread after its loop: robust futexes, clear_child_tid, its place in the process.
/// Ends the process if it was the last. The caller then drops the Thread on its own host thread.
void end_thread(Thread& t, int code);

}  // namespace vm::linux
