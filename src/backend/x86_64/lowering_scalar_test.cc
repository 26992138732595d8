// Scalars in vector registers: every lane out and in, halves, vectors of one scalar, constants, and
// arithmetic that goes from register to register.
#include <gtest/gtest.h>

#include "backend/x86_64/lowering_harness.h"

namespace vm::backend::x86_64 {
namespace {

using namespace testing;
using ir::kNone;

constexpr Type kLanes[] = {Type::I8, Type::I16, Type::I32, Type::I64, Type::F16, Type::F32, Type::F64};
constexpr u64 kHalves[][2] = {{0, 0},
                              {~u64{0}, ~u64{0}},
                              {0x0123456789abcdef, 0xfedcba9876543210},
                              {0x8000000080000000, 0x8000000080000000},
                              {0x3ff0000000000000, 0},
                              {0, 0x4008000000000000},
                              {0x7f800001, 0x1}};

Value vec(Maker& m, Op op, Type t, Type lane, std::array<Value, 3> args, u64 imm = 0) {
    return m.b.emit({.op = op, .type = t, .mtype = lane, .args = args, .imm = imm});
}
Value get(Maker& m, u16 slot) {
    return m.b.emit({.op = Op::GetState, .type = m.l.slots[slot].type, .imm = slot});
}
void barrier(Maker& m) {
    m.b.emit({.op = Op::TrapIf,
              .args = {m.never(), m.b.c64(0), kNone},
              .aux = static_cast<u32>(ir::ExitReason::Misaligned)});
}
/// A vector in slot `slot`, a constant, or the result of an operation.
Value vector_operand(Maker& m, u16 slot, const u64 (&v)[2], bool computed) {
    const Value c = m.b.const128(Type::V128, v[0], v[1]);
    if (m.s.constants && !computed) return c;
    m.b.set(slot, c);
    barrier(m);
    const Value x = get(m, slot);
    return computed ? vec(m, Op::Xor, Type::V128, Type::Void, {x, x, kNone}),
           vec(m, Op::Not, Type::V128, Type::Void,
               {vec(m, Op::Not, Type::V128, Type::Void, {x, kNone, kNone}), kNone, kNone})
                    : x;
}
/// The scalar to x3 or, by way of an integer, there.
void scalar_result(Maker& m, Value v) {
    const Type t = m.b.type(v);
    if (t == Type::F64 || t == Type::F32 || t == Type::F16) {
        const Type bits = t == Type::F64 ? Type::I64 : t == Type::F32 ? Type::I32 : Type::I16;
        v = m.b.emit({.op = Op::Bitcast, .type = bits, .args = {v, kNone, kNone}});
    }
    m.result(v);
}

TEST(LoweringScalar, Extract) {
    for (const Machine& s : machines())
        for (Type lane : kLanes)
            for (const auto& v : kHalves)
                for (u64 k = 0; k < 128 / ir::width(lane); k++)
                    for (unsigned shape = 0; shape < 8; shape++) {
                        Maker m(s);
                        const Value x = vector_operand(m, static_cast<u16>(kV + (shape & 1)), v, shape & 2);
                        const Value y = vec(m, Op::VExtract, lane, lane, {x, kNone, kNone}, k);
                        scalar_result(m, y);
                        if (shape & 4)
                            m.b.set(kV + 1, vec(m, Op::VScalar, Type::V128, lane, {y, kNone, kNone}));
                        ASSERT_EQ(m.finish(), "");
                    }
}

TEST(LoweringScalar, Insert) {
    for (const Machine& s : machines())
        for (Type lane : kLanes)
            for (const auto& v : kHalves)
                for (u64 k = 0; k < 128 / ir::width(lane); k++)
                    for (unsigned shape = 0; shape < 16; shape++) {
                        Maker m(s);
                        const bool is_float = lane == Type::F64 || lane == Type::F32;
                        const Value x = vector_operand(m, static_cast<u16>(kV + (shape & 1)), v, shape & 2);
                        const u64 bits = 0x7ff4321089abcdef;
                        Value y = is_float ? m.b.constant(lane, bits) : m.b.constant(lane, bits);
                        if ((shape & 4) && lane == Type::F64) y = m.operand(kF + (shape >> 3), lane, bits);
                        if ((shape & 4) && !is_float && lane != Type::F16)
                            y = m.operand(shape >> 3 ? 6 : 0, lane, bits);
                        if ((shape & 4) && (lane == Type::F32 || lane == Type::F16))
                            y = vec(m, Op::VExtract, lane, lane, {x, kNone, kNone},
                                    (k + 1) % (128 / ir::width(lane)));
                        m.b.set(kV, vec(m, Op::VInsert, Type::V128, lane, {x, y, kNone}, k));
                        if (shape & 8) m.b.set(kV + 1, x);
                        ASSERT_EQ(m.finish(), "");
                    }
}

TEST(LoweringScalar, ScalarsAndHalves) {
    for (const Machine& s : machines())
        for (const auto& v : kHalves)
            for (u16 to : {kV, static_cast<u16>(kV + 1)})
                for (bool computed : {false, true})
                    for (bool reused : {false, true}) {
                        const auto run = [&](auto&& build) {
                            Maker m(s);
                            const Value x = vector_operand(m, kV, v, computed);
                            m.b.set(to, build(m, x));
                            if (reused) m.b.set(static_cast<u16>(2 * kV + 1 - to), x);
                            ASSERT_EQ(m.finish(), "");
                        };
                        for (Type lane : kLanes) {
                            run([&](Maker& m, Value x) {
                                const Value y = vec(m, Op::VExtract, lane, lane, {x, kNone, kNone}, 0);
                                return vec(m, Op::VScalar, Type::V128, lane, {y, kNone, kNone});
                            });
                            run([&](Maker& m, Value) {
                                return vec(m, Op::VScalar, Type::V128, lane,
                                           {m.b.constant(lane, v[0]), kNone, kNone});
                            });
                            if (lane == Type::F16 || lane == Type::F32) continue;
                            run([&](Maker& m, Value) {
                                const Value y = m.operand(lane == Type::F64 ? kF + 2 : 6, lane, v[0]);
                                return vec(m, Op::VScalar, Type::V128, lane, {y, kNone, kNone});
                            });
                        }
                        run([&](Maker& m, Value x) {
                            return vec(m, Op::VLow64, Type::V128, Type::I64, {x, kNone, kNone});
                        });
                        run([&](Maker& m, Value x) {
                            const Value low =
                                m.b.emit({.op = Op::Lo128, .type = Type::I64, .args = {x, kNone, kNone}});
                            const Value high =
                                m.b.emit({.op = Op::Hi128, .type = Type::I64, .args = {x, kNone, kNone}});
                            m.b.set(3, low);
                            m.b.set(6, high);
                            return m.b.emit(
                                {.op = Op::Make128, .type = Type::V128, .args = {high, low, kNone}});
                        });
                        run([&](Maker& m, Value x) {
                            const Value low =
                                m.b.emit({.op = Op::Lo128, .type = Type::I64, .args = {x, kNone, kNone}});
                            return m.b.emit(
                                {.op = Op::Make128, .type = Type::V128, .args = {low, m.b.c64(0), kNone}});
                        });
                    }
}

// Scalars that stay in vector registers through several operations: what is above them is known to be zero,
// or not.
TEST(LoweringScalar, Chains) {
    const u32 aux = ir::fp_aux(ir::Round::Dyn, ir::FpSem::RiscV);
    for (const Machine& s : machines())
        for (Type t : {Type::F64, Type::F32})
            for (u16 to : {kV, static_cast<u16>(kV + 1)})
                for (unsigned shape = 0; shape < 8; shape++)
                    for (const auto& v : kHalves) {
                        Maker m(s);
                        const auto low = [&](u16 slot) {
                            return vec(m, Op::VExtract, t, t, {get(m, slot), kNone, kNone});
                        };
                        const auto put = [&](u16 slot, Value x) {
                            m.b.set(slot, vec(m, Op::VScalar, Type::V128, t, {x, kNone, kNone}));
                        };
                        vector_operand(m, kV, v, true);
                        vector_operand(m, kV + 1, kHalves[2], true);
                        Value x = low(kV), y = low(kV + 1);
                        if (shape & 1) y = m.b.load(t, t, m.b.c64(TestMemory::kBase + 16), 0, false);
                        const auto arithmetic = [&](Op op, Value p, Value q) {
                            return m.b.emit({.op = op, .type = t, .args = {p, q, kNone}, .aux = aux});
                        };
                        x = arithmetic(Op::FAdd, x, y);
                        put(to, x);
                        if (shape & 2) barrier(m);
                        x = arithmetic(shape & 4 ? Op::FMul : Op::FDiv, low(to), y);
                        put(to, x);
                        x = m.b.emit({.op = Op::FNeg, .type = t, .args = {x, kNone, kNone}});
                        put(static_cast<u16>(2 * kV + 1 - to), x);
                        put(to,
                            m.b.emit({.op = Op::FSqrt, .type = t, .args = {x, kNone, kNone}, .aux = aux}));
                        m.b.store(t, m.b.c64(TestMemory::kBase + 64), 0, x);
                        ASSERT_EQ(m.finish(), "");
                    }
}

// Half precision is in general registers, also where its vector's register is known in advance.
TEST(LoweringScalar, HalfSelect) {
    for (const Machine& s : machines())
        for (bool taken : {false, true})
            for (u16 to : {kV, static_cast<u16>(kV + 1)}) {
                Maker m(s);
                const Value x = vector_operand(m, kV, kHalves[2], false),
                            y = vector_operand(m, kV + 1, kHalves[3], false);
                const Value p = vec(m, Op::VExtract, Type::F16, Type::F16, {x, kNone, kNone}),
                            q = vec(m, Op::VExtract, Type::F16, Type::F16, {y, kNone, kNone}, 1);
                Value c = m.never();
                if (taken) c = m.b.emit({.op = Op::Not, .type = Type::I1, .args = {c, kNone, kNone}});
                const Value chosen = m.b.emit({.op = Op::Select, .type = Type::F16, .args = {c, p, q}});
                m.b.set(to, vec(m, Op::VScalar, Type::V128, Type::F16, {chosen, kNone, kNone}));
                ASSERT_EQ(m.finish(), "");
            }
}

// A fault finds all of a pinned vector.
TEST(LoweringScalar, FaultsSeeWholeVectors) {
    for (const Machine& s : machines())
        for (const auto& v : kHalves) {
            Maker m(s);
            m.b.set(kV, m.b.const128(Type::V128, v[0], v[1]));
            m.b.set(kV + 1, m.b.const128(Type::V128, v[1], v[0]));
            m.b.insn(0x1004, 4);
            m.b.load(Type::I64, Type::I64, m.b.c64(TestMemory::kBase - 8), 0, false);
            ASSERT_EQ(m.finish(), "");
        }
}

}  // namespace
}  // namespace vm::backend::x86_64
