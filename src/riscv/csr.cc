#include "riscv/csr.h"

#include <iterator>

#include "frontend/riscv64/rv64_decode.h"

namespace vm::riscv {

namespace {

namespace rv = frontend::riscv64;

bool has_f(const HartOptions& o) { return bit(o.features, rv::F); }
bool has_zicntr(const HartOptions& o) { return bit(o.features, rv::Zicntr); }
bool has_sstc(const HartOptions& o) { return o.sstc; }
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
/// Direct and vectored; the other modes are reserved.
constexpr u64 kVectorBits = ~u64{2};
constexpr u64 kCounters = kCounterCycle | kCounterTime | kCounterInstret;

using S = HartState;
constexpr CsrRow kRows[] = {
    // --- user level
    {.first = 0x001,
     .last = 0x003,
     .name = "fcsr",
     .read = read_fp,
     .write = write_fp,
     .exists = has_f,
     .allowed = fp_on},
    {.first = 0xc00,
     .last = 0xc00,
     .name = "cycle",
     .read = read_counter,
     .exists = has_zicntr,
     .allowed = counter_enabled},
    {.first = 0xc01,
     .last = 0xc01,
     .name = "time",
     .read = read_time,
     .exists = has_zicntr,
     .allowed = counter_enabled},
    {.first = 0xc02,
     .last = 0xc02,
     .name = "instret",
     .read = read_counter,
     .exists = has_zicntr,
     .allowed = counter_enabled},
    {.first = 0xc03, .last = 0xc1f, .name = "hpmcounter", .allowed = counter_enabled},
    // --- supervisor level
    {.first = 0x100,
     .last = 0x100,
     .name = "sstatus",
     .read = read_sstatus,
     .write = write_sstatus,
     .interrupts = true},
    {.first = 0x104, .last = 0x104, .name = "sie", .read = read_sie, .write = write_sie, .interrupts = true},
    {.first = 0x105, .last = 0x105, .name = "stvec", .field = &S::stvec, .mask = kVectorBits},
    {.first = 0x106, .last = 0x106, .name = "scounteren", .field = &S::scounteren, .mask = kCounters},
    {.first = 0x10a,
     .last = 0x10a,
     .name = "senvcfg",
     .field = &S::senvcfg,
     .write = write_senvcfg,
     .allowed = senvcfg_allowed},
    {.first = 0x10c, .last = 0x10f, .name = "sstateen", .exists = has_smstateen, .allowed = sstateen_allowed},
    {.first = 0x140, .last = 0x140, .name = "sscratch", .field = &S::sscratch, .mask = kAll},
    {.first = 0x141, .last = 0x141, .name = "sepc", .field = &S::sepc, .write = write_epc},
    {.first = 0x142, .last = 0x142, .name = "scause", .field = &S::scause, .mask = kAll},
    {.first = 0x143, .last = 0x143, .name = "stval", .field = &S::stval, .mask = kAll},
    {.first = 0x144,
     .last = 0x144,
     .name = "sip",
     .read = read_sip,
     .change = change_sip,
     .interrupts = true},
    {.first = 0x14d,
     .last = 0x14d,
     .name = "stimecmp",
     .field = &S::stimecmp,
     .write = write_stimecmp,
     .exists = has_sstc,
     .allowed = stimecmp_allowed,
     .interrupts = true},
    {.first = 0x180,
     .last = 0x180,
     .name = "satp",
     .field = &S::satp,
     .write = write_satp,
     .allowed = satp_allowed},
    // --- machine level
    {.first = 0x300,
     .last = 0x300,
     .name = "mstatus",
     .read = read_mstatus,
     .write = write_mstatus,
     .interrupts = true},
    {.first = 0x301, .last = 0x301, .name = "misa", .read = read_misa},
    {.first = 0x302, .last = 0x302, .name = "medeleg", .field = &S::medeleg, .mask = kDelegable},
    {.first = 0x303,
     .last = 0x303,
     .name = "mideleg",
     .field = &S::mideleg,
     .mask = kSupervisorIrqs,
     .interrupts = true},
    {.first = 0x304, .last = 0x304, .name = "mie", .field = &S::mie, .mask = kIrqMask, .interrupts = true},
    {.first = 0x305, .last = 0x305, .name = "mtvec", .field = &S::mtvec, .mask = kVectorBits},
    {.first = 0x306, .last = 0x306, .name = "mcounteren", .field = &S::mcounteren, .mask = kCounters},
    {.first = 0x30a,
     .last = 0x30a,
     .name = "menvcfg",
     .field = &S::menvcfg,
     .write = write_menvcfg,
     .interrupts = true,
     .flush = true},
    {.first = 0x30c,
     .last = 0x30f,
     .name = "mstateen",
     .read = read_mstateen,
     .write = write_mstateen,
     .exists = has_smstateen},
    {.first = 0x320,
     .last = 0x320,
     .name = "mcountinhibit",
     .field = &S::mcountinhibit,
     .write = write_mcountinhibit},
    {.first = 0x323, .last = 0x33f, .name = "mhpmevent"},
    {.first = 0x340, .last = 0x340, .name = "mscratch", .field = &S::mscratch, .mask = kAll},
    {.first = 0x341, .last = 0x341, .name = "mepc", .field = &S::mepc, .write = write_epc},
    {.first = 0x342, .last = 0x342, .name = "mcause", .field = &S::mcause, .mask = kAll},
    {.first = 0x343, .last = 0x343, .name = "mtval", .field = &S::mtval, .mask = kAll},
    {.first = 0x344,
     .last = 0x344,
     .name = "mip",
     .read = read_mip,
     .change = change_mip,
     .interrupts = true},
    // pmpcfg1 and 3 do not exist in RV64
    {.first = 0x3a0,
     .last = 0x3a0,
     .name = "pmpcfg0",
     .read = read_pmpcfg,
     .write = write_pmpcfg,
     .flush = true},
    {.first = 0x3a2,
     .last = 0x3a2,
     .name = "pmpcfg2",
     .read = read_pmpcfg,
     .write = write_pmpcfg,
     .flush = true},
    {.first = 0x3b0,
     .last = 0x3bf,
     .name = "pmpaddr",
     .read = read_pmpaddr,
     .write = write_pmpaddr,
     .flush = true},
    {.first = 0xb00, .last = 0xb00, .name = "mcycle", .read = read_counter, .write = write_counter},
    {.first = 0xb02, .last = 0xb02, .name = "minstret", .read = read_counter, .write = write_counter},
    {.first = 0xb03, .last = 0xb1f, .name = "mhpmcounter"},
    {.first = 0xf11, .last = 0xf11, .name = "mvendorid", .read = read_option<&HartOptions::mvendorid>},
    {.first = 0xf12, .last = 0xf12, .name = "marchid", .read = read_option<&HartOptions::marchid>},
    {.first = 0xf13, .last = 0xf13, .name = "mimpid", .read = read_option<&HartOptions::mimpid>},
    {.first = 0xf14, .last = 0xf14, .name = "mhartid", .read = read_option<&HartOptions::hart_id>},
    {.first = 0xf15, .last = 0xf15, .name = "mconfigptr"},
};

/// Row of each number + 1; 0: none.
constexpr auto kRowOf = [] {
    std::array<u8, 4096> index{};
    for (unsigned row = 0; row < std::size(kRows); ++row)
        for (unsigned n = kRows[row].first; n <= kRows[row].last; ++n) index[n] = static_cast<u8>(row + 1);
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
