// Numbers and fields of the privileged architecture. RISC-V Instruction Set Manual, volume II (20240411);
// Sstc 1.0; Smstateen 1.0; Svadu 1.0; Sscofpmf 1.0.
#pragma once

#include "base/bits.h"
#include "frontend/riscv64/hart_area.h"

namespace vm::riscv {

enum class Privilege : u8 { User = 0, Supervisor = 1, Machine = 3 };
enum class Access : u8 { Fetch, Load, Store };  ///< atomics and cbo.zero are stores, LR is a load

using frontend::riscv64::kCsrCycle;
using frontend::riscv64::kCsrFcsr;
using frontend::riscv64::kCsrFflags;
using frontend::riscv64::kCsrFrm;
using frontend::riscv64::kCsrInstret;
using frontend::riscv64::kCsrTime;

using frontend::riscv64::kCsrScause;
using frontend::riscv64::kCsrSepc;
using frontend::riscv64::kCsrSscratch;
using frontend::riscv64::kCsrSstatus;
using frontend::riscv64::kCsrStval;
using frontend::riscv64::kCsrStvec;

/// "CSR Listing"
enum PrivilegedCsr : u16 {
    kCsrSie = 0x104,
    kCsrScounteren = 0x106,
    kCsrSenvcfg = 0x10a,
    kCsrSstateen0 = 0x10c,
    kCsrSip = 0x144,
    kCsrStimecmp = 0x14d,
    kCsrSatp = 0x180,
    kCsrMstatus = 0x300,
    kCsrMisa = 0x301,
    kCsrMedeleg = 0x302,
    kCsrMideleg = 0x303,
    kCsrMie = 0x304,
    kCsrMtvec = 0x305,
    kCsrMcounteren = 0x306,
    kCsrMenvcfg = 0x30a,
    kCsrMstateen0 = 0x30c,
    kCsrMcountinhibit = 0x320,
    kCsrMhpmevent3 = 0x323,
    kCsrMscratch = 0x340,
    kCsrMepc = 0x341,
    kCsrMcause = 0x342,
    kCsrMtval = 0x343,
    kCsrMip = 0x344,
    kCsrPmpcfg0 = 0x3a0,
    kCsrPmpaddr0 = 0x3b0,
    kCsrMcycle = 0xb00,
    kCsrMinstret = 0xb02,
    kCsrMhpmcounter3 = 0xb03,
    kCsrHpmcounter3 = 0xc03,
    kCsrScountovf = 0xda0,
    kCsrMvendorid = 0xf11,
    kCsrMarchid = 0xf12,
    kCsrMimpid = 0xf13,
    kCsrMhartid = 0xf14,
    kCsrMconfigptr = 0xf15,
};

/// "Machine Status (mstatus)"
using frontend::riscv64::kSstatusWritable;
using frontend::riscv64::kStatusFs;
using frontend::riscv64::kStatusMxr;
using frontend::riscv64::kStatusSd;
using frontend::riscv64::kStatusSie;
using frontend::riscv64::kStatusSpie;
using frontend::riscv64::kStatusSpp;
using frontend::riscv64::kStatusSum;
using frontend::riscv64::kStatusUxl64;
inline constexpr u64 kStatusMie = u64{1} << 3, kStatusMpie = u64{1} << 7, kStatusMpp = u64{3} << 11,
                     kStatusMprv = u64{1} << 17, kStatusTvm = u64{1} << 20, kStatusTw = u64{1} << 21,
                     kStatusTsr = u64{1} << 22, kStatusSxl64 = u64{2} << 34;
using frontend::riscv64::kVectorBits;
inline constexpr unsigned kStatusMppShift = 11;

/// Interrupts: bit numbers of mip and mie, and causes below kInterrupt.
enum Irq : unsigned {
    kIrqSsi = 1,
    kIrqMsi = 3,
    kIrqSti = 5,
    kIrqMti = 7,
    kIrqSei = 9,
    kIrqMei = 11,
    kIrqLcofi = 13,  ///< a counter overflowed (Sscofpmf)
};
inline constexpr u64 kIrqMask = 0x2aaa;
inline constexpr u64 kSupervisorIrqs =
    u64{1} << kIrqSsi | u64{1} << kIrqSti | u64{1} << kIrqSei | u64{1} << kIrqLcofi;

/// Values of mcause and scause ("Machine Cause (mcause)").
inline constexpr u64 kInterrupt = u64{1} << 63;
enum Cause : u64 {
    kCauseFetchMisaligned = 0,
    kCauseFetchAccess = 1,
    kCauseIllegal = 2,
    kCauseBreakpoint = 3,
    kCauseLoadMisaligned = 4,
    kCauseLoadAccess = 5,
    kCauseStoreMisaligned = 6,
    kCauseStoreAccess = 7,
    kCauseUserEcall = 8,
    kCauseSupervisorEcall = 9,
    kCauseMachineEcall = 11,
    kCauseFetchPage = 12,
    kCauseLoadPage = 13,
    kCauseStorePage = 15,
};

/// mcounteren, scounteren, mcountinhibit
using frontend::riscv64::kCounterTime;
inline constexpr u64 kCounterCycle = 1, kCounterInstret = 4;
/// Counters that are told what to count: hpmcounter3 and on. Those behind them are 0.
inline constexpr unsigned kFirstHpm = 3, kHpmCounters = 16;
inline constexpr u64 kCounterHpm = ((u64{1} << kHpmCounters) - 1) << kFirstHpm;

/// mhpmevent ("Sscofpmf"): overflow, and the modes in which nothing is counted.
inline constexpr u64 kEventOverflow = u64{1} << 63, kEventNotMachine = u64{1} << 62,
                     kEventNotSupervisor = u64{1} << 61, kEventNotUser = u64{1} << 60;
inline constexpr u64 kEventModes = kEventNotMachine | kEventNotSupervisor | kEventNotUser;
/// The rest: what is counted. QEMU's `virt` uses SBI's numbers of events, and so do we.
inline constexpr u64 kEventSelector = (u64{1} << 56) - 1;
enum Event : u64 {
    kEventNone = 0,
    kEventCycles = 1,
    kEventInstructions = 2,
    kEventLoadTlbMisses = 0x10019,
    kEventStoreTlbMisses = 0x1001b,
    kEventFetchTlbMisses = 0x10021,
};

/// menvcfg; senvcfg has the low ones ("Machine Environment Configuration").
inline constexpr u64 kEnvFiom = 1, kEnvCbie = u64{3} << 4, kEnvCbcfe = u64{1} << 6, kEnvCbze = u64{1} << 7,
                     kEnvAdue = u64{1} << 61, kEnvPbmte = u64{1} << 62, kEnvStce = u64{1} << 63;
inline constexpr u64 kEnvCacheOps = kEnvCbie | kEnvCbcfe | kEnvCbze;

/// mstateen0 ("Smstateen")
inline constexpr u64 kStateenEnvcfg = u64{1} << 62, kStateenSe = u64{1} << 63;

/// satp
enum SatpMode : u64 { kSatpBare = 0, kSatpSv39 = 8, kSatpSv48 = 9, kSatpSv57 = 10 };
inline constexpr unsigned kSatpModeShift = 60, kSatpAsidShift = 44;
constexpr u64 satp_mode(u64 satp) { return satp >> kSatpModeShift; }
constexpr u16 satp_asid(u64 satp) { return static_cast<u16>(bits(satp, 59, kSatpAsidShift)); }
constexpr u64 satp_root(u64 satp) { return bits(satp, 43, 0) << 12; }  ///< physical address

}  // namespace vm::riscv
