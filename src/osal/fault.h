// Synchronous host signals (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP): one handler for the process. A fault
// goes, in this order, to guarded accesses (osal/guarded.h), to the fault hook (the engine's), and else to
// whatever was installed before: with the default action the process dies of it, so that our own bugs stay
// visible. The same signals sent by kill(2) or tgkill(2) are asynchronous and go to the sent-signal hook.
#pragma once

#include <csignal>

#include "base/bits.h"
#include "base/result.h"

namespace vm::osal {

/// One synchronous signal.
struct Fault {
    int signal;
    int code;    ///< si_code
    u64 addr;    ///< si_addr; for SIGSEGV and SIGBUS the address of the data
    bool write;  ///< page faults: it was a store
    u64 pc, sp;
};

/// The interrupted thread's registers, to read and change. x86-64 order of encoding (rax rcx rdx rbx rsp rbp
/// rsi rdi r8..).
class MachineContext {
  public:
    explicit MachineContext(void* ucontext) : ucontext_(ucontext) {}
    u64 pc() const;
    u64 sp() const;
    void set_pc(u64 v);
    void set_sp(u64 v);
    void set_mxcsr(u32 v);
    /// On: the thread executes one instruction and stops with SIGTRAP (TRAP_TRACE).
    void set_single_step(bool on);
    void read_gpr(u64 (&out)[16]) const;
    void read_vector(u64 (&out)[16][2]) const;
    u32 mxcsr() const;

  private:
    void* ucontext_;
};

/// True: handled, go on with the (changed) context. Runs on the alternate stack with all signals blocked.
using FaultHook = bool (*)(const Fault& fault, MachineContext& context);
/// For signals of these numbers that somebody sent. Must be async-signal-safe.
using SentSignalHook = void (*)(int signal, siginfo_t* info, void* ucontext);

/// Installs the handlers once; later calls only replace the hook.
Result<void> install_fault_handlers(FaultHook hook);
void set_sent_signal_hook(SentSignalHook hook);

/// The calling thread's alternate signal stack. Destroy on the same thread.
class SignalStack {
  public:
    SignalStack() = default;
    ~SignalStack();
    SignalStack(const SignalStack&) = delete;
    SignalStack& operator=(const SignalStack&) = delete;
    Result<void> install();

  private:
    void* map_ = nullptr;
    u64 bytes_ = 0;
    stack_t previous_{};
};

}  // namespace vm::osal
