// The register convention of generated code on x86-64 hosts: the one table that compiler, stubs, fault
// recovery and tests share. At every block border each pinned guest slot is in its host register, every other
// slot in its home in the state block.
#pragma once

#include <array>
#include <cstddef>

#include "backend/compiler.h"
#include "backend/helpers.h"
#include "backend/vcpu_state.h"

namespace vm::backend::x86_64 {

/// Host registers as encoded; vector register n is kXmm0 + n in combined numbering (DirtySlot::host_reg,
/// PinMap).
enum HostReg : u8 {
    kRax,
    kRcx,
    kRdx,
    kRbx,
    kRsp,
    kRbp,
    kRsi,
    kRdi,
    kR8,
    kR9,
    kR10,
    kR11,
    kR12,
    kR13,
    kR14,
    kR15,
    kXmm0 = 16
};
inline constexpr unsigned kHostRegs = 32;

/// Never live at a block border.
inline constexpr std::array<u8, 4> kScratchInt{kRax, kRcx, kRdx, kR11};
inline constexpr std::array<u8, 4> kScratchVector{16, 17, 18, 19};
/// In the order of StateLayout::pin_int / pin_vector; the first kPinnedCalleeSaved integer ones are
/// callee-saved in C++.
inline constexpr std::array<u8, 10> kPinnedInt{kRbx, kR12, kR13, kR14, kR15, kRsi, kRdi, kR8, kR9, kR10};
inline constexpr std::array<u8, 12> kPinnedVector{20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
inline constexpr unsigned kPinnedCalleeSaved = 5;

/// rbp = VcpuState + kStateBias: the first 256 bytes of guest area are in reach of a one-byte displacement.
inline constexpr i32 kStateBias = static_cast<i32>(offsetof(VcpuState, guest)) + 128;

/// Which slot of one guest's layout lives in which host register.
struct PinMap {
    std::array<i16, kHostRegs> slot_of;  ///< slot index, -1 = not pinned
    std::vector<i8> reg_of;              ///< by slot; -1 = in memory
    explicit PinMap(const ir::StateLayout& layout);
};

/// Bits of a slot's home; flags are a word (ir_ops.def).
constexpr unsigned slot_bits(ir::Type t) { return ir::width(t) < 8 ? 8 : ir::width(t); }
/// Offset of a guest slot's home in the state block.
constexpr i32 guest_disp(const ir::StateSlot& s) {
    return static_cast<i32>(offsetof(VcpuState, guest)) + s.offset;
}

/// Return stack entry as generated code sees it: [rsp] = host landing, [rsp+8] = guest PC. `return_top` must
/// be 16-byte aligned and have at least this many sentinel entries {0, kNoPc} at and above it (the entry stub
/// completes the first).
inline constexpr unsigned kReturnSentinels = 16;
inline constexpr unsigned kReturnScan = 8;  ///< entries that a mispredicted return looks at

// --- MXCSR. In generated code it is the guest's.
inline constexpr u32 kMxcsrMasks = 0x1f80, kMxcsrInvalidMask = 0x80;
/// Sticky flags of FpEnv (RISC-V order NX UF OF DZ NV) from MXCSR (IE DE ZE OE UE PE).
constexpr u8 fp_flags_from_mxcsr(u32 m) {
    return static_cast<u8>((m >> 5 & 1) | (m >> 4 & 1) << 1 | (m >> 3 & 1) << 2 | (m >> 2 & 1) << 3 |
                           (m & 1) << 4);
}
constexpr u32 mxcsr_flags(u8 f) {
    return (f & 1u) << 5 | (f >> 1 & 1u) << 4 | (f >> 2 & 1u) << 3 | (f >> 3 & 1u) << 2 | (f >> 4 & 1u);
}
/// Round 0..3 → MXCSR.RC; other modes cannot be executed under and give nearest.
constexpr u32 mxcsr_rounding(u8 round) {
    constexpr u32 rc[] = {0, 3, 1, 2};
    return (round < 4 ? rc[round] : 0) << 13;
}
constexpr u32 mxcsr_from_fpenv(const ir::FpEnv& e) {
    return kMxcsrMasks | mxcsr_rounding(e.rounding) | mxcsr_flags(e.flags);
}
/// Flags come from `mxcsr`; the rounding mode always stands in VcpuState::fp.rounding, also while generated
/// code runs.
constexpr void fpenv_from_mxcsr(u32 mxcsr, ir::FpEnv& e) { e.flags = fp_flags_from_mxcsr(mxcsr); }

/// Index of a guest PC in VcpuState::lookup (the same as generated code computes).
constexpr u64 lookup_index(u64 pc, u16 pc_alignment) {
    return (pc / pc_alignment) & (kFastLookupEntries - 1);
}

/// Empties the table. An empty entry holds a PC that belongs to another entry, so no jump target ever matches
/// it, not even a guest's jump to kNoPc.
inline void clear_lookup(VcpuState& state) {
    for (FastLookup& e : state.lookup) e = {kNoPc, nullptr};
    state.lookup[kFastLookupEntries - 1].pc = 0;
}
inline void clear_lookup(VcpuState& state, u64 index) {
    state.lookup[index] = {index == kFastLookupEntries - 1 ? 0 : kNoPc, nullptr};
}

}  // namespace vm::backend::x86_64
