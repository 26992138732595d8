// Back-end interface: one compiled block as position-independent bytes with symbolic relocations.
// The same types serve every host; src/backend/<host>/ implements `Compiler`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/vcpu_state.h"
#include "base/result.h"
#include "ir/ir.h"
#include "ir/region.h"

namespace vm::backend {

/// Runtime stubs that live in the code cache; generated code reaches them by relocation.
enum class Stub : u8 {
    ExitLink,  ///< reached by `call` from an unlinked exit: leaves with Next; exit_site = address after that
               ///< call
    ExitReason,    ///< leaves with the reason in eax, exit_value in rcx, guest PC in rdx
    IndirectMiss,  ///< guest PC in rax missed the per-thread table: full lookup, jumps on
    Safepoint,     ///< leaves with Safepoint; guest PC in rdx
    ReturnMiss,  ///< guest return to rax that the top of the return stack did not predict: looks further up,
                 ///< then as IndirectMiss
    CanonF64,    ///< + vector register number: that register becomes the canonical f64 NaN if it is NaN;
                 ///< returns. 16 stubs
    CanonF32 = CanonF64 + 16,  ///< the same for f32 (boxed in f64). 16 stubs
    JumpFar = CanonF32 + 16,   ///< of a machine: goes on at guest PC rax on another page
    TlbMiss,        ///< of a machine: calls HelperId::TlbMiss with a = scratch[0], b = scratch[1], result in
                    ///< scratch[3], and keeps every register
    KeepingWideOp,  ///< calls HelperId::WideOp with its operands in VcpuState (scratch[1] =
                    ///< aux, imm = 0), and keeps every register
    Helper0 =
        KeepingWideOp + 1,  ///< + HelperId: saves what C++ may clobber, switches stacks, calls the helper
};

struct Relocation {
    enum class Kind : u8 { StubRel32, GuestAddr64, GuestAddr32 } kind;
    u32 offset;  ///< of the field, from the start of the code
    u32 target;  ///< StubRel32: Stub (+ HelperId)
    u64 value;   ///< GuestAddr*: the guest address
};

/// A direct exit that can be linked to another translation by storing a 4-byte displacement.
struct LinkSite {
    u32 disp_offset;  ///< 4-aligned offset of the rel32 field of the jmp/jcc/call
    u32 stub_offset;  ///< offset of this exit's unlinked stub (what the field reaches at first)
    u32 stub_return;  ///< offset after the stub's `call ExitLink`: identifies the site (VcpuState::exit_site)
    u64 target_pc;
    bool is_call;
    bool ungrouped;          ///< to the block at target_pc that has no HostBase
    bool is_return_landing;  ///< the jump behind a guest call, where the return arrives
};

/// Host offset → guest PC, one entry a guest instruction, ascending; kept delta-encoded by the jit.
struct SideEntry {
    u32 host_offset;
    u32 insn_index;
    u64 guest_pc;
};

/// Where a dirty guest register lives between two host offsets (it is not in its home then).
struct DirtySlot {
    u32 host_begin, host_end;
    u16 slot;
    u8 host_reg;  ///< host register number (0..15 general, 16..31 vector), with kDirtyCanon* or not; or
                  ///< kDirty…
};

/// Bits of DirtySlot::host_reg: the register holds an arithmetic result whose NaN was not made canonical yet.
/// kDirtyInHome: the slot is in its home although it is a pinned one (the block uses its register for
/// something else).
/// kDirtyFlags: it is what the entry behind it, kDirtyFlagsWhat, says: aux and value of an ir::DeferredFlags
/// in place of the offsets.
/// kDirtyTrap: no slot; where the instruction at host_begin is an invalid operation, which traps, code goes
/// on at host_end.
inline constexpr u8 kDirtyInHome = 32, kDirtyFlags = 33, kDirtyFlagsWhat = 34, kDirtyTrap = 35;
inline constexpr u8 kDirtyCanonF64 = 64, kDirtyCanonF32 = 128;

struct CompiledBlock {
    std::vector<u8> code;
    u32 entry_offset = 0;
    PodVector<Relocation> relocations;
    PodVector<LinkSite> links;
    PodVector<SideEntry> side;
    PodVector<DirtySlot> dirty;
    void clear();
};

struct CompileOptions {
    u64 disabled_opts = 0;  ///< bit per JitOpt switched off by --jit-opt=-name
    bool safepoints = true;
    /// No other thread or process can see guest memory: atomics need no lock prefix, fences nothing. Code
    /// compiled so must be dropped (Engine::invalidate_all) before that changes.
    bool alone = false;
    /// Of a machine: guest addresses go through VcpuState::tlb, code addresses are relative to
    /// VcpuState::code_page, and jumps to other pages ask the tables.
    bool system = false;
    /// Generated code runs with the host's exception for invalid operations unmasked, and where one has no
    /// kDirtyTrap, it is done masked. What is made so must be dropped before that changes.
    bool trap_nan = false;
};

/// One compiler per thread; reusable, not thread-safe.
class Compiler {
  public:
    virtual ~Compiler() = default;
    /// Compiles `block` into `out` (cleared first). Unsupported names the op that this back end cannot lower.
    virtual Result<void> compile(const ir::Block& block, CompiledBlock& out) = 0;
    /// The same for a region. Entered and left under the convention of block borders.
    virtual Result<void> compile_region(const ir::Region& region, CompiledBlock& out) = 0;
};

}  // namespace vm::backend
