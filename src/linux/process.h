// A guest process and its threads: what the system-call handlers act on.
#pragma once

#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/run_control.h"
#include "engine/vcpu.h"
#include "linux/address_space.h"
#include "linux/file_view.h"
#include "linux/guest.h"
#include "linux/program.h"
#include "linux/self_exe.h"

namespace vm::linux {

/// What `vm run` was asked for (fields = CLI flags).
struct RunOptions {
    std::string program;            ///< path as given
    std::vector<std::string> argv;  ///< argv[0] included
    std::vector<std::string> env;   ///< "K=V"
    std::string sysroot;            ///< -L, empty = none
    std::string root;               ///< --root, empty = none; at most one of the two
    std::string workdir;
    std::string cpu;  ///< --cpu, empty = everything that the ISA's front end has
    u64 stack_size = u64{8} << 20;
    u64 memory_limit = 0;
    enum class Strace : u8 { Off, Text, Json } strace = Strace::Off;
    std::string stats_file;
    int program_fd =
        -1;  ///< the program, opened by the kernel (binfmt_misc, flag O); -1 = to be opened by its path
    bool cwd_has_guest_name = false;  ///< FileView::cwd_has_guest_name() of the process before
    bool by_binfmt = false;  ///< binfmt_misc runs this ISA's programs: those with a setuid bit are left to it
    int self_fd = -1;        ///< this executable, inherited from the one that executed it (see SelfExe) …
    std::string self_name;   ///< … and where it lies, for processes without /proc
    std::vector<std::string> reexec_command{
        "vm", "run"};                      ///< how this executable is told to run a child of the guest …
    std::vector<std::string> reexec_args;  ///< … with the same options, but for the file view and the CPU
    /// ≥ 0: the program is not run. Its code and that of the libraries it is linked to is translated and kept
    /// on disk, and one line that says what was done goes to this descriptor.
    int warm_report = -1;
    engine::EngineOptions engine;
};

struct SigInfo {
    alignas(8) u8 bytes[128];
};  ///< siginfo_t in the guest's layout (generic 64-bit layout, same as x86-64)

struct SigAction {
    u64 handler = 0;
    u64 flags = 0;
    u64 restorer = 0;
    u64 mask = 0;
};

class Process;

/// Dispositions. Shared by the threads of a process, and by processes made with CLONE_SIGHAND.
struct SignalActions {
    std::mutex mutex;
    SigAction action[65];
};

/// What the threads of one Linux process have in common and processes that share its memory (vfork, CLONE_VM)
/// do not: those have one Process object, and a Group each.
struct Group {
    std::shared_ptr<SignalActions> actions = std::make_shared<SignalActions>();
    std::atomic<int> vfork_fd{-1};       ///< in a vfork child: closing it lets the parent go on
    std::atomic<int> main_exit_code{0};  ///< of the main thread, where it ended before the others
    /// A core file is written, or the process is about to be killed: threads stop at their next safepoint.
    std::atomic<bool> stopping{false};
    /// Runs beside its parent in the same memory: it must not be killed by a signal while it holds a lock of
    /// ours.
    bool shares_memory = false;
};

/// One guest thread = one host thread.
class Thread {
  public:
    Thread(Process& p, std::unique_ptr<engine::Vcpu> v);
    ~Thread();
    Process& process() { return process_; }
    engine::Vcpu& vcpu() { return *vcpu_; }
    AddressSpace& mm();
    const Abi& abi() const;
    /// A guest's address as the kernel follows it: without its tag where this thread may use tags.
    u64 plain(u64 addr) const { return takes_tags ? abi().untagged(addr) : addr; }
    /// Runs the guest thread until it exits. Returns the thread's exit code.
    int loop();

    std::shared_ptr<Group>
        group;  ///< whose dispositions and process it acts with; another one while a vfork child runs on it
    const Group* home = nullptr;  ///< the process that it is a thread of
    int tid = 0;
    u64 clear_child_tid = 0;
    u64 robust_list = 0, robust_list_len = 0;
    // signal state, owned by signals.cc
    u64 blocked = 0;              ///< guest signal mask
    std::atomic<u64> pending{0};  ///< thread-directed, set by host handlers (bit sig-1)
    u64 altstack_sp = 0, altstack_size = 0;
    u32 altstack_flags = 2;                 ///< SS_DISABLE
    std::atomic<bool> in_guest{false};      ///< inside Vcpu::run
    u64 fault_address = 0, fault_code = 0;  ///< of the last fault, as frames tell it (Abi::note_fault)
    bool takes_tags = false;                ///< system calls take tagged addresses (PR_SET_TAGGED_ADDR_CTRL)
    bool exiting = false;
    int exit_code = 0;
    bool in_restart = false;

    /// Of a thread that a debugger sees (debugging.cc).
    std::optional<engine::RunControl::Member> debugged;
    engine::RunControl* const control;  ///< a debugger's; nullptr: there is none
    bool hidden = false;                ///< from it: a vfork child runs on this thread

    std::shared_ptr<void> exec_image;  ///< what an execve in progress was made from (exec.cc)

    struct SignalQueue;  ///< queued siginfo, signals.cc
    SignalQueue* queue = nullptr;

  private:
    Process& process_;
    std::unique_ptr<engine::Vcpu> vcpu_;
};

class Process {
  public:
    /// Finds out for which of `guests` the program is made, loads it, builds the stack, makes the first
    /// thread. ErrorKind::NotFound → 127, NotExecutable → 126, else 125. `guests` must outlive the process.
    static Result<std::unique_ptr<Process>> create(const RunOptions& options, Guests guests);
    ~Process();
    /// Runs to the end. The guest's exit status; if the guest died by a signal this function does not return:
    /// it kills the host process with the same signal.
    int run();

    AddressSpace& mm() { return *mm_; }
    engine::Engine& engine() { return *engine_; }
    const Abi& abi() const { return *guest_->abi; }
    /// Every kind of program that may be executed.
    Guests guests() const { return guests_; }
    const RunOptions& options() const { return options_; }
    /// Where the guest's paths lead (-L, --root).
    FileView& files() { return files_; }
    const FileView& files() const { return files_; }
    SelfExe& self() { return self_; }
    /// Keeps translations on disk for the next process. Not in a vfork child, whose engine is its parent's.
    void save_translations() {
        if (::getpid() == pid) engine_->save_translations();
    }
    /// Writes the counters if asked for and ends the host process at once, whatever its other threads do.
    [[noreturn]] void finish(int code);

    int pid = 0;           ///< of the host process whose memory this is
    std::string exe_path;  ///< absolute host path of the program
    std::mutex threads_mutex;
    std::vector<Thread*> threads;
    u64 vdso_base = 0;  ///< its ELF image
    u64 sigreturn = 0;  ///< where handlers return to, in the vDSO
    u64 brk_start = 0;
    u64 auxv_addr = 0, stack_top = 0, arg_start = 0, arg_end = 0, env_start = 0, env_end = 0;
    u64 entry = 0, initial_sp = 0;
    std::vector<u64> auxv;
    u64 code_start = 0, code_end = 0;  ///< of the program's text, for /proc/self/stat
    u64 data_start = 0, data_end = 0;  ///< of its data

  private:
    friend class Thread;
    /// warm.cc: see RunOptions::warm_report. False: not all of it could be kept or reported.
    bool translate_files();
    friend Result<void> load_program(Process& p, const Program& program, const Elf& elf);
    Process(const RunOptions& options, Guests guests)
        : options_(options),
          files_(options.root.empty() ? options.sysroot : options.root,
                 options.root.empty() ? FileView::Kind::Overlay : FileView::Kind::Root),
          self_(options.self_fd, options.self_name),
          guests_(guests) {
        if (options.cwd_has_guest_name) files_.set_cwd_has_guest_name();
    }
    RunOptions options_;
    FileView files_;
    SelfExe self_;
    Guests guests_;
    const Guest* guest_ = nullptr;  ///< the kind that this one is
    std::unique_ptr<AddressSpace> mm_;
    std::unique_ptr<engine::Engine> engine_;
    std::unique_ptr<Thread> main_;
    int stats_owner_ = 0;  ///< only the process that was asked for counters writes them
};

/// What clone, clone3, fork and vfork ask for. Addresses are the guest's, 0 = none.
struct CloneRequest {
    u64 flags = 0;  ///< CLONE_… without the exit signal
    int exit_signal = 0;
    u64 stack = 0;  ///< its top
    u64 parent_tid = 0, child_tid = 0, tls = 0, pidfd = 0;
    std::vector<i32> set_tid;
    u64 cgroup = 0;  ///< descriptor, with CLONE_INTO_CGROUP
};

// ---- seams between the parts of this module (each in its own file)
/// syscalls.cc: executes the system call in the thread's registers, stores the result; traces if asked.
void do_syscall(Thread& t);
/// signals.cc: turns a synchronous engine exit into a guest signal at its instruction (never returns an
/// error: kills if blocked).
void raise_sync(Thread& t, const engine::Exit& e);
/// signals.cc: delivers what is pending and unblocked, if anything; called at every safepoint and after every
/// system call. `syscall_result`: of the call just made, for SA_RESTART decisions; nullptr at a plain
/// safepoint.
void deliver_signals(Thread& t, i64* syscall_result);
/// signals.cc: host handlers for all asynchronous signals.
void install_host_signal_handlers(Thread& first);
/// threads.cc: clone/clone3/fork/vfork, exit, exit_group, futex words at thread exit.
i64 do_clone(Thread& t, const CloneRequest& request);
/// threads.cc: exit: ends this thread (clear_child_tid, robust futexes). Sets t.exiting; Thread::loop then
/// returns.
void do_exit_thread(Thread& t, int code);
/// threads.cc: exit_group: ends every thread and the process with `code`.
void do_exit_group(Thread& t, int code);
/// syscalls/process.cc: a limit that is kept for the guest and not given to the host (RLIMIT_AS, _DATA,
/// _STACK). False: not set.
bool own_limit(int resource, u64* cur, u64* max);
/// proc_files.cc: opens /proc files that must describe the guest (maps, auxv, cmdline, exe, cpuinfo …): a
/// descriptor, a negative errno, or nothing when `path` (as the host has it, relative to `dirfd`) is an
/// ordinary file.
std::optional<int> open_emulated_proc(Thread& t, int dirfd, const std::string& path, int flags);
/// proc_files.cc: the program (a host path) that `path`, /proc/…/exe of a guest, means; nothing for other
/// paths.
std::optional<std::string> guest_exe(const Process& p, const std::string& path);
/// proc_files.cc: lets the kernel show the guest's arguments and addresses to other processes.
void describe_process(const Process& p);
/// exec.cc: execve of a guest or host program: runs `vm run` again with the same options for programs of any
/// guest, and scripts.
i64 do_execve(Thread& t, const std::string& path, std::vector<std::string> argv,
              std::vector<std::string> env);
/// vdso.cc: maps the vDSO's image and lets the engine answer its calls.
Result<void> map_vdso(Process& p);
/// Where a program begins that is only to be loaded: nothing is ever mapped there.
inline constexpr u64 kNotRun = 16;
/// Exit status where RunOptions::warm_report was not done in full.
inline constexpr int kNotKept = 124;
/// loader.cc: see Process::create. `elf` was read from the program.
Result<void> load_program(Process& p, const Program& program, const Elf& elf);

}  // namespace vm::linux
