// Where the parts of the board `virt` lie and which lines of the PLIC they have: its code and its device tree
// share this. The map as a picture is in riscv_virt.h.
#pragma once

#include "base/bits.h"

namespace vm::soc::virt {

inline constexpr u64 kSyscon = 0x10'0000, kRtc = 0x10'1000, kClint = 0x200'0000, kPlic = 0xc00'0000,
                     kUart = 0x1000'0000, kRam = 0x8000'0000;
inline constexpr u64 kSysconSize = 0x1000, kRtcSize = 0x1000, kUartSize = 0x100;
inline constexpr u64 kVirtio = 0x1000'1000, kVirtioStep = 0x1000;  ///< slot n has irq kVirtioIrq + n
inline constexpr unsigned kVirtioSlots = 8;
inline constexpr u32 kVirtioIrq = 1, kUartIrq = 10, kRtcIrq = 11;
inline constexpr u64 kTimebaseHz = 10'000'000, kNsPerTick = 100;
inline constexpr unsigned kMostHarts = 64;

}  // namespace vm::soc::virt
