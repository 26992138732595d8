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
    const auto words = [&](VecConst c, u32 w) { f.splat(c, u64{w} << 32 | w); };
    words(VecConst::Sha1K0, 0x5a827999);  // FIPS 180-4, 4.2.1
    words(VecConst::Sha1K1, 0x6ed9eba1);
    words(VecConst::Sha1K2, 0x8f1bbcdc);
    words(VecConst::MinNormalF32, 0x00800000);
    f.splat(VecConst::MinNormalF64, 0x0010000000000000);
}

}  // namespace vm::backend::x86_64
