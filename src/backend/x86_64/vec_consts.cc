#include "backend/x86_64/vec_consts.h"

#include <cstring>

namespace vm::backend::x86_64 {
namespace {

class Filler {
  public:
    explicit Filler(VcpuState& s) : s_(s) {}
    void set(VecConst c, u64 lo, u64 hi, unsigned plus = 0) {
        u64* const at = s_.vec_consts[static_cast<unsigned>(c) + plus];
        at[0] = lo;
        at[1] = hi;
    }
    void splat(VecConst c, u64 v, unsigned plus = 0) { set(c, v, v, plus); }
    void words(VecConst c, u32 w) { splat(c, u64{w} << 32 | w); }
    void bytes(VecConst c, u8 b, unsigned plus = 0) { splat(c, u64{b} * 0x0101010101010101, plus); }
    template <class F>
    void table(VecConst c, F&& f, unsigned plus = 0) {
        for (u8 k = 0; k < 16; k++)
            reinterpret_cast<u8*>(s_.vec_consts[static_cast<unsigned>(c) + plus])[k] = static_cast<u8>(f(k));
    }

  private:
    VcpuState& s_;
};

/// Operand of gf2p8affineqb for which bit i of the result is bit source(i) of the operand, 0 if that is none.
template <class F>
u64 bit_matrix(F&& source) {
    u64 m = 0;
    for (int i = 0; i < 8; i++) {
        const int from = source(i);
        if (from >= 0 && from < 8) m |= u64{1} << (8 * (7 - i) + from);
    }
    return m;
}

u8 reversed(u8 nibble) {
    return static_cast<u8>((nibble & 1) << 3 | (nibble & 2) << 1 | (nibble & 4) >> 1 | (nibble & 8) >> 3);
}

/// The power series q with q * p = 1 modulo x^64, coefficients in GF(2), x^k at bit k.
constexpr u64 inverse_series(u64 p) {
    u64 q = 0, product = 0;
    for (int k = 0; k < 64; k++) {
        if ((product >> k & 1) == (k == 0 ? 1 : 0)) continue;
        q |= u64{1} << k;
        product ^= p << k;
    }
    return q;
}

void floats(Filler& f) {
    const auto pair = [&](VecConst single, u32 x, VecConst wide, u64 y) {
        f.words(single, x);
        f.splat(wide, y);
    };
    constexpr u32 min32 = 0x00800000, infinity32 = 0x7f800000, top32 = 0x80000000;
    constexpr u64 min64 = 0x0010000000000000, infinity64 = 0x7ff0000000000000, top64 = u64{1} << 63;
    pair(VecConst::MinNormalF32, min32, VecConst::MinNormalF64, min64);
    pair(VecConst::MaxFiniteF32, infinity32 - 1, VecConst::MaxFiniteF64, infinity64 - 1);
    // [2 * min, infinity) becomes the smallest signed integers.
    pair(VecConst::StepBiasF32, top32 - 2 * min32, VecConst::StepBiasF64, top64 - 2 * min64);
    pair(VecConst::StepLimitF32, top32 + (infinity32 - 2 * min32) - 1, VecConst::StepLimitF64,
         top64 + (infinity64 - 2 * min64) - 1);
    pair(VecConst::HalfF32, 0x3f000000, VecConst::HalfF64, 0x3fe0000000000000);
    pair(VecConst::BelowHalfF32, 0x3effffff, VecConst::BelowHalfF64, 0x3fdfffffffffffff);
    pair(VecConst::OneF32, 0x3f800000, VecConst::OneF64, 0x3ff0000000000000);
    pair(VecConst::ThreeHalvesF32, 0x3fc00000, VecConst::ThreeHalvesF64, 0x3ff8000000000000);
    pair(VecConst::TwoF32, 0x40000000, VecConst::TwoF64, 0x4000000000000000);
    f.words(VecConst::MinusOneF32x4, 0xbf800000);
    pair(VecConst::IntegralF32, 0x4b000000, VecConst::IntegralF64, 0x4330000000000000);
    pair(VecConst::Two31F32, 0x4f000000, VecConst::Two63F64x2, 0x43e0000000000000);
    f.words(VecConst::Two32F32, 0x4f800000);
    pair(VecConst::ClampF32, 0x53800000, VecConst::ClampF64, 0x4630000000000000);
    pair(VecConst::ClampNegF32, 0xd3800000, VecConst::ClampNegF64, 0xc630000000000000);
    pair(VecConst::MagicLowF32, 0x4b000000, VecConst::MagicLowF64, 0x4330000000000000);
    pair(VecConst::MagicHighF32, 0x53000000, VecConst::MagicHighF64, 0x4530000000000000);
    pair(VecConst::MagicBothF32, 0x53000080, VecConst::MagicBothF64, 0x4530000000100000);
}

}  // namespace

void init_vec_consts(VcpuState& s) {
    Filler f(s);
    f.splat(VecConst::Zero, 0);
    f.bytes(VecConst::One8, 1);
    f.splat(VecConst::One16, 0x0001000100010001);
    f.splat(VecConst::One32, 0x0000000100000001);
    f.splat(VecConst::One64, 1);
    f.bytes(VecConst::Byte08, 8);
    f.bytes(VecConst::ByteF8, 0xf8);
    f.splat(VecConst::Word00ff, 0x00ff00ff00ff00ff);
    f.splat(VecConst::WordFf00, 0xff00ff00ff00ff00);
    f.splat(VecConst::Word0080, 0x0080008000800080);
    f.splat(VecConst::Dword0000ffff, 0x0000ffff0000ffff);
    f.splat(VecConst::Dword00ff, 0x000000ff000000ff);
    f.splat(VecConst::Qword00ff, 0xff);
    f.splat(VecConst::Word007f, 0x007f007f007f007f);
    f.splat(VecConst::Dword007f, 0x0000007f0000007f);
    f.splat(VecConst::Qword007f, 0x7f);
    f.splat(VecConst::LargestI16, 0x7fff7fff7fff7fff);
    f.splat(VecConst::LargestI16, 0x7fffffff7fffffff, 1);
    f.splat(VecConst::LargestI16, 0x7fffffffffffffff, 2);
    f.splat(VecConst::Qword80000000, 0x80000000);
    for (int n = 0; n < 8; n++) {
        const unsigned k = static_cast<unsigned>(n);
        f.bytes(VecConst::MaskShl, static_cast<u8>(0xff << n), k);
        f.bytes(VecConst::MaskShr, static_cast<u8>(0xff >> n), k);
        f.bytes(VecConst::SignShr, static_cast<u8>(0x80 >> n), k);
        f.splat(VecConst::MatrixShl, bit_matrix([n](int i) { return i - n; }), k);
        f.splat(VecConst::MatrixShr, bit_matrix([n](int i) { return i + n; }), k);
        f.splat(VecConst::MatrixSar, bit_matrix([n](int i) { return i + n < 7 ? i + n : 7; }), k);
    }
    f.splat(VecConst::MatrixReverse, bit_matrix([](int i) { return 7 - i; }));
    for (u8 n = 0; n < 16; n++) f.bytes(VecConst::ByteSplat, n, n);
    f.table(VecConst::Rev16B, [](u8 k) { return k ^ 1; });
    f.table(VecConst::Rev32B, [](u8 k) { return k ^ 3; });
    f.table(VecConst::Rev64B, [](u8 k) { return k ^ 7; });
    f.table(VecConst::Rev32H, [](u8 k) { return k ^ 2; });
    f.table(VecConst::Rev64H, [](u8 k) { return k ^ 6; });
    f.table(VecConst::EvenBytes, [](u8 k) { return k < 8 ? 2 * k : 2 * k - 15; });
    f.table(VecConst::EvenWords, [](u8 k) {
        const int w = k / 2;
        return 2 * (w < 4 ? 2 * w : 2 * w - 7) + k % 2;
    });
    f.table(VecConst::NibbleCount, [](u8 k) { return std::popcount(k); });
    f.table(VecConst::NibbleReverse, [](u8 k) { return reversed(k); });
    f.table(VecConst::NibbleReverse4, [](u8 k) { return reversed(k) << 4; });
    f.table(VecConst::NibbleClz, [](u8 k) { return std::countl_zero(k); });
    f.table(VecConst::NibbleClzHigh, [](u8 k) { return k == 0 ? 8 : std::countl_zero(k) - 4; });
    f.splat(VecConst::Word0010, 0x0010001000100010);
    for (unsigned lane = 0; lane < 3; lane++) {
        const auto even = [lane](u8 k) { return (k >> lane) * (2 << lane) + (k & ((1 << lane) - 1)); };
        f.table(
            VecConst::Uzp1Low, [&](u8 k) { return k < 8 ? even(k) : 0x80; }, lane);
        f.table(
            VecConst::Uzp2Low, [&](u8 k) { return k < 8 ? even(k) + (1 << lane) : 0x80; }, lane);
    }
    f.table(VecConst::PowerLow, [](u8 k) { return k < 8 ? 1 << k : 0; });
    f.table(VecConst::PowerHigh, [](u8 k) { return k < 8 ? 0 : 1 << (k - 8); });
    f.words(VecConst::Sha1K0, 0x5a827999);  // FIPS 180-4, 4.2.1
    f.words(VecConst::Sha1K1, 0x6ed9eba1);
    f.words(VecConst::Sha1K2, 0x8f1bbcdc);
    constexpr u64 polynomial = u64{0xedb88320} << 1 | 1;
    f.set(VecConst::CrcInverse, inverse_series(polynomial), polynomial);
    f.splat(VecConst::HalfF16, 0x7fff7fff7fff7fff);
    f.splat(VecConst::HalfF16, 0x0400040004000400, 1);
    floats(f);
}

}  // namespace vm::backend::x86_64
