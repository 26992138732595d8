#include <gtest/gtest.h>

#include "base/format.h"
#include "ir/passes/passes.h"
#include "ir/random_block.h"
#include "ir/region.h"
#include "ir/text.h"

namespace vm::ir {
namespace {

using testing::kLayout;

Block parsed(std::string_view text, u64 pc = 0x1000) {
    auto b = parse(text, kLayout);
    EXPECT_TRUE(b) << b.error().message;
    if (!b) return {};
    b->start_pc = pc;
    return std::move(*b);
}

/// The block after the pass, nops left out.
std::string after(std::string_view text) {
    Block b = parsed(text);
    PassScratch scratch;
    defer_flags(b, kLayout, scratch);
    const auto ok = verify(b, kLayout);
    EXPECT_TRUE(ok) << ok.error().message;
    std::string out;
    for (Value v = 0; v < b.insts.size(); ++v)
        if (b.insts[v].op != Op::Nop) out += print(b.insts[v], v, kLayout) + "\n";
    return out;
}
bool deferred(std::string_view text) { return after(text).find("flags.defer") != std::string::npos; }

constexpr std::string_view kCompare = R"(
    %0 = get i64 $x0
    %1 = get i64 $x1
    %2 = const i1 0
    %3 = flags.sub flags %0, %1, %2, noborrow
    set $nzcv, %3
)";

TEST(DeferFlags, WhatAnExitMaySeeBeforeTheyAreOverwritten) {
    const std::string text = after(std::string(kCompare) + R"(
        %5 = icmp i1 %0, %1, ltu
        exit_if %5, 0x2000
        set $nzcv, %3
        goto 0x3000
    )");
    EXPECT_NE(text.find("flags.defer sub, noborrow, i64, flags=16, a=0, b=1"), std::string::npos) << text;
    EXPECT_EQ(text.find("set $nzcv"), text.rfind("set $nzcv")) << text;
}

TEST(DeferFlags, NotWhereAnOperandIsGoneWhenTheyMayBeSeen) {
    EXPECT_FALSE(deferred(std::string(kCompare) + R"(
        set $x0, %1
        %6 = load i64 %1, mem=i64
        set $nzcv, %3
        goto 0x3000
    )"));
    EXPECT_TRUE(deferred(std::string(kCompare) + R"(
        %5 = load i64 %1, mem=i64
        set $x0, %5
        set $nzcv, %3
        goto 0x3000
    )"));
}

TEST(DeferFlags, NotWhereTheyAreReadOrLast) {
    EXPECT_FALSE(deferred(std::string(kCompare) + "goto 0x3000\n"));
    EXPECT_FALSE(deferred(std::string(kCompare) + R"(
        %5 = load i64 %1, mem=i64
        %6 = get flags $nzcv
        set $nzcv, %3
        goto 0x3000
    )"));
}

TEST(DeferFlags, FromTheResultThatReplacedAnOperand) {
    const std::string text = after(R"(
        insn 0x1000, len=4
        %1 = get i64 $x0
        %2 = const i64 1
        %3 = sub i64 %1, %2
        %4 = const i1 0
        %5 = flags.sub flags %1, %2, %4, noborrow
        set $nzcv, %5
        set $x0, %3
        insn 0x1004, len=4
        %9 = load i64 %3, mem=i64
        set $nzcv, %5
        goto 0x3000
    )");
    EXPECT_NE(text.find("set $x0, %3\nflags.defer 1, subresult, noborrow, i64, const, flags=16, a=0\n"),
              std::string::npos)
        << text;
}

TEST(DeferFlags, LowHalvesAndConjunctions) {
    const std::string text = after(R"(
        %0 = get i64 $x0
        %1 = trunc i32 %0
        %2 = flags.logic flags %1
        set $nzcv, %2
        %4 = load i64 %0, mem=i64
        %5 = const i64 0xff
        %6 = and i64 %0, %5
        %7 = flags.logic flags %6
        set $nzcv, %7
        %9 = load i64 %0, mem=i64
        set $nzcv, %2
        goto 0x3000
    )");
    EXPECT_NE(text.find("flags.defer -1, and, i32, const, flags=16, a=0"), std::string::npos) << text;
    EXPECT_NE(text.find("flags.defer 255, and, i64, const, flags=16, a=0"), std::string::npos) << text;
}

/// Every kind gives the flags of what it stands for.
TEST(DeferFlags, AreWhatTheyStandFor) {
    using Kind = DeferredFlags::Kind;
    alignas(8) u8 guest[kMaxGuestState] = {};
    testing::Rng rng(7);
    for (unsigned n = 0; n < 20000; ++n) {
        const u64 p = rng.edge(), q = rng.edge();
        const i32 c = static_cast<i32>(rng.edge());
        for (unsigned kind = 0; kind < static_cast<unsigned>(Kind::Count_); ++kind) {
            DeferredFlags d{.kind = static_cast<Kind>(kind),
                            .carry = n & 1 ? CarrySem::NotBorrow : CarrySem{},
                            .wide = (n & 2) != 0,
                            .constant = (n & 4) != 0,
                            .flags = 16,
                            .a = 2,
                            .b = 3};
            if (d.constant) d.value = c, d.b = 0;
            const u64 x = zext(p, d.bits()), y = zext(d.constant ? static_cast<u64>(i64{c}) : q, d.bits());
            const bool sub = d.kind == Kind::Sub || d.kind == Kind::SubResult;
            const u64 result = sub ? x - y : x + y;
            const bool of_result = d.kind == Kind::SubResult || d.kind == Kind::AddResult;
            store_raw(guest + kLayout.slots[2].offset, of_result ? result : p);
            store_raw(guest + kLayout.slots[3].offset, q);
            const Inst want{.op = sub                   ? Op::FlagsSub
                                  : d.kind == Kind::And ? Op::FlagsLogic
                                                        : Op::FlagsAdd,
                            .aux = sub ? static_cast<u32>(d.carry) : 0};
            const Nzcv flags = d.kind == Kind::And ? eval_flags(want, d.bits(), x & y, 0, 0)
                                                   : eval_flags(want, d.bits(), x, y, 0);
            ASSERT_EQ(d.eval(guest, kLayout.slots.data()).bits, flags.bits) << kind << " " << p << " " << y;
            ASSERT_EQ(DeferredFlags::of(d.inst()), d);
        }
    }
}

/// The same with slots for operands.
const StateLayout kKeeping = [] {
    StateLayout l = kLayout;
    l.flag_operands = static_cast<u16>(l.slots.size());
    for (const char* name : {"flag_a", "flag_b"}) {
        l.slots.push_back({name, Type::I64, l.size});
        l.size = static_cast<u16>(l.size + 8);
    }
    return l;
}();
std::string after_keeping(std::string_view text) {
    auto b = parse(text, kKeeping);
    EXPECT_TRUE(b) << b.error().message;
    PassScratch scratch;
    defer_flags(*b, kKeeping, scratch);
    const auto ok = verify(*b, kKeeping);
    EXPECT_TRUE(ok) << ok.error().message;
    return print(*b, kKeeping);
}

TEST(DeferFlags, OperandsThatGoAreKept) {
    const std::string text = after_keeping(std::string(kCompare) + R"(
        set $x0, %1
        %6 = load i64 %1, mem=i64
        set $x1, %6
        %8 = const i64 7
        %9 = flags.sub flags %6, %8, %2, noborrow
        set $nzcv, %9
        set $x1, %0
        %12 = load i64 %6, mem=i64
        set $nzcv, %3
        goto 0x3000
    )");
    const auto a = fmt::format("a={}", kKeeping.flag_operands),
               b = fmt::format("b={}", kKeeping.flag_operands + 1);
    const auto first = text.find("flags.defer"), second = text.find("flags.defer", first + 1);
    ASSERT_NE(second, std::string::npos) << text;
    EXPECT_NE(text.find(a), std::string::npos) << text;
    EXPECT_NE(text.find(b), std::string::npos) << text;
    EXPECT_LT(text.find("set $flag_a, %0"), first) << text;
    EXPECT_LT(text.find("set $flag_b, %1"), first) << text;
    EXPECT_LT(first, text.find("set $x0")) << text;
    // A constant needs no slot, and the last flags stay as they are.
    EXPECT_EQ(text.find("set $flag_b"), text.rfind("set $flag_b")) << text;
    EXPECT_LT(text.rfind("set $flag_a"), second) << text;
    EXPECT_EQ(text.find("set $nzcv"), text.rfind("set $nzcv")) << text;
}

TEST(DeferFlags, NarrowOperandsAreKeptAsTheyAre) {
    const std::string text = after_keeping(R"(
        %0 = get i32 $x0
        %1 = get i64 $x1
        %2 = flags.logic flags %0
        set $nzcv, %2
        set $x0, %1
        %5 = load i64 %1, mem=i64
        set $nzcv, %2
        goto 0x3000
    )");
    EXPECT_NE(text.find("flags.defer -1, and, i32, const"), std::string::npos) << text;
    EXPECT_NE(text.find("set $flag_a"), std::string::npos) << text;
}

// --- regions
Region region(std::vector<Block> nodes) {
    Region r;
    EXPECT_TRUE(make_region(nodes, false, true, r));
    defer_flags(r, kLayout);
    for (const auto& n : r.nodes) EXPECT_TRUE(verify(n.block, kLayout)) << print(n.block, kLayout);
    return r;
}

/// Loads from x2, compares x0 with x1 and is its own loop.
Block loop(u64 pc, u64 to, u64 out) {
    Block b = parsed(R"(
        %0 = get i64 $x2
        %1 = load i64 %0, mem=i64
        set $x3, %1
        %3 = get i64 $x0
        %4 = get i64 $x1
        %5 = const i1 0
        %6 = flags.sub flags %3, %4, %5, noborrow
        set $nzcv, %6
        %8 = icmp i1 %3, %4, ltu
        exit_if %8, 0x1
        goto 0x2
    )",
                     pc);
    for (Inst& in : b.insts) {
        if (in.op == Op::ExitIf) in.imm = to;
        if (in.op == Op::Goto) in.imm = out;
    }
    return b;
}

TEST(DeferFlags, ALoopIsThereForItsFirstTurnAndForTheOthers) {
    const Region r = region({loop(0x1000, 0x1000, 0x2000)});
    using Entry = Region::Node::Entry;
    ASSERT_EQ(r.nodes.size(), 2u);
    EXPECT_EQ(r.nodes[0].entry, Entry::Stored);
    EXPECT_EQ(r.nodes[0].weight, Region::kEntryWeight);
    EXPECT_EQ(r.nodes[1].entry, Entry::Deferred);
    EXPECT_GT(r.nodes[1].weight, 5 * Region::kEntryWeight);
    const DeferredFlags& d = r.nodes[1].flags;
    EXPECT_EQ(r.find(0x1000, 0, &d).node, 1u);
    EXPECT_FALSE(r.find(0x1000, 0, &d).store);
    EXPECT_EQ(r.find(0x1000).node, 0u);
    DeferredFlags other = d;
    other.a = 4;
    EXPECT_EQ(r.find(0x1000, 0, &other).node, 0u);
    EXPECT_TRUE(r.find(0x1000, 0, &other).store);
    EXPECT_EQ(r.find(0x2000, 0, &d).node, kNoNode);
}

TEST(DeferFlags, AreMadeWhereABlockThatIsALoopIsLeftForGood) {
    Block b = loop(0x1000, 0x1000, 0x2000);
    b.insts.pop_back();
    Inst target{.op = Op::GetState, .type = Type::I64, .imm = 2};
    b.insts.push_back(target);
    const auto to = static_cast<Value>(b.insts.size() - 1);
    b.insts.push_back({.op = Op::JumpInd, .args = {to, kNone, kNone}});
    const Region r = region({b});
    ASSERT_EQ(r.nodes.size(), 2u);
    for (const auto& n : r.nodes) {
        const std::string text = print(n.block, kLayout);
        const auto exit = text.find("exit_if"), set = text.find("set $nzcv");
        EXPECT_LT(text.find("flags.defer"), exit) << text;
        EXPECT_LT(exit, set) << text;
        EXPECT_LT(set, text.find("jump_ind")) << text;
        EXPECT_EQ(text.find("set $nzcv", set + 1), std::string::npos) << text;
    }
}

TEST(DeferFlags, ABlockThatOverwritesThemUnseenIsThereOnce) {
    Block second = parsed(R"(
        %0 = get i64 $x0
        %1 = const i64 1
        %2 = add i64 %0, %1
        set $x0, %2
        %4 = flags.logic flags %2
        set $nzcv, %4
        goto 0x1000
    )",
                          0x2000);
    const Region r = region({loop(0x1000, 0x2000, 0x3000), second});
    for (const auto& n : r.nodes) EXPECT_EQ(n.entry == Region::Node::Entry::Any, n.block.start_pc == 0x2000);
    EXPECT_EQ(std::ranges::count(r.nodes, 0x2000u, [](const auto& n) { return n.block.start_pc; }), 1);
}

/// Takes x1 or x2 as the flags say; `lose`: loads once x0, which they are of, is another.
Block reader(u64 pc, bool lose, u64 next) {
    Block b = parsed(std::string(R"(
        %0 = get i64 $x1
        %1 = get i64 $x2
        %2 = get flags $nzcv
        %3 = flags.test i1 %2, eq
        %4 = select i64 %3, %0, %1
        set $x4, %4
    )") +
                         (lose ? R"(
        set $x0, %4
        %7 = load i64 %4, mem=i64
        set $x3, %7
    )"
                               : "") +
                         "goto 0x1",
                     pc);
    b.insts.back().imm = next;
    return b;
}
/// How the deferred copy of the block at pc begins; empty if there is none.
std::string deferred_copy(const Region& r, u64 pc) {
    for (const auto& n : r.nodes)
        if (n.block.start_pc == pc && n.entry == Region::Node::Entry::Deferred)
            return print(n.block, kLayout);
    return {};
}

TEST(DeferFlags, AreMadeWhereTheyAreRead) {
    const Region r = region({loop(0x1000, 0x2000, 0x3000), reader(0x2000, false, 0x1000)});
    const std::string made = deferred_copy(r, 0x2000);
    EXPECT_NE(made.find("flags.sub"), std::string::npos) << made;
    EXPECT_EQ(made.find("get flags"), std::string::npos) << made;
    EXPECT_EQ(made.find("set $nzcv"), std::string::npos) << made;
}

TEST(DeferFlags, AreWrittenBeforeTheReadWhereTheyAreLostBehindIt) {
    const Region r = region({loop(0x1000, 0x2000, 0x3000), reader(0x2000, true, 0x1000)});
    const std::string made = deferred_copy(r, 0x2000);
    EXPECT_LT(made.find("set $nzcv"), made.find("set $x0")) << made;
    EXPECT_EQ(made.find("get flags"), std::string::npos) << made;
    // What follows finds them stored.
    EXPECT_EQ(deferred_copy(r, 0x1000), "");
}

TEST(DeferFlags, StayStoredWhereTheLoopLosesWhatTheyAreOf) {
    Block b = loop(0x1000, 0x1000, 0x2000);
    b = parsed(R"(
        %0 = get i64 $x2
        set $x0, %0
        %2 = load i64 %0, mem=i64
        set $x3, %2
        %4 = get i64 $x1
        %5 = const i1 0
        %6 = flags.sub flags %0, %4, %5, noborrow
        set $nzcv, %6
        %8 = icmp i1 %0, %4, ltu
        exit_if %8, 0x1000
        goto 0x2000
    )");
    const Region r = region({b});
    ASSERT_EQ(r.nodes.size(), 1u);
    EXPECT_EQ(print(r.nodes[0].block, kLayout), print(b, kLayout));
}

}  // namespace
}  // namespace vm::ir
