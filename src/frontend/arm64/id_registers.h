// System registers that tell what the processor has, as Linux shows them to programs.
#pragma once

#include "base/bits.h"

namespace vm::frontend::arm64 {

/// Number of a system register in MRS and MSR: o0:op1:CRn:CRm:op2.
constexpr u16 sysreg(unsigned op0, unsigned op1, unsigned crn, unsigned crm, unsigned op2) {
    return static_cast<u16>((op0 - 2) << 14 | op1 << 11 | crn << 7 | crm << 3 | op2);
}

/// Value of the ID register `reg` for a processor with `features`. False: not one that a program can read.
/// Registers of the ID space without a meaning read as zero (Linux, "ARM64 CPU Feature Registers").
bool id_register(u16 reg, u64 features, u64* value);

inline constexpr u64 kCounterFrequency = 10'000'000;  ///< Hz, CNTFRQ_EL0: what ir::Op::ReadTime counts
inline constexpr u64 kSsbsBit = u64{1} << 12;

}  // namespace vm::frontend::arm64
