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
inline constexpr u64 kPciIo = 0x300'0000, kPciIoSize = 0x1'0000;  ///< ports, from 0 on
inline constexpr u64 kPciEcam = 0x3000'0000, kPciEcamSize = 0x1000'0000;
inline constexpr u64 kPciMemory = 0x4000'0000, kPciMemorySize = 0x4000'0000;
inline constexpr u64 kPciUpperSize = u64{16} << 30;
/// The window for 64-bit BARs: the first multiple of its size behind RAM.
constexpr u64 pci_upper_window(u64 ram_bytes) { return align_up(kRam + ram_bytes, kPciUpperSize); }
static_assert(pci_upper_window(u64{14} << 30) == 0x4'0000'0000 &&
              pci_upper_window(u64{15} << 30) == 0x8'0000'0000);
inline constexpr u32 kPciIrq = 32;  ///< of INTA of slot 0; the four lines of the bus follow each other
/// The lines of the part whose registers begin at `base`: the first and how many.
struct Irqs {
    u32 first = 0, count = 0;
};
constexpr Irqs irqs_of(u64 base) {
    if (base == kUart) return {kUartIrq, 1};
    if (base == kRtc) return {kRtcIrq, 1};
    if (base == kPciEcam) return {kPciIrq, 4};
    if (base >= kVirtio && base < kVirtio + kVirtioSlots * kVirtioStep)
        return {kVirtioIrq + static_cast<u32>((base - kVirtio) / kVirtioStep), 1};
    return {};
}
inline constexpr u64 kTimebaseHz = 10'000'000, kNsPerTick = 100;
inline constexpr unsigned kMostHarts = 64;

}  // namespace vm::soc::virt
