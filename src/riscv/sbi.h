// What a kernel calls when there is no firmware in M-mode: SBI 2.0 (RISC-V Supervisor Binary Interface
// Specification).
#pragma once

#include <span>

#include "mem/guest_ram.h"
#include "riscv/hart.h"
#include "riscv/sbi_pmu.h"

namespace vm::riscv {

/// "Hart State Management": values of sbi_hart_get_status.
enum class HartStatus : u8 {
    Started = 0,
    Stopped = 1,
    StartPending = 2,
    StopPending = 3,
    Suspended = 4,
    SuspendPending = 5,
    ResumePending = 6,
};

/// "System Reset"
enum class ResetType : u32 { Shutdown = 0, ColdReboot = 1, WarmReboot = 2 };
enum class ResetReason : u32 { None = 0, SystemFailure = 1 };

/// What other harts are to do before their next instruction.
struct RemoteFence {
    bool code = false;  ///< fence.i, and nothing else
    Flush flush =
        Flush::None;  ///< else these translations: All, Asid, or of each page that [start, start + size)
    u64 start = 0, size = 0;  ///< touches: Address, AddressAsid
    u16 asid = 0;
};

/// The machine around a hart, as calls need it. The board implements it. Called from any hart's thread.
class SbiMachine {
  public:
    virtual ~SbiMachine() = default;
    /// The console. How many bytes it took: at least one, for which it may wait, or 0 if it is broken.
    virtual u64 console_write(std::span<const u8> bytes) = 0;
    /// How many bytes there were; does not wait.
    virtual u64 console_read(std::span<u8> bytes) = 0;
    /// Ids of all harts, running or not. Never changes.
    virtual std::span<const u64> harts() const = 0;
    virtual HartStatus hart_status(u64 id) const = 0;
    /// Starts a stopped hart by Hart::reset_for_kernel(entry, argument, …). False: it is not stopped.
    virtual bool start_hart(u64 id, u64 entry, u64 argument) = 0;
    /// The hart that calls stops after this call (SbiAction::Stop).
    virtual void stop_hart(u64 id) = 0;
    /// Raises SSI of a hart.
    virtual void send_ipi(u64 id) = 0;
    /// Returns when all these harts, of which the caller may be one, have done it or do not run.
    virtual void remote_fence(std::span<const u64> ids, const RemoteFence& fence) = 0;
    /// For a hart without stimecmp: raises STI when the time is `ticks`; the call before is forgotten.
    virtual void set_timer(u64 id, u64 ticks) = 0;
    /// The hart that calls stops after this call. False: this machine cannot.
    virtual bool reset(ResetType type, ResetReason reason) = 0;
};

enum class SbiAction : u8 {
    Continue,  ///< after the ECALL
    Wait,      ///< the same, when may_wake(): the hart is suspended
    Suspend,   ///< at SbiOutcome::entry, when may_wake() and not earlier; the context may be another
    Stop,      ///< not at all: the hart has been stopped, or the machine reset
};

/// How the hart goes on.
struct SbiOutcome {
    SbiAction action = SbiAction::Continue;
    u64 entry = 0;
};

/// One for all harts; holds what its counters need, and no other state.
class Sbi {
  public:
    Sbi(const mem::GuestRam& ram, SbiMachine& machine) : ram_(ram), machine_(machine) {}

    /// The ECALL of a hart in S-mode: arguments and results are in its registers. It does not trap.
    /// Afterwards an interrupt may be pending.
    SbiOutcome handle(Hart& hart, u8* guest_regs);

  private:
    struct Call;
    struct Return;
    struct Targets;
    struct Extension;
    static const Extension kExtensions[];
    static const Extension* find(u64 id);

    Return base(Hart&, const Call&);
    Return legacy_set_timer(Hart&, const Call&);
    Return legacy_putchar(Hart&, const Call&);
    Return legacy_getchar(Hart&, const Call&);
    Return legacy_shutdown(Hart&, const Call&);
    Return timer(Hart&, const Call&);
    Return ipi(Hart&, const Call&);
    Return fences(Hart&, const Call&);
    Return hart_state(Hart&, const Call&);
    Return start(const Call&);
    Return suspend(const Call&);
    Return suspend_system(Hart&, const Call&);
    bool may_begin_at(u64 entry) const { return entry % 2 == 0 && ram_.contains(entry, 2); }
    Return reset(Hart&, const Call&);
    Return console(Hart&, const Call&);
    Return counters(Hart&, const Call&);
    /// `sent` and `received`, of what `hart` told the others among `ids`.
    void count(const Hart& hart, std::span<const u64> ids, FirmwareEvent sent, FirmwareEvent received);
    Targets targets(u64 mask, u64 base) const;
    bool exists(u64 hart) const;

    const mem::GuestRam& ram_;
    SbiMachine& machine_;
    SbiPmu pmu_;
};

}  // namespace vm::riscv
