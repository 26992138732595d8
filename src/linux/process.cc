#include "linux/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/format.h"
#include "linux/core_dump.h"
#include "linux/debugging.h"
#include "linux/signals.h"
#include "linux/threads.h"

namespace vm::linux {
namespace {

Result<void> choose_cpu(const Guest& guest, RunOptions* o) {
    std::string error;
    if (o->cpu.empty() || guest.isa->parse_cpu(o->cpu, &o->engine.cpu_features, &error)) return {};
    return fail(ErrorKind::InvalidArgument, fmt::format("--cpu {}: {}", o->cpu, error));
}

}  // namespace

Thread::Thread(Process& p, std::unique_ptr<engine::Vcpu> v)
    : control(p.options().engine.control), process_(p), vcpu_(std::move(v)) {}
Thread::~Thread() { debugged.reset(); }
AddressSpace& Thread::mm() { return process_.mm(); }
const Abi& Thread::abi() const { return process_.abi(); }

int Thread::loop() {
    while (!exiting) {
        in_guest.store(true, std::memory_order_relaxed);
        const engine::Exit e = control == nullptr ? vcpu_->run() : run_debugged(*this);
        in_guest.store(false, std::memory_order_release);
        stop_if_asked(*this);
        switch (e.reason) {
            case ir::ExitReason::Syscall: do_syscall(*this); break;
            case ir::ExitReason::Safepoint: deliver_signals(*this, nullptr); break;
            case ir::ExitReason::Wait: ::sched_yield(); break;
            case ir::ExitReason::FetchFault:
                if (e.pc == kNotRun && process_.options().warm_report >= 0) process_.finish(0);
                [[fallthrough]];
            default: raise_sync(*this, e); break;
        }
    }
    return exit_code;
}

Result<std::unique_ptr<Process>> Process::create(const RunOptions& options, Guests guests) {
    std::unique_ptr<Process> p(new Process(options, guests));
    RunOptions& o = p->options_;
    p->pid = ::getpid();
    if (!o.stats_file.empty()) p->stats_owner_ = p->pid;
    auto program = open_program(p->files_, o.program, o.argv, std::exchange(o.program_fd, -1));
    if (!program) return std::unexpected(program.error());
    auto elf = parse_elf(program->fd, program->path, elf_targets(guests));
    if (!elf) return std::unexpected(elf.error());
    p->guest_ = find_guest(guests, elf->machine);
    const Abi& abi = p->abi();
    if (auto ok = choose_cpu(*p->guest_, &o); !ok) return std::unexpected(ok.error());
    p->mm_ = std::make_unique<AddressSpace>(abi.elf.task_size, abi.elf.page_size, o.stack_size);
    p->mm_->set_memory_limit(o.memory_limit);
    if (abi.prot_bits) p->mm_->allow_protections(abi.prot_bits(*p->guest_->isa, o.engine.cpu_features));
    auto engine = engine::Engine::create(*p->guest_->isa, *p->mm_, o.engine);
    if (!engine) return std::unexpected(engine.error());
    p->engine_ = std::move(*engine);
    p->mm_->set_engine(p->engine_.get());
    if (auto ok = load_program(*p, *program, *elf); !ok) return std::unexpected(ok.error());
    auto vcpu = p->engine_->create_vcpu();
    if (!vcpu) return std::unexpected(vcpu.error());
    p->main_ = std::make_unique<Thread>(*p, std::move(*vcpu));
    p->main_->tid = static_cast<int>(::syscall(SYS_gettid));
    p->main_->group = std::make_shared<Group>();
    p->main_->home = p->main_->group.get();
    p->main_->vcpu().set_pc(p->entry);
    p->main_->vcpu().set_reg(abi.sp_offset, p->initial_sp);
    if (abi.init_registers) abi.init_registers(*p->main_);
    p->main_->vcpu().state_changed();
    p->threads.push_back(p->main_.get());
    begin_debugging(*p->main_);
    return p;
}

Process::~Process() {
    main_.reset();
    if (mm_) mm_->set_engine(nullptr);
    engine_.reset();
}

int Process::run() {
    if (options_.warm_report >= 0 && entry == kNotRun) finish(0);  // without a loader
    install_host_signal_handlers(*main_);
    signals_thread_start(*main_, true);
    const int code = main_->loop();
    // Only the main thread ended (a group exit does not come back here).
    end_thread(*main_, code);
    main_.reset();
    for (;;)
        ::pause();  // the last thread ends the process; until then this one is what Linux shows as a zombie
                    // leader
}

void Process::finish(int code) {
    if (options_.warm_report >= 0 && ::getpid() == pid && !translate_files()) code = kNotKept;
    save_translations();
    if (options_.engine.control != nullptr && ::getpid() == pid)
        options_.engine.control->ended({.by_signal = false, .code = code});
    if (stats_owner_ == ::getpid() && !options_.stats_file.empty()) {
        const std::string text = engine_->stats_json();
        const int fd = ::open(options_.stats_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        const bool written =
            fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
        if (!written) {
            const std::string line = fmt::format("vm: --stats {}: cannot be written ({})\n",
                                                 options_.stats_file, std::generic_category().message(errno));
            (void)!::write(2, line.data(), line.size());
        }
    }
    ::syscall(SYS_exit_group, code);
    __builtin_unreachable();
}

}  // namespace vm::linux
