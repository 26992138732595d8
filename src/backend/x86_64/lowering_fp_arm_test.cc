// Arm's scalar floating point, native against the interpreter: result, sticky flags, what is above the scalar
// in its register; every rounding mode, NaNs of both kinds, limits of formats and integers; scalars in vector
// registers, in their homes, and computed.
#include <gtest/gtest.h>

#include "backend/x86_64/lowering_harness.h"
#include "backend/x86_64/sample_harness.h"

namespace vm::backend::x86_64 {
namespace {

using namespace testing;
using ir::FpSem;
using ir::kNone;
using ir::Round;

constexpr FpSem kSems[] = {FpSem::Arm, FpSem::ArmDn};

/// Zeros, limits of subnormals, numbers near one and near the limits of integers, infinities, NaNs.
constexpr u64 kF64[] = {0,
                        0x8000000000000000,
                        1,
                        0x000fffffffffffff,
                        0x0010000000000000,
                        0x8010000000000000,
                        0x0010000000000001,
                        0x3c90000000000000,
                        0x3fdfffffffffffff,
                        0x3fe0000000000000,
                        0x3fefffffffffffff,
                        0x3ff0000000000000,
                        0xbff0000000000001,
                        0x3ff8000000000000,
                        0x4004000000000000,
                        0xc00c000000000000,
                        0x7fefffffffffffff,
                        0x7ff0000000000000,
                        0xfff0000000000000,
                        0x7ff8000000000000,
                        0xfff8000000001234,
                        0x7ff0000000000001,
                        0xfff4000000000042};
constexpr u64 kF32[] = {0,          0x80000000, 1,          0x007fffff, 0x00800000, 0x80800000,
                        0x00800001, 0x33000000, 0x3effffff, 0x3f000000, 0x3f7fffff, 0x3f800000,
                        0xbf800001, 0x3fc00000, 0x40200000, 0xc0600000, 0x7f7fffff, 0x7f800000,
                        0xff800000, 0x7fc00000, 0xffc01234, 0x7f800001, 0xffa00042};
/// For conversions to integers and rounding.
constexpr u64 kLimits64[] = {0x3fdfffffffffffff, 0x3fe0000000000001, 0xbfe0000000000000, 0xbff8000000000000,
                             0x41dfffffffc00000, 0x41dfffffffdfffff, 0x41dfffffffe00000, 0x41e0000000000000,
                             0xc1e0000000000000, 0xc1e00000000fffff, 0xc1e0000000100000, 0xc1e0000000200000,
                             0x41efffffffe00000, 0x41efffffffefffff, 0x41effffffff00000, 0x41f0000000000000,
                             0x432fffffffffffff, 0x4330000000000001, 0x43dfffffffffffff, 0x43e0000000000000,
                             0xc3e0000000000000, 0xc3e0000000000001, 0x43efffffffffffff, 0x43f0000000000000,
                             0x43f123456789abcd, 0xc3f123456789abcd, 0x4473456789abcdef};
constexpr u64 kLimits32[] = {0x3effffff, 0x3f000001, 0xbf000000, 0xbfc00000, 0x4effffff, 0x4f000000,
                             0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x4affffff, 0x4b000001,
                             0x5effffff, 0x5f000000, 0xdf000000, 0xdf000001, 0x5f7fffff, 0x5f800000};

std::span<const u64> values(Type t) {
    return t == Type::F64 ? std::span<const u64>(kF64) : std::span<const u64>(kF32);
}

/// Operand k of a block: the lowest lane of a vector in a register or in its home, or the result of an
/// operation.
Value scalar_operand(Maker& m, unsigned k, Type t, u64 bits) {
    if (m.s.constants && k != 0) return m.b.constant(t, bits);
    if (k == 2) {
        const Type integer = t == Type::F64 ? Type::I64 : Type::I32;
        return m.b.emit({.op = Op::Bitcast, .type = t, .args = {m.operand(2, integer, bits), kNone, kNone}});
    }
    const u16 slot = static_cast<u16>(kV + k);
    m.b.set(slot,
            m.b.const128(Type::V128, t == Type::F64 ? bits : bits | 0xabcdef0100000000, 0x123456789abcdef0));
    m.b.emit({.op = Op::TrapIf,
              .args = {m.never(), m.b.c64(0), kNone},
              .aux = static_cast<u32>(ir::ExitReason::Misaligned)});
    const Value v = m.b.emit({.op = Op::GetState, .type = Type::V128, .imm = slot});
    return m.b.emit({.op = Op::VExtract, .type = t, .mtype = t, .args = {v, kNone, kNone}});
}
void to_vector(Maker& m, u16 slot, Value v) {
    m.b.set(
        slot,
        m.b.emit({.op = Op::VScalar, .type = Type::V128, .mtype = m.b.type(v), .args = {v, kNone, kNone}}));
}

struct Case {
    Machine s;
    Type t;
    u32 aux;
};
template <class F>
void for_cases(F&& f) {
    for (Machine s : machines())
        for (u8 rounding = 0; rounding < 4; rounding++) {
            if (rounding && (s.disabled || (s.constants && s.pinned))) continue;  // rounding is MXCSR's
            s.rounding = rounding;
            for (const Type t : {Type::F64, Type::F32})
                for (const FpSem sem : kSems) f(Case{s, t, ir::fp_aux(Round::Dyn, sem)});
        }
}

TEST(LoweringFpArm, Binary) {
    Sample sample;
    for_cases([&](const Case& c) {
        for (const Op op : {Op::FAdd, Op::FSub, Op::FMul, Op::FDiv, Op::FMinNum, Op::FMaxNum, Op::FMin,
                            Op::FMax, Op::FMulX, Op::FRecpStep, Op::FRsqrtStep})
            for (const u64 x : values(c.t))
                for (const u64 y : values(c.t)) {
                    if (!sample.next()) continue;
                    Maker m(c.s);
                    const Value p = scalar_operand(m, 0, c.t, x), q = scalar_operand(m, 1, c.t, y);
                    to_vector(m, static_cast<u16>(kV + (x >> 1 & 1)),
                              m.b.emit({.op = op, .type = c.t, .args = {p, q, kNone}, .aux = c.aux}));
                    ASSERT_EQ(m.finish(), "");
                }
    });
}

// Results around the smallest normal number: tiny before rounding or not.
TEST(LoweringFpArm, Tiny) {
    for_cases([](const Case& c) {
        if (c.t != Type::F64) return;
        ir::testing::Rng rng(c.s.rounding + 1);
        for (unsigned n = 0; n < 300; n++) {
            // (1 - 2^-53 k) * 2^-1022 by a product of numbers near powers of two
            const u64 x = 0x2000000000000000 - (n & 1) - rng.below(3),
                      y = (0x1ff0ull << 48) + 0x0010000000000000 + rng.below(4);
            for (const Op op : {Op::FMul, Op::FDiv}) {
                Maker m(c.s);
                const u64 second =
                    op == Op::FMul ? y : 0x5fe0000000000000 + rng.below(4) + (rng.below(2) << 52);
                const Value p = scalar_operand(m, 0, c.t, x | rng.below(2) << 63),
                            q = scalar_operand(m, 1, c.t, second);
                to_vector(m, kV, m.b.emit({.op = op, .type = c.t, .args = {p, q, kNone}, .aux = c.aux}));
                ASSERT_EQ(m.finish(), "");
            }
            Maker m(c.s);
            const Value p = scalar_operand(m, 0, c.t, 0x3810000000000000 - rng.below(0x30000000));
            to_vector(m, kV,
                      m.b.emit({.op = Op::FToF, .type = Type::F32, .args = {p, kNone, kNone}, .aux = c.aux}));
            ASSERT_EQ(m.finish(), "");
        }
    });
}

TEST(LoweringFpArm, FusedMultiplyAdd) {
    for_cases([](const Case& c) {
        if (c.s.rounding > 1) return;
        for (const u64 x : values(c.t))
            for (const u64 y : values(c.t))
                for (const u64 z : values(c.t)) {
                    if ((x + y + z + c.s.constants) % 3) continue;
                    Maker m(c.s);
                    const Value p = scalar_operand(m, 0, c.t, x), q = scalar_operand(m, 1, c.t, y),
                                r = scalar_operand(m, 2, c.t, z);
                    const u32 signs = static_cast<u32>((x ^ y ^ z) >> 3 & 3) << 8;
                    to_vector(
                        m, kV,
                        m.b.emit({.op = Op::Fma, .type = c.t, .args = {p, q, r}, .aux = c.aux | signs}));
                    ASSERT_EQ(m.finish(), "");
                }
    });
}

TEST(LoweringFpArm, UnaryAndConversions) {
    for_cases([](const Case& c) {
        std::vector<u64> all(values(c.t).begin(), values(c.t).end());
        const auto limits =
            c.t == Type::F64 ? std::span<const u64>(kLimits64) : std::span<const u64>(kLimits32);
        all.insert(all.end(), limits.begin(), limits.end());
        for (const u64 x : all)
            for (const Round r : {Round::Dyn, Round::Rne, Round::Rtz, Round::Rdn, Round::Rup, Round::Rmm}) {
                const auto one = [&](Op op, Type to, u32 extra) {
                    Maker m(c.s);
                    const u32 aux = (c.aux & ~7u) | static_cast<u32>(r) | extra;
                    const Value p = scalar_operand(m, x & 1, c.t, x);
                    const Value v = m.b.emit({.op = op, .type = to, .args = {p, kNone, kNone}, .aux = aux});
                    if (to == Type::F16) {
                        m.result(m.b.emit({.op = Op::Bitcast, .type = Type::I16, .args = {v, kNone, kNone}}));
                    } else {
                        to == Type::I32 || to == Type::I64 ? m.result(v) : to_vector(m, kV, v);
                    }
                    ASSERT_EQ(m.finish(), "");
                };
                one(Op::FRound, c.t, 0);
                one(Op::FRound, c.t, ir::kFpExact);
                for (const Type to : {Type::I32, Type::I64})
                    for (const u32 u : {0u, ir::kFpUnsigned})
                        for (const u32 fraction : {0u, 1u, 13u, 31u})
                            if (fraction == 0 || r == Round::Rtz) one(Op::FToInt, to, u | fraction << 9);
                if (r != Round::Dyn) continue;
                one(Op::FSqrt, c.t, 0);
                one(Op::FToF, c.t == Type::F64 ? Type::F32 : Type::F64, 0);
                one(Op::FToF, Type::F16, 0);
                one(Op::FToF, Type::F16, ir::kFpAltHalf);
                if (c.t == Type::F64) one(Op::FToIntMod, Type::I32, 0);
            }
    });
}

TEST(LoweringFpArm, Half) {
    for_cases([](const Case& c) {
        for (u32 h = 0; h < 0x10000; h += h % 0x400 < 4 || h % 0x400 > 0x3fc ? 1 : 0x7f) {
            Maker m(c.s);
            const Value x = m.b.emit(
                {.op = Op::Bitcast, .type = Type::F16, .args = {m.operand(0, Type::I16, h), kNone, kNone}});
            const auto unary = [&](Op op, Type to, u32 aux) {
                return m.b.emit({.op = op, .type = to, .args = {x, kNone, kNone}, .aux = aux});
            };
            to_vector(m, kV, unary(Op::FToF, c.t, c.aux));
            to_vector(m, kV + 1, unary(h & 1 ? Op::FNeg : Op::FAbs, Type::F16, 0));
            ASSERT_EQ(m.finish(), "");
        }
    });
}

TEST(LoweringFpArm, IntToFloat) {
    for_cases([](const Case& c) {
        for (const Type from : {Type::I32, Type::I64})
            for (const u32 u : {0u, ir::kFpUnsigned})
                for (const u32 fraction : {0u, 1u, 31u, 32u, 64u})
                    for (const u64 x :
                         {u64{0}, u64{1}, u64{0x7fffffff}, u64{0x80000000}, u64{0xffffffff}, u64{0x1000001},
                          u64{0x20000000000001}, u64{0x7fffffffffffffff}, u64{0x8000000000000401}, ~u64{0}}) {
                        if (fraction > ir::width(from)) continue;
                        Maker m(c.s);
                        const Value p = m.operand(0, from, x);
                        to_vector(m, kV,
                                  m.b.emit({.op = Op::IntToF,
                                            .type = c.t,
                                            .args = {p, kNone, kNone},
                                            .aux = c.aux | u | fraction << 9}));
                        ASSERT_EQ(m.finish(), "");
                    }
    });
}

// Several operations in a row with more values than registers, over their own operands' registers, some
// results NaN.
TEST(LoweringFpArm, Chains) {
    for_cases([](const Case& c) {
        ir::testing::Rng rng(7);
        for (unsigned n = 0; n < 200; n++) {
            Maker m(c.s);
            std::vector<Value> v;
            for (unsigned k = 0; k < 3; k++)
                v.push_back(scalar_operand(m, k, c.t, values(c.t)[rng.below(values(c.t).size())]));
            for (unsigned k = 0; k < 8; k++) {
                constexpr Op ops[] = {Op::FAdd, Op::FMul,  Op::Fma,  Op::FDiv,
                                      Op::FSub, Op::FSqrt, Op::FMax, Op::FNeg};
                const Op op = ops[rng.below(std::size(ops))];
                std::array<Value, 3> args{kNone, kNone, kNone};
                for (unsigned a = 0; a < ir::info(op).nargs; a++)
                    args[a] = v[v.size() - 1 - rng.below(std::min<u64>(v.size(), 4))];
                v.push_back(
                    m.b.emit({.op = op, .type = c.t, .args = args, .aux = op == Op::FNeg ? 0 : c.aux}));
                if (rng.one_in(2)) to_vector(m, static_cast<u16>(kV + rng.below(2)), v.back());
            }
            to_vector(m, kV, v.back());
            to_vector(m, kV + 1, v[rng.below(v.size())]);
            ASSERT_EQ(m.finish(), "");
        }
    });
}

}  // namespace
}  // namespace vm::backend::x86_64
