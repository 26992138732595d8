// Integer vector ops against a second formulation of each: one lane at a time, in arithmetic wide enough that
// nothing overflows.
#include "ir/interp_vec.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "ir/random_block.h"
#include "ir/vec_ops.h"

namespace vm::ir {
namespace {

using testing::Rng;

u128 run(const Inst& in, u128 x, u128 y = 0, u128 z = 0) { return interp_vec(in, x, y, z); }

u64 lane(u128 v, unsigned w, unsigned i) { return zext(static_cast<u64>(v >> (w * i)), w); }
i128 signed_lane(u128 v, unsigned w, unsigned i) { return sext(lane(v, w, i), w); }
i128 power(unsigned n) { return i128{1} << n; }
i128 shifted_down(i128 v, unsigned n) {  // floor(v / 2^n)
    return v >= 0 ? v / power(n) : -((-v + power(n) - 1) / power(n));
}
u64 clamped(i128 v, i128 low, i128 high) { return static_cast<u64>(v < low ? low : v > high ? high : v); }
u64 clamp_signed(i128 v, unsigned w) { return clamped(v, -power(w - 1), power(w - 1) - 1); }
u64 clamp_unsigned(i128 v, unsigned w) { return clamped(v, 0, power(w) - 1); }

u128 product_carryless(u64 a, u64 b) {
    u128 r = 0;
    for (unsigned i = 0; i < 64; ++i) r ^= bit(a, i) ? u128{b} << i : 0;
    return r;
}

/// x * 2^n of a lane: what it is without bounds, as far as the lane and its bounds can tell.
i128 shifted(i128 x, i8 n, bool round) {
    if (n >= 64) return x == 0 ? 0 : x > 0 ? power(126) : -power(126);
    if (n >= 0) return x * power(static_cast<unsigned>(n));
    const unsigned down = n < -90 ? 90 : static_cast<unsigned>(-n);
    return round ? shifted_down(2 * x + power(down), down + 1) : shifted_down(x, down);
}

/// Lane i of the result, for ops whose lanes are their operands' lanes. Bits above the width do not count.
u64 same_lane(const Inst& in, unsigned w, unsigned i, u128 x, u128 y) {
    const i128 sx = signed_lane(x, w, i), sy = signed_lane(y, w, i);
    const i128 ux = static_cast<i128>(lane(x, w, i)), uy = static_cast<i128>(lane(y, w, i));
    const auto truth = [](bool holds) { return holds ? ~u64{0} : 0; };
    const auto shift = [&](bool is_signed) {
        const i128 exact = shifted(is_signed ? sx : ux, static_cast<i8>(uy), in.aux & kVRound);
        const u64 bounded = is_signed ? clamp_signed(exact, w) : clamp_unsigned(exact, w);
        const bool over =
            zext(bounded, w) != zext(static_cast<u64>(exact), w) ||
            (is_signed ? exact != sext(bounded, w) : exact != static_cast<i128>(zext(bounded, w)));
        if (in.aux & kVOverflowMask) return truth(over);
        return in.aux & kVSaturate ? bounded : static_cast<u64>(exact);
    };
    switch (in.op) {
        case Op::VAdd: return static_cast<u64>(ux + uy);
        case Op::VSub: return static_cast<u64>(ux - uy);
        case Op::VMul: return static_cast<u64>(ux) * static_cast<u64>(uy);
        case Op::VCmpEq: return truth(ux == uy);
        case Op::VCmpGtS: return truth(sx > sy);
        case Op::VCmpGtU: return truth(ux > uy);
        case Op::VMinS: return static_cast<u64>(sx < sy ? sx : sy);
        case Op::VMaxS: return static_cast<u64>(sx > sy ? sx : sy);
        case Op::VMinU: return static_cast<u64>(ux < uy ? ux : uy);
        case Op::VMaxU: return static_cast<u64>(ux > uy ? ux : uy);
        case Op::VShlImm: return static_cast<u64>(ux * power(static_cast<unsigned>(in.imm)));
        case Op::VLshrImm: return static_cast<u64>(shifted_down(ux, static_cast<unsigned>(in.imm)));
        case Op::VAshrImm: return static_cast<u64>(shifted_down(sx, static_cast<unsigned>(in.imm)));
        case Op::VAbs: return static_cast<u64>(sx < 0 ? -sx : sx);
        case Op::VAddSatS: return clamp_signed(sx + sy, w);
        case Op::VAddSatU: return clamp_unsigned(ux + uy, w);
        case Op::VSubSatS: return clamp_signed(sx - sy, w);
        case Op::VSubSatU: return clamp_unsigned(ux - uy, w);
        case Op::VAvgU: return static_cast<u64>((ux + uy) / 2 + (ux + uy) % 2);
        case Op::VMulDblHi: {
            const i128 twice = 2 * sx * sy;
            const i128 high =
                in.aux & kVRound ? shifted_down(twice + power(w - 1), w) : shifted_down(twice, w);
            return clamp_signed(high, w);
        }
        case Op::VClmul: return static_cast<u64>(product_carryless(lane(x, w, i), lane(y, w, i)));
        case Op::VShiftS: return shift(true);
        case Op::VShiftU: return shift(false);
        case Op::VClz: {
            u64 n = 0;
            while (n < w && !bit(lane(x, w, i), w - 1 - static_cast<unsigned>(n))) ++n;
            return n;
        }
        case Op::VPopcnt: {
            u64 n = 0;
            for (unsigned k = 0; k < w; ++k) n += bit(lane(x, w, i), k);
            return n;
        }
        case Op::VBitrev: {
            u64 r = 0;
            for (unsigned k = 0; k < w; ++k) r = r * 2 + bit(lane(x, w, i), k);
            return r;
        }
        default: ADD_FAILURE() << info(in.op).text << " has no reference"; return 0;
    }
}

/// Lane i, of width w, of the pair y:x.
u64 of_pair(u128 x, u128 y, unsigned w, unsigned i) {
    return i < 128 / w ? lane(x, w, i) : lane(y, w, i - 128 / w);
}

/// Lane i of the result, which has lanes of width `out`; mtype has width w.
u64 other_lane(const Inst& in, unsigned w, unsigned i, u128 x, u128 y) {
    const unsigned n = 128 / w, half = in.aux & kVHigh ? n / 2 : 0, wide = i % (n / 2);
    const u128 from = i < n / 2 ? x : y;
    const i128 swide = w < 64 ? signed_lane(from, 2 * w, wide) : 0;
    const i128 uwide = w < 64 ? static_cast<i128>(lane(from, 2 * w, wide)) : 0;
    const auto alternate = [&](unsigned first) {  // of x and y in turn
        return i % 2 == 0 ? lane(x, w, first) : lane(y, w, first);
    };
    switch (in.op) {
        case Op::VMulWideS:
            return static_cast<u64>(signed_lane(x, w, half + i) * signed_lane(y, w, half + i));
        case Op::VMulWideU: return lane(x, w, half + i) * lane(y, w, half + i);
        case Op::VWidenS: return static_cast<u64>(signed_lane(x, w, half + i));
        case Op::VWidenU: return lane(x, w, half + i);
        case Op::VNarrowSatS: return clamp_signed(swide, w);
        case Op::VNarrowSatSU: return clamp_unsigned(swide, w);
        case Op::VNarrowSatU: return clamp_unsigned(uwide, w);
        case Op::VUzp1: return of_pair(x, y, w, 2 * i);
        case Op::VUzp2: return of_pair(x, y, w, 2 * i + 1);
        case Op::VZip1: return alternate(i / 2);
        case Op::VZip2: return alternate(n / 2 + i / 2);
        case Op::VTrn1: return alternate(i - i % 2);
        case Op::VTrn2: return alternate(i - i % 2 + 1);
        case Op::VExt: return of_pair(x, y, w, i + static_cast<unsigned>(in.imm));
        case Op::VRev: return lane(x, w, i ^ (static_cast<unsigned>(in.imm) / w - 1));
        case Op::VDup:
        case Op::VSplat: return lane(x, w, static_cast<unsigned>(in.imm));
        case Op::VScalar: return i == 0 ? lane(x, w, 0) : 0;
        case Op::VTable: return lane(y, 8, i) < 16 ? lane(x, 8, static_cast<unsigned>(lane(y, 8, i))) : 0;
        case Op::VInsert: return i == in.imm ? zext(static_cast<u64>(y), w) : lane(x, w, i);
        default: return same_lane(in, w, i, x, y);
    }
}

/// The whole result.
u128 reference(const Inst& in, u128 x, u128 y, u128 z) {
    const auto product = [&](unsigned i, unsigned k) {
        const auto value = [](u128 v, unsigned n, bool is_signed) {
            return is_signed ? signed_lane(v, 8, n) : static_cast<i128>(lane(v, 8, n));
        };
        return static_cast<u64>(value(y, i, in.aux & kVDotSignedX) * value(z, k, in.aux & kVDotSignedY));
    };
    u128 r = 0;
    switch (in.op) {
        case Op::VSelect:
            for (unsigned i = 0; i < 128; ++i) r |= (x >> i & 1 ? y >> i & 1 : z >> i & 1) << i;
            return r;
        case Op::VLow64: return static_cast<u64>(x);
        case Op::VExtract: return lane(x, width(in.mtype), static_cast<unsigned>(in.imm));
        case Op::VClmulWide: {
            if (in.mtype == Type::I64) {
                const unsigned k = in.aux & kVHigh ? 1 : 0;
                return product_carryless(lane(x, 64, k), lane(y, 64, k));
            }
            const unsigned from = in.aux & kVHigh ? 8 : 0;
            for (unsigned i = 0; i < 8; ++i)
                r |= product_carryless(lane(x, 8, from + i), lane(y, 8, from + i)) << (16 * i);
            return r;
        }
        case Op::VDot:
        case Op::VMatMul:
            for (unsigned i = 0; i < 4; ++i) {
                u64 sum = lane(x, 32, i);
                for (unsigned k = 0; k < 4 && in.op == Op::VDot; ++k) sum += product(4 * i + k, 4 * i + k);
                for (unsigned k = 0; k < 8 && in.op == Op::VMatMul; ++k)
                    sum += product(i / 2 * 8 + k, i % 2 * 8 + k);
                r |= u128{zext(sum, 32)} << (32 * i);
            }
            return r;
        default: break;
    }
    const unsigned w = in.mtype == Type::Void ? 8 : width(in.mtype);
    const bool widens =
        (in.op >= Op::VMulWideS && in.op <= Op::VMulWideU) || in.op == Op::VWidenS || in.op == Op::VWidenU;
    const unsigned out = widens ? 2 * w : w;
    for (unsigned i = 0; i < 128 / out; ++i) r |= u128{zext(other_lane(in, w, i, x, y), out)} << (out * i);
    return r;
}

u128 random_vector(Rng& rng) {
    u128 v = u128{rng.edge()} << 64 | rng.edge();
    if (rng.one_in(3))  // bytes at their limits
        for (unsigned i = 0; i < 16; ++i) v ^= u128{rng.one_in(2) ? 0x7fu : 0x80u} << (8 * i);
    return v;
}

/// Every value that imm may have.
std::vector<u64> imms(Op op, unsigned w) {
    const auto below = [](u64 n) {
        std::vector<u64> all(n);
        for (u64 i = 0; i < n; ++i) all[i] = i;
        return all;
    };
    switch (op) {
        case Op::VShlImm:
        case Op::VLshrImm:
        case Op::VAshrImm: return below(w);
        case Op::VDup:
        case Op::VInsert:
        case Op::VExtract: return below(128 / w);
        case Op::VExt: return below(16);
        case Op::VRev: {
            std::vector<u64> groups;
            for (u64 group = 2 * w; group <= 64; group *= 2) groups.push_back(group);
            return groups;
        }
        default: return {0};
    }
}

TEST(InterpVec, AgreesWithTheReference) {
    Rng rng(1);
    for (Op op = Op::VAdd; op < Op::VAesE; op = static_cast<Op>(static_cast<u16>(op) + 1)) {
        const VectorRule rule = vector_rule(op);
        for (unsigned t = 0; t <= static_cast<unsigned>(Type::I64); ++t) {
            const auto type = static_cast<Type>(t);
            if (!(rule.lanes & lane_set(type))) continue;
            for (const u64 imm : imms(op, width(type)))
                for (u32 aux = 0; aux <= rule.aux; ++aux) {
                    if (aux & ~rule.aux) continue;
                    const Inst in{.op = op, .type = Type::V128, .mtype = type, .aux = aux, .imm = imm};
                    for (unsigned n = 0; n < 300; ++n) {
                        const u128 x = random_vector(rng), z = random_vector(rng);
                        u128 y = random_vector(rng);
                        if (n % 2 && (op == Op::VShiftS || op == Op::VShiftU || op == Op::VTable))
                            y = std::bit_cast<u128>(std::array{rng.next(), rng.next()}) & ~(u128{0xe0} << 64);
                        const bool same = run(in, x, y, z) == reference(in, x, y, z);
                        ASSERT_TRUE(same) << fmt::format(
                            "{} {} imm {} aux {}: x {:016x}{:016x} y {:016x}{:016x}", info(op).text,
                            name(type), imm, aux, static_cast<u64>(x >> 64), static_cast<u64>(x),
                            static_cast<u64>(y >> 64), static_cast<u64>(y));
                    }
                }
        }
    }
}

/// Lanes of a byte against every amount.
TEST(InterpVec, ShiftsByEveryAmount) {
    for (const Op op : {Op::VShiftS, Op::VShiftU})
        for (u32 aux = 0; aux < 16; aux += 2)
            for (const Type type : {Type::I8, Type::I16, Type::I32, Type::I64}) {
                const unsigned w = width(type);
                const Inst in{.op = op, .type = Type::V128, .mtype = type, .aux = aux};
                for (unsigned amount = 0; amount < 256; ++amount)
                    for (const u64 value : {u64{0}, u64{1}, ~u64{0}, u64{1} << (w - 1), ~(u64{1} << (w - 1)),
                                            u64{1} << (w - 2), u64{0x5a}}) {
                        const u128 x = zext(value, w), y = amount;
                        ASSERT_EQ(lane(run(in, x, y), w, 0), lane(reference(in, x, y, 0), w, 0))
                            << info(op).text << " w " << w << " aux " << aux << " amount " << amount;
                    }
            }
}

}  // namespace
}  // namespace vm::ir
