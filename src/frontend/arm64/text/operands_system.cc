// Texts of hints, barriers and system registers.
#include <algorithm>

#include "frontend/arm64/id_registers.h"
#include "frontend/arm64/text/text.h"

namespace vm::frontend::arm64::text {
namespace {

struct Named {
    u16 reg;
    const char* name;
};
/// What a program can read, or Linux emulates for it.
constexpr Named kRegisters[] = {
    {sysreg(3, 0, 0, 0, 0), "midr_el1"},
    {sysreg(3, 0, 0, 0, 5), "mpidr_el1"},
    {sysreg(3, 0, 0, 0, 6), "revidr_el1"},
    {sysreg(3, 0, 0, 4, 0), "id_aa64pfr0_el1"},
    {sysreg(3, 0, 0, 4, 1), "id_aa64pfr1_el1"},
    {sysreg(3, 0, 0, 4, 4), "id_aa64zfr0_el1"},
    {sysreg(3, 0, 0, 5, 0), "id_aa64dfr0_el1"},
    {sysreg(3, 0, 0, 5, 1), "id_aa64dfr1_el1"},
    {sysreg(3, 0, 0, 6, 0), "id_aa64isar0_el1"},
    {sysreg(3, 0, 0, 6, 1), "id_aa64isar1_el1"},
    {sysreg(3, 0, 0, 6, 2), "id_aa64isar2_el1"},
    {sysreg(3, 0, 0, 7, 0), "id_aa64mmfr0_el1"},
    {sysreg(3, 0, 0, 7, 1), "id_aa64mmfr1_el1"},
    {sysreg(3, 0, 0, 7, 2), "id_aa64mmfr2_el1"},
    {sysreg(3, 3, 0, 0, 1), "ctr_el0"},
    {sysreg(3, 3, 0, 0, 7), "dczid_el0"},
    {sysreg(3, 3, 2, 4, 0), "rndr"},
    {sysreg(3, 3, 2, 4, 1), "rndrrs"},
    {sysreg(3, 3, 4, 2, 0), "nzcv"},
    {sysreg(3, 3, 4, 2, 1), "daif"},
    {sysreg(3, 3, 4, 2, 5), "dit"},
    {sysreg(3, 3, 4, 2, 6), "ssbs"},
    {sysreg(3, 3, 4, 2, 7), "tco"},
    {sysreg(3, 3, 4, 4, 0), "fpcr"},
    {sysreg(3, 3, 4, 4, 1), "fpsr"},
    {sysreg(3, 3, 9, 13, 0), "pmccntr_el0"},
    {sysreg(3, 3, 13, 0, 2), "tpidr_el0"},
    {sysreg(3, 3, 13, 0, 3), "tpidrro_el0"},
    {sysreg(3, 3, 14, 0, 0), "cntfrq_el0"},
    {sysreg(3, 3, 14, 0, 1), "cntpct_el0"},
    {sysreg(3, 3, 14, 0, 2), "cntvct_el0"},
};

}  // namespace

void put_op7(std::string& out, const Decoded& d, u64) { put_immediate(out, static_cast<u64>(d.imm)); }
void put_btikind(std::string& out, const Decoded& d, u64) {
    constexpr const char* kTargets[] = {"", " c", " j", " jc"};
    out += kTargets[d.amount & 3];
}

/// CLREX and ISB: an operand only where it is not the usual one.
void put_crm(std::string& out, const Decoded& d, u64) {
    if (d.imm != 15) out += fmt::format(" #{:#x}", d.imm);
}
void put_crmimm(std::string& out, const Decoded& d, u64) { put_immediate(out, static_cast<u64>(d.imm)); }

void put_barrier(std::string& out, const Decoded& d, u64) {
    constexpr const char* kDomains[] = {"osh", "nsh", "ish", "sy"};
    constexpr const char* kAccess[] = {"", "ld", "st", ""};
    const unsigned domain = d.imm >> 2 & 3, access = d.imm & 3;
    if (access == 0)
        out += fmt::format("#0x{:02x}", d.imm);
    else if (domain == 3 && access != 3)
        out += kAccess[access];
    else
        out += fmt::format("{}{}", kDomains[domain], kAccess[access]);
}

void put_sysreg(std::string& out, const Decoded& d, u64) {
    const auto reg = static_cast<u16>(d.imm);
    const auto* found = std::ranges::find(kRegisters, reg, &Named::reg);
    if (found != std::end(kRegisters)) {
        out += found->name;
        return;
    }
    out += fmt::format("s{}_{}_c{}_c{}_{}", 2 + (reg >> 14 & 1), reg >> 11 & 7, reg >> 7 & 15, reg >> 3 & 15,
                       reg & 7);
}

}  // namespace vm::frontend::arm64::text
