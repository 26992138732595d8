#include "linux/vfork.h"

#include <linux/sched.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "base/format.h"
#include "linux/debugging.h"
#include "linux/proc_files.h"
#include "linux/signals.h"
#include "linux/threads.h"
#include "osal/host.h"
#include "osal/memory.h"

extern "C" vm::i64 vm_clone3(clone_args* args, vm::u64 size, int (*run)(void*), void* arg);

namespace vm::linux {
namespace {

constexpr u64 kStackBytes = u64{512} << 10;

// ---- vfork
//
// The child is a host process that shares our memory (CLONE_VM | CLONE_VFORK): what it writes the parent
// sees, nothing is copied. It uses the parent's Thread, vCPU and thread-local storage, which nobody else
// touches because the parent's host thread sleeps in clone; only the host stack is its own. Afterwards the
// parent puts back what the child changed in the Thread. Locks of ours are ordinary futexes in shared memory,
// so the child takes part in locking; signals.cc sees to it that it is not killed while it holds one.

struct SavedThread {
    explicit SavedThread(Thread& t)
        : group(t.group),
          tid(t.tid),
          clear_child_tid(t.clear_child_tid),
          robust_list(t.robust_list),
          robust_list_len(t.robust_list_len),
          blocked(t.blocked),
          altstack_sp(t.altstack_sp),
          altstack_size(t.altstack_size),
          altstack_flags(t.altstack_flags),
          takes_tags(t.takes_tags),
          fault_address(t.fault_address),
          fault_code(t.fault_code),
          pc(t.vcpu().pc()),
          fp(t.vcpu().fp()),
          size(t.process().engine().isa().layout->size) {
        std::memcpy(registers, t.vcpu().guest(), size);
    }
    void restore(Thread& t) const {
        t.group = group;
        t.tid = tid;
        t.clear_child_tid = clear_child_tid;
        t.robust_list = robust_list;
        t.robust_list_len = robust_list_len;
        t.blocked = blocked;
        t.altstack_sp = altstack_sp;
        t.altstack_size = altstack_size;
        t.altstack_flags = altstack_flags;
        t.takes_tags = takes_tags;
        t.fault_address = fault_address;
        t.fault_code = fault_code;
        t.exiting = false;
        t.exec_image.reset();
        std::memcpy(t.vcpu().guest(), registers, size);
        t.vcpu().fp() = fp;
        t.vcpu().set_pc(pc);
        t.vcpu().clear_reservation();
        t.vcpu().state_changed();
    }
    std::shared_ptr<Group> group;
    int tid;
    u64 clear_child_tid, robust_list, robust_list_len, blocked, altstack_sp, altstack_size;
    u32 altstack_flags;
    bool takes_tags;
    u64 fault_address, fault_code;
    u64 pc;
    ir::FpEnv fp;
    u64 size;
    u8 registers[ir::kMaxGuestState];
};

struct Child {
    Thread* thread;
    const CloneRequest* request;
};

/// What clone promises of the child's memory and registers.
void begin_child(Thread& t, const CloneRequest& r, int parents_tid) {
    const Abi& abi = t.abi();
    t.tid = static_cast<int>(::syscall(SYS_gettid));
    t.robust_list = t.robust_list_len = 0;
    t.clear_child_tid = (r.flags & CLONE_CHILD_CLEARTID) ? r.child_tid : 0;
    if (r.flags & CLONE_CHILD_SETTID) t.mm().write(r.child_tid, &t.tid, sizeof t.tid);
    if (r.flags & CLONE_PARENT_SETTID) t.mm().write(r.parent_tid, &parents_tid, sizeof parents_tid);
    t.vcpu().set_reg(abi.ret_offset, 0);
    if (r.stack) t.vcpu().set_reg(abi.sp_offset, r.stack);
    if (r.flags & CLONE_SETTLS) t.vcpu().set_reg(abi.tls_offset, r.tls);
    t.vcpu().clear_reservation();
    t.vcpu().state_changed();
    if (r.flags & CLONE_CLEAR_SIGHAND) signals_clear_handlers(t);
}

[[noreturn]] void end_child(int code) {
    ::syscall(SYS_exit_group, code);
    __builtin_unreachable();
}

int vfork_main(void* arg) {
    const Child& c = *static_cast<Child*>(arg);
    begin_child(*c.thread, *c.request, static_cast<int>(::syscall(SYS_gettid)));
    end_child(c.thread->loop());
}

std::shared_ptr<Group> new_group(const Group& parent, bool same_actions) {
    auto g = std::make_shared<Group>();
    if (same_actions) {
        g->actions = parent.actions;
    } else {
        const std::lock_guard lock(parent.actions->mutex);
        std::copy_n(parent.actions->action, std::size(parent.actions->action), g->actions->action);
    }
    return g;
}

// ---- processes beside their parent
//
// The same, but the creator goes on. So a helper thread is made, with a Thread, vCPU and thread-local storage
// for the child, and it is the helper that sleeps in clone while the child uses them. The child can have
// threads of its own. When the child is gone or has executed a program, the helper drops whatever it left
// behind.

struct SharedStart {
    Thread* creator;
    const CloneRequest* request;
    int pidfd = -1;
    int pid = 0;  ///< written by the kernel before the child runs
    std::atomic<u32> done{
        0};  ///< 1: pid is valid, a pid or -errno; creator and request are not used any more
    Thread* thread = nullptr;
};

void publish(SharedStart& s) {
    std::atomic<u32>& word = s.done;
    word.store(1, std::memory_order_release);
    osal::futex_wake(word, 1);  // by address only: the waiter may be gone
}

int shared_main(void* arg) {
    SharedStart& s = *static_cast<SharedStart*>(arg);
    Thread& t = *s.thread;
    Process& p = t.process();
    begin_child(t, *s.request, s.pid);
    {
        const std::lock_guard lock(p.threads_mutex);
        p.threads.push_back(&t);
    }
    signals_share_memory(t);
    publish(s);
    signals_thread_start(t, false);
    const int code = t.loop();
    end_thread(t, code);  // ends the process unless it has other threads
    for (;;) ::pause();
}

/// Threads of a process that is gone were ended where they stood.
void drop_threads(Process& p, const Group* group) {
    std::vector<Thread*> left;
    {
        const std::lock_guard lock(p.threads_mutex);
        std::erase_if(p.threads, [&](Thread* t) {
            if (t->home != group) return false;
            left.push_back(t);
            return true;
        });
    }
    for (Thread* t : left) {
        signals_drop_queue(*t);
        delete t;
    }
}

void* helper_main(void* arg) {
    const std::unique_ptr<std::shared_ptr<SharedStart>> held(static_cast<std::shared_ptr<SharedStart>*>(arg));
    SharedStart& s = **held;
    Thread& creator = *s.creator;
    Process& p = creator.process();
    auto fail = [&](int error) -> void* {
        s.pid = -error;
        publish(s);
        return nullptr;
    };
    auto vcpu = p.engine().create_vcpu();
    if (!vcpu) return fail(EAGAIN);
    auto stack = osal::map_guarded(kStackBytes);
    if (!stack) return fail(ENOMEM);
    auto t = std::make_unique<Thread>(p, std::move(*vcpu));
    t->group = new_group(*creator.group, s.request->flags & CLONE_SIGHAND);
    t->home = t->group.get();
    t->blocked = creator.blocked;
    copy_registers(*t, creator);
    s.thread = t.get();
    HostChild child{*stack, kStackBytes, shared_main, &s, s.request->flags & CLONE_PIDFD ? &s.pidfd : nullptr,
                    &s.pid};
    const i64 pid = host_clone3(*s.request, CLONE_VM | CLONE_VFORK, child);
    if (pid < 0) {
        t.reset();
        osal::unmap_guarded(*stack, kStackBytes);
        return fail(static_cast<int>(-pid));
    }
    {
        const std::lock_guard lock(p.threads_mutex);
        std::erase(p.threads, t.get());
    }
    drop_threads(p, t->home);
    if (t->clear_child_tid) clear_tid(*t);
    signals_drop_queue(*t);
    t.reset();
    osal::unmap_guarded(*stack, kStackBytes);
    return nullptr;
}

/// Does a thread of the host process that has thread `id`, other than the caller, run or wait for a device?
/// Those that sleep in the host, and those that are gone, hold no lock.
bool any_runs(int id) {
    std::error_code error;
    std::filesystem::directory_iterator entry(fmt::format("/proc/{}/task", id), error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        if (entry->path().filename() == std::to_string(::gettid())) continue;
        const std::string text = read_host_file(entry->path() / "stat");  // it may be gone by now
        const size_t end = text.rfind(')');                               // the name may hold anything
        if (end != text.npos && end + 2 < text.size() && (text[end + 2] == 'R' || text[end + 2] == 'D'))
            return true;
    }
    return false;
}

}  // namespace

i64 host_clone3(const CloneRequest& r, u64 more_flags, const HostChild& child) {
    /// Of the rest we see to ourselves, or it means nothing here.
    constexpr u64 kHostFlags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                               CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME | CLONE_PARENT | CLONE_FS |
                               CLONE_FILES | CLONE_IO | CLONE_SYSVSEM | CLONE_INTO_CGROUP;
    clone_args a{};
    a.flags = (r.flags & kHostFlags) | more_flags;
    if (child.pidfd) {
        a.flags |= CLONE_PIDFD;
        a.pidfd = reinterpret_cast<u64>(child.pidfd);
    }
    if (child.pid) {
        a.flags |= CLONE_PARENT_SETTID;
        a.parent_tid = reinterpret_cast<u64>(child.pid);
    }
    a.exit_signal = static_cast<u64>(r.exit_signal);
    a.stack = reinterpret_cast<u64>(child.stack);
    a.stack_size = child.stack_bytes;
    a.set_tid = r.set_tid.empty() ? 0 : reinterpret_cast<u64>(r.set_tid.data());
    a.set_tid_size = r.set_tid.size();
    a.cgroup = r.cgroup;
    if (child.run) return vm_clone3(&a, sizeof a, child.run, child.arg);
    const long pid = ::syscall(SYS_clone3, &a, sizeof a);
    return pid < 0 ? -errno : pid;
}

i64 vfork_process(Thread& t, const CloneRequest& r) {
    auto host_stack = osal::map_guarded(kStackBytes);
    if (!host_stack) return -ENOMEM;
    Child child{&t, &r};
    const u64 old_mask = block_host_signals();
    const HiddenThread hidden(t);
    Thread::SignalQueue* queue = signals_vfork_begin(t);
    const SavedThread saved(t);
    t.group = new_group(*t.group, r.flags & CLONE_SIGHAND);
    FileView& files = t.process().files();
    const bool left = files.left();
    int pidfd = -1;
    const i64 pid =
        host_clone3(r, CLONE_VM | CLONE_VFORK,
                    {*host_stack, kStackBytes, vfork_main, &child, r.flags & CLONE_PIDFD ? &pidfd : nullptr});
    drop_threads(t.process(), t.group.get());
    if (pid > 0 && t.clear_child_tid && (r.flags & CLONE_CHILD_CLEARTID)) clear_tid(t);
    saved.restore(t);
    files.leave(left);  // the child may have another root
    signals_vfork_end(t, queue);
    set_host_mask(old_mask);
    osal::unmap_guarded(*host_stack, kStackBytes);
    if (pid > 0 && (r.flags & CLONE_PIDFD)) t.mm().write(r.pidfd, &pidfd, sizeof pidfd);
    if (pid > 0 && (r.flags & CLONE_PARENT_SETTID)) {  // as this namespace knows it
        const int tid = static_cast<int>(pid);
        t.mm().write(r.parent_tid, &tid, sizeof tid);
    }
    return pid;
}

void stop_group(Process& p, const Group* group, int id) {
    {
        const std::lock_guard lock(p.threads_mutex);
        for (Thread* o : p.threads) {
            if (o->home != group) continue;
            o->group->stopping.store(true, std::memory_order_release);
            o->vcpu().request_safepoint();
        }
    }
    constexpr int kPatienceMs = 100, kLooks = 2;  // one look may meet a thread between two locks
    for (int ms = 0, quiet = 0; ms < kPatienceMs && quiet < kLooks; ms++) {
        quiet = any_runs(id) ? 0 : quiet + 1;
        ::usleep(1000);
    }
}

void stop_before_kill(Thread& t, int id) {
    Process& p = t.process();
    const Group* group = nullptr;
    {
        const std::lock_guard lock(p.threads_mutex);
        const auto found = std::ranges::find(p.threads, id, &Thread::tid);
        if (found == p.threads.end() || (*found)->home == t.home || ::kill(id, 0) != 0) return;
        group = (*found)->home;
    }
    stop_group(p, group, id);
}

i64 shared_process(Thread& t, const CloneRequest& r) {
    t.mm().note_shared();
    t.process().engine().stop_background(
        true);  // it would end with one process and leave its locks to the other
    const auto start = std::make_shared<SharedStart>();
    start->creator = &t;
    start->request = &r;
    auto* held = new std::shared_ptr<SharedStart>(start);
    const u64 old = block_host_signals();
    const bool made = start_host_thread(helper_main, held);
    if (made)
        while (start->done.load(std::memory_order_acquire) == 0)
            osal::futex_wait(start->done, 0, 1'000'000'000);
    const i64 pid = made ? start->pid : -EAGAIN;
    if (pid > 0 && (r.flags & CLONE_PIDFD)) t.mm().write(r.pidfd, &start->pidfd, sizeof start->pidfd);
    set_host_mask(old);
    if (!made) delete held;
    return pid;
}

}  // namespace vm::linux
