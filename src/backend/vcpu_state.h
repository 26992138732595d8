// The vCPU state block: what generated code, runtime stubs and the run loop share. On x86-64 hosts rbp points
// into it. Offsets are part of the code that the back ends emit; change them only together with the stubs.
#pragma once

#include <cstddef>

#include "base/bits.h"
#include "ir/interp.h"
#include "ir/ir.h"

namespace vm::backend {

inline constexpr unsigned kFastLookupBits = 12;
inline constexpr u64 kFastLookupEntries = u64{1} << kFastLookupBits;
inline constexpr unsigned kSpillSlots = 128;
inline constexpr unsigned kFpConsts = 40;
inline constexpr unsigned kVecConsts = 160;

/// Entry of the per-thread direct-mapped table for indirect branches; index = (pc / pc_alignment) mod
/// entries.
struct FastLookup {
    u64 pc;  ///< xor code_context(); kNoPc = empty
    const void* entry;
};
inline constexpr u64 kNoPc =
    ~u64{0};  ///< odd, so never a guest PC of a 2- or 4-byte aligned ISA nor a canonical one

/// Entry of a machine's TLB; index = (virtual address / kTlbPage) mod entries. A tag is the page's virtual
/// address with tlb_context() in its lower bits where the access is allowed.
struct TlbEntry {
    u64 load, store;  ///< tags
    u64 addend;       ///< host address less virtual address
    u64 watched;      ///< tag, where stores are allowed but go the slow way because the page has code
};
inline constexpr u64 kTlbPage = 4096;
inline constexpr u64 kTlbEntries = 1024;
/// A context is below kTlbPage - 1, so that no address has this tag.
inline constexpr u64 kNoTlbTag = ~u64{0};

struct alignas(64) VcpuState {
    u64 self;               ///< address of this object
    u64 pc;                 ///< guest PC; valid outside generated code
    u32 safepoint_request;  ///< non-zero: leave at the next safepoint. Set from any thread or signal handler.
    u32 in_guest;           ///< 1 while generated code runs (set by the entry stub, cleared by the exit stub)
    u64 exit_reason;        ///< ir::ExitReason
    u64 exit_value;         ///< see ExitReason
    u64 exit_site;          ///< host address of the link site that was left through, 0 if none
    u64 host_sp;            ///< host stack while generated code runs
    u64 return_sp;          ///< return stack pointer while outside generated code
    u64 return_top;         ///< empty return stack: where return_sp starts (sentinel entries lie above)
    u32 guest_mxcsr;        ///< x86-64 hosts: MXCSR of the guest
    u32 host_mxcsr;
    ir::FpEnv fp;   ///< valid outside generated code
    bool trap_nan;  ///< generated code is to run with CompileOptions::trap_nan
    ir::Reservation reservation;
    u64 icount;
    const void* const* helpers;  ///< table of runtime helper functions, by HelperId
    void* owner;                 ///< the engine's vCPU object
    u64 scratch[4];  ///< for stubs; [0] describes the operation to SoftFp and IntOp helpers, [1] takes a high
                     ///< result
    alignas(16) u64 wide[4][2];            ///< operands 0..2 and result (3) of WideOp helpers
    alignas(16) u64 consts[kFpConsts][2];  ///< masks and numbers that generated code uses as memory operands
                                           ///< (back end's init)
    alignas(64) u64 vec_consts[kVecConsts][2];  ///< the same for vectors
    alignas(16) u64 kept[21][2];                ///< registers while Stub::KeepingWideOp calls C++
    alignas(64) u64 spill[kSpillSlots][2];
    alignas(64) u8 guest[ir::kMaxGuestState];
    alignas(64) FastLookup lookup[kFastLookupEntries];
    u64 code_page;  ///< of a machine: virtual address of the page that the running block lies on
    /// Of the last call through a register in a region that did not foresee it: the target, and the low half
    /// of the return address. 0: none since somebody looked.
    u64 call_target;
    u32 call_site;
    alignas(64) TlbEntry tlb[kTlbEntries];
};
static_assert(offsetof(VcpuState, lookup) < 1 << 16);

/// Of a machine: what loads and stores see memory through now, below kTlbPage - 1.
inline u64 tlb_context(const VcpuState& s) { return load_raw<u64>(s.guest + ir::kTlbContextOffset); }

inline u64 code_context(const VcpuState& s) { return load_raw<u64>(s.guest + ir::kCodeContextOffset); }

inline void clear_tlb(VcpuState& s) {
    for (TlbEntry& e : s.tlb) e.load = e.store = e.watched = kNoTlbTag;
}

}  // namespace vm::backend
