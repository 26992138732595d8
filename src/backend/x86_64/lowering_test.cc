// Every operation with edge operands, native against the interpreter: pinned and unpinned slots, constants,
// host features on and off, and for floating point every rounding mode.
#include <gtest/gtest.h>

#include "backend/x86_64/lowering_harness.h"

namespace vm::backend::x86_64 {
namespace {

using namespace testing;
using ir::Op;
using ir::Type;
using ir::Value;

TEST(Lowering, IntegerOps) {
    for (const Machine& s : machines()) {
        for (Op op = Op::Add; op <= Op::Pext; op = static_cast<Op>(static_cast<u16>(op) + 1)) {
            if (op >= Op::DivWideS && op <= Op::RemWideU) continue;
            for (Type t : {Type::I64, Type::I32, Type::I16, Type::I8}) {
                for (u32 aux = 0; aux < (op >= Op::DivS && op <= Op::RemU ? 2u : 1u); aux++) {
                    for (u64 x : kInts)
                        for (u64 y : kInts) {
                            Maker m(s);
                            const Value p = m.operand(0, t, x);
                            const bool unary = ir::info(op).nargs == 1;
                            const Value q = unary ? ir::kNone : m.operand(6, t, y);
                            m.result(m.b.emit({.op = op, .type = t, .args = {p, q, ir::kNone}, .aux = aux}));
                            ASSERT_EQ(m.finish(), "");
                            if (unary) break;
                        }
                }
            }
        }
    }
}

TEST(Lowering, Checksums) {
    for (const Machine& s : machines())
        for (u64 polynomial : {0, 1})
            for (u32 bits : {8u, 16u, 32u, 64u})
                for (u64 x : kInts)
                    for (u64 y : kInts)
                        for (u16 slot : {u16{6}, u16{0}}) {  // 0: the same as the checksum's
                            Maker m(s);
                            const Value data = m.operand(slot, Type::I64, y);
                            const Value sum = m.operand(0, Type::I32, x);
                            m.result(m.b.emit({.op = Op::Crc32,
                                               .type = Type::I32,
                                               .args = {sum, data, ir::kNone},
                                               .aux = bits,
                                               .imm = polynomial}));
                            ASSERT_EQ(m.finish(), "");
                        }
}

TEST(Lowering, CompareAndSelect) {
    for (const Machine& s : machines())
        for (u32 c = 0; c < 10; c++)
            for (Type t : {Type::I64, Type::I32, Type::I16, Type::I8})
                for (u64 x : kInts)
                    for (u64 y : {u64{0}, x, u64{1}, ~u64{0}, u64{0x80000000}}) {
                        Maker m(s);
                        const Value p = m.operand(0, t, x), q = m.operand(6, t, y);
                        const Value less =
                            m.b.emit({.op = Op::Icmp, .type = Type::I1, .args = {p, q, ir::kNone}, .aux = c});
                        m.result(m.b.emit({.op = Op::Select, .type = t, .args = {less, q, p}}));
                        m.b.emit({.op = Op::ExitIf,
                                  .args = {m.b.emit({.op = Op::Icmp,
                                                     .type = Type::I1,
                                                     .args = {p, q, ir::kNone},
                                                     .aux = c}),
                                           ir::kNone, ir::kNone},
                                  .imm = 0x2000});
                        ASSERT_EQ(m.finish(), "");
                    }
}

TEST(Lowering, FloatBinary) {
    for_floats([](const Machine& s, Type t, u64 x) {
        if (s.rounding && (s.constants || s.features.avx))
            return;  // rounding is MXCSR's: once over is enough
        const auto all = t == Type::F64 ? std::span<const u64>(kDoubles) : std::span<const u64>(kFloats);
        for (Op op : {Op::FAdd, Op::FSub, Op::FMul, Op::FDiv, Op::FMinNum, Op::FMaxNum, Op::FMin, Op::FMax,
                      Op::FCopySign})
            for (u64 y : all) {
                Maker m(s);
                const Value p = float_operand(m, kF, t, x), q = float_operand(m, kF + 2, t, y);
                m.result(m.b.emit(
                    {.op = op,
                     .type = t,
                     .args = {p, q, ir::kNone},
                     .aux = op == Op::FCopySign ? 0 : ir::fp_aux(ir::Round::Dyn, ir::FpSem::RiscV)}));
                ASSERT_EQ(m.finish(), "");
            }
    });
}

TEST(Lowering, FloatUnaryAndConversions) {
    using ir::Round;
    for_floats([](const Machine& s, Type t, u64 x) {
        for (Round r : {Round::Dyn, Round::Rne, Round::Rtz, Round::Rdn, Round::Rup, Round::Rmm}) {
            const u32 aux = ir::fp_aux(r, ir::FpSem::RiscV);
            const auto one = [&](Op op, Type to, u32 a) {
                Maker m(s);
                m.result(m.b.emit({.op = op,
                                   .type = to,
                                   .args = {float_operand(m, kF, t, x), ir::kNone, ir::kNone},
                                   .aux = a}));
                ASSERT_EQ(m.finish(), "");
            };
            one(Op::FSqrt, t, aux);
            one(Op::FRound, t, aux);
            one(Op::FRound, t, aux | ir::kFpExact);
            one(Op::FToF, t == Type::F64 ? Type::F32 : Type::F64, aux);
            for (Type to : {Type::I32, Type::I64})
                for (u32 u : {0u, ir::kFpUnsigned}) one(Op::FToInt, to, aux | u);
            if (r != Round::Dyn) continue;
            one(Op::FNeg, t, 0);
            one(Op::FAbs, t, 0);
            one(Op::FClass, Type::I64, 0);
            one(Op::Bitcast, t == Type::F64 ? Type::I64 : Type::I32, 0);
            if (t == Type::F64) one(Op::FToIntMod, Type::I32, aux);
        }
    });
}

TEST(Lowering, FloatCompare) {
    for_floats([](const Machine& s, Type t, u64 x) {
        if (s.rounding || (s.constants && s.pinned)) return;
        const auto all = t == Type::F64 ? std::span<const u64>(kDoubles) : std::span<const u64>(kFloats);
        for (u64 y : all)
            for (u32 aux = 0; aux < 16; aux++) {
                if ((aux & 7) > 3) continue;
                Maker m(s);
                const Value p = float_operand(m, kF, t, x), q = float_operand(m, kF + 2, t, y);
                m.result(m.b.emit({.op = Op::FCmp, .type = Type::I1, .args = {p, q, ir::kNone}, .aux = aux}));
                ASSERT_EQ(m.finish(), "");
            }
    });
}

TEST(Lowering, FusedMultiplyAdd) {
    for_floats([](const Machine& s, Type t, u64 x) {
        if (s.rounding > 1 || s.constants || !s.pinned) return;
        const auto all = t == Type::F64 ? std::span<const u64>(kDoubles) : std::span<const u64>(kFloats);
        for (size_t i = 0; i < all.size(); i += 3)
            for (size_t j = 0; j < all.size(); j += 2) {
                const u32 signs = static_cast<u32>((i + j) % 4) << 8;
                Maker m(s);
                const Value p = float_operand(m, kF, t, x), q = float_operand(m, kF + 1, t, all[i]),
                            z = float_operand(m, kF + 2, t, all[j]);
                m.result(m.b.emit({.op = Op::Fma,
                                   .type = t,
                                   .args = {p, q, z},
                                   .aux = ir::fp_aux(ir::Round::Dyn, ir::FpSem::RiscV, signs)}));
                ASSERT_EQ(m.finish(), "");
            }
    });
}

TEST(Lowering, IntToFloat) {
    for (Machine s : machines())
        for (u8 rounding = 0; rounding < 4; rounding++)
            for (Type from : {Type::I32, Type::I64})
                for (Type to : {Type::F32, Type::F64})
                    for (u32 u : {0u, ir::kFpUnsigned})
                        for (u64 x : {u64{0}, u64{1}, u64{0x7fffffff}, u64{0x80000000}, u64{0xffffffff},
                                      u64{0x1000001}, u64{0x20000000000001}, u64{0x7fffffffffffffff},
                                      u64{0x8000000000000000}, u64{0x8000000000000401}, ~u64{0}}) {
                            s.rounding = rounding;
                            for (ir::Round fixed : {ir::Round::Dyn, ir::Round::Rne, ir::Round::Rtz,
                                                    ir::Round::Rdn, ir::Round::Rup, ir::Round::Rmm}) {
                                Maker m(s);
                                const u32 aux = ir::fp_aux(fixed, ir::FpSem::RiscV, u);
                                m.result(m.b.emit({.op = Op::IntToF,
                                                   .type = to,
                                                   .args = {m.operand(0, from, x), ir::kNone, ir::kNone},
                                                   .aux = aux}));
                                ASSERT_EQ(m.finish(), "");
                            }
                        }
}

TEST(Lowering, NotBoxedIsNan) {
    for (const Machine& s : machines())
        for (Type t : {Type::F32, Type::F16}) {
            if (s.constants) continue;
            Maker m(s);
            const Value raw = m.operand(kF, Type::F64, 0x3ff00000c0000000);
            const Value x = m.b.emit({.op = Op::NanUnbox, .type = t, .args = {raw, ir::kNone, ir::kNone}});
            m.b.emit(
                {.op = Op::SetState,
                 .args = {m.b.emit({.op = Op::NanBox, .type = Type::F64, .args = {x, ir::kNone, ir::kNone}}),
                          ir::kNone, ir::kNone},
                 .imm = kF + 3});
            ASSERT_EQ(m.finish(), "");
        }
}

// Chains of results, some stored, some overwritten: NaNs are made canonical late, but nobody may see it.
TEST(Lowering, LateNans) {
    for (const Machine& s : machines())
        for (u64 x : kDoubles)
            for (u64 y : {kDoubles[4], kDoubles[22], kDoubles[25]}) {
                Maker m(s);
                const u32 aux = ir::fp_aux(ir::Round::Dyn, ir::FpSem::RiscV);
                const Value p = m.operand(kF, Type::F64, x), q = m.operand(kF + 2, Type::F64, y);
                const auto op = [&](Op o, Value a, Value b) {
                    return m.b.emit({.op = o, .type = Type::F64, .args = {a, b, ir::kNone}, .aux = aux});
                };
                const auto set = [&](u16 slot, Value v) {
                    m.b.emit({.op = Op::SetState, .args = {v, ir::kNone, ir::kNone}, .imm = slot});
                };
                const Value sum = op(Op::FAdd, p, q);
                set(kF, sum);
                const Value product = op(Op::FMul, sum, sum);
                set(kF + 1, product);
                m.b.store(Type::F64, m.b.c64(TestMemory::kBase + 64), 0, product);
                set(kF + 2, op(Op::FSub, q, q));
                const Value copy =
                    m.b.emit({.op = Op::FCopySign, .type = Type::F64, .args = {p, sum, ir::kNone}});
                set(kF + 3, copy);
                // faults: recovery must find canonical values
                m.b.insn(0x1004, 4);
                set(kF + 1, op(Op::FDiv, sum, product));
                m.b.insn(0x1008, 4);
                m.b.load(Type::I64, Type::I64, m.b.c64(TestMemory::kBase - 8), 0, false);
                ASSERT_EQ(m.finish(), "");
            }
}

TEST(Lowering, SpillPressure) {
    for (const Machine& s : machines()) {
        Maker m(s);
        std::vector<Value> ints, floats;
        for (u64 k = 0; k < 24; k++) {
            const Value x = m.b.emit({.op = Op::GetState, .type = Type::I64, .imm = k % 8});
            ints.push_back(
                m.b.emit({.op = Op::Mul, .type = Type::I64, .args = {x, m.b.c64(k * k + 3), ir::kNone}}));
            const Value f = m.b.emit({.op = Op::IntToF,
                                      .type = Type::F64,
                                      .args = {ints.back(), ir::kNone, ir::kNone},
                                      .aux = ir::fp_aux(ir::Round::Dyn, ir::FpSem::RiscV)});
            floats.push_back(f);
        }
        Value sum = ints[0], fsum = floats[0];
        for (size_t k = 1; k < ints.size(); k++) {
            sum =
                m.b.emit({.op = Op::Xor, .type = Type::I64, .args = {sum, ints[ints.size() - k], ir::kNone}});
            fsum = m.b.emit({.op = Op::FAdd,
                             .type = Type::F64,
                             .args = {fsum, floats[k], ir::kNone},
                             .aux = ir::fp_aux(ir::Round::Dyn, ir::FpSem::RiscV)});
        }
        m.result(sum);
        m.result(fsum);
        ASSERT_EQ(m.finish(), "");
    }
}

}  // namespace
}  // namespace vm::backend::x86_64
