#include "ir/text.h"

#include <gtest/gtest.h>

#include "base/format.h"
#include "ir/deferred_flags.h"
#include "ir/random_block.h"

namespace vm::ir {
namespace {

using testing::kLayout;

void expect_same(const Block& a, const Block& b) {
    EXPECT_EQ(a.start_pc, b.start_pc);
    EXPECT_EQ(a.guest_bytes, b.guest_bytes);
    EXPECT_EQ(a.guest_insns, b.guest_insns);
    EXPECT_EQ(a.ranges, b.ranges);
    ASSERT_EQ(a.insts.size(), b.insts.size());
    for (Value v = 0; v < a.insts.size(); ++v) {
        const Inst &x = a.insts[v], &y = b.insts[v];
        EXPECT_TRUE(x.op == y.op && x.type == y.type && x.mtype == y.mtype && x.args == y.args &&
                    x.aux == y.aux && x.imm == y.imm)
            << print(x, v, kLayout) << " became " << print(y, v, kLayout);
    }
}

void round_trip(const Block& block) {
    const std::string text = print(block, kLayout);
    const auto again = parse(text, kLayout);
    ASSERT_TRUE(again) << again.error().message << "\n" << text;
    expect_same(block, *again);
    EXPECT_EQ(print(*again, kLayout), text);
}

TEST(Text, EveryOpComesBack) {
    for (u16 i = 0; i < static_cast<u16>(Op::Count_); ++i) {
        const Op op = static_cast<Op>(i);
        if (op == Op::DeferFlags) continue;  // see DeferredFlagsComeBack
        if (op == Op::HostBase) continue;    // see GroupAccesses
        bool seen = false;
        for (u64 seed = 1; seed < 200 && !::testing::Test::HasFailure(); ++seed) {
            testing::RandomBlock random(seed, kLayout, {});
            random.add(op);
            random.finish();
            const Block& block = random.block();
            for (const Inst& in : block.insts) seen |= in.op == op;
            const auto ok = verify(block, kLayout);
            ASSERT_TRUE(ok) << ok.error().message << "\n" << print(block, kLayout);
            round_trip(block);
        }
        EXPECT_TRUE(seen) << "the random blocks never make " << info(op).text;
    }
}

TEST(Text, DeferredFlagsComeBack) {
    const Block b = [] {
        Block block;
        DeferredFlags d{.kind = DeferredFlags::Kind::SubResult, .carry = CarrySem::NotBorrow, .wide = true};
        for (d.flags = 0; kLayout.slots[d.flags].type != Type::Flags; d.flags++) continue;
        d.a = 1, d.b = 2;
        block.insts.push_back(d.inst());
        d.constant = true, d.b = 0, d.value = -3;
        block.insts.push_back(d.inst());
        block.insts.push_back({.op = Op::Goto, .imm = 0x10});
        return block;
    }();
    EXPECT_TRUE(verify(b, kLayout)) << print(b, kLayout);
    round_trip(b);
    EXPECT_NE(print(b, kLayout).find("flags.defer -3, subresult, noborrow, i64, const, flags="),
              std::string::npos)
        << print(b, kLayout);
}

TEST(Text, WholeBlocksComeBack) {
    for (u64 seed = 1; seed < 200; ++seed) round_trip(testing::RandomBlock(seed, kLayout, {}).make());
}

/// Fields that a word cannot say are written as numbers, so that dumps of broken blocks do not lie.
TEST(Text, OddAuxValuesComeBack) {
    for (u16 i = 0; i < static_cast<u16>(Op::Count_); ++i)
        for (const u32 aux :
             {0u, 1u, 5u, 6u, 7u, 0x35u, 0x50u, 0xa0u, 0x100u, 0x207u, 0x300u, 0xf00u, 0xffffffffu}) {
            Block block;
            for (unsigned k = 0; k < 3; ++k)
                block.insts.push_back({.op = Op::Const, .type = Type::I64, .imm = k});
            Inst in{.op = static_cast<Op>(i), .mtype = Type::I16, .aux = aux};
            if (info(in.op).result != 'V') in.type = Type::I32;
            for (Value k = 0; k < info(in.op).nargs; ++k) in.args[k] = k;
            if (in.op == Op::Const128) in.args = {1, 2, kNone};
            block.insts.push_back(in);
            round_trip(block);
        }
}

TEST(Text, LooksAsDocumented) {
    constexpr std::string_view text =
        "block 0x1000 bytes=8 insns=2 code=0x1000-0x1008\n"
        "insn 0x1000, len=4\n"
        "  %1 = get i64 $x1\n"
        "  %2 = const i64 0x2a\n"
        "  %3 = load i64 %1, -16, mem=i32, sext, acquire\n"
        "  %4 = rmw i64 %1, %2, mem=i32, maxu, sext, acqrel\n"
        "  %5 = icmp i1 %3, %2, ltu\n"
        "  exit_if %5, 0x1000, backedge\n"
        "insn 0x1004, len=4\n"
        "  set $x2, %4\n"
        "  %9 = get f64 $f0\n"
        "  %10 = fma f64 %9, %9, %9, dyn, riscv, negp\n"
        "  trap_if %5, %2, misaligned\n"
        "  store %1, %10, mem=f64\n"
        "  exit 0x1008, syscall\n";
    const auto block = parse(text, kLayout);
    ASSERT_TRUE(block) << block.error().message;
    EXPECT_TRUE(verify(*block, kLayout));
    EXPECT_EQ(print(*block, kLayout), text);
    EXPECT_EQ(block->insts[3].imm, static_cast<u64>(-16));
    EXPECT_EQ(block->insts[3].aux, mem_aux(true, MemOrder::Acquire));
    EXPECT_EQ(block->insts[10].aux, fp_aux(Round::Dyn, FpSem::RiscV, kFmaNegProduct));
}

TEST(Text, FieldsOfVectorAndFloatOpsAreWords) {
    constexpr std::string_view text =
        "block 0x0 bytes=0 insns=0\n"
        "  %0 = get v128 $v0\n"
        "  %1 = get f64 $f0\n"
        "  %2 = get i64 $x0\n"
        "  %3 = vshifts v128 %0, %0, mem=i32, rounded, saturated\n"
        "  %4 = vshiftu v128 %0, %0, mem=i8, overflow\n"
        "  %5 = vmulwideu v128 %0, %0, mem=i16, high\n"
        "  %6 = vdot v128 %0, %0, %0, mem=i8, signed-z\n"
        "  %7 = vext v128 %0, %0, 0x0, mem=i8\n"
        "  %8 = vfma v128 %0, %0, %0, mem=f32, dyn, armdn, flush, negp\n"
        "  %9 = vfmawide v128 %0, %0, %0, mem=f16, dyn, arm, flush16, high\n"
        "  %10 = vfwiden v128 %0, mem=f16, dyn, arm, althalf, high\n"
        "  %11 = vfcmp v128 %0, %0, mem=f64, le, signaling, flush\n"
        "  %12 = ftoi i32 %1, rtz, arm, unsigned, fraction=64\n"
        "  %13 = ftof f32 %1, odd, arm\n"
        "  %14 = froundint f64 %1, rtz, arm, i64\n"
        "  %15 = flags.fcmp flags %1, %1, eq, signaling\n"
        "  %16 = vaesmc v128 %0\n"
        "  set $nzcv, %15\n"
        "  goto 0x0\n";
    const auto block = parse(text, kLayout);
    ASSERT_TRUE(block) << block.error().message;
    EXPECT_TRUE(verify(*block, kLayout));
    EXPECT_EQ(print(*block, kLayout), text);
    EXPECT_EQ(block->insts[3].aux, kVRound | kVSaturate);
    EXPECT_EQ(block->insts[9].aux, fp_aux(Round::Dyn, FpSem::Arm, kVFmaFlushHalf | kVFmaHigh));
    EXPECT_EQ(fp_fraction_bits(block->insts[12].aux), 64u);
}

TEST(Text, LabelsMayBeAnyNumbersAndCommentsAreSkipped) {
    const auto block = parse(
        "; a comment\n%7 = get i64 $x0 # here too\n\n  %3 = add i64 %7,%7\nset $x0 %3\ngoto 16", kLayout);
    ASSERT_TRUE(block) << block.error().message;
    EXPECT_EQ(print(block->insts[1], 1, kLayout), "%1 = add i64 %0, %0");
    EXPECT_EQ(block->insts[3].imm, 16u);
}

TEST(Text, ErrorsNameTheLineAndWhatWasExpected) {
    constexpr std::pair<std::string_view, std::string_view> kCases[] = {
        {"frob", "line 1: expected an operation, found 'frob'"},
        {"\n%0 = frob i64", "line 2: expected an operation"},
        {"%x = const i64 0", "expected %NUMBER, found '%x'"},
        {"%0 const i64 0", "expected '=' after %0"},
        {"%0 = const i65 0", "expected the result type, found 'i65'"},
        {"const i64 0", "expected '%N =' before 'const'"},
        {"%0 = goto 0x10", "'goto' has no result"},
        {"%0 = add i64 %1, %2", "%1 is not defined before its use"},
        {"%0 = const i64 0\n%0 = const i64 0", "%0 is defined twice"},
        {"%0 = const i64 0\n%1 = add i64 %0", "expected 2 operands of 'add', found 1"},
        {"%0 = const i64 0\n%1 = not i64 %0, %0", "too many operands for 'not'"},
        {"%0 = get i64 $nosuch", "expected a state slot, found '$nosuch'"},
        {"%0 = const i64 0\n%1 = icmp i1 %0, %0, bigger", "'bigger' means nothing to 'icmp'"},
        {"%0 = const i64 0\n%1 = load i64 %0, mem=i33", "expected a type, found 'i33'"},
        {"goto 0x10, colour=3", "found 'colour='"},
        {"%0 = const f64 0\n%1 = ftoi i64 %0, fraction=128", "found 'fraction='"},
        {"%0 = const f64 0\n%1 = fsqrt f64 %0, fraction=1", "found 'fraction='"},
        {"goto 0xzz", "'0xzz' means nothing to 'goto'"},
        {"insn 0x10, len=four", "expected len=NUMBER"},
        {"block 0x1000 bytes=x", "expected a number"},
        {"block 0x1000 code=12", "expected code=BEGIN-END"},
        {"block 0x1000 size=12", "expected bytes=, insns= or code="},
    };
    for (const auto& [text, expected] : kCases) {
        const auto block = parse(text, kLayout);
        ASSERT_FALSE(block) << text;
        EXPECT_NE(block.error().message.find(expected), std::string::npos) << block.error().message;
    }
}

/// The parser reads files people wrote: no text may crash it.
TEST(Text, DamagedTextIsAnErrorOrABlock) {
    const std::string good = print(testing::RandomBlock(3, kLayout, {}).make(), kLayout);
    testing::Rng rng(9);
    for (int i = 0; i < 3000; ++i) {
        std::string text = good;
        for (u64 n = 1 + rng.below(4); n > 0; --n)
            text[rng.below(text.size())] = static_cast<char>(rng.next());
        const auto block = parse(text, kLayout);
        if (block) (void)verify(*block, kLayout);
    }
}

}  // namespace
}  // namespace vm::ir
