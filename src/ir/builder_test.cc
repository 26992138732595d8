#include "ir/builder.h"

#include <gtest/gtest.h>

#include "ir/eval.h"
#include "ir/interp.h"
#include "ir/random_block.h"
#include "ir/text.h"

namespace vm::ir {
namespace {

using testing::kLayout;
constexpr u64 kEdges[] = {0,
                          1,
                          2,
                          7,
                          8,
                          31,
                          63,
                          0x7f,
                          0x80,
                          0xff,
                          0x7fff,
                          0x8000,
                          0x7fffffff,
                          0x80000000u,
                          0xffffffff,
                          ~u64{0} / 2,
                          ~u64{0} - 1,
                          ~u64{0},
                          ~(~u64{0} / 2)};

struct BuilderTest : ::testing::Test {
    Block block;
    Builder b{block, kLayout};
    size_t made() const { return block.insts.size(); }
    std::string text(Value v) const { return print(block.insts[v], v, kLayout); }
};

/// The guest area after `block`, which has no memory accesses.
std::vector<u8> run(const Block& block, u64 x0, u64 x1) {
    std::vector<u8> guest(512);
    store_raw(guest.data() + kLayout.slots[0].offset, x0);
    store_raw(guest.data() + kLayout.slots[1].offset, x1);
    InterpContext ctx{
        .guest = guest.data(), .fp = {}, .reservation = {}, .icount = {}, .memory = {}, .read_time = {}};
    interpret(block, kLayout, ctx);
    return guest;
}
u64 slot(const std::vector<u8>& guest, u16 n) {
    return load_raw<u64>(guest.data() + kLayout.slots[n].offset);
}

/// Builds `op` from constants, variables and equal variables, once folded and once as it is, and compares the
/// values.
void check_folds(Op op, Type t, u64 x, u64 y, u32 aux) {
    x = zext(x, width(t));
    y = zext(y, width(t));
    for (unsigned shape = 0; shape < 5; ++shape) {
        Block block;
        Builder b(block, kLayout);
        const Value vx = b.get(0), vy = b.get(1);
        const Value narrow_x = t == Type::I64 ? vx : b.trunc(t, vx),
                    narrow_y = t == Type::I64 ? vy : b.trunc(t, vy);
        const Value px = shape & 1 ? b.constant(t, x) : narrow_x;
        const Value py = shape == 4 ? px : shape & 2 ? b.constant(t, y) : narrow_y;
        const bool one = info(op).nargs == 1;
        const Value folded = one ? b.unary(op, px, aux) : b.binary(op, px, py, aux);
        const Type result = info(op).result == 'B' ? Type::I1 : t;
        ASSERT_EQ(b.type(folded), result);
        const Value plain =
            b.emit({.op = op, .type = result, .args = {px, one ? kNone : py, kNone}, .aux = aux});
        b.set(2, result == Type::I64 ? folded : b.zext(Type::I64, folded));
        b.set(3, result == Type::I64
                     ? plain
                     : b.emit({.op = Op::Zext, .type = Type::I64, .args = {plain, kNone, kNone}}));
        b.jump(0);
        const auto ok = verify(block, kLayout);
        ASSERT_TRUE(ok) << ok.error().message;
        const auto guest = run(block, x, y);
        ASSERT_EQ(slot(guest, 2), slot(guest, 3)) << print(block, kLayout) << std::hex << x << " " << y;
    }
}

TEST(BuilderFolds, AgreeWithTheInterpreter) {
    for (u16 i = static_cast<u16>(Op::Add); i <= static_cast<u16>(Op::Pext); ++i) {
        const Op op = static_cast<Op>(i);
        if (op >= Op::DivWideS && op <= Op::RemWideU) continue;
        for (const Type t : {Type::I8, Type::I16, Type::I32, Type::I64})
            for (const u64 x : kEdges)
                for (const u64 y : kEdges)
                    check_folds(op, t, x, y, op >= Op::DivS && op <= Op::RemU ? x & 1 : 0);
    }
}

TEST(BuilderFolds, ZerosOfReversedBitsAreThoseAtTheOtherEnd) {
    for (const Op op : {Op::Clz, Op::Ctz, Op::Bitrev})
        for (const Type t : {Type::I8, Type::I16, Type::I32, Type::I64})
            for (const u64 x : kEdges) {
                Block block;
                Builder b(block, kLayout);
                const Value v = t == Type::I64 ? b.get(0) : b.trunc(t, b.get(0));
                const Value folded = b.unary(op, b.unary(Op::Bitrev, v));
                const Value reversed = b.emit({.op = Op::Bitrev, .type = t, .args = {v, kNone, kNone}});
                const Value plain = b.emit({.op = op, .type = t, .args = {reversed, kNone, kNone}});
                EXPECT_TRUE(folded == v || b.at(folded).args[0] == v);
                b.set(2, t == Type::I64 ? folded : b.zext(Type::I64, folded));
                b.set(3, t == Type::I64 ? plain : b.zext(Type::I64, plain));
                b.jump(0);
                const auto guest = run(block, x, 0);
                ASSERT_EQ(slot(guest, 2), slot(guest, 3)) << print(block, kLayout) << std::hex << x;
            }
}

TEST(BuilderFolds, CompareAgreesWithTheInterpreter) {
    for (u32 c = 0; c <= static_cast<u32>(Cond::GtU); ++c)
        for (const Type t : {Type::I8, Type::I32, Type::I64})
            for (const u64 x : kEdges)
                for (const u64 y : kEdges) check_folds(Op::Icmp, t, x, y, c);
}

TEST(BuilderFolds, ConversionsAgreeWithTheInterpreter) {
    constexpr Type kTypes[] = {Type::I1, Type::I8, Type::I16, Type::I32, Type::I64};
    const auto convert = [](Builder& b, Value v, Type from, Type to, bool sign, bool fold) {
        if (from == to) return v;
        const Op op = width(to) < width(from) ? Op::Trunc : sign ? Op::Sext : Op::Zext;
        return fold ? b.convert(op, to, v) : b.emit({.op = op, .type = to, .args = {v, kNone, kNone}});
    };
    for (const u64 x : kEdges)
        for (unsigned path = 0; path < 5 * 5 * 5 * 8; ++path) {
            const Type t[] = {kTypes[path % 5], kTypes[path / 5 % 5], kTypes[path / 25 % 5]};
            Block block;
            Builder b(block, kLayout);
            for (const bool constant : {false, true})
                for (const bool fold : {false, true}) {
                    Value v = constant ? b.c64(x) : b.get(0);
                    Type from = Type::I64;
                    for (unsigned k = 0; k < 3; ++k) {
                        v = convert(b, v, from, t[k], path / 125 >> k & 1, fold);
                        from = t[k];
                    }
                    v = convert(b, v, from, Type::I64, false, fold);
                    b.set(static_cast<u16>(2 + constant * 2 + fold), v);
                }
            b.jump(0);
            const auto guest = run(block, x, 0);
            for (u16 s = 3; s < 6; ++s) ASSERT_EQ(slot(guest, s), slot(guest, 2)) << print(block, kLayout);
        }
}

TEST_F(BuilderTest, IdentitiesMakeNothing) {
    const Value x = b.get(0), zero = b.c64(0), one = b.c64(1), ones = b.c64(~u64{0});
    const size_t n = made();
    EXPECT_EQ(b.add(x, zero), x);
    EXPECT_EQ(b.add(zero, x), x);
    EXPECT_EQ(b.sub(x, zero), x);
    EXPECT_EQ(b.and_(x, ones), x);
    EXPECT_EQ(b.and_(x, x), x);
    EXPECT_EQ(b.and_(x, zero), zero);
    EXPECT_EQ(b.or_(zero, x), x);
    EXPECT_EQ(b.or_(x, ones), ones);
    EXPECT_EQ(b.xor_(x, x), zero);
    EXPECT_EQ(b.mul(x, one), x);
    EXPECT_EQ(b.shl(x, zero), x);
    EXPECT_EQ(b.trunc(Type::I64, x), x);
    EXPECT_EQ(made(), n);
    EXPECT_EQ(text(b.xor_(x, ones)), "%4 = not i64 %0");
    EXPECT_EQ(b.not_(Value{4}), x);
    EXPECT_EQ(text(b.sub(zero, x)), "%5 = neg i64 %0");
    EXPECT_EQ(text(b.icmp(Cond::LtS, zero, x)), "%6 = icmp i1 %0, %1, gts");
}

TEST_F(BuilderTest, WidthChangesCollapse) {
    const Value x = b.get(0);
    const Value low = b.trunc(Type::I32, x);
    const Value wide = b.sext(Type::I64, low);
    EXPECT_EQ(b.trunc(Type::I32, wide), low);
    EXPECT_EQ(text(b.trunc(Type::I8, wide)), "%3 = trunc i8 %1");
    EXPECT_EQ(text(b.sext(Type::I64, b.zext(Type::I32, Value{3}))), "%5 = zext i64 %3");
    EXPECT_EQ(text(b.trunc(Type::I16, b.trunc(Type::I32, x))), "%7 = trunc i16 %0");
    const Value f = b.bitcast(Type::F64, x);
    EXPECT_EQ(b.bitcast(Type::I64, f), x);
}

TEST_F(BuilderTest, ConstantsAreTruncatedAndShared) {
    EXPECT_EQ(b.constant(Type::I8, 0x1ff), b.constant(Type::I8, 0xff));
    EXPECT_NE(b.constant(Type::I16, 0xff), b.constant(Type::I8, 0xff));
    EXPECT_EQ(text(b.sext(Type::I128, b.c32(0x80000000))),
              "%3 = const128 i128 0xffffffff80000000, hi=0xffffffffffffffff");
    EXPECT_EQ(text(b.add(b.guest_addr(0x1000), b.c64(0x234))), "%6 = gaddr i64 0x1234");
    EXPECT_EQ(text(b.and_(Value{6}, b.c64(~u64{3}))), "%8 = gaddr i64 0x1234");
    EXPECT_EQ(text(b.and_(Value{6}, b.c64(0xfffffff0ffffffff))), "%10 = and i64 %6, %9")
        << "more than the page offset";
}

TEST_F(BuilderTest, JumpsBackAreSafepoints) {
    b.insn(0x1000, 4);
    b.jump(0x1000);
    EXPECT_EQ(block.insts.back().aux, kBackEdge);
}

TEST_F(BuilderTest, FloatBoxesAndHalves) {
    const Value s = b.convert(Op::NanUnbox, Type::F32, b.get(8));
    const Value boxed = b.convert(Op::NanBox, Type::F64, s);
    EXPECT_EQ(b.convert(Op::NanUnbox, Type::F32, boxed), s);
    EXPECT_EQ(text(b.convert(Op::NanUnbox, Type::F32, b.constant(Type::F64, 0xffffffff3f800000))),
              "%4 = const f32 0x3f800000");
    EXPECT_EQ(text(b.convert(Op::NanUnbox, Type::F32, b.constant(Type::F64, 0xfffffffe3f800000))),
              "%6 = const f32 0x7fc00000");
    EXPECT_EQ(text(b.convert(Op::NanBox, Type::F64, Value{4})), "%3 = const f64 0xffffffff3f800000");
    const Value x = b.get(0), y = b.get(1), pair = b.make128(Type::I128, x, y);
    EXPECT_EQ(b.convert(Op::Lo128, Type::I64, pair), x);
    EXPECT_EQ(b.convert(Op::Hi128, Type::I64, pair), y);
}

TEST_F(BuilderTest, ComparedTruthValuesFuse) {
    const Value less = b.icmp(Cond::LtU, b.get(0), b.get(1)), wide = b.zext(Type::I64, less), zero = b.c64(0);
    EXPECT_EQ(b.icmp(Cond::Ne, wide, zero), less);
    EXPECT_EQ(text(b.icmp(Cond::Eq, wide, zero)), "%5 = not i1 %2");
}

TEST_F(BuilderTest, ControlFlow) {
    b.insn(0x1000, 4);
    EXPECT_EQ(b.pc(), 0x1000u);
    b.exit_if(b.constant(Type::I1, 0), 0x10);
    b.trap_if(b.constant(Type::I1, 0), ExitReason::Misaligned, b.c64(0));
    EXPECT_EQ(made(), 3u);  // insn, false, 0
    const Value c = b.icmp(Cond::Eq, b.get(0), b.get(1));
    b.exit_if(c, 0x1000);
    EXPECT_EQ(block.insts.back().aux, kBackEdge);
    b.exit_if(c, 0x1004);
    EXPECT_EQ(block.insts.back().aux, 0u);
    EXPECT_FALSE(b.terminated());
    b.call(0x5000, 0x1004);
    EXPECT_TRUE(b.terminated());
    EXPECT_EQ(block.insts.back().imm, 0x5000u);
    EXPECT_TRUE(b.is_const(block.insts.back().args[0], 0x1004));
    EXPECT_TRUE(verify(block, kLayout));
}

TEST(Builder, ForwardStateGivesTheKnownValue) {
    Block block;
    Builder b(block, kLayout);
    b.forward_state();
    const Value x = b.get(0);
    EXPECT_EQ(b.get(0), x);
    b.set(1, x);
    EXPECT_EQ(b.get(1), x);
    const size_t before = block.insts.size();
    b.set(1, x);  // the slot has this value
    EXPECT_EQ(block.insts.size(), before);
    const Value low = b.get(1, Type::I32);
    EXPECT_EQ(block.insts[low].op, Op::Trunc);
    EXPECT_EQ(block.insts[low].args[0], x);
    EXPECT_TRUE(block.forwarded);
    EXPECT_FALSE(block.may_loop || block.may_extend);
}

/// Halves of the low word of one register, each read and widened by itself, as front ends make them.
TEST(Builder, ForwardStateFindsRotations) {
    Block block;
    Builder b(block, kLayout);
    b.forward_state();
    b.set(0, b.add(b.get(1), b.get(2)));
    b.set(3, b.sext(Type::I64, b.lshr(b.get(0, Type::I32), b.c32(7))));
    b.set(4, b.sext(Type::I64, b.shl(b.get(0, Type::I32), b.c32(25))));
    const Value joined = b.or_(b.get(3), b.get(4));
    ASSERT_EQ(block.insts[joined].op, Op::Sext);
    const Inst& rotated = block.insts[block.insts[joined].args[0]];
    EXPECT_EQ(rotated.op, Op::Rotr);
    EXPECT_EQ(block.insts[rotated.args[1]].imm, 7u);
    EXPECT_TRUE(block.may_extend);
}

}  // namespace
}  // namespace vm::ir
