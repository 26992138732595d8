#include "riscv/csr.h"

#include <iterator>

#include "frontend/riscv64/rv64_decode.h"

namespace vm::riscv {

namespace {

namespace rv = frontend::riscv64;

bool has_f(const HartOptions& o) { return bit(o.features, rv::F); }
bool has_zicntr(const HartOptions& o) { return bit(o.features, rv::Zicntr); }
bool has_sstc(const HartOptions& o) { return o.sstc; }
bool has_sscofpmf(const HartOptions& o) { return o.sscofpmf; }
bool has_smstateen(const HartOptions& o) { return o.smstateen; }

// "Extension Context Status in mstatus Register": FP CSRs cannot be accessed while FS is Off.
bool fp_on(const CsrAccess& a) { return !a.hart.fp_off(); }

// "Machine Counter-Enable", "Supervisor Counter-Enable"
bool counter_enabled(const CsrAccess& a) {
    const Privilege p = a.hart.privilege();
    const unsigned n = a.number & 31;
    return p == Privilege::Machine ||
           (bit(a.state().mcounteren, n) && (p == Privilege::Supervisor || bit(a.state().scounteren, n)));
}

// "Virtualization Support in mstatus Register": TVM
bool satp_allowed(const CsrAccess& a) {
    return a.hart.privilege() != Privilege::Supervisor || !(a.state().mstatus & kStatusTvm);
}

// "Sstc", "Machine and Supervisor Level Additions"
bool stimecmp_allowed(const CsrAccess& a) {
    return a.hart.privilege() == Privilege::Machine ||
           (a.hart.stce() && (a.state().mcounteren & kCounterTime));
}

// "Smstateen": bits of mstateen0 … 3 that close what they name to lower privileges
bool stateen_allows(const CsrAccess& a, unsigned n, u64 bits_needed) {
    return a.hart.privilege() == Privilege::Machine || !a.hart.options().smstateen ||
           (a.state().mstateen[n] & bits_needed) != 0;
}
bool senvcfg_allowed(const CsrAccess& a) { return stateen_allows(a, 0, kStateenEnvcfg); }
bool sstateen_allowed(const CsrAccess& a) { return stateen_allows(a, a.number - kCsrSstateen0, kStateenSe); }

u64 read_time(const CsrAccess& a) { return a.clocks().time(); }

u64 read_fp(const CsrAccess& a) {
    if (a.number == kCsrFflags) return a.fp.flags & 31;
    if (a.number == kCsrFrm) return a.fp.rounding;
    return static_cast<u64>(a.fp.rounding) << 5 | (a.fp.flags & 31);
}
void write_fp(const CsrAccess& a, u64 v) {
    if (a.number != kCsrFrm) a.fp.flags = static_cast<u8>((a.fp.flags & ~31) | (v & 31));
    if (a.number == kCsrFflags) return;
    a.fp.rounding = static_cast<u8>((a.number == kCsrFcsr ? v >> 5 : v) & 7);
}

template <u64 HartOptions::*kOption>
u64 read_option(const CsrAccess& a) {
    return a.hart.options().*kOption;
}

/// Any value may be written where nothing says otherwise. Causes are WLRL: they keep what they are given.
constexpr u64 kAll = ~u64{0};
/// Exceptions that lower privileges can cause; 10 and 14 are reserved, 11 comes from M-mode alone.
constexpr u64 kDelegable = 0xb3ff;
constexpr u64 kCounters = kCounterCycle | kCounterTime | kCounterInstret | kCounterHpm;

using S = HartState;
// clang-format off
constexpr CsrRow kRows[] = {
    // --- user level
    {.number = kCsrFflags, .count = 3, .read = read_fp, .write = write_fp, .exists = has_f, .allowed = fp_on},
    {.number = kCsrCycle, .read = read_counter, .exists = has_zicntr, .allowed = counter_enabled},
    {.number = kCsrTime, .read = read_time, .exists = has_zicntr, .allowed = counter_enabled},
    {.number = kCsrInstret, .read = read_counter, .exists = has_zicntr, .allowed = counter_enabled},
    {.number = kCsrHpmcounter3, .count = 29, .read = read_hpmcounter, .allowed = counter_enabled},
    // --- supervisor level
    {.number = kCsrSstatus, .read = read_sstatus, .write = write_sstatus, .interrupts = true},
    {.number = kCsrSie, .read = read_sie, .write = write_sie, .interrupts = true},
    {.number = kCsrStvec, .field = &S::stvec, .mask = kVectorBits},
    {.number = kCsrScounteren, .field = &S::scounteren, .mask = kCounters},
    {.number = kCsrSenvcfg, .field = &S::senvcfg, .write = write_senvcfg, .allowed = senvcfg_allowed},
    {.number = kCsrSstateen0, .count = 4, .exists = has_smstateen, .allowed = sstateen_allowed},
    {.number = kCsrSscratch, .field = &S::sscratch, .mask = kAll},
    {.number = kCsrSepc, .field = &S::sepc, .write = write_epc},
    {.number = kCsrScause, .field = &S::scause, .mask = kAll},
    {.number = kCsrStval, .field = &S::stval, .mask = kAll},
    {.number = kCsrSip, .read = read_sip, .change = change_sip, .interrupts = true},
    {.number = kCsrStimecmp, .field = &S::stimecmp, .write = write_stimecmp, .exists = has_sstc, .allowed = stimecmp_allowed, .interrupts = true},
    {.number = kCsrSatp, .field = &S::satp, .write = write_satp, .allowed = satp_allowed},
    {.number = kCsrScountovf, .read = read_scountovf, .exists = has_sscofpmf},
    // --- machine level
    {.number = kCsrMstatus, .read = read_mstatus, .write = write_mstatus, .interrupts = true},
    {.number = kCsrMisa, .read = read_misa},
    {.number = kCsrMedeleg, .field = &S::medeleg, .mask = kDelegable},
    {.number = kCsrMideleg, .field = &S::mideleg, .write = write_mideleg, .interrupts = true},
    {.number = kCsrMie, .field = &S::mie, .write = write_mie, .interrupts = true},
    {.number = kCsrMtvec, .field = &S::mtvec, .mask = kVectorBits},
    {.number = kCsrMcounteren, .field = &S::mcounteren, .mask = kCounters},
    {.number = kCsrMenvcfg, .field = &S::menvcfg, .write = write_menvcfg, .interrupts = true, .flush = true},
    {.number = kCsrMstateen0, .count = 4, .read = read_mstateen, .write = write_mstateen, .exists = has_smstateen},
    {.number = kCsrMcountinhibit, .field = &S::mcountinhibit, .write = write_mcountinhibit, .interrupts = true},
    {.number = kCsrMhpmevent3, .count = 29, .read = read_mhpmevent, .write = write_mhpmevent, .interrupts = true},
    {.number = kCsrMscratch, .field = &S::mscratch, .mask = kAll},
    {.number = kCsrMepc, .field = &S::mepc, .write = write_epc},
    {.number = kCsrMcause, .field = &S::mcause, .mask = kAll},
    {.number = kCsrMtval, .field = &S::mtval, .mask = kAll},
    {.number = kCsrMip, .read = read_mip, .change = change_mip, .interrupts = true},
    // pmpcfg1 and 3 do not exist in RV64
    {.number = kCsrPmpcfg0, .read = read_pmpcfg, .write = write_pmpcfg, .flush = true},
    {.number = kCsrPmpcfg0 + 2, .read = read_pmpcfg, .write = write_pmpcfg, .flush = true},
    {.number = kCsrPmpaddr0, .count = 16, .read = read_pmpaddr, .write = write_pmpaddr, .flush = true},
    {.number = kCsrMcycle, .read = read_counter, .write = write_counter},
    {.number = kCsrMinstret, .read = read_counter, .write = write_counter},
    {.number = kCsrMhpmcounter3, .count = 29, .read = read_hpmcounter, .write = write_hpmcounter, .interrupts = true},
    {.number = kCsrMvendorid, .read = read_option<&HartOptions::mvendorid>},
    {.number = kCsrMarchid, .read = read_option<&HartOptions::marchid>},
    {.number = kCsrMimpid, .read = read_option<&HartOptions::mimpid>},
    {.number = kCsrMhartid, .read = read_option<&HartOptions::hart_id>},
    {.number = kCsrMconfigptr},
};
// clang-format on

/// Row of each number + 1; 0: none.
constexpr auto kRowOf = [] {
    std::array<u8, 4096> index{};
    for (unsigned row = 0; row < std::size(kRows); ++row)
        for (unsigned i = 0; i < kRows[row].count; ++i)
            index[kRows[row].number + i] = static_cast<u8>(row + 1);
    return index;
}();

}  // namespace

const CsrRow* find_csr(u16 number) {
    const u8 row = kRowOf[number & 4095];
    return row == 0 ? nullptr : &kRows[row - 1];
}

u64 read_csr(const CsrRow& row, const CsrAccess& a) {
    if (row.read) return row.read(a);
    return row.field ? a.state().*row.field : 0;
}

void write_csr(const CsrRow& row, const CsrAccess& a, u64 value) {
    if (row.change) return row.change(a, value, ~value);
    if (row.write) return row.write(a, value);
    if (row.field) a.state().*row.field = (a.state().*row.field & ~row.mask) | (value & row.mask);
}

}  // namespace vm::riscv
