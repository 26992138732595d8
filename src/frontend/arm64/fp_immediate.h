// VFPExpandImm of the manual: the 8-bit floating-point immediates.
#pragma once

#include "base/bits.h"

namespace vm::frontend::arm64 {

/// imm8 = sign, the exponent's inverted top bit with two low bits, four fraction bits, as a number of 2^size
/// bytes (1 half, 2 single, 3 double): ±(16 … 31) / 16 * 2^(-3 … 4).
constexpr u64 fp_immediate(unsigned size, u8 imm8) {
    const unsigned width = 8u << size;
    const unsigned exponent_bits = size == 1 ? 5 : size == 2 ? 8 : 11;
    const unsigned fraction_bits = width - 1 - exponent_bits;
    const u64 high = imm8 >> 6 & 1;
    const u64 copies = high ? (u64{1} << (exponent_bits - 3)) - 1 : 0;
    const u64 exponent = (high ^ 1) << (exponent_bits - 1) | copies << 2 | (imm8 >> 4 & 3);
    return u64{imm8 >> 7 & 1u} << (width - 1) | exponent << fraction_bits |
           u64{imm8 & 15u} << (fraction_bits - 4);
}
static_assert(fp_immediate(3, 0x70) == 0x3ff0000000000000 && fp_immediate(2, 0x80) == 0xc0000000 &&
              fp_immediate(1, 0x70) == 0x3c00);

}  // namespace vm::frontend::arm64
