// Life and death of guest threads; the seam between process.cc and threads.cc.
#pragma once

#include "linux/process.h"

namespace vm::linux {

/// What remains of a guest thread after its loop: robust futexes, clear_child_tid, its place in the process.
/// Ends the process if it was the last. The caller then drops the Thread on its own host thread.
void end_thread(Thread& t, int code);
/// Writes 0 to clear_child_tid and wakes who waits there.
void clear_tid(Thread& t);
void copy_registers(Thread& to, Thread& from);
/// A detached host thread with a stack that holds our own frames, signals as the caller has them. False:
/// there is none.
bool start_host_thread(void* (*main)(void*), void* arg);

}  // namespace vm::linux
