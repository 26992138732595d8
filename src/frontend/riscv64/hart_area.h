// Of machines: what generated code knows of a hart's privileged state. It lies in the guest area behind the
// registers, so that accesses to the CSRs that kernels use at every trap need not leave generated code.
#pragma once

#include "frontend/riscv64/state.h"

namespace vm::frontend::riscv64 {

/// Slots of the guest area, eight bytes each, from kHartArea on.
enum class HartField : u16 {
    /// Not 0: an interrupt may be pending that only sstatus.SIE keeps away.
    Interrupts,
    /// What the TLB's context becomes when sstatus.SUM is clear or set in S-mode.
    ContextNoSum,
    ContextSum,
    /// Which cbo.* instructions the present mode may execute (CacheRight).
    CacheRights,
    /// Not 0: ECALL in U-mode and SRET to it are the machine's, too.
    SlowTraps,
    /// Those that generated code has taken.
    Traps,
    // What the contexts and CacheRights become there (ir::kCodeContextOffset).
    ContextUser,
    CodeUser,
    CodeSupervisor,
    RightsUser,
    RightsSupervisor,
    // As riscv::HartState begins.
    Mstatus,
    Stvec,
    Sscratch,
    Sepc,
    Scause,
    Stval,
    Mcounteren,
    Scounteren,
    Privilege,
    Count_
};
inline constexpr u16 kHartArea = f_offset(32);
constexpr u16 hart_offset(HartField f) { return static_cast<u16>(kHartArea + 8 * static_cast<u16>(f)); }
constexpr u16 hart_slot(HartField f) { return static_cast<u16>(f_slot(32) + static_cast<u16>(f)); }
/// ir::kTlbContextOffset and ir::kCodeContextOffset as slots.
inline constexpr u16 kTlbContextSlot = hart_slot(HartField::Count_), kCodeContextSlot = kTlbContextSlot + 1;
inline constexpr u16 kHartStateOffset = hart_offset(HartField::Mstatus);

/// "Supervisor Status (sstatus)" of volume II; FS is Off or Dirty, nothing between (riscv::Hart).
inline constexpr u64 kStatusSie = u64{1} << 1, kStatusSpie = u64{1} << 5, kStatusSpp = u64{1} << 8,
                     kStatusFs = u64{3} << 13, kStatusSum = u64{1} << 18, kStatusMxr = u64{1} << 19,
                     kStatusUxl64 = u64{2} << 32, kStatusSd = u64{1} << 63;
inline constexpr u64 kSstatusWritable =
    kStatusSie | kStatusSpie | kStatusSpp | kStatusFs | kStatusSum | kStatusMxr;
/// Values of the slot Privilege, and what scause holds after ECALL in U-mode.
inline constexpr u64 kPrivilegeUser = 0, kPrivilegeSupervisor = 1, kCauseUserEcall = 8;
/// Values of stvec whose bit 1 is set are reserved.
inline constexpr u64 kVectorBits = ~u64{2};
/// mcounteren, scounteren
inline constexpr u64 kCounterTime = 2;

/// Bits of HartField::CacheRights.
enum CacheRight : u64 { kMayClean = 1, kMayInval = 2, kMayZero = 4 };

enum SupervisorCsr : u16 {
    kCsrSstatus = 0x100,
    kCsrStvec = 0x105,
    kCsrSscratch = 0x140,
    kCsrSepc = 0x141,
    kCsrScause = 0x142,
    kCsrStval = 0x143,
};

}  // namespace vm::frontend::riscv64
