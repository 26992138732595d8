// Flags: as words in slots, as conditions of branches, selects and truth values, made alone and together with
// the value that they belong to.
#include <gtest/gtest.h>

#include "backend/x86_64/lowering_harness.h"
#include "base/softfloat.h"
#include "ir/eval.h"

namespace vm::backend::x86_64 {
namespace {

using namespace testing;
using ir::FlagCond;
using ir::kNone;

constexpr u32 kConds = 14;
constexpr u64 kNotBorrow = static_cast<u64>(ir::CarrySem::NotBorrow);
constexpr u16 kWordBits = 0xc101;

Value emit(Maker& m, Op op, Type t, std::array<Value, 3> args, u32 aux = 0) {
    return m.b.emit({.op = op, .type = t, .args = args, .aux = aux});
}
Value test(Maker& m, Value flags, u32 cond) {
    return emit(m, Op::FlagsTest, Type::I1, {flags, kNone, kNone}, cond);
}
Value unpack(Maker& m, Value flags) { return emit(m, Op::FlagsUnpack, Type::I32, {flags, kNone, kNone}); }

/// How flags are made from two operands.
struct Source {
    Op op;
    u32 aux;
    int carry;  ///< 0 and 1: of that value, known only when the code runs; -1: constant 0
};
constexpr Source kSources[] = {{Op::FlagsAdd, 0, -1},          {Op::FlagsAdd, 0, 0},
                               {Op::FlagsAdd, 0, 1},           {Op::FlagsSub, 0, -1},
                               {Op::FlagsSub, 0, 0},           {Op::FlagsSub, 0, 1},
                               {Op::FlagsSub, kNotBorrow, -1}, {Op::FlagsSub, kNotBorrow, 0},
                               {Op::FlagsSub, kNotBorrow, 1},  {Op::FlagsLogic, 0, -1}};

Value flags_of(Maker& m, const Source& s, Value x, Value y) {
    if (s.op == Op::FlagsLogic) return emit(m, s.op, Type::Flags, {x, kNone, kNone});
    const Value never = m.never();
    const Value zero = m.b.constant(Type::I1, 0);
    const Value carry = s.carry < 0    ? zero
                        : s.carry == 0 ? never
                                       : emit(m, Op::Not, Type::I1, {never, kNone, kNone});
    return emit(m, s.op, Type::Flags, {x, y, carry}, s.aux);
}

template <class F>
void for_operands(F&& f) {
    for (const Machine& s : machines())
        for (Type t : {Type::I64, Type::I32, Type::I16, Type::I8})
            for (const Source& source : kSources)
                for (u64 x : kInts)
                    for (u64 y : kInts) f(s, t, source, x, y);
}

// Every condition on one word, which the block also unpacks.
TEST(LoweringFlags, Words) {
    for_operands([](const Machine& s, Type t, const Source& source, u64 x, u64 y) {
        Maker m(s);
        const Value flags = flags_of(m, source, m.operand(0, t, x), m.operand(6, t, y));
        Value all = emit(m, Op::Zext, Type::I64, {unpack(m, flags), kNone, kNone});
        for (u32 c = 0; c < kConds; c++) {
            const Value truth = emit(m, Op::Zext, Type::I64, {test(m, flags, c), kNone, kNone});
            all = m.b.or_(all, m.b.shl(truth, m.b.c64(c)));
        }
        m.result(all);
        ASSERT_EQ(m.finish(), "");
    });
}

// A condition that is all that is wanted of the flags: the comparison itself.
TEST(LoweringFlags, Conditions) {
    for_operands([](const Machine& s, Type t, const Source& source, u64 x, u64 y) {
        if ((x ^ y) & 2) return;
        for (u32 c = 0; c < kConds; c++) {
            Maker m(s);
            const Value p = m.operand(0, t, x), q = m.operand(6, t, y);
            const Value chosen = emit(m, Op::Select, Type::I64,
                                      {test(m, flags_of(m, source, p, q), c), m.b.get(1), m.b.get(7)});
            m.b.set(5, chosen);
            m.result(test(m, flags_of(m, source, p, q), c));
            m.b.emit({.op = Op::ExitIf,
                      .args = {test(m, flags_of(m, source, p, q), c), kNone, kNone},
                      .imm = 0x2000});
            ASSERT_EQ(m.finish(), "");
        }
    });
}

// The value and its flags, in either order, over the operand's own slot and another.
TEST(LoweringFlags, WithValue) {
    struct Pair {
        Op value, flags;
        u32 aux;
    };
    constexpr Pair kPairs[] = {{Op::Add, Op::FlagsAdd, 0},
                               {Op::Sub, Op::FlagsSub, 0},
                               {Op::Sub, Op::FlagsSub, kNotBorrow},
                               {Op::And, Op::FlagsLogic, 0},
                               {Op::AndNot, Op::FlagsLogic, 0}};
    for (const Machine& s : machines())
        for (Type t : {Type::I64, Type::I32, Type::I16, Type::I8})
            for (const Pair& pair : kPairs)
                for (u16 to : {0, 6, 3})
                    for (unsigned order = 0; order < 6; order++)
                        for (u64 x : kInts)
                            for (u64 y : kInts) {
                                Maker m(s);
                                const Value p = m.operand(0, t, x);
                                const Value q = order == 5 ? m.b.constant(t, y) : m.operand(6, t, y);
                                Value value = kNone, flags = kNone;
                                const auto make_value = [&] {
                                    value = emit(m, pair.value, t, {p, q, kNone});
                                    if (order < 2)
                                        m.b.set(to, t == Type::I64 ? value : m.b.zext(Type::I64, value));
                                };
                                if (order % 2 == 0 || pair.flags == Op::FlagsLogic) make_value();
                                flags = pair.flags == Op::FlagsLogic
                                            ? emit(m, pair.flags, Type::Flags, {value, kNone, kNone})
                                            : emit(m, pair.flags, Type::Flags,
                                                   {p, q, m.b.constant(Type::I1, 0)}, pair.aux);
                                if (value == kNone) make_value();
                                if (order >= 2)
                                    m.b.set(to, t == Type::I64 ? value : m.b.zext(Type::I64, value));
                                m.b.set(5, m.b.zext(Type::I64, unpack(m, flags)));
                                const Value equal =
                                    emit(m, Op::Icmp, Type::I1, {p, q, kNone}, static_cast<u32>(order & 1));
                                m.b.emit({.op = Op::ExitIf, .args = {equal, kNone, kNone}, .imm = 0x2000});
                                ASSERT_EQ(m.finish(), "");
                            }
}

// Sums with the C of flags, alone and together with their flags.
TEST(LoweringFlags, Carry) {
    const u16 nzcv = static_cast<u16>(layout(true).slots.size() - 1);
    ASSERT_EQ(layout(true).slots[nzcv].type, Type::Flags);
    for (const Machine& s : machines())
        for (Type t : {Type::I64, Type::I32})
            for (bool minus : {false, true})
                for (unsigned shape = 0; shape < 32; shape++)
                    for (u64 x : kInts)
                        for (u64 y : {u64{0}, u64{1}, x, ~x, u64{0x7fffffff}, ~u64{0}}) {
                            Maker m(s);
                            const Value p = m.operand(0, t, x), q = m.operand(6, t, y);
                            const Value before = (shape & 1) != 0 ? m.b.get(nzcv)
                                                                  : emit(m, Op::FlagsAdd, Type::Flags,
                                                                         {p, p, m.b.constant(Type::I1, 0)});
                            Value c =
                                test(m, before, static_cast<u32>((shape & 2) ? FlagCond::Cs : FlagCond::Cc));
                            if (shape & 4) c = emit(m, Op::Not, Type::I1, {c, kNone, kNone});
                            const bool plain = shape & 8;
                            const Op op = minus ? Op::Sub : Op::Add;
                            const Value inner = plain ? p : emit(m, op, t, {p, q, kNone});
                            const Value carry = emit(m, Op::Zext, t, {c, kNone, kNone});
                            const Value sum = emit(m, op, t, {inner, carry, kNone});
                            m.b.set(3, t == Type::I64 ? sum : m.b.zext(Type::I64, sum));
                            if (shape & 16)
                                m.b.set(nzcv, emit(m, minus ? Op::FlagsSub : Op::FlagsAdd, Type::Flags,
                                                   {p, plain ? m.b.constant(t, 0) : q, c},
                                                   minus ? static_cast<u32>(x & 1) : 0));
                            ASSERT_EQ(m.finish(), "");
                        }
}

TEST(LoweringFlags, PackSelectUnpack) {
    for (const Machine& s : machines())
        for (u64 x = 0; x < 16; x++)
            for (u64 junk : {u64{0}, u64{0x0fffffff}})
                for (bool taken : {false, true}) {
                    Maker m(s);
                    const auto pack = [&](Value v) {
                        return emit(m, Op::FlagsPack, Type::Flags, {v, kNone, kNone});
                    };
                    const Value never = m.never();
                    const Value c = taken ? emit(m, Op::Not, Type::I1, {never, kNone, kNone}) : never;
                    const Value packed = pack(m.operand(0, Type::I32, x << 28 | junk));
                    const Value constant = pack(m.b.constant(Type::I32, (x ^ 5) << 28));
                    const Value chosen = emit(m, Op::Select, Type::Flags, {c, packed, constant});
                    const Value other = emit(m, Op::Select, Type::Flags, {c, constant, packed});
                    Value all = m.b.zext(Type::I64, unpack(m, chosen));
                    all = m.b.or_(all, m.b.shl(m.b.zext(Type::I64, unpack(m, other)), m.b.c64(32)));
                    for (u32 cond = 0; cond < kConds; cond++)
                        all =
                            m.b.or_(all, m.b.shl(m.b.zext(Type::I64, test(m, chosen, cond)), m.b.c64(cond)));
                    m.result(all);
                    ASSERT_EQ(m.finish(), "");
                }
}

// Words in the state block: written by an operation, read by a test in the next block.
TEST(LoweringFlags, Slot) {
    for (Machine s : machines()) {
        if (s.constants) continue;
        ir::StateLayout l = layout(s.pinned);
        const u16 slot = static_cast<u16>(l.slots.size());
        l.slots.push_back({"word", Type::Flags, l.size});
        l.slots.push_back({"after", Type::I16, static_cast<u16>(l.size + 2)});
        l.size = static_cast<u16>(l.size + 16);
        const auto compiler = make_compiler(l, {.disabled_opts = s.disabled}, s.features);
        const auto run = [&](auto&& build, u64 seed) {
            ir::Block block;
            block.start_pc = 0x1000;
            ir::Builder b(block, l);
            b.insn(0x1000, 4);
            build(b);
            b.exit(ir::ExitReason::Syscall, 0x1004);
            CompiledBlock out;
            EXPECT_TRUE(compiler->compile(block, out));
            return NativeMachine::get().run(out, l, seed);
        };
        const auto word_at = [&](const Outcome& o, unsigned n) {
            return load_raw<u16>(o.guest.data() + l.slots[n].offset);
        };
        for (u64 seed = 1; seed < 64; seed++) {
            std::vector<u8> before(l.size + 16u), memory(TestMemory::kSize);
            seeded_state(seed, before, memory);
            const auto x = load_raw<u64>(before.data()), y = load_raw<u64>(before.data() + l.slots[6].offset);
            const Outcome o = run(
                [&](ir::Builder& b) {
                    const Value f = b.emit({.op = Op::FlagsSub,
                                            .type = Type::Flags,
                                            .args = {b.get(0), b.get(6), b.constant(Type::I1, 0)},
                                            .aux = kNotBorrow});
                    b.emit({.op = Op::SetState, .args = {f, kNone, kNone}, .imm = slot});
                },
                seed);
            EXPECT_EQ(word_at(o, slot) & kWordBits, ir::flags_of_add(64, x, ~y, true).word());
            EXPECT_EQ(word_at(o, slot + 1u), load_raw<u16>(before.data() + l.slots[slot + 1u].offset));
            const ir::Nzcv old = ir::Nzcv::of_word(load_raw<u16>(before.data() + l.slots[slot].offset));
            for (u32 c = 0; c < kConds; c++) {
                const Outcome read = run(
                    [&](ir::Builder& b) {
                        const Value f = b.emit({.op = Op::GetState, .type = Type::Flags, .imm = slot});
                        const Value truth = b.emit(
                            {.op = Op::FlagsTest, .type = Type::I1, .args = {f, kNone, kNone}, .aux = c});
                        b.emit({.op = Op::ExitIf, .args = {truth, kNone, kNone}, .imm = 0x2000});
                    },
                    seed);
                EXPECT_EQ(read.result.pc == 0x2000, ir::flag_cond(static_cast<FlagCond>(c), old)) << c;
            }
        }
    }
}

/// Runs a block that ends at 0x1004 or, where an exit is taken, at 0x2000.
Outcome run_native(Maker& m) {
    m.b.exit(ir::ExitReason::Syscall, 0x1004);
    CompiledBlock out;
    EXPECT_TRUE(compiler_for(m.s).compile(m.block, out));
    return NativeMachine::get().run(out, m.l, 1, {.flags = 0, .rounding = m.s.rounding});
}

// Flags of a comparison against the order that softfloat tells: as a word, and as the condition of a branch,
// which is the comparison itself.
TEST(LoweringFlags, FloatCompare) {
    for_floats([](const Machine& s, Type t, u64 x) {
        if (s.rounding || (s.constants && s.pinned)) return;
        const auto all = t == Type::F64 ? std::span<const u64>(kDoubles) : std::span<const u64>(kFloats);
        for (u64 y : all)
            for (u32 aux : {0u, 8u}) {
                softfloat::Env env;
                const auto order = t == Type::F64
                                       ? softfloat::compare<softfloat::Format::F64>(x, y, aux & 8, env)
                                       : softfloat::compare<softfloat::Format::F32>(x, y, aux & 8, env);
                const ir::Nzcv want{std::array<u8, 4>{8, 6, 2, 3}[static_cast<unsigned>(order)]};
                const auto flags = [&](Maker& m) {
                    const Value p = float_operand(m, kF, t, x), q = float_operand(m, kF + 2, t, y);
                    return emit(m, Op::FlagsFCmp, Type::Flags, {p, q, kNone}, aux);
                };
                Maker m(s);
                m.b.set(3, m.b.zext(Type::I64, unpack(m, flags(m))));
                const Outcome o = run_native(m);
                ASSERT_EQ(load_raw<u64>(o.guest.data() + m.l.slots[3].offset), u64{want.bits} << 28)
                    << std::hex << x << " " << y;
                ASSERT_EQ(o.fp.flags, env.flags);
                for (u32 c = 0; c < kConds; c++) {
                    Maker branch(s);
                    const Value f = flags(branch);
                    branch.b.set(3, emit(branch, Op::Select, Type::I64,
                                         {test(branch, f, c), branch.b.c64(1), branch.b.c64(2)}));
                    branch.b.emit({.op = Op::ExitIf,
                                   .args = {test(branch, flags(branch), c), kNone, kNone},
                                   .imm = 0x2000});
                    const Outcome taken = run_native(branch);
                    const bool holds = ir::flag_cond(static_cast<FlagCond>(c), want);
                    ASSERT_EQ(taken.result.pc == 0x2000, holds) << c << std::hex << " " << x << " " << y;
                    ASSERT_EQ(load_raw<u64>(taken.guest.data() + branch.l.slots[3].offset), holds ? 1u : 2u);
                    ASSERT_EQ(taken.fp.flags, env.flags);
                }
            }
    });
}

// Comparisons that only a branch or a select looks at.
TEST(LoweringFlags, FusedFloatCompare) {
    for_floats([](const Machine& s, Type t, u64 x) {
        if (s.rounding || (s.constants && s.pinned)) return;
        const auto all = t == Type::F64 ? std::span<const u64>(kDoubles) : std::span<const u64>(kFloats);
        for (u64 y : all)
            for (u32 aux = 0; aux < 16; aux++) {
                if ((aux & 7) > 3) continue;
                Maker m(s);
                const Value p = float_operand(m, kF, t, x), q = float_operand(m, kF + 2, t, y);
                const auto compared = [&] { return emit(m, Op::FCmp, Type::I1, {p, q, kNone}, aux); };
                m.result(emit(m, Op::Select, Type::I64, {compared(), m.b.get(1), m.b.get(7)}));
                m.result(emit(m, Op::Select, t, {compared(), p, q}));
                const Value no = emit(m, Op::Not, Type::I1, {compared(), kNone, kNone});
                m.b.emit({.op = Op::ExitIf, .args = {no, kNone, kNone}, .imm = 0x3000});
                m.b.emit({.op = Op::ExitIf, .args = {compared(), kNone, kNone}, .imm = 0x2000});
                ASSERT_EQ(m.finish(), "");
            }
    });
}

}  // namespace
}  // namespace vm::backend::x86_64
