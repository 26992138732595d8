#include "ir/eval.h"

#include <bit>

namespace vm::ir {
namespace {

constexpr u64 reverse_bits(u64 v, unsigned w) {
    u64 r = 0;
    for (unsigned i = 0; i < w; ++i) r |= u64{bit(v, i)} << (w - 1 - i);
    return r;
}

constexpr u64 orc_bytes(u64 v) {
    u64 r = 0;
    for (unsigned i = 0; i < 64; i += 8)
        if ((v >> i) & 0xff) r |= u64{0xff} << i;
    return r;
}

constexpr u128 carryless(u64 x, u64 y) {
    u128 r = 0;
    for (unsigned i = 0; i < 64; ++i)
        if (bit(y, i)) r ^= u128{x} << i;
    return r;
}

constexpr u64 deposit(u64 x, u64 mask) {
    u64 r = 0;
    for (unsigned k = 0; mask != 0; mask &= mask - 1, ++k)
        if (bit(x, k)) r |= mask & (~mask + 1);
    return r;
}

constexpr u64 extract(u64 x, u64 mask) {
    u64 r = 0;
    for (unsigned k = 0; mask != 0; mask &= mask - 1, ++k)
        if (x & mask & (~mask + 1)) r |= u64{1} << k;
    return r;
}

/// Reflected CRC, no inversion before or after.
constexpr u64 crc32(u64 crc, u64 data, unsigned nbits, bool castagnoli) {
    const u64 poly = castagnoli ? 0x82f63b78 : 0xedb88320;  // 0x1edc6f41 and 0x04c11db7, bit-reversed
    for (unsigned i = 0; i < nbits; ++i) {
        const bool out = bit(crc, 0) ^ bit(data, i);
        crc = (crc >> 1) ^ (out ? poly : 0);
    }
    return crc;
}

u64 divide(const Inst& in, unsigned w, u64 x, u64 y) {
    const bool arm = in.aux == static_cast<u32>(DivSem::Arm);
    const bool quotient = in.op == Op::DivS || in.op == Op::DivU;
    if (y == 0) return !quotient ? x : arm ? 0 : ~u64{0};
    if (in.op == Op::DivU) return x / y;
    if (in.op == Op::RemU) return x % y;
    const i64 sx = sext(x, w), sy = sext(y, w);
    if (sy == -1) return quotient ? 0 - x : 0;  // covers the overflow of min / -1
    return static_cast<u64>(quotient ? sx / sy : sx % sy);
}

u64 divide_wide(Op op, unsigned w, u64 x, u64 y, u64 z) {
    if (z == 0) return 0;
    const u128 n = (u128{x} << w) | y;
    if (op == Op::DivWideU) return static_cast<u64>(n / z);
    if (op == Op::RemWideU) return static_cast<u64>(n % z);
    const i128 sn = static_cast<i128>(n << (128 - 2 * w)) >> (128 - 2 * w);
    const i128 sz = sext(z, w);
    if (sz == -1) return op == Op::DivWideS ? static_cast<u64>(0 - n) : 0;
    return static_cast<u64>(op == Op::DivWideS ? sn / sz : sn % sz);
}

u64 mul_high(Op op, unsigned w, u64 x, u64 y) {
    const i128 a = op == Op::MulHiU ? static_cast<i128>(u128{x}) : i128{sext(x, w)};
    const i128 b = op == Op::MulHiS ? i128{sext(y, w)} : static_cast<i128>(u128{y});
    return static_cast<u64>((static_cast<u128>(a) * static_cast<u128>(b)) >> w);
}

u64 rotate_right(unsigned w, u64 x, u64 y) {
    const unsigned n = y & (w - 1);
    return n == 0 ? x : (x >> n) | (x << (w - n));
}

u64 eval_unmasked(const Inst& in, unsigned w, u64 x, u64 y, u64 z) {
    switch (in.op) {
        case Op::Add: return x + y;
        case Op::Sub: return x - y;
        case Op::Mul: return x * y;
        case Op::MulHiS:
        case Op::MulHiU:
        case Op::MulHiSU: return mul_high(in.op, w, x, y);
        case Op::DivS:
        case Op::DivU:
        case Op::RemS:
        case Op::RemU: return divide(in, w, x, y);
        case Op::DivWideS:
        case Op::DivWideU:
        case Op::RemWideS:
        case Op::RemWideU: return divide_wide(in.op, w, x, y, z);
        case Op::Neg: return 0 - x;
        case Op::And: return x & y;
        case Op::Or: return x | y;
        case Op::Xor: return x ^ y;
        case Op::AndNot: return x & ~y;
        case Op::Not: return ~x;
        case Op::Shl: return x << (y & (w - 1));
        case Op::Lshr: return x >> (y & (w - 1));
        case Op::Ashr: return static_cast<u64>(sext(x, w) >> (y & (w - 1)));
        case Op::Rotr: return rotate_right(w, x, y);
        case Op::Clz: return static_cast<unsigned>(std::countl_zero(x)) - (64 - w);
        case Op::Ctz: return x == 0 ? w : static_cast<unsigned>(std::countr_zero(x));
        case Op::Popcnt: return static_cast<unsigned>(std::popcount(x));
        case Op::Bswap: return __builtin_bswap64(x) >> (64 - w);
        case Op::Bitrev: return reverse_bits(x, w);
        case Op::OrcB: return orc_bytes(x);
        case Op::ClmulLo: return static_cast<u64>(carryless(x, y));
        case Op::ClmulHi: return static_cast<u64>(carryless(x, y) >> w);
        case Op::Pdep: return deposit(x, y);
        case Op::Pext: return extract(x, y);
        case Op::Crc32: return crc32(x, y, in.aux, in.imm == 1);
        case Op::Sext: return static_cast<u64>(sext(x, w));
        case Op::Icmp: return eval_cond(static_cast<Cond>(in.aux), w, x, y);
        case Op::Select: return x ? y : z;
        default: return x;  // Zext, Trunc, Bitcast
    }
}

}  // namespace

u64 eval_int(const Inst& in, unsigned w, u64 x, u64 y, u64 z) {
    return zext(eval_unmasked(in, w, x, y, z), width(in.type));
}

u128 eval_int128(const Inst& in, unsigned w, u128 x, u128 y, u128 z) {
    const unsigned n = static_cast<unsigned>(y) & 127;
    const auto low = static_cast<u64>(x), high = static_cast<u64>(x >> 64);
    const i128 sx = static_cast<i128>(x), sy = static_cast<i128>(y);
    switch (in.op) {
        case Op::Add: return x + y;
        case Op::Sub: return x - y;
        case Op::Mul: return x * y;
        case Op::Neg: return 0 - x;
        case Op::And: return x & y;
        case Op::Or: return x | y;
        case Op::Xor: return x ^ y;
        case Op::AndNot: return x & ~y;
        case Op::Not: return ~x;
        case Op::Shl: return x << n;
        case Op::Lshr: return x >> n;
        case Op::Ashr: return static_cast<u128>(sx >> n);
        case Op::Rotr: return n == 0 ? x : (x >> n) | (x << (128 - n));
        case Op::Clz:
            return static_cast<unsigned>(high ? std::countl_zero(high) : 64 + std::countl_zero(low));
        case Op::Ctz: return static_cast<unsigned>(low ? std::countr_zero(low) : 64 + std::countr_zero(high));
        case Op::Popcnt: return static_cast<unsigned>(std::popcount(low) + std::popcount(high));
        case Op::Sext: return static_cast<u128>(i128{sext(low, w)});
        case Op::Trunc: return zext(low, width(in.type));
        case Op::Select: return x ? y : z;
        case Op::Icmp:
            switch (static_cast<Cond>(in.aux)) {
                case Cond::Eq: return x == y;
                case Cond::Ne: return x != y;
                case Cond::LtS: return sx < sy;
                case Cond::GeS: return sx >= sy;
                case Cond::LeS: return sx <= sy;
                case Cond::GtS: return sx > sy;
                case Cond::LtU: return x < y;
                case Cond::GeU: return x >= y;
                case Cond::LeU: return x <= y;
                case Cond::GtU: return x > y;
            }
            return 0;
        default: return x;  // Zext, Bitcast
    }
}

}  // namespace vm::ir
