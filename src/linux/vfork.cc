#include "linux/vfork.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "linux/signals.h"
#include "osal/memory.h"

namespace vm::linux {
namespace {

// The child is a host process that shares our memory (CLONE_VM | CLONE_VFORK): what it writes the parent
// sees, nothing is copied. It uses the parent's Thread, vCPU and thread-local storage, which nobody else
// touches because the parent's host thread sleeps in clone; only the host stack is its own. Afterwards the
// parent puts back what the child changed in the Thread. Locks of ours are ordinary futexes in shared memory,
// so the child takes part in locking; signals.cc sees to it that it is not killed while it holds one.

struct SavedThread {
    explicit SavedThread(Thread& t)
        : tid(t.tid),
          clear_child_tid(t.clear_child_tid),
          robust_list(t.robust_list),
          robust_list_len(t.robust_list_len),
          blocked(t.blocked),
          altstack_sp(t.altstack_sp),
          altstack_size(t.altstack_size),
          altstack_flags(t.altstack_flags),
          pc(t.vcpu().pc()),
          fp(t.vcpu().fp()),
          size(t.process().engine().isa().layout->size) {
        std::memcpy(registers, t.vcpu().guest(), size);
    }
    void restore(Thread& t) const {
        t.tid = tid;
        t.clear_child_tid = clear_child_tid;
        t.robust_list = robust_list;
        t.robust_list_len = robust_list_len;
        t.blocked = blocked;
        t.altstack_sp = altstack_sp;
        t.altstack_size = altstack_size;
        t.altstack_flags = altstack_flags;
        t.exiting = false;
        t.exec_image.reset();
        std::memcpy(t.vcpu().guest(), registers, size);
        t.vcpu().fp() = fp;
        t.vcpu().set_pc(pc);
        t.vcpu().clear_reservation();
        t.vcpu().state_changed();
    }
    int tid;
    u64 clear_child_tid, robust_list, robust_list_len, blocked, altstack_sp, altstack_size;
    u32 altstack_flags;
    u64 pc;
    ir::FpEnv fp;
    u64 size;
    u8 registers[ir::kMaxGuestState];
};

struct Child {
    Thread* thread;
    u64 flags, stack, parent_tid, child_tid, tls;
};

int child_main(void* arg) {
    const Child& c = *static_cast<Child*>(arg);
    Thread& t = *c.thread;
    const Abi& abi = t.abi();
    t.tid = static_cast<int>(::syscall(SYS_gettid));
    t.robust_list = t.robust_list_len = 0;
    t.clear_child_tid = (c.flags & CLONE_CHILD_CLEARTID) ? c.child_tid : 0;
    if (c.flags & CLONE_CHILD_SETTID) t.mm().write(c.child_tid, &t.tid, sizeof t.tid);
    if (c.flags & CLONE_PARENT_SETTID) t.mm().write(c.parent_tid, &t.tid, sizeof t.tid);
    t.vcpu().set_reg(abi.ret_offset, 0);
    if (c.stack) t.vcpu().set_reg(abi.sp_offset, c.stack);
    if (c.flags & CLONE_SETTLS) t.vcpu().set_reg(abi.tls_offset, c.tls);
    t.vcpu().clear_reservation();
    t.vcpu().state_changed();
    const int code = t.loop();
    ::syscall(SYS_exit_group, code);
    __builtin_unreachable();
}

}  // namespace

i64 vfork_process(Thread& t, u64 flags, u64 host_flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls) {
    constexpr u64 kStackBytes = u64{512} << 10;
    auto host_stack = osal::map_guarded(kStackBytes);
    if (!host_stack) return -ENOMEM;
    Child child{&t, flags, stack, parent_tid, child_tid, tls};
    const u64 old_mask = block_host_signals();
    Thread::SignalQueue* queue = signals_vfork_begin(t);
    const SavedThread saved(t);
    int pidfd = -1;
    const u64 all_flags = host_flags | CLONE_VM | CLONE_VFORK | (flags & CLONE_PIDFD);
    i64 pid = ::clone(child_main, static_cast<u8*>(*host_stack) + kStackBytes, static_cast<int>(all_flags),
                      &child, &pidfd);
    if (pid < 0) pid = -errno;
    saved.restore(t);
    signals_vfork_end(t, queue);
    set_host_mask(old_mask);
    osal::unmap_guarded(*host_stack, kStackBytes);
    if (pid > 0 && (flags & CLONE_PIDFD)) t.mm().write(parent_tid, &pidfd, sizeof pidfd);
    return pid;
}

}  // namespace vm::linux
