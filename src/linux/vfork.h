// vfork and posix_spawn as the kernel does them: a child in the parent's memory, and the parent waits.
#pragma once

#include "linux/process.h"

namespace vm::linux {

/// clone with CLONE_VM | CLONE_VFORK. `host_flags`: the flags that the host is to see besides these two.
/// Returns the child's pid in the parent, after the child has executed a program or ended; -errno. The child
/// does not return from here.
i64 vfork_process(Thread& t, u64 flags, u64 host_flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls);

}  // namespace vm::linux
