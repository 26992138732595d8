// Register file of an RV64 hart at user level, as state slots: x1..x31, then f0..f31. x0 has no slot: it
// reads as the constant 0 and is never written. fflags and frm live in ir::FpEnv; there is no other
// user-level CSR state. What machines have behind them: hart_area.h.
#pragma once

#include "base/bits.h"
#include "ir/ir.h"

namespace vm::frontend::riscv64 {

/// Slot of x`n`, 1 <= n < 32.
constexpr u16 x_slot(unsigned n) { return static_cast<u16>(n - 1); }
/// Slot of f`n`, n < 32.
constexpr u16 f_slot(unsigned n) { return static_cast<u16>(31 + n); }
/// Byte offsets in the guest area. The eight bytes at 0, where x0 would be, stay zero.
constexpr u16 x_offset(unsigned n) { return static_cast<u16>(8 * n); }
constexpr u16 f_offset(unsigned n) { return static_cast<u16>(256 + 8 * n); }

/// ABI names (RISC-V ELF psABI, "Register Convention"): "zero", "ra", …; "ft0", …
std::string_view x_name(unsigned n);
std::string_view f_name(unsigned n);

extern const ir::StateLayout kLayout;

/// Mode bits of a block key: how instructions with dynamic rounding (rm = DYN) behave in it.
enum Mode : u32 {
    kModeNative = 0,      ///< frm 0..3: what hosts can round to
    kModeRmm = 1,         ///< frm 4: nearest, ties to max magnitude
    kModeInvalid = 2,     ///< frm 5..7: such instructions are illegal
    kModeRounding = 3,    ///< the bits of these
    kModeSupervisor = 4,  ///< a bit, of machines: S-mode
};
constexpr u32 mode_of_frm(u64 frm) { return frm < 4 ? kModeNative : frm == 4 ? kModeRmm : kModeInvalid; }

/// The user-level CSRs that exist ("Zicsr", "Zicntr"); any other is an illegal instruction.
enum CsrNumber : u16 {
    kCsrFflags = 0x001,
    kCsrFrm = 0x002,
    kCsrFcsr = 0x003,
    kCsrCycle = 0xc00,
    kCsrTime = 0xc01,
    kCsrInstret = 0xc02,
};

/// Bytes of a cache block for the cbo.* instructions (RVA22: 64).
inline constexpr u64 kCacheBlock = 64;

}  // namespace vm::frontend::riscv64
