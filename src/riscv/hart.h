// The privileged architecture of one hart: CSRs, traps, interrupts, SYSTEM instructions. It does not know how
// other instructions are executed.
#pragma once

#include <atomic>
#include <functional>
#include <optional>

#include "ir/interp.h"
#include "riscv/hart_state.h"
#include "riscv/pmp.h"

namespace vm::riscv {

/// Where a hart's counters come from. Called by the hart's thread. All must be set.
struct HartClocks {
    std::function<u64()> time;   ///< ticks of the machine's timer (mtime); never goes back
    std::function<u64()> cycle;  ///< never goes back
    /// Instructions retired before the present one. May stand still while !Hart::counts_instructions().
    std::function<u64()> instret;
    std::function<void()> timer_changed;  ///< timer_deadline() may be another now
    /// A counter could overflow in so many nanoseconds: check_counters() is to be called then. In place of
    /// what was said before.
    std::function<void(u64)> look_at_counters;
};

/// Translations of addresses to forget.
enum class Flush : u8 {
    None,
    All,          ///< of every address and address space
    Address,      ///< of the page of `address`, in every address space
    Asid,         ///< of the address space `asid`, but not those with Translation::global
    AddressAsid,  ///< of the page of `address` in the address space `asid`, but not global ones
};

/// What an instruction came to.
struct Outcome {
    u64 pc = 0;         ///< go on here
    bool trap = false;  ///< a trap was taken
    bool wait = false;  ///< WFI: may sleep until may_wake()
    /// context(), fetch_context() or satp of one of them, cache_rights(), or counts_instructions() may be
    /// others
    bool context_changed = false;
    bool fp_changed = false;        ///< fp_off() or frm
    bool check_interrupts = false;  ///< ask pending_interrupt() before going on
    /// With it: mip & mie is as before. Where that was 0, nothing is pending now.
    bool only_enables = false;
    Flush flush = Flush::None;
    u16 asid = 0;
    u64 address = 0;
};

/// What a cbo.* instruction is to do in the present mode (menvcfg, senvcfg).
enum class CacheOp : u8 { Clean, Flush, Inval, Zero };
enum class CacheOpRule : u8 { Illegal, Allowed, AsFlush };

/// Address translation of loads and stores, or of fetches, depends on a context (below), on satp_of(context)
/// and on nothing else that changes without Outcome::flush. Both together are the key of what is remembered
/// of it.
///
/// A context is privilege | SUM << 2 | MXR << 3, with bits that play no part zero: less than 16.
inline constexpr u32 kContextSum = 1 << 2, kContextMxr = 1 << 3, kContexts = 16;
constexpr Privilege context_privilege(u32 context) { return static_cast<Privilege>(context & 3); }

/// Everything but set_line() and line() is for the hart's own thread.
class Hart {
  public:
    Hart(const HartOptions& options, HartClocks clocks);
    Hart(const Hart&) = delete;
    Hart& operator=(const Hart&) = delete;

    /// Executes the SYSTEM instruction `insn` (16-bit ones zero-extended) at `pc`: CSR accesses, MRET, SRET,
    /// WFI, SFENCE.VMA and Svinval's, ECALL, EBREAK. Any other is an illegal instruction, and takes that
    /// trap. Integer registers are at frontend::riscv64's offsets in `guest_regs`.
    Outcome execute(u32 insn, u64 pc, u64 next_pc, u8* guest_regs, ir::FpEnv& fp);

    /// Enters the handler of `cause` (mcause's encoding) for the instruction at `pc`; returns its pc. The
    /// context may be another then.
    u64 take_trap(u64 cause, u64 tval, u64 pc);
    u64 take_illegal(u32 insn, u64 pc) { return take_trap(kCauseIllegal, insn, pc); }

    // --- interrupts
    /// The level of an interrupt, an Irq. SSI is a latch that the guest clears, and STI is unused while
    /// menvcfg.STCE is set: it then is time >= stimecmp. True if it was low and is high now, so that the hart
    /// must be made to look. Thread-safe.
    bool set_line(unsigned irq, bool high);
    bool line(unsigned irq) const { return bit(lines_.load(std::memory_order_acquire), irq); }
    /// The cause of the interrupt to take before the next instruction.
    std::optional<u64> pending_interrupt() const;
    /// Ends WFI: an interrupt is pending and enabled in mie, whatever the global enables say.
    bool may_wake() const { return (mie() & mip(mie())) != 0; }
    /// mip, of which only bits in `of` are valid.
    u64 mip(u64 of = kIrqMask) const;
    u64 mie() const { return state_->mie; }
    /// When STI becomes pending by stimecmp, in ticks; all ones: never. Wake the hart then.
    u64 timer_deadline() const { return stce() ? state_->stimecmp : ~u64{0}; }
    bool stce() const { return (state_->menvcfg & kEnvStce) != 0; }
    void set_stimecmp(u64 ticks);

    // --- counters (counters.cc)
    /// In the present mode the guest wants to know how many instructions are executed.
    bool counts_instructions() const;
    /// kEventLoadTlbMisses and so on: one more.
    void count_tlb_miss(Access access) { tlb_misses_[static_cast<size_t>(access)]++; }
    /// An interrupt may be pending afterwards.
    void check_counters();
    /// How many exceptions of this cause were taken.
    u64 exceptions(Cause cause) const { return exceptions_[cause]; }

    // --- what other instructions need to know
    /// FP instructions are illegal.
    bool fp_off() const { return (state_->mstatus & kStatusFs) == 0; }
    u32 context() const;        ///< of loads and stores
    u32 fetch_context() const;  ///< of fetches
    /// context() were this the privilege, which is not Machine.
    u32 context_in(Privilege p) const { return context_of(state_->mstatus & ~kStatusMprv, p); }
    /// ECALL in U-mode goes to S-mode, SRET does not trap, and no counter asks for the privilege.
    bool traps_plainly() const {
        return bit(state_->medeleg, kCauseUserEcall) && !(state_->mstatus & (kStatusTsr | kStatusMprv)) &&
               filtered_ == 0;
    }
    u64 satp_of(u32 context) const {
        return context_privilege(context) == Privilege::Machine ? 0 : state_->satp;
    }
    CacheOpRule cache_op(CacheOp op) const { return cache_op(op, state_->privilege); }
    CacheOpRule cache_op(CacheOp op, Privilege p) const;
    /// The same for all of them, as generated code asks (frontend::riscv64::CacheRight).
    u64 cache_rights() const { return cache_rights(state_->privilege); }
    u64 cache_rights(Privilege p) const;

    // --- state
    Privilege privilege() const { return state_->privilege; }
    const HartOptions& options() const { return options_; }
    const HartState& state() const { return *state_; }
    const Pmp& pmp() const { return pmp_; }
    u64 time() const { return clocks_.time(); }
    /// A CSR as an access by M-mode reads it, for debuggers; nothing if there is none. instret stands still
    /// if the guest did not ask for it.
    std::optional<u64> read_csr(u16 number, ir::FpEnv& fp);
    /// The same as such an access writes it. False: there is none, or it is read-only. Everything that
    /// Outcome names may have changed.
    bool write_csr(u16 number, u64 value, ir::FpEnv& fp);
    /// Moves the state to where generated code reaches it (frontend::riscv64::kHartOffset of a guest area),
    /// or, with nullptr, back into this object.
    void live_in(u8* guest_area);
    HartState save() const;
    /// `state` comes from save() of a hart with the same options.
    void load(const HartState& state);

    /// Puts hart and registers into the state in which firmware starts an S-mode program: a0 = the hart's id,
    /// a1 = `argument` (the address of the device tree), delegation and PMP as without M-mode software.
    /// Returns `entry`, where to start.
    u64 reset_for_kernel(u64 entry, u64 argument, u8* guest_regs, ir::FpEnv& fp);
    /// Wakes a kernel up at an address of its own: satp = 0, sstatus.SIE = 0, a0 and a1 as above; everything
    /// else is as it was.
    void wake_kernel(u64 argument, u8* guest_regs);
    /// Reset ("Reset"): M-mode; a0, a1 and a2 as boot ROMs set them. Returns `entry`.
    u64 reset_for_firmware(u64 entry, const std::array<u64, 2>& arguments, u8* guest_regs, ir::FpEnv& fp);

  private:
    friend struct CsrAccess;
    struct View;
    View view(const ir::FpEnv& fp) const;
    /// Says in `out` what has changed.
    static void compare(const View& before, const View& after, Outcome& out);
    static u32 context_of(u64 mstatus, Privilege privilege);
    // Each false: illegal, and nothing was done.
    bool csr_instruction(u32 insn, u8* guest_regs, ir::FpEnv& fp, Outcome& out);
    bool privileged_instruction(u32 insn, u64 pc, const u8* guest_regs, Outcome& out);
    bool fence(u32 insn, const u8* guest_regs, Outcome& out) const;
    /// In S-mode, and mstatus has this one of TSR, TW, TVM.
    bool supervisor_traps(u64 status_bit) const;
    u64 return_from_machine();
    u64 return_from_supervisor();
    void resume();  ///< from state_ with counters as values
    /// Brings these mhpmcounters up to now; what overflowed is noted.
    void settle(u64 hpm_counters);
    /// From now on they count by what the state says.
    void restart(u64 hpm_counters);
    u64 tally(u64 event) const;
    bool counts(unsigned hpm_counter) const;
    void written(unsigned hpm_counter);
    void overflow(unsigned hpm_counter);
    void plan_look() const;
    /// As long as it lives the privilege may change.
    class Counting;
    void reset(u64 argument, u8* guest_regs, ir::FpEnv& fp);

    const HartOptions options_;
    const HartClocks clocks_;
    HartState own_;
    HartState* state_ = &own_;
    Pmp pmp_;
    std::atomic<u64> lines_{0};                 ///< levels of the lines, SSIP and LCOFIP
    std::array<u64, kHpmCounters> tally_at_{};  ///< of each counter's event, when it was settled last
    u64 filtered_ = 0;                          ///< counters that run, but not in every mode
    u64 of_instructions_ = 0;                   ///< counters that run and count instructions
    std::array<u64, 3> tlb_misses_{};           ///< by Access
    std::array<u64, 16> exceptions_{};          ///< by cause
};

}  // namespace vm::riscv
