// CSRs whose fields are not all freely writable. Each function cites its section in volume II by name.
#include "frontend/riscv64/rv64_decode.h"
#include "riscv/csr.h"

namespace vm::riscv {

namespace {

constexpr u64 kMstatusWritable = kStatusSie | kStatusMie | kStatusSpie | kStatusMpie | kStatusSpp |
                                 kStatusMpp | kStatusFs | kStatusMprv | kStatusSum | kStatusMxr | kStatusTvm |
                                 kStatusTw | kStatusTsr;

bool has(const CsrAccess& a, frontend::riscv64::Ext e) { return bit(a.hart.options().features, e); }

constexpr u64 kLatches = u64{1} << kIrqSsi | u64{1} << kIrqLcofi;
/// The interrupts that there are.
u64 irqs(const CsrAccess& a) {
    return a.hart.options().sscofpmf ? kIrqMask : kIrqMask & ~(u64{1} << kIrqLcofi);
}

/// A field whose value `reserved` cannot be written; it stays as it was.
u64 without(u64 value, u64 old, u64 field, u64 reserved) {
    return (value & field) == reserved ? (value & ~field) | (old & field) : value;
}

/// What read as status registers say beside the writable fields. XLEN is 64 everywhere, all is little-endian,
/// and there are no vectors: VS is 0.
u64 constant_status(u64 status) { return kStatusUxl64 | ((status & kStatusFs) ? kStatusSd : 0); }

// "Extension Context Status": changes of FP state may be tracked imprecisely by Dirty. Here FS is Dirty
// whenever it is not Off, so that no FP instruction has to write it.
void write_status(const CsrAccess& a, u64 value, u64 writable) {
    const u64 old = a.state().mstatus;
    u64 v = (old & ~writable) | (value & writable);
    v = without(v, old, kStatusMpp, u64{2} << kStatusMppShift);
    if (v & kStatusFs) v |= kStatusFs;
    if (!has(a, frontend::riscv64::F)) v &= ~kStatusFs;
    a.state().mstatus = v;
}

u64 legal_envcfg(const CsrAccess& a, u64 value, u64 old) {
    u64 writable = kEnvFiom;
    if (has(a, frontend::riscv64::Zicbom)) writable |= kEnvCbie | kEnvCbcfe;
    if (has(a, frontend::riscv64::Zicboz)) writable |= kEnvCbze;
    return without(value & writable, old, kEnvCbie, u64{2} << 4);
}

}  // namespace

// --- "Machine Status", "Supervisor Status"
u64 read_mstatus(const CsrAccess& a) {
    const u64 v = a.state().mstatus;
    return v | constant_status(v) | kStatusSxl64;
}
void write_mstatus(const CsrAccess& a, u64 v) { write_status(a, v, kMstatusWritable); }
u64 read_sstatus(const CsrAccess& a) {
    const u64 v = a.state().mstatus;
    return (v & kSstatusWritable) | constant_status(v);
}
void write_sstatus(const CsrAccess& a, u64 v) { write_status(a, v, kSstatusWritable); }

// "Machine ISA": extensions cannot be turned off.
u64 read_misa(const CsrAccess& a) {
    using namespace frontend::riscv64;
    const auto letter = [](char c) { return u64{1} << (c - 'A'); };
    u64 v = u64{2} << 62 | letter('S') | letter('U');
    if (has(a, I)) v |= letter('I');
    if (has(a, M)) v |= letter('M');
    if (has(a, A)) v |= letter('A');
    if (has(a, F)) v |= letter('F');
    if (has(a, D)) v |= letter('D');
    if (has(a, C)) v |= letter('C');
    if (has(a, Zba) && has(a, Zbb) && has(a, Zbs)) v |= letter('B');
    return v;
}

// --- "Machine Interrupt (mip and mie)", "Supervisor Interrupt (sip and sie)". A CSRRS or CSRRC of mip sets
// or clears only what software wrote of SEIP, not what comes from the line.
// SSIP and LCOFIP ("Sscofpmf") stay until software clears them.
void write_mideleg(const CsrAccess& a, u64 v) { a.state().mideleg = v & kSupervisorIrqs & irqs(a); }
void write_mie(const CsrAccess& a, u64 v) { a.state().mie = v & irqs(a); }
u64 read_mip(const CsrAccess& a) { return a.hart.mip(); }
void change_mip(const CsrAccess& a, u64 set, u64 clear) {
    const u64 latches = kLatches & irqs(a);
    a.lines().fetch_or(set & latches);
    a.lines().fetch_and(~(clear & latches));

    const u64 writable = u64{1} << kIrqSei | (a.hart.stce() ? 0 : u64{1} << kIrqSti);
    u64& software = a.state().mip_software;
    software = (software & ~(clear & writable)) | (set & writable);
}
u64 read_sip(const CsrAccess& a) { return a.hart.mip(a.state().mideleg) & a.state().mideleg; }
void change_sip(const CsrAccess& a, u64 set, u64 clear) {
    const u64 writable = a.state().mideleg & kLatches;
    a.lines().fetch_or(set & writable);
    a.lines().fetch_and(~(clear & writable));
}
u64 read_sie(const CsrAccess& a) { return a.state().mie & a.state().mideleg; }
void write_sie(const CsrAccess& a, u64 v) {
    const u64 writable = a.state().mideleg;
    a.state().mie = (a.state().mie & ~writable) | (v & writable);
}

// --- "Machine Exception Program Counter": IALIGN is 16 with compressed instructions, else 32.
void write_epc(const CsrAccess& a, u64 v) {
    v &= has(a, frontend::riscv64::C) ? ~u64{1} : ~u64{3};
    (a.number == kCsrMepc ? a.state().mepc : a.state().sepc) = v;
}

// --- "Supervisor Address Translation and Protection": with a mode that is not there the write does nothing.
// All 16 ASID bits are implemented.
void write_satp(const CsrAccess& a, u64 v) {
    const HartOptions& o = a.hart.options();
    switch (satp_mode(v)) {
        case kSatpBare:
        case kSatpSv39: break;
        case kSatpSv48:
            if (!o.sv48 && !o.sv57) return;
            break;
        case kSatpSv57:
            if (!o.sv57) return;
            break;
        default: return;
    }
    a.state().satp = v;
}

// --- "Machine Environment Configuration"; CBIE 2 is reserved
void write_menvcfg(const CsrAccess& a, u64 v) {
    const HartOptions& o = a.hart.options();
    const u64 old = a.state().menvcfg;
    u64 high = 0;
    if (o.svadu) high |= kEnvAdue;
    if (o.svpbmt) high |= kEnvPbmte;
    if (o.sstc) high |= kEnvStce;
    a.state().menvcfg = legal_envcfg(a, v, old) | (v & high);
    if ((old ^ v) & high & kEnvStce) a.clocks().timer_changed();
}
void write_senvcfg(const CsrAccess& a, u64 v) { a.state().senvcfg = legal_envcfg(a, v, a.state().senvcfg); }

void write_stimecmp(const CsrAccess& a, u64 v) { a.hart.set_stimecmp(v); }

// --- "Smstateen": of what the bits control only senvcfg and sstateen are there
u64 read_mstateen(const CsrAccess& a) { return a.state().mstateen[a.number - kCsrMstateen0]; }
void write_mstateen(const CsrAccess& a, u64 v) {
    const unsigned n = a.number - kCsrMstateen0;
    a.state().mstateen[n] = v & (n == 0 ? kStateenSe | kStateenEnvcfg : kStateenSe);
}

// --- "Physical Memory Protection CSRs"
u64 read_pmpcfg(const CsrAccess& a) {
    const unsigned first = (a.number - kCsrPmpcfg0) / 2 * 8;
    u64 v = 0;
    for (unsigned i = 0; i < 8; ++i) v |= static_cast<u64>(a.state().pmpcfg[first + i]) << (8 * i);
    return v;
}
void write_pmpcfg(const CsrAccess& a, u64 v) {
    const unsigned first = (a.number - kCsrPmpcfg0) / 2 * 8;
    for (unsigned i = 0; i < 8; ++i) write_pmp_config(a.state(), first + i, static_cast<u8>(v >> (8 * i)));
    a.pmp_changed();
}
u64 read_pmpaddr(const CsrAccess& a) { return a.state().pmpaddr[a.number - kCsrPmpaddr0]; }
void write_pmpaddr(const CsrAccess& a, u64 v) {
    write_pmp_address(a.state(), a.number - kCsrPmpaddr0, v);
    a.pmp_changed();
}

}  // namespace vm::riscv
