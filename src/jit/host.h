// The host back end behind one door: entering generated code, recovering guest state from a fault in it,
// return stacks. The only file pair of jit and engine that names a host architecture.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/compiler.h"
#include "backend/helpers.h"
#include "base/result.h"
#include "jit/translation.h"
#include "osal/fault.h"

namespace vm::jit {

/// The part of the host stack pointer's life that generated code uses: pairs {host landing, guest return PC}.
/// A push beyond the low end faults in the guard page; then the newer half moves up and the older half is
/// forgotten (a mispredicted return is slow, never wrong).
class ReturnStack {
  public:
    ReturnStack() = default;
    ~ReturnStack();
    ReturnStack(const ReturnStack&) = delete;
    ReturnStack& operator=(const ReturnStack&) = delete;
    Result<void> create();
    u64 top() const { return top_; }
    /// Fault handler: if `addr` is in the guard page below, makes room and returns the new stack pointer for
    /// `sp`; else 0.
    u64 make_room(u64 addr, u64 sp) const;

  private:
    static constexpr u64 kBytes = u64{256} << 10;
    u64 base_ = 0, top_ = 0;
};

/// One number for everything about the host processor that decides what the compiler emits.
u64 host_features();
/// What it stands for, by name, separated by blanks.
std::string feature_names(u64 features);

/// What one guest layout needs of the host back end. Immutable after create(); thread-safe.
class Host {
  public:
    explicit Host(const ir::StateLayout& layout);
    ~Host();

    std::unique_ptr<backend::Compiler> make_compiler(const backend::CompileOptions& options) const;
    const std::vector<u8>& stub_code() const { return stub_code_; }
    /// Tells where stub_code() was copied to.
    void place_stubs(const u8* executable);
    /// Where a stub (Relocation::target of kind StubRel32) lies in stub_code().
    u32 stub_offset(u32 target) const;
    /// Its executable address.
    u64 stub_address(u32 target) const;
    u64 features() const;  ///< host_features(), without asking the processor again

    /// Prepares a fresh state, all but return stack and helpers.
    void init_state(backend::VcpuState& state) const;
    void clear_fast_lookup(backend::VcpuState& state) const;
    /// Appends host addresses in generated code: what the per-thread table leads to, and the newest entries
    /// of the return stack. Outside generated code, on the thread of `state`.
    void code_addresses(const backend::VcpuState& state, std::vector<u64>& out) const;
    /// The entry of `pc` that the per-thread table has; nullptr: none.
    const u8* fast_lookup(const backend::VcpuState& state, u64 pc) const;
    /// Takes the entry that `pc`, or in a machine any address at its place in a page, has out of the table.
    void forget_fast_lookup(backend::VcpuState& state, u64 pc, const u8* entry) const;
    void fill_fast_lookup(backend::VcpuState& state, u64 pc, const u8* entry) const;

    /// Runs generated code until it leaves; guest state, pc (see backend) and fp are valid before and after.
    void enter(backend::VcpuState& state, const u8* entry) const;
    /// Fault handler: guest state from the interrupted registers of a fault in `t`, and the context
    /// redirected so that enter() returns with MemoryFault. `state.pc` becomes the faulting guest
    /// instruction.
    void leave_by_fault(backend::VcpuState& state, const CodeSite& site, u64 code_base,
                        osal::MachineContext& context) const;
    /// Fault handler: an invalid operation trapped in the code at `site` (CompileOptions::trap_nan). Goes on
    /// where the site says, or does the instruction masked, which ends with SIGTRAP and masked_step_done().
    void invalid_operation(const CodeSite& site, u64 code_base, osal::MachineContext& context) const;
    void masked_step_done(osal::MachineContext& context) const;
    /// Fault handler: pinned registers, delayed state and flags of a stop at `offset` in the code at `site`.
    void recover_registers(backend::VcpuState& state, const CodeSite& site, u32 offset,
                           const osal::MachineContext& context) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
    std::vector<u8> stub_code_;
};

/// Host registers → guest state and PC for a stop at `host_pc` inside the code at `site` (whose code memory
/// starts at `code_base`). Async-signal-safe.
void recover_state(backend::VcpuState& state, const Host& host, const CodeSite& site, u64 code_base,
                   u64 host_pc, const osal::MachineContext& context);

}  // namespace vm::jit
