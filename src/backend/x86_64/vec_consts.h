// Read-only vectors in VcpuState::vec_consts, 16 bytes each: masks, tables and numbers that the lowering of
// vector operations uses as memory operands.
#pragma once

#include "backend/x86_64/emitter.h"

namespace vm::backend::x86_64 {

enum class VecConst : u8 {
    MinNormalF32,
    MinNormalF64,
    Zero,
    One8,
    One16,
    One32,
    One64,
    Byte08,
    ByteF8,
    Word00ff,
    WordFf00,
    Word0080,
    Dword0000ffff,
    Dword00ff,
    Qword00ff,
    Word007f,
    Dword007f,
    Qword007f,
    LargestI16,  ///< + 1, 2: of i32, i64
    Qword80000000 = LargestI16 + 3,
    MaskShl,                    ///< + n: bytes 0xff << n. What a word shift by n leaves of each byte
    MaskShr = MaskShl + 8,      ///< + n: bytes 0xff >> n
    SignShr = MaskShr + 8,      ///< + n: bytes 0x80 >> n
    MatrixShl = SignShr + 8,    ///< + n: gf2p8affineqb that shifts bytes left by n
    MatrixShr = MatrixShl + 8,  ///< + n: … right, logical
    MatrixSar = MatrixShr + 8,  ///< + n: … right, arithmetic
    MatrixReverse = MatrixSar + 8,
    ByteSplat,                ///< + n: bytes n. pshufb that copies byte n to all
    Rev16B = ByteSplat + 16,  ///< pshufb that reverses bytes in words …
    Rev32B,
    Rev64B,
    Rev32H,  ///< … words in double words
    Rev64H,
    EvenBytes,  ///< pshufb: even bytes to the lower half, odd ones to the upper
    EvenWords,
    NibbleCount,     ///< set bits of 0..15
    NibbleReverse,   ///< bits of 0..15 reversed, in the low nibble
    NibbleReverse4,  ///< … in the high nibble
    NibbleClz,       ///< leading zeros of a byte by its low nibble, the high one being 0
    NibbleClzHigh,   ///< … by its high nibble; 8 for 0
    Word0010,
    Uzp1Low,  ///< + log2 of the lane's bytes (0..2): pshufb of even lanes to the lower half, upper half 0
    Uzp2Low = Uzp1Low + 3,   ///< … of odd lanes
    PowerLow = Uzp2Low + 3,  ///< 2^k for k = 0..7, then 0: low bytes of 2^k, k = 0..15
    PowerHigh,               ///< high bytes
    Sha1K0,
    Sha1K1,
    Sha1K2,
    CrcInverse,  ///< inverse of the polynomial 0x04c11db7, bits reversed, modulo x^64; the polynomial
    HalfF16,     ///< + …: words 0x7fff, 0x0400: magnitude and smallest normal number
    MaxFiniteF32 = HalfF16 + 2,
    MaxFiniteF64,
    StepBiasF32,  ///< added to a magnitude that can be halved and is finite: a number not above StepLimit
    StepBiasF64,
    StepLimitF32,
    StepLimitF64,
    HalfF32,
    HalfF64,
    BelowHalfF32,  ///< largest number below 1/2
    BelowHalfF64,
    OneF32,
    OneF64,
    ThreeHalvesF32,
    ThreeHalvesF64,
    TwoF32,
    TwoF64,
    MinusOneF32x4,
    IntegralF32,  ///< 2^23, 2^52: from here on every number is an integer
    IntegralF64,
    Two31F32,
    Two63F64x2,
    Two32F32,
    ClampF32,  ///< 2^40, 2^100, and their negatives: out of every integer's range whatever they are scaled by
    ClampF64,
    ClampNegF32,
    ClampNegF64,
    MagicLowF32,  ///< 2^23, 2^52: exponents for the low halves of integers
    MagicLowF64,
    MagicHighF32,  ///< 2^39, 2^84: for the high halves
    MagicHighF64,
    MagicBothF32,  ///< their sums
    MagicBothF64,
    Count_
};
static_assert(static_cast<unsigned>(VecConst::Count_) <= kVecConsts);

inline x86::Mem constant(VecConst c, unsigned plus = 0, unsigned size = 16) {
    return state_mem(
        static_cast<i32>(offsetof(VcpuState, vec_consts) + 16 * (static_cast<unsigned>(c) + plus)), size);
}

/// Fills VcpuState::vec_consts.
void init_vec_consts(VcpuState& s);

}  // namespace vm::backend::x86_64
