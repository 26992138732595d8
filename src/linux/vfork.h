// Processes that share their creator's memory.
#pragma once

#include "linux/process.h"

namespace vm::linux {

/// The host's clone3 with what of `request` is the host's business, and `more_flags`. With a stack the child
/// calls run(arg), which does not return; without one the child returns 0 from here. `pidfd`: nullptr or
/// where the host puts it; `pid`: where it puts the pid before the child runs, or nullptr. The pid or -errno.
struct HostChild {
    void* stack = nullptr;
    u64 stack_bytes = 0;
    int (*run)(void*) = nullptr;
    void* arg = nullptr;
    int* pidfd = nullptr;
    int* pid = nullptr;
};
i64 host_clone3(const CloneRequest& request, u64 more_flags, const HostChild& child);

/// CLONE_VM | CLONE_VFORK, as vfork and posix_spawn use it: the parent's thread waits. Returns the child's
/// pid in the parent, after the child has executed a program or ended; -errno. The child does not return from
/// here.
i64 vfork_process(Thread& t, const CloneRequest& request);

/// Before the host process that has thread `id` and the threads of `group` ends while others live on in its
/// memory: stops its threads, except the caller, where they hold no lock of ours or of the C library, which
/// nobody would ever release.
void stop_group(Process& p, const Group* group, int id);
/// The same before SIGKILL to thread or process `id`, if it is another process in this memory.
void stop_before_kill(Thread& t, int id);

/// CLONE_VM alone: the child runs beside its parent. The pid or -errno.
i64 shared_process(Thread& t, const CloneRequest& request);

}  // namespace vm::linux
