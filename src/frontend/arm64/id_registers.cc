#include "frontend/arm64/id_registers.h"

#include "frontend/arm64/a64_decode.h"
#include "frontend/arm64/state.h"

namespace vm::frontend::arm64 {

bool id_register(u16 reg, u64 features, u64* value) {
    const auto has = [&](Ext e) { return bit(features, e); };
    const auto field = [](bool present, u64 v, unsigned at) { return present ? v << at : u64{0}; };
    // op0 = 3, op1 = 0, CRn = 0; CRm 0 or 2..7
    const unsigned crm = reg >> 3 & 15;
    if (reg >> 7 != sysreg(3, 0, 0, 0, 0) >> 7 || crm == 1 || crm > 7) return false;
    switch (reg) {
        case sysreg(3, 0, 0, 0, 0): *value = kMidr; return true;
        case sysreg(3, 0, 0, 0, 5): *value = u64{1} << 31; return true;  // MPIDR_EL1
        case sysreg(3, 0, 0, 0, 6): *value = 0; return true;             // REVIDR_EL1
        case sysreg(3, 0, 0, 4, 0): {                                    // ID_AA64PFR0_EL1
            const u64 fp = has(FP) ? has(FP16) : 15, simd = has(SIMD) ? has(FP16) : 15;
            *value = 0x11 | fp << 16 | simd << 20;
            return true;
        }
        case sysreg(3, 0, 0, 4, 1):  // ID_AA64PFR1_EL1
            *value = field(has(BTI), 1, 0) | field(has(SSBS), 2, 4);
            return true;
        case sysreg(3, 0, 0, 6, 0):  // ID_AA64ISAR0_EL1
            *value = field(has(AES), has(PMULL) ? 2 : 1, 4) | field(has(SHA1), 1, 8) |
                     field(has(SHA256), has(SHA512) ? 2 : 1, 12) | field(has(CRC32), 1, 16) |
                     field(has(LSE), 2, 20) | field(has(RDM), 1, 28) | field(has(SHA3), 1, 32) |
                     field(has(DotProd), 1, 44) | field(has(FHM), 1, 48) |
                     field(has(FlagM), has(FlagM2) ? 2 : 1, 52);
            return true;
        case sysreg(3, 0, 0, 6, 1):  // ID_AA64ISAR1_EL1; pointer authentication: API = 0b0100 (FPAC), GPI = 1
            *value = field(has(DPB), has(DPB2) ? 2 : 1, 0) | field(has(PAuth), 4, 8) |
                     field(has(JSCVT), 1, 12) | field(has(FCMA), 1, 16) |
                     field(has(LRCPC), has(LRCPC2) ? 2 : 1, 20) | field(has(PAuth), 1, 28) |
                     field(has(FRINTTS), 1, 32) | field(has(SB), 1, 36) | field(has(BF16), 1, 44) |
                     field(has(I8MM), 1, 52);
            return true;
        case sysreg(3, 0, 0, 7, 0): *value = 0xff000000; return true;  // ID_AA64MMFR0_EL1: no granule told
        case sysreg(3, 0, 0, 7, 2): *value = field(has(LSE2), 1, 32); return true;  // ID_AA64MMFR2_EL1
        default: *value = 0; return crm != 0;
    }
}

}  // namespace vm::frontend::arm64
