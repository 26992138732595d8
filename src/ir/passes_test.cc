#include <gtest/gtest.h>

#include "base/format.h"
#include "ir/builder.h"
#include "ir/passes/passes.h"
#include "ir/random_block.h"
#include "ir/text.h"

namespace vm::ir {
namespace {

using testing::Outcome;
using testing::run_interpreter;

using testing::kLayout;

std::string differences(const Outcome& a, const Outcome& b) {
    std::string d;
    const auto field = [&](const char* what, u64 x, u64 y) {
        if (x != y) d += fmt::format("{}: {:#x} became {:#x}\n", what, x, y);
    };
    field("reason", static_cast<u64>(a.result.reason), static_cast<u64>(b.result.reason));
    field("pc", a.result.pc, b.result.pc);
    field("value", a.result.value, b.result.value);
    field("insns", a.result.insns, b.result.insns);
    field("fp flags", a.fp.flags, b.fp.flags);
    field("input denormal", a.fp.input_denormal, b.fp.input_denormal);
    field("rounding", a.fp.rounding, b.fp.rounding);
    field("reservation", a.reservation.addr + a.reservation.size, b.reservation.addr + b.reservation.size);
    field("icount", a.icount, b.icount);
    field("accesses", a.accesses, b.accesses);
    field("memory", 0, a.memory != b.memory);
    for (const StateSlot& s : kLayout.slots)
        for (unsigned at = 0; at < (s.type == Type::V128 ? 16 : 8); at += 8)
            field(s.name.c_str(), testing::slot_bits(s, a.guest, at), testing::slot_bits(s, b.guest, at));
    return d;
}

Block parsed(std::string_view text) {
    auto b = parse(text, kLayout);
    EXPECT_TRUE(b) << b.error().message;
    return std::move(*b);
}

/// The block after `run`, as text without nops, value numbers of the first block kept.
std::string after(void (*run)(Block&, const StateLayout&, PassScratch&), std::string_view text) {
    Block b = parsed(text);
    PassScratch scratch;
    run(b, kLayout, scratch);
    const auto ok = verify(b, kLayout);
    EXPECT_TRUE(ok) << ok.error().message;
    std::string out;
    for (Value v = 0; v < b.insts.size(); ++v)
        if (b.insts[v].op != Op::Nop) out += print(b.insts[v], v, kLayout) + "\n";
    return out;
}

void check_random(u64 first, u64 count, u64 disabled, testing::RandomBlock::Options options = {}) {
    u64 faults = 0, removed = 0, total = 0;
    for (u64 seed = first; seed < first + count; ++seed) {
        const Block before = testing::RandomBlock(seed, kLayout, options).make();
        ASSERT_TRUE(verify(before, kLayout)) << verify(before, kLayout).error().message << "\n"
                                             << print(before, kLayout);
        Block after_passes = before;
        run_tier1_passes(after_passes, kLayout, disabled);
        const auto ok = verify(after_passes, kLayout);
        ASSERT_TRUE(ok) << ok.error().message << "\nbefore\n" << print(before, kLayout);
        for (u64 state = 0; state < 3; ++state) {
            const Outcome plain = run_interpreter(before, kLayout, seed + state);
            for (u64 fault = 0; fault <= plain.accesses; ++fault) {
                const Outcome a = run_interpreter(before, kLayout, seed + state, fault);
                const Outcome b = run_interpreter(after_passes, kLayout, seed + state, fault);
                const std::string d = differences(a, b);
                ASSERT_EQ(d, "") << "seed " << seed << " fault " << fault << "\nbefore\n"
                                 << print(before, kLayout) << "after\n"
                                 << print(after_passes, kLayout);
                faults += a.result.reason == ExitReason::MemoryFault;
            }
        }
        total += before.insts.size();
        for (const Inst& in : after_passes.insts) removed += in.op == Op::Nop;
        removed += before.insts.size() - after_passes.insts.size();
    }
    EXPECT_GT(faults, count / 2);
    if (disabled == 0) {
        EXPECT_GT(removed, total / 10);
    }
}

TEST(Passes, AllKeepTheResultOfRandomBlocks) { check_random(1, 3000, 0); }
/// Every pass but the one called `name` switched off.
u64 only(std::string_view name) {
    u64 bits = 0;
    for (unsigned n = 0; n < tier1_passes().size(); ++n) bits |= u64{tier1_passes()[n].name != name} << n;
    return bits;
}

TEST(Passes, ForwardStateAlone) { check_random(10000, 500, only("forward-state")); }
TEST(Passes, FoldAlone) { check_random(20000, 1000, only("fold")); }
TEST(Passes, DeadStateAlone) { check_random(30000, 500, only("dead-state")); }
TEST(Passes, DceAlone) { check_random(40000, 500, only("dce")); }
TEST(Passes, DemandedBitsAlone) { check_random(60000, 1000, only("demanded-bits")); }

/// Makes the end of the block go back to its start, up to 15 times.
bool make_loop(Block& b, u64 seed) {
    const Inst end = b.insts.back();
    if (end.op != Op::Goto) return false;
    b.insts.pop_back();
    const auto push = [&](Inst in) {
        b.insts.push_back(in);
        return static_cast<Value>(b.insts.size() - 1);
    };
    const u64 slot = seed % 2;
    const Value old = push({.op = Op::GetState, .type = Type::I64, .imm = slot});
    const Value step = push({.op = Op::Const, .type = Type::I64, .imm = 1});
    const Value sum = push({.op = Op::Add, .type = Type::I64, .args = {old, step, kNone}});
    push({.op = Op::SetState, .args = {sum, kNone, kNone}, .imm = slot});
    const Value mask = push({.op = Op::Const, .type = Type::I64, .imm = 15});
    const Value low = push({.op = Op::And, .type = Type::I64, .args = {sum, mask, kNone}});
    const Value zero = push({.op = Op::Const, .type = Type::I64, .imm = 0});
    const Value more = push(
        {.op = Op::Icmp, .type = Type::I1, .args = {low, zero, kNone}, .aux = static_cast<u32>(Cond::Ne)});
    push({.op = Op::ExitIf, .args = {more, kNone, kNone}, .aux = kBackEdge, .imm = b.start_pc});
    b.insts.push_back(end);
    return true;
}

TEST(Passes, UnrolledLoopsDoTheSame) {
    unsigned loops = 0, longer = 0;
    for (u64 seed = 70000; seed < 74000; ++seed) {
        Block before =
            testing::RandomBlock(seed, kLayout, {.insns = 2 + static_cast<unsigned>(seed % 8)}).make();
        // A block counts instructions or it does not; these do both, and a second turn would see the first
        // one's count.
        for (Inst& in : before.insts)
            if (in.op == Op::ReadIcount) in = {.op = Op::Const, .type = Type::I64, .imm = 7};
        if (!make_loop(before, seed)) continue;
        loops++;
        Block after_pass = before, after_all = before;
        PassScratch scratch;
        unroll(after_pass, kLayout, scratch);
        run_tier1_passes(after_all, kLayout, 0);
        ASSERT_TRUE(verify(after_pass, kLayout) && verify(after_all, kLayout));
        longer += after_pass.insts.size() > before.insts.size();
        const Outcome free = run_interpreter(before, kLayout, seed, ~u64{0}, 20);
        if (free.result.reason == ExitReason::Next && free.result.pc == before.start_pc)
            continue;  // never ends
        const u64 accesses = free.accesses;
        for (u64 fault = 0; fault <= accesses; fault += 1 + accesses / 8) {
            const Outcome want = run_interpreter(before, kLayout, seed, fault, 20);
            for (const Block& b : {after_pass, after_all})
                ASSERT_EQ(differences(want, run_interpreter(b, kLayout, seed, fault, 20)), "")
                    << "seed " << seed << " fault " << fault << "\n"
                    << print(before, kLayout) << "after\n"
                    << print(b, kLayout);
        }
    }
    EXPECT_GT(loops, 200u);
    EXPECT_GT(longer, loops / 2);
}

TEST(Passes, IntegerOnlyBlocks) {
    check_random(50000, 1500, 0,
                 {.insns = 20, .floats = false, .vectors = false, .wide = false, .atomics = false});
}

TEST(Passes, NamesAreTheOffSwitches) {
    ASSERT_EQ(tier1_passes().size(), 7u);
    EXPECT_EQ(tier1_passes()[0].name, "unroll");
    Block b = parsed("%0 = const i64 5\nset $x0, %0\n%1 = get i64 $x0\nset $x1, %1\ngoto 0x10\n");
    const std::string before = print(b, kLayout);
    run_tier1_passes(b, kLayout, 127);
    EXPECT_EQ(print(b, kLayout), before);
    run_tier1_passes(b, kLayout, 0);
    EXPECT_NE(print(b, kLayout), before);
}

TEST(ForwardState, ReadsBecomeTheKnownValue) {
    EXPECT_EQ(after(forward_state, R"(
        %0 = get i64 $x1
        set $x0, %0
        %2 = get i64 $x0
        %3 = get i32 $x1
        %4 = add i64 %2, %0
        set $x0, %4
        set $x1, %0
        %7 = zext i64 %3
        set $x2, %7
        goto 0x10)"),
              "%0 = get i64 $x1\nset $x0, %0\n%3 = trunc i32 %0\n%4 = add i64 %0, %0\nset $x0, %4\n"
              "%7 = zext i64 %3\nset $x2, %7\ngoto 0x10\n");
}

TEST(ForwardState, NarrowReadDoesNotHideAWideOne) {
    EXPECT_EQ(after(forward_state,
                    "%0 = get i32 $x1\n%1 = get i64 $x1\n%2 = get i32 $x1\nset $w0, %2\nset $x0, %1\n"
                    "%5 = zext i64 %0\nset $x2, %5\ngoto 0x10"),
              "%0 = get i32 $x1\n%1 = get i64 $x1\n%2 = trunc i32 %1\nset $w0, %2\nset $x0, %1\n"
              "%5 = zext i64 %0\nset $x2, %5\ngoto 0x10\n");
}

TEST(DeadState, OnlyBetweenExits) {
    EXPECT_EQ(after(dead_state, R"(
        %0 = get i64 $x1
        set $x0, %0
        set $x0, %0
        %3 = load i64 %0, mem=i64
        set $x0, %3
        set $x2, %0
        %6 = get i64 $x2
        set $x2, %6
        set $x3, %0
        %9 = const i1 1
        exit_if %9, 0x10
        set $x3, %0
        goto 0x10)"),
              "%0 = get i64 $x1\nset $x0, %0\n%3 = load i64 %0, mem=i64\nset $x0, %3\nset $x2, %0\n%6 = get "
              "i64 $x2\n"
              "set $x2, %6\nset $x3, %0\n%9 = const i1 0x1\nexit_if %9, 0x10\nset $x3, %0\ngoto 0x10\n");
}

TEST(Dce, KeepsMemoryAccessesAndFpFlags) {
    EXPECT_EQ(after(dce, R"(
        %0 = get i64 $x1
        %1 = load i64 %0, mem=i64
        %2 = add i64 %0, %1
        %3 = mul i64 %2, %2
        %4 = get f64 $f0
        %5 = fadd f64 %4, %4, dyn, riscv
        %6 = fneg f64 %5
        goto 0x10)"),
              "%0 = get i64 $x1\n%1 = load i64 %0, mem=i64\n%4 = get f64 $f0\n%5 = fadd f64 %4, %4, dyn, "
              "riscv\ngoto 0x10\n");
}

TEST(Fold, RedundantSignExtension) {
    EXPECT_EQ(
        after(fold, R"(
        %0 = get i64 $x1
        %1 = load i64 %0, mem=i32, sext
        %2 = trunc i32 %1
        %3 = sext i64 %2
        set $x0, %3
        goto 0x10)"),
        "%0 = get i64 $x1\n%1 = load i64 %0, mem=i32, sext\n%2 = trunc i32 %1\nset $x0, %1\ngoto 0x10\n");
}

TEST(Fold, CompareAndBranchOnASetValueFuse) {
    EXPECT_EQ(
        after(fold, R"(
        %0 = get i64 $x1
        %1 = get i64 $x2
        %2 = icmp i1 %0, %1, lts
        %3 = zext i64 %2
        set $x3, %3
        %5 = const i64 0
        %6 = icmp i1 %3, %5, eq
        exit_if %6, 0x2000
        %8 = icmp i1 %3, %5, ne
        exit_if %8, 0x3000
        goto 0x10)"),
        "%0 = get i64 $x1\n%1 = get i64 $x2\n%2 = icmp i1 %0, %1, lts\n%3 = zext i64 %2\nset $x3, %3\n"
        "%5 = const i64 0x0\n%6 = icmp i1 %0, %1, ges\nexit_if %6, 0x2000\nexit_if %2, 0x3000\ngoto 0x10\n");
}

/// Shift, narrow, widen: what fold believes about the bits must hold at every amount, for values that differ
/// in one bit.
TEST(Fold, KnownBitsAtEveryShiftAmount) {
    std::vector<u64> inputs = {0, ~u64{0}};
    for (unsigned i = 0; i < 64; ++i)
        inputs.insert(inputs.end(), {u64{1} << i, ~(u64{1} << i), ~u64{0} << i});
    PassScratch scratch;
    for (const Op shift : {Op::Shl, Op::Lshr, Op::Ashr})
        for (unsigned n = 0; n < 64; ++n)
            for (const Type narrow : {Type::I8, Type::I16, Type::I32})
                for (const Op widen : {Op::Sext, Op::Zext}) {
                    Block before;
                    Builder b(before, kLayout);
                    const Value shifted = b.binary(shift, b.get(0), b.c64(n));
                    const Value y = b.convert(widen, Type::I64, b.trunc(narrow, shifted));
                    b.set(1, b.binary(shift == Op::Shl ? Op::Lshr : shift, y, b.c64(n)));
                    b.set(2, y);
                    b.jump(0x10);
                    Block folded = before;
                    fold(folded, kLayout, scratch);
                    for (const u64 x : inputs) {
                        u8 g[2][256] = {};
                        for (unsigned k = 0; k < 2; ++k) {
                            store_raw(g[k], x);
                            InterpContext ctx{.guest = g[k],
                                              .fp = {},
                                              .reservation = {},
                                              .icount = {},
                                              .memory = {},
                                              .read_time = {}};
                            interpret(k ? folded : before, kLayout, ctx);
                        }
                        ASSERT_EQ(std::memcmp(g[0], g[1], sizeof g[0]), 0)
                            << print(before, kLayout) << print(folded, kLayout);
                    }
                }
}

/// Every pair of shift amounts and every way to combine and widen, at values that differ in one bit.
TEST(Fold, RotationsSpeltAsShifts) {
    std::vector<u64> inputs = {0, ~u64{0}, 0x123456789abcdef0};
    for (unsigned i = 0; i < 64; ++i) inputs.push_back(u64{1} << i);
    PassScratch scratch;
    unsigned rotations = 0;
    for (const bool word : {false, true})
        for (const Op join : {Op::Or, Op::Xor, Op::Add})
            for (const Op widen : {Op::Sext, Op::Zext})
                for (unsigned n = 0; n < 64; ++n)
                    for (const unsigned m : {64 - n, 32 - n, n, 1u}) {
                        Block before;
                        Builder b(before, kLayout);
                        const Value x = word ? b.trunc(Type::I32, b.get(0)) : b.get(0);
                        const auto half = [&](Op op, unsigned by) {
                            const Value v = b.binary(op, x, b.c64(by & 63));
                            return word ? b.convert(widen, Type::I64, v) : v;
                        };
                        const Value l = half(Op::Shl, n), r = half(Op::Lshr, m);
                        b.set(2, l);
                        b.get(0);  // forwarded away: leaves a place
                        b.set(1, m % 3 ? b.binary(join, l, r) : b.binary(join, r, l));
                        b.jump(0x10);
                        Block folded = before;
                        forward_state(folded, kLayout, scratch);
                        fold(folded, kLayout, scratch);
                        ASSERT_TRUE(verify(folded, kLayout)) << print(folded, kLayout);
                        for (const Inst& in : folded.insts) rotations += in.op == Op::Rotr;
                        for (const u64 value : inputs) {
                            u8 g[2][256] = {};
                            for (unsigned k = 0; k < 2; ++k) {
                                store_raw(g[k], value);
                                InterpContext ctx{.guest = g[k],
                                                  .fp = {},
                                                  .reservation = {},
                                                  .icount = {},
                                                  .memory = {},
                                                  .read_time = {}};
                                interpret(k ? folded : before, kLayout, ctx);
                            }
                            ASSERT_EQ(std::memcmp(g[0], g[1], sizeof g[0]), 0)
                                << print(before, kLayout) << print(folded, kLayout);
                        }
                    }
    EXPECT_GT(rotations, 3 * 2 * (63 + 31u));
}

TEST(Fold, MasksAndShiftPairs) {
    EXPECT_EQ(
        after(fold, R"(
        %0 = get i64 $x1
        %1 = load i64 %0, mem=i8
        %2 = const i64 0xff
        %3 = and i64 %1, %2
        set $x0, %3
        %5 = const i64 32
        %6 = shl i64 %1, %5
        %7 = lshr i64 %6, %5
        set $x2, %7
        %9 = const i64 0x3f
        %10 = and i64 %0, %9
        %11 = shl i64 %0, %10
        set $x3, %11
        goto 0x10)"),
        "%0 = get i64 $x1\n%1 = load i64 %0, mem=i8\n%2 = const i64 0xff\nset $x0, %1\n%5 = const i64 0x20\n"
        "%6 = shl i64 %1, %5\nset $x2, %1\n%9 = const i64 0x3f\n%10 = and i64 %0, %9\n%11 = shl i64 %0, %0\n"
        "set $x3, %11\ngoto 0x10\n");
}

TEST(Fold, ShiftAmountMasksStayWhereTheyMatter) {
    constexpr std::string_view narrow =
        "%0 = get i64 $x1\n%1 = const i64 0x1f\n%2 = and i64 %0, %1\n"
        "%3 = shl i64 %0, %2\nset $x3, %3\ngoto 0x10\n";
    EXPECT_EQ(after(fold, narrow), narrow);
}

TEST(Fold, EqualInstructionsBecomeOneIfPure) {
    EXPECT_EQ(
        after(fold, R"(
        %0 = get i64 $x1
        %1 = get i64 $x2
        %2 = mul i64 %0, %1
        %3 = mul i64 %0, %1
        %4 = icmp i1 %2, %1, eq
        %5 = icmp i1 %3, %1, ne
        %6 = load i64 %0, mem=i64
        %7 = load i64 %0, mem=i64
        %8 = get f64 $f0
        %9 = fadd f64 %8, %8, dyn, riscv
        %10 = fadd f64 %8, %8, dyn, riscv
        exit_if %4, 0x20
        exit_if %5, 0x30
        goto 0x10)"),
        "%0 = get i64 $x1\n%1 = get i64 $x2\n%2 = mul i64 %0, %1\n%4 = icmp i1 %2, %1, eq\n"
        "%5 = icmp i1 %2, %1, ne\n%6 = load i64 %0, mem=i64\n%7 = load i64 %0, mem=i64\n%8 = get f64 $f0\n"
        "%9 = fadd f64 %8, %8, dyn, riscv\n%10 = fadd f64 %8, %8, dyn, riscv\nexit_if %4, 0x20\n"
        "exit_if %5, 0x30\ngoto 0x10\n");
}

TEST(Fold, KnownTargetsAndConditions) {
    EXPECT_EQ(after(fold,
                    "%0 = gaddr i64 0x5000\n%1 = const i64 0x10\n%2 = add i64 %0, %1\n%3 = const i64 0x44\n"
                    "call_ind %2, %3"),
              "%0 = gaddr i64 0x5000\n%1 = const i64 0x10\n%2 = gaddr i64 0x5010\n%3 = const i64 0x44\ncall "
              "%3, 0x5010\n");
    EXPECT_EQ(after(fold, "%0 = gaddr i64 0x5000\njump_ind %0"),
              "%0 = gaddr i64 0x5000\ngoto 0x5000, backedge\n");
    EXPECT_EQ(after(fold, "%0 = const i1 1\n%1 = const i1 0\nexit_if %1, 0x20\nexit_if %0, 0x30\ngoto 0x40"),
              "%0 = const i1 0x1\n%1 = const i1 0x0\ngoto 0x30\n");
}

TEST(GroupAccesses, OneLookForWhatLiesClose) {
    EXPECT_EQ(
        after(group_accesses, R"(
        %0 = get i64 $x1
        %1 = load i64 %0, 8, mem=i64
        %2 = const i64 0x10
        %3 = add i64 %0, %2
        %4 = load i64 %3, -32, mem=i32
        store %0, %1, 16, mem=i64
        %6 = load i64 %0, 300, mem=i8
        set $x2, %4
        goto 0x10)"),
        "%0 = get i64 $x1\n%1 = hostbase i64 %0, -16, aux=0x20\n%2 = load i64 %1, 24, mem=i64, aux=0x2\n"
        "%3 = const i64 0x10\n%4 = add i64 %0, %3\n%5 = load i64 %1, mem=i32, aux=0x2\n"
        "store %0, %2, 16, mem=i64\n%7 = load i64 %0, 300, mem=i8\nset $x2, %5\ngoto 0x10\n");
}

TEST(GroupAccesses, ThroughSeveralAdditions) {
    EXPECT_EQ(
        after(group_accesses, R"(
        %0 = get i64 $x1
        %1 = const i64 0x40
        %2 = add i64 %0, %1
        %3 = load i64 %0, 8, mem=i64
        %4 = const i64 0x8
        %5 = add i64 %2, %4
        %6 = load i64 %5, 0, mem=i64
        %7 = const i64 0x7fffffffffffffff
        %8 = add i64 %5, %7
        %9 = load i64 %8, 0, mem=i64
        goto 0x10)"),
        "%0 = get i64 $x1\n%1 = const i64 0x40\n%2 = add i64 %0, %1\n%3 = hostbase i64 %0, 8, aux=0x48\n"
        "%4 = load i64 %3, mem=i64, aux=0x2\n%5 = const i64 0x8\n%6 = add i64 %2, %5\n"
        "%7 = load i64 %3, 64, mem=i64, aux=0x2\n%8 = const i64 0x7fffffffffffffff\n"
        "%9 = add i64 %6, %8\n%10 = load i64 %9, mem=i64\ngoto 0x10\n");
}

TEST(GroupAccesses, KeepsTheResultOfRandomBlocks) {
    u64 grouped = 0;
    for (u64 seed = 1; seed < 2000; ++seed) {
        const Block before = testing::RandomBlock(seed, kLayout, {}).make();
        Block grouping = before;
        group_accesses(grouping, kLayout);
        const auto ok = verify(grouping, kLayout);
        ASSERT_TRUE(ok) << ok.error().message << "\n" << print(grouping, kLayout);
        grouped += grouping.insts.size() - before.insts.size();
        const std::string text = print(grouping, kLayout);
        ASSERT_EQ(print(parsed(text), kLayout), text);
        const Outcome plain = run_interpreter(before, kLayout, seed);
        for (u64 fault = 0; fault <= plain.accesses; ++fault)
            ASSERT_EQ(differences(run_interpreter(before, kLayout, seed, fault),
                                  run_interpreter(grouping, kLayout, seed, fault)),
                      "")
                << print(before, kLayout) << "after\n"
                << print(grouping, kLayout);
    }
    EXPECT_GT(grouped, 100u);
}

}  // namespace
}  // namespace vm::ir
