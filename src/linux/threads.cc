// clone, fork, vfork, exit. One guest thread is one host thread; a guest process is a host process.
#include "linux/threads.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/format.h"
#include "linux/debugging.h"
#include "linux/signals.h"
#include "linux/vfork.h"
#include "osal/guarded.h"
#include "osal/host.h"

namespace vm::linux {
namespace {

/// A new thread shares these; files and the working directory if the flags say so.
constexpr u64 kThreadFlags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
/// What a new thread may ask for besides; CLONE_DETACHED and CLONE_UNTRACED mean nothing here.
constexpr u64 kThreadOptions = CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                               CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED |
                               CLONE_PTRACE | CLONE_IO | CLONE_PIDFD;
constexpr u64 kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                            CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;
/// What a new process may ask for.
constexpr u64 kProcessFlags =
    kNamespaces | CLONE_PARENT | CLONE_FS | CLONE_FILES | CLONE_IO | CLONE_SYSVSEM | CLONE_INTO_CGROUP |
    CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_DETACHED | CLONE_UNTRACED | CLONE_PTRACE | CLONE_SETTLS |
    CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PIDFD | CLONE_VFORK | CLONE_VM;
/// Flags that a plain fork() would lose.
constexpr u64 kNotForFork =
    kNamespaces | CLONE_PARENT | CLONE_FS | CLONE_FILES | CLONE_IO | CLONE_SYSVSEM | CLONE_INTO_CGROUP;

void futex_wake_shared(u64 addr, int threads) {
    ::syscall(SYS_futex, addr, FUTEX_WAKE, threads, nullptr, nullptr, 0);
}

// ---- threads

/// What a new thread needs from its creator; lives on the creator's stack until `state` is set.
struct Start {
    Process* process;
    Thread* creator;
    const CloneRequest* request;
    std::atomic<u32> state{0};  ///< 0 = being made, kFailed, or the tid
};
constexpr u32 kFailed = ~u32{0};

void publish(Start& s, u32 state) {
    // The waiter may be gone as soon as the store is seen: wake by address only.
    std::atomic<u32>& word = s.state;
    word.store(state, std::memory_order_release);
    osal::futex_wake(word, 1);
}

void* thread_main(void* arg) {
    Start& s = *static_cast<Start*>(arg);
    const CloneRequest& r = *s.request;
    Process& p = *s.process;
    // Host threads are born sharing everything.
    const u64 apart = (CLONE_FS | CLONE_FILES) & ~r.flags;
    auto vcpu = p.engine().create_vcpu();
    if (!vcpu || (apart && ::unshare(static_cast<int>(apart)) != 0)) {
        publish(s, kFailed);
        return nullptr;
    }
    auto t = std::make_unique<Thread>(p, std::move(*vcpu));
    const u32 tid = static_cast<u32>(::syscall(SYS_gettid));
    t->tid = static_cast<int>(tid);
    t->group = s.creator->group;
    t->home = t->group.get();
    t->blocked = s.creator->blocked;
    copy_registers(*t, *s.creator);
    t->vcpu().set_reg(p.abi().ret_offset, 0);
    if (r.stack) t->vcpu().set_reg(p.abi().sp_offset, r.stack);
    if (r.flags & CLONE_SETTLS) t->vcpu().set_reg(p.abi().tls_offset, r.tls);
    t->vcpu().state_changed();
    if (r.flags & CLONE_CHILD_CLEARTID) t->clear_child_tid = r.child_tid;
    if (r.flags & CLONE_CHILD_SETTID) p.mm().write(r.child_tid, &tid, sizeof tid);
    if (r.flags & CLONE_PARENT_SETTID) p.mm().write(r.parent_tid, &tid, sizeof tid);
    if (r.flags & CLONE_PIDFD) {
        constexpr int kPidfdThread = O_EXCL;
        const int fd = static_cast<int>(::syscall(SYS_pidfd_open, tid, kPidfdThread));
        p.mm().write(r.pidfd, &fd, sizeof fd);
    }
    {
        std::lock_guard guard(p.threads_mutex);
        p.threads.push_back(t.get());
    }
    begin_debugging(*t);
    // glibc registered its own robust list for this host thread; the guest's starts empty.
    publish(s, tid);
    signals_thread_start(*t, false);
    const int code = t->loop();
    end_thread(*t, code);
    t.reset();
    return nullptr;
}

i64 make_thread(Thread& t, const CloneRequest& r) {
    if (r.flags & ~(kThreadFlags | kThreadOptions)) return -EINVAL;
    if (!r.set_tid.empty()) return -EINVAL;  // host threads get the number that the kernel chooses
    t.mm().note_shared();
    Start start{&t.process(), &t, &r};
    const u64 old = block_host_signals();
    u32 state = 0;
    const bool made = start_host_thread(thread_main, &start);
    if (made)
        while ((state = start.state.load(std::memory_order_acquire)) == 0)
            osal::futex_wait(start.state, 0, 1'000'000'000);
    set_host_mask(old);
    if (!made || state == kFailed) return -EAGAIN;
    return state;
}

// ---- processes

/// Locks that must be free in a child. Order: threads, signals, engine, address space, debugger.
struct ForkLocks {
    ForkLocks(Process& process, Thread& t) : p(process), actions(*t.group->actions), control(t.control) {
        p.threads_mutex.lock();
        actions.mutex.lock();
        p.engine().fork_prepare();
        p.mm().fork_prepare();
        if (control != nullptr) control->fork_prepare();
    }
    void parent() {
        if (control != nullptr) control->fork_parent();
        p.mm().fork_done();
        p.engine().fork_parent();
        actions.mutex.unlock();
        p.threads_mutex.unlock();
    }
    Result<void> child(Thread& survivor) {
        if (control != nullptr) control->fork_child(survivor.debugged ? &*survivor.debugged : nullptr);
        p.mm().fork_done();
        auto ok = p.engine().fork_child(survivor.vcpu());
        p.threads.assign(1, &survivor);
        actions.mutex.unlock();
        p.threads_mutex.unlock();
        return ok;
    }
    Process& p;
    SignalActions& actions;
    engine::RunControl* control;
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
void become_child(Thread& t, const CloneRequest& r, VforkPipe& pipe) {
    Process& p = t.process();
    Group& g = *t.group;
    if (pipe.read_end >= 0) ::close(pipe.read_end);
    if (const int inherited = g.vfork_fd.exchange(pipe.write_end); inherited >= 0) ::close(inherited);
    g.main_exit_code = 0;
    t.home = &g;
    p.pid = ::getpid();
    t.tid = static_cast<int>(::syscall(SYS_gettid));
    t.robust_list = t.robust_list_len = 0;
    t.clear_child_tid = (r.flags & CLONE_CHILD_CLEARTID) ? r.child_tid : 0;
    if (r.flags & CLONE_CHILD_SETTID) p.mm().write(r.child_tid, &t.tid, sizeof t.tid);
    if (r.stack) t.vcpu().set_reg(t.abi().sp_offset, r.stack);
    if (r.flags & CLONE_SETTLS) t.vcpu().set_reg(t.abi().tls_offset, r.tls);
    t.vcpu().clear_reservation();
    t.vcpu().state_changed();
    signals_fork_child(t);
    if (r.flags & CLONE_CLEAR_SIGHAND) signals_clear_handlers(t);
}

bool is_plain(const CloneRequest& r) {
    return !(r.flags & kNotForFork) && r.exit_signal == SIGCHLD && r.set_tid.empty();
}
i64 host_fork(const CloneRequest& r) {
    // Plain forks go through the C library, which makes its own locks fork-safe; it has no way to pass
    // anything else.
    if (!is_plain(r)) return host_clone3(r, 0, {});
    const pid_t pid = ::fork();
    return pid < 0 ? -errno : pid;
}

i64 fork_process(Thread& t, const CloneRequest& r) {
    Process& p = t.process();
    VforkPipe pipe;
    if ((r.flags & CLONE_VFORK) && !pipe.open()) return -EAGAIN;
    // The C library's locks may be with the thread of tier 2; and with several threads some flags are
    // refused.
    if (!is_plain(r)) p.engine().stop_background();

    const u64 old = block_host_signals();
    i64 pid;
    {
        ForkLocks locks(p, t);
        pid = host_fork(r);
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
        become_child(t, r, pipe);
        set_host_mask(old);
        return 0;
    }
    if (pipe.write_end >= 0) ::close(pipe.write_end);
    if (pid > 0) {
        const u32 tid = static_cast<u32>(pid);
        if (r.flags & CLONE_PARENT_SETTID) p.mm().write(r.parent_tid, &tid, sizeof tid);
        if (r.flags & CLONE_PIDFD) {
            const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
            if (fd >= 0) p.mm().write(r.pidfd, &fd, sizeof fd);
        }
        char byte;
        if (r.flags & CLONE_VFORK)
            while (::read(pipe.read_end, &byte, 1) < 0 && errno == EINTR) {
            }
    }
    if (pipe.read_end >= 0) ::close(pipe.read_end);
    set_host_mask(old);
    return pid;
}

i64 make_process(Thread& t, const CloneRequest& r) {
    if (r.flags & ~kProcessFlags) return -EINVAL;
    if (!(r.flags & CLONE_VM)) return fork_process(t, r);
    if (!(r.flags & CLONE_VFORK)) return shared_process(t, r);
#if defined(VM_SANITIZE_address) || defined(VM_SANITIZE_thread)
    return fork_process(t, r);  // sanitizers do not follow a second stack in one thread
#else
    return vfork_process(t, r);
#endif
}

// ---- the end of a thread

/// Marks the robust mutexes that `t` holds as abandoned (Linux kernel/futex/core.c, exit_robust_list; the
/// layout is struct robust_list_head: list, futex_offset, list_op_pending).
void release_robust_list(Thread& t) {
    if (!t.robust_list || t.robust_list_len != 24) return;
    AddressSpace& mm = t.mm();
    u64 head[3];
    if (!mm.read(t.plain(t.robust_list), head, sizeof head)) return;
    const u64 futex_offset = head[1], pending = head[2] & ~u64{1};
    auto release = [&](u64 entry) {
        const u64 addr = t.plain(entry + futex_offset);
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
        if (!mm.read(t.plain(entry), &next, sizeof next)) return;
        if (entry != pending) release(entry);
        entry = next & ~u64{1};
    }
    if (pending) release(pending);
    t.robust_list = 0;
}

}  // namespace

void clear_tid(Thread& t) {
    const u32 zero = 0;
    const u64 addr = t.plain(std::exchange(t.clear_child_tid, 0));
    if (addr && t.mm().write(addr, &zero, sizeof zero)) futex_wake_shared(addr, 1);
}

void copy_registers(Thread& to, Thread& from) {
    std::memcpy(to.vcpu().guest(), from.vcpu().guest(), from.process().engine().isa().layout->size);
    to.vcpu().fp() = from.vcpu().fp();
    to.vcpu().set_pc(from.vcpu().pc());
    to.takes_tags = from.takes_tags;
    to.fault_address = from.fault_address;
    to.fault_code = from.fault_code;
}

bool start_host_thread(void* (*main)(void*), void* arg) {
    pthread_attr_t attr;
    ::pthread_attr_init(&attr);
    ::pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    ::pthread_attr_setstacksize(&attr, 512 << 10);
    pthread_t handle;
    const int r = ::pthread_create(&handle, &attr, main, arg);
    ::pthread_attr_destroy(&attr);
    return r == 0;
}

void end_thread(Thread& t, int code) {
    Process& p = t.process();
    const std::shared_ptr<Group> group = t.group;
    t.debugged.reset();
    signals_thread_end(t);
    if (t.tid == ::getpid()) group->main_exit_code = code;
    bool last;
    {
        std::lock_guard guard(p.threads_mutex);
        std::erase(p.threads, &t);
        last = std::ranges::none_of(
            p.threads, [&](const Thread* o) { return o->home == group.get() || o->group == group; });
    }
    release_robust_list(t);
    clear_tid(t);
    if (!last) return;
    if (group->shares_memory) stop_group(p, group.get(), ::getpid());
    p.finish(group->main_exit_code);
}

i64 do_clone(Thread& t, const CloneRequest& r) {
    // kernel/fork.c, copy_process: combinations that make no sense.
    const u64 flags = r.flags;
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND)) return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) return -EINVAL;
    if ((flags & CLONE_NEWNS) && (flags & CLONE_FS)) return -EINVAL;
    if ((flags & CLONE_NEWUSER) && (flags & CLONE_FS)) return -EINVAL;
    if ((flags & CLONE_THREAD) && (flags & (CLONE_NEWUSER | CLONE_NEWPID))) return -EINVAL;
    if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND)) return -EINVAL;
    if ((flags & CLONE_PIDFD) && (flags & CLONE_DETACHED)) return -EINVAL;
    if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID) && r.pidfd == r.parent_tid) return -EINVAL;
    return flags & CLONE_THREAD ? make_thread(t, r) : make_process(t, r);
}

void do_exit_thread(Thread& t, int code) {
    t.exit_code = code & 0xff;
    t.exiting = true;
}

void do_exit_group(Thread& t, int code) {
    if (t.group->shares_memory) stop_group(t.process(), t.home, ::getpid());
    t.process().finish(code & 0xff);
}

}  // namespace vm::linux
