// The CSRs: one row each. Inside this module only.
#pragma once

#include "riscv/hart.h"

namespace vm::riscv {

/// What the functions of a row work on.
struct CsrAccess {
    Hart& hart;
    ir::FpEnv& fp;
    u16 number;

    HartState& state() const { return *hart.state_; }
    const HartClocks& clocks() const { return hart.clocks_; }
    std::atomic<u64>& lines() const { return hart.lines_; }
    void pmp_changed() const { hart.pmp_ = Pmp(*hart.state_); }
    void settle(u64 hpm_counters) const { hart.settle(hpm_counters); }
    void written(unsigned hpm_counter) const { hart.written(hpm_counter); }
    void restart(u64 hpm_counters) const { hart.restart(hpm_counters); }
};

/// A CSR, or several in a row of numbers. Which privilege may read and write it, its number says ("CSR
/// Address Mapping Conventions").
struct CsrRow {
    u16 number = 0, count = 1;
    /// A CSR that is a field of the state with writable bits `mask`; without a field, 0.
    u64 HartState::*field = nullptr;
    u64 mask = 0;
    /// Each in place of field and mask if there.
    u64 (*read)(const CsrAccess&) = nullptr;
    void (*write)(const CsrAccess&, u64 value) = nullptr;
    /// In place of a read and a write: for CSRs that others change at the same time.
    void (*change)(const CsrAccess&, u64 set, u64 clear) = nullptr;
    /// Does it exist? nullptr: always.
    bool (*exists)(const HartOptions&) = nullptr;
    /// May it be accessed in this mode, apart from what its number says? nullptr: yes.
    bool (*allowed)(const CsrAccess&) = nullptr;
    bool interrupts = false;  ///< a write may make an interrupt pending or enabled
    bool flush = false;       ///< a write may change translations
};

/// nullptr: no such CSR in this model.
const CsrRow* find_csr(u16 number);

u64 read_csr(const CsrRow& row, const CsrAccess& access);
void write_csr(const CsrRow& row, const CsrAccess& access, u64 value);

// Functions of rows, by subject.
u64 read_mstatus(const CsrAccess&);
void write_mstatus(const CsrAccess&, u64);
u64 read_sstatus(const CsrAccess&);
void write_sstatus(const CsrAccess&, u64);
u64 read_misa(const CsrAccess&);
void write_mideleg(const CsrAccess&, u64);
void write_mie(const CsrAccess&, u64);
u64 read_mip(const CsrAccess&);
void change_mip(const CsrAccess&, u64 set, u64 clear);
u64 read_sip(const CsrAccess&);
void change_sip(const CsrAccess&, u64 set, u64 clear);
u64 read_sie(const CsrAccess&);
void write_sie(const CsrAccess&, u64);
void write_epc(const CsrAccess&, u64);
void write_satp(const CsrAccess&, u64);
void write_menvcfg(const CsrAccess&, u64);
void write_senvcfg(const CsrAccess&, u64);
void write_stimecmp(const CsrAccess&, u64);
u64 read_mstateen(const CsrAccess&);
void write_mstateen(const CsrAccess&, u64);
u64 read_pmpcfg(const CsrAccess&);
void write_pmpcfg(const CsrAccess&, u64);
u64 read_pmpaddr(const CsrAccess&);
void write_pmpaddr(const CsrAccess&, u64);

// counters.cc: cycle, instret, mcycle and minstret; those that are told what to count
u64 read_counter(const CsrAccess&);
void write_counter(const CsrAccess&, u64);
void write_mcountinhibit(const CsrAccess&, u64);
u64 read_hpmcounter(const CsrAccess&);
void write_hpmcounter(const CsrAccess&, u64);
u64 read_mhpmevent(const CsrAccess&);
void write_mhpmevent(const CsrAccess&, u64);
u64 read_scountovf(const CsrAccess&);

}  // namespace vm::riscv
