// What a hart is built as, and what it holds: plain data.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>

#include "riscv/registers.h"

namespace vm::riscv {

inline constexpr unsigned kPmpEntries = 16;

/// Fixed for the life of a hart. The defaults are all that this model can do.
struct HartOptions {
    u64 hart_id = 0;
    u64 features = ~u64{0};  ///< user-level extensions, as TranslateRequest::features
    bool sv48 = true;        ///< Sv39 is always there; Sv57 brings Sv48
    bool sv57 = true;
    bool sstc = true;       ///< stimecmp
    bool svadu = true;      ///< menvcfg.ADUE can be set
    bool svpbmt = true;     ///< menvcfg.PBMTE can be set
    bool svnapot = true;    ///< 64 KiB pages
    bool svinval = true;    ///< sinval.vma and its fences
    bool smstateen = true;  ///< mstateen0 … sstateen3
    bool sscofpmf = true;   ///< counters that overflow interrupt; filters of modes
    u64 mvendorid = 0, marchid = 0, mimpid = 0;
};

/// The privileged state of a hart; with its registers, pc and FpEnv, all that a snapshot needs. In fields
/// only what the specification lets them hold: writes are made legal when they are done.
struct HartState {
    // Generated code knows these and their order (frontend/riscv64/hart_area.h).
    u64 mstatus = 0;  ///< writable fields; SD, UXL and SXL are added when it is read
    u64 stvec = 0, sscratch = 0, sepc = 0, scause = 0, stval = 0;
    u64 mcounteren = 0, scounteren = 0;
    alignas(8) Privilege privilege = Privilege::Machine;  // eight bytes there
    u64 medeleg = 0, mideleg = 0, mie = 0;
    u64 mip_software = 0;  ///< SEIP and STIP as software wrote them
    u64 lines = 0;         ///< Hart::save() and load() only: the lines' levels, and SSIP
    u64 mtvec = 0, mscratch = 0, mepc = 0, mcause = 0, mtval = 0;
    u64 mcountinhibit = 0, menvcfg = 0;
    /// Counters that run: what is added to their source. Those that mcountinhibit stops, and all of them
    /// between save() and load(): the value.
    u64 mcycle = 0, minstret = 0;
    /// Instructions are counted from the first access to minstret or instret on: none can tell the time
    /// before, and counting costs.
    bool instret_wanted = false;
    std::array<u64, kHpmCounters> mhpmcounter{};  ///< as they were when Hart::settle() was called last
    std::array<u64, kHpmCounters> mhpmevent{};
    u64 satp = 0, senvcfg = 0;
    u64 stimecmp = ~u64{0};
    std::array<u64, 4> mstateen{};
    std::array<u8, kPmpEntries> pmpcfg{};
    std::array<u64, kPmpEntries> pmpaddr{};  ///< address >> 2

    bool operator==(const HartState&) const = default;
};
static_assert(std::is_trivially_copyable_v<HartState> && std::is_standard_layout_v<HartState>);
static_assert(offsetof(HartState, privilege) ==
              frontend::riscv64::hart_offset(frontend::riscv64::HartField::Privilege) -
                  frontend::riscv64::kHartStateOffset);
static_assert(frontend::riscv64::kHartStateOffset + sizeof(HartState) <= ir::kCodeContextOffset);

}  // namespace vm::riscv
