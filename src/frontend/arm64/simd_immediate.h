// Constants of Advanced SIMD instructions. Manual: pseudocode AdvSIMDExpandImm.
#pragma once

#include "base/bits.h"

namespace vm::frontend::arm64 {

/// 64 bits that op:cmode (cmode < 15) make of imm8. For MVNI and the 64-bit mask they are what the register
/// gets; for ORR and BIC (odd cmode < 12) the operand as it stands.
constexpr u64 simd_immediate(bool op, unsigned cmode, u8 imm8) {
    const u64 imm = imm8;
    u64 v = 0;
    if (cmode < 8)
        v = (imm << 8 * (cmode >> 1)) * 0x100000001;
    else if (cmode < 12)
        v = (imm << 8 * (cmode >> 1 & 1)) * 0x0001000100010001;
    else if (cmode < 14)
        v = (cmode & 1 ? imm << 16 | 0xffff : imm << 8 | 0xff) * 0x100000001;
    else if (!op)
        v = imm * 0x0101010101010101;
    else
        for (unsigned k = 0; k < 8; k++)
            if (imm >> k & 1) v |= u64{0xff} << 8 * k;
    const bool modify = cmode < 12 && (cmode & 1);
    return op && cmode != 14 && !modify ? ~v : v;
}

}  // namespace vm::frontend::arm64
