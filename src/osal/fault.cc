#include "osal/fault.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "osal/guarded.h"
#include "osal/memory.h"

namespace vm::osal {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

// Reached from a signal handler, hence process-wide: written before the handlers are installed or as one
// atomic word.
struct sigaction previous_actions[NSIG];
std::atomic<FaultHook> fault_hook{nullptr};
std::atomic<SentSignalHook> sent_hook{nullptr};
std::atomic<bool> installed{false};

/// Position in ucontext_t::gregs of each register, in order of encoding.
constexpr int kGregs[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                            REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

ucontext_t& uc(void* p) { return *static_cast<ucontext_t*>(p); }

/// Not ours: do what was there before us.
void chain(int signal, siginfo_t* info, void* ucontext) {
    const struct sigaction& old = previous_actions[signal];
    if (old.sa_flags & SA_SIGINFO) {
        old.sa_sigaction(signal, info, ucontext);
    } else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) {
        old.sa_handler(signal);
    } else {
        // A synchronous fault cannot be ignored: with the default action back, the instruction faults again
        // and kills us.
        struct sigaction dfl {};
        dfl.sa_handler = SIG_DFL;
        sigaction(signal, &dfl, nullptr);
        if (info->si_code <= 0) raise(signal);
    }
}

void on_fault(int signal, siginfo_t* info, void* ucontext) {
    const int saved_errno = errno;
    if (info->si_code <= 0) {  // SI_USER, SI_TKILL, SI_QUEUE …: somebody sent it
        if (const SentSignalHook hook = sent_hook.load(std::memory_order_relaxed))
            hook(signal, info, ucontext);
        else
            chain(signal, info, ucontext);
        errno = saved_errno;
        return;
    }
    MachineContext context(ucontext);
    auto& gregs = uc(ucontext).uc_mcontext.gregs;
    // Page-fault error code (Intel SDM vol. 3, 4.7): bit 1 = write. Vector 14 only.
    const bool write = gregs[REG_TRAPNO] == 14 && (gregs[REG_ERR] & 2);
    const Fault fault{signal, info->si_code, reinterpret_cast<u64>(info->si_addr),
                      write,  context.pc(),  context.sp()};
    if (signal == SIGSEGV || signal == SIGBUS) {
        if (const u64 fixup = guarded_fixup(fault.pc)) {
            gregs[REG_RAX] = static_cast<greg_t>(pack_fault(signal, fault.code, write));
            gregs[REG_RDX] = static_cast<greg_t>(fault.addr);
            context.set_pc(fixup);
            errno = saved_errno;
            return;
        }
    }
    const FaultHook hook = fault_hook.load(std::memory_order_relaxed);
    if (hook == nullptr || !hook(fault, context)) chain(signal, info, ucontext);
    errno = saved_errno;
}

}  // namespace

u64 MachineContext::pc() const { return static_cast<u64>(uc(ucontext_).uc_mcontext.gregs[REG_RIP]); }
u64 MachineContext::sp() const { return static_cast<u64>(uc(ucontext_).uc_mcontext.gregs[REG_RSP]); }
void MachineContext::set_pc(u64 v) { uc(ucontext_).uc_mcontext.gregs[REG_RIP] = static_cast<greg_t>(v); }
void MachineContext::set_sp(u64 v) { uc(ucontext_).uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(v); }
void MachineContext::set_mxcsr(u32 v) { uc(ucontext_).uc_mcontext.fpregs->mxcsr = v; }
void MachineContext::set_single_step(bool on) {
    constexpr greg_t kTrapFlag = 0x100;
    greg_t& flags = uc(ucontext_).uc_mcontext.gregs[REG_EFL];
    flags = on ? flags | kTrapFlag : flags & ~kTrapFlag;
}
void MachineContext::read_gpr(u64 (&out)[16]) const {
    for (unsigned i = 0; i < 16; i++) out[i] = static_cast<u64>(uc(ucontext_).uc_mcontext.gregs[kGregs[i]]);
}
void MachineContext::read_vector(u64 (&out)[16][2]) const {
    std::memcpy(out, uc(ucontext_).uc_mcontext.fpregs->_xmm, sizeof out);
}
u32 MachineContext::mxcsr() const { return uc(ucontext_).uc_mcontext.fpregs->mxcsr; }

Result<void> install_fault_handlers(FaultHook hook) {
    fault_hook.store(hook);
    if (installed.exchange(true)) return {};
    for (const int signal : kSignals) {
        struct sigaction action {};
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigfillset(&action.sa_mask);
        if (sigaction(signal, &action, &previous_actions[signal]) != 0)
            return fail(ErrorKind::Resource, "cannot install the handler for synchronous signals", errno);
    }
    return {};
}

void set_sent_signal_hook(SentSignalHook hook) { sent_hook.store(hook); }

SignalStack::~SignalStack() {
    if (map_ == nullptr) return;
    sigaltstack(&previous_, nullptr);
    unmap_guarded(map_, bytes_);
}

Result<void> SignalStack::install() {
    constexpr u64 kRoom = u64{64} << 10;  // handlers of the Linux layer and recover_state
    bytes_ = align_up(std::max<u64>(getauxval(AT_MINSIGSTKSZ), MINSIGSTKSZ) + kRoom, page_size());
    auto map = map_guarded(bytes_);
    if (!map) return std::unexpected(map.error());
    map_ = *map;
    stack_t stack{};
    stack.ss_sp = map_;
    stack.ss_size = bytes_;
    if (sigaltstack(&stack, &previous_) != 0)
        return fail(ErrorKind::Resource, "cannot set the alternate signal stack", errno);
    return {};
}

}  // namespace vm::osal
