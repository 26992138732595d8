// clone, fork, vfork, exit. One guest thread is one host thread; a guest process is a host process.
#include "linux/threads.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/format.h"
#include "linux/signals.h"
#include "linux/vfork.h"
#include "osal/guarded.h"
#include "osal/host.h"

namespace vm::linux {
namespace {

constexpr u64 kThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
/// What a new thread may ask for besides; CLONE_DETACHED and CLONE_UNTRACED mean nothing here.
constexpr u64 kThreadOptions = CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
                               CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_PTRACE |
                               CLONE_IO;
constexpr u64 kNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
/// Flags that the host kernel understands for a new process and that a plain fork() would lose.
constexpr u64 kHostForkFlags =
    kNamespaces | CLONE_PARENT | CLONE_FS | CLONE_FILES | CLONE_IO | CLONE_SYSVSEM | 0xff;
constexpr u64 kIgnoredForkFlags = CLONE_DETACHED | CLONE_UNTRACED | CLONE_PTRACE | CLONE_SETTLS |
                                  CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
                                  CLONE_PIDFD | CLONE_VFORK | CLONE_VM;

void futex_wake_shared(u64 addr, int threads) {
    ::syscall(SYS_futex, addr, FUTEX_WAKE, threads, nullptr, nullptr, 0);
}

// ---- threads

/// What a new thread needs from its creator; lives on the creator's stack until `state` is set.
struct Start {
    Process* process;
    Thread* creator;
    u64 flags, stack, parent_tid, child_tid, tls;
    std::atomic<u32> state{0};  ///< 0 = being made, kFailed, or the tid
};
constexpr u32 kFailed = ~u32{0};

void publish(Start& s, u32 state) {
    // The waiter may be gone as soon as the store is seen: wake by address only.
    std::atomic<u32>& word = s.state;
    word.store(state, std::memory_order_release);
    osal::futex_wake(word, 1);
}

void copy_registers(Thread& to, Thread& from) {
    std::memcpy(to.vcpu().guest(), from.vcpu().guest(), from.process().engine().isa().layout->size);
    to.vcpu().fp() = from.vcpu().fp();
    to.vcpu().set_pc(from.vcpu().pc());
}

void* thread_main(void* arg) {
    Start& s = *static_cast<Start*>(arg);
    Process& p = *s.process;
    auto vcpu = p.engine().create_vcpu();
    if (!vcpu) {
        publish(s, kFailed);
        return nullptr;
    }
    auto t = std::make_unique<Thread>(p, std::move(*vcpu));
    const u32 tid = static_cast<u32>(::syscall(SYS_gettid));
    t->tid = static_cast<int>(tid);
    t->blocked = s.creator->blocked;
    copy_registers(*t, *s.creator);
    t->vcpu().set_reg(p.abi().ret_offset, 0);
    if (s.stack) t->vcpu().set_reg(p.abi().sp_offset, s.stack);
    if (s.flags & CLONE_SETTLS) t->vcpu().set_reg(p.abi().tls_offset, s.tls);
    t->vcpu().state_changed();
    if (s.flags & CLONE_CHILD_CLEARTID) t->clear_child_tid = s.child_tid;
    if (s.flags & CLONE_CHILD_SETTID) p.mm().write(s.child_tid, &tid, sizeof tid);
    if (s.flags & CLONE_PARENT_SETTID) p.mm().write(s.parent_tid, &tid, sizeof tid);
    {
        std::lock_guard guard(p.threads_mutex);
        p.threads.push_back(t.get());
    }
    // glibc registered its own robust list for this host thread; the guest's starts empty.
    publish(s, tid);
    signals_thread_start(*t, false);
    const int code = t->loop();
    end_thread(*t, code);
    t.reset();
    return nullptr;
}

i64 make_thread(Thread& t, u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls) {
    if (flags & ~(kThreadFlags | kThreadOptions | 0xff)) return -EINVAL;
    Start start{&t.process(), &t, flags, stack, parent_tid, child_tid, tls};
    pthread_attr_t attr;
    ::pthread_attr_init(&attr);
    ::pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    ::pthread_attr_setstacksize(&attr, 512 << 10);
    pthread_t handle;
    const u64 old = block_host_signals();
    const int r = ::pthread_create(&handle, &attr, thread_main, &start);
    ::pthread_attr_destroy(&attr);
    u32 state = 0;
    if (r == 0)
        while ((state = start.state.load(std::memory_order_acquire)) == 0)
            osal::futex_wait(start.state, 0, 1'000'000'000);
    set_host_mask(old);
    if (r != 0 || state == kFailed) return -EAGAIN;
    return state;
}

// ---- processes

/// Locks that must be free in a child. Order: threads, signals, engine, address space.
struct ForkLocks {
    explicit ForkLocks(Process& process) : p(process) {
        p.threads_mutex.lock();
        p.sig_mutex.lock();
        p.engine().fork_prepare();
        p.mm().fork_prepare();
    }
    void parent() {
        p.mm().fork_done();
        p.engine().fork_parent();
        p.sig_mutex.unlock();
        p.threads_mutex.unlock();
    }
    Result<void> child(Thread& survivor) {
        p.mm().fork_done();
        auto ok = p.engine().fork_child(survivor.vcpu());
        p.threads.assign(1, &survivor);
        p.sig_mutex.unlock();
        p.threads_mutex.unlock();
        return ok;
    }
    Process& p;
};

struct VforkPipe {
    int read_end = -1, write_end = -1;
    bool open() {
        int fds[2];
        if (::pipe2(fds, O_CLOEXEC) != 0) return false;
        read_end = fds[0];
        write_end = fds[1];
        return true;
    }
};

/// In the new process: everything that fork(2) and the flags promise.
void become_child(Thread& t, u64 flags, u64 stack, u64 child_tid, u64 tls, VforkPipe& pipe) {
    Process& p = t.process();
    if (pipe.read_end >= 0) ::close(pipe.read_end);
    if (const int inherited = p.vfork_fd.exchange(pipe.write_end); inherited >= 0) ::close(inherited);
    p.pid = ::getpid();
    t.tid = static_cast<int>(::syscall(SYS_gettid));
    t.robust_list = t.robust_list_len = 0;
    t.clear_child_tid = (flags & CLONE_CHILD_CLEARTID) ? child_tid : 0;
    if (flags & CLONE_CHILD_SETTID) p.mm().write(child_tid, &t.tid, sizeof t.tid);
    if (stack) t.vcpu().set_reg(t.abi().sp_offset, stack);
    if (flags & CLONE_SETTLS) t.vcpu().set_reg(t.abi().tls_offset, tls);
    t.vcpu().clear_reservation();
    t.vcpu().state_changed();
    signals_fork_child(t);
}

i64 make_process(Thread& t, u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls) {
    Process& p = t.process();
    if (flags & ~(kHostForkFlags | kIgnoredForkFlags)) return -EINVAL;
    // Memory shared between processes that are not threads exists only as vfork: the parent does not run
    // meanwhile.
    if ((flags & CLONE_VM) && !(flags & CLONE_VFORK)) return -EINVAL;
    const u64 host_flags = flags & kHostForkFlags;
#if !defined(VM_SANITIZE_address) && \
    !defined(VM_SANITIZE_thread)  // sanitizers do not follow a second stack in one thread
    if (flags & CLONE_VM) return vfork_process(t, flags, host_flags, stack, parent_tid, child_tid, tls);
#endif
    VforkPipe pipe;
    if ((flags & CLONE_VFORK) && !pipe.open()) return -EAGAIN;

    const u64 old = block_host_signals();
    i64 pid;
    {
        ForkLocks locks(p);
        // Plain forks go through the C library, which makes its own locks fork-safe; it has no way to pass
        // other flags.
        pid = host_flags == SIGCHLD ? ::fork() : ::syscall(SYS_clone, host_flags, 0, 0, 0, 0);
        if (pid < 0) pid = -errno;
        if (pid == 0) {
            auto ok = locks.child(t);
            if (!ok) {
                const std::string line = fmt::format("vm: fork: {}\n", ok.error().message);
                (void)!::write(2, line.data(), line.size());
                ::_exit(125);
            }
        } else {
            locks.parent();
        }
    }
    if (pid == 0) {
        become_child(t, flags, stack, child_tid, tls, pipe);
        set_host_mask(old);
        return 0;
    }
    if (pipe.write_end >= 0) ::close(pipe.write_end);
    if (pid > 0) {
        const u32 tid = static_cast<u32>(pid);
        if (flags & CLONE_PARENT_SETTID) p.mm().write(parent_tid, &tid, sizeof tid);
        if (flags & CLONE_PIDFD) {
            const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
            if (fd >= 0) p.mm().write(parent_tid, &fd, sizeof fd);
        }
        char byte;
        if (flags & CLONE_VFORK)
            while (::read(pipe.read_end, &byte, 1) < 0 && errno == EINTR) {
            }
    }
    if (pipe.read_end >= 0) ::close(pipe.read_end);
    set_host_mask(old);
    return pid;
}

// ---- the end of a thread

/// Marks the robust mutexes that `t` holds as abandoned (Linux kernel/futex/core.c, exit_robust_list; the
/// layout is struct robust_list_head: list, futex_offset, list_op_pending).
void release_robust_list(Thread& t) {
    if (!t.robust_list || t.robust_list_len != 24) return;
    AddressSpace& mm = t.mm();
    u64 head[3];
    if (!mm.read(t.robust_list, head, sizeof head)) return;
    const u64 futex_offset = head[1], pending = head[2] & ~u64{1};
    auto release = [&](u64 entry) {
        const u64 addr = entry + futex_offset;
        u32 word;
        if (addr % 4 || !mm.read(addr, &word, sizeof word)) return;
        while ((word & FUTEX_TID_MASK) == static_cast<u32>(t.tid)) {
            const u32 dead = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
            u64 seen;
            if (osal::guarded_cas(addr, 4, word, dead, &seen)) return;
            if (seen == word) {
                if (word & FUTEX_WAITERS) futex_wake_shared(addr, 1);
                return;
            }
            word = static_cast<u32>(seen);
        }
    };
    u64 entry = head[0] & ~u64{1};
    for (int i = 0; i < 2048 && entry != t.robust_list; i++) {  // ROBUST_LIST_LIMIT
        u64 next;
        if (!mm.read(entry, &next, sizeof next)) return;
        if (entry != pending) release(entry);
        entry = next & ~u64{1};
    }
    if (pending) release(pending);
    t.robust_list = 0;
}

}  // namespace

void end_thread(Thread& t, int code) {
    Process& p = t.process();
    signals_thread_end(t);
    if (t.tid == ::getpid()) p.main_exit_code = code;
    bool last;
    {
        std::lock_guard guard(p.threads_mutex);
        std::erase(p.threads, &t);
        last = p.threads.empty();
    }
    release_robust_list(t);
    if (t.clear_child_tid) {
        const u32 zero = 0;
        if (p.mm().write(t.clear_child_tid, &zero, sizeof zero)) futex_wake_shared(t.clear_child_tid, 1);
    }
    if (last) p.finish(p.main_exit_code);
}

i64 do_clone(Thread& t, u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls) {
    // kernel/fork.c, copy_process: combinations that make no sense.
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND)) return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) return -EINVAL;
    if ((flags & CLONE_NEWNS) && (flags & CLONE_FS)) return -EINVAL;
    if (flags & CLONE_THREAD) {
        if ((flags & kThreadFlags) != kThreadFlags)
            return -EINVAL;  // threads that share less are not offered
        t.mm().note_shared();
        return make_thread(t, flags, stack, parent_tid, child_tid, tls);
    }
    if (flags & CLONE_SIGHAND) return -EINVAL;
    return make_process(t, flags, stack, parent_tid, child_tid, tls);
}

void do_exit_thread(Thread& t, int code) {
    t.exit_code = code & 0xff;
    t.exiting = true;
}

void do_exit_group(Thread& t, int code) { t.process().finish(code & 0xff); }

}  // namespace vm::linux
