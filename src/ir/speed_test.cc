// Prints what the IR costs a guest instruction (the README quotes it) and checks that the measured work was
// done.
#include <gtest/gtest.h>

#include <chrono>

#include "ir/builder.h"
#include "ir/passes/passes.h"
#include "ir/random_block.h"

namespace vm::ir {
namespace {

using testing::kLayout;
constexpr unsigned kGuestInsns = 32, kRounds = 2000;

/// The mix of an ordinary RV64 loop: address arithmetic, loads, a store, sign-extended adds, a compare and a
/// branch.
void build(Block& block) {
    block.clear();
    Builder b(block, kLayout);
    for (unsigned i = 0; i < kGuestInsns; ++i) {
        b.insn(0x1000 + 4 * i, 4);
        switch (i % 8) {
            case 0: b.set(1, b.add(b.get(0), b.c64(8))); break;
            case 1: b.set(2, b.load(Type::I64, Type::I64, b.get(1), 16, false)); break;
            case 2: b.set(3, b.sext(Type::I64, b.add(b.get(2, Type::I32), b.get(3, Type::I32)))); break;
            case 3: b.set(4, b.shl(b.get(3), b.c64(3))); break;
            case 4: b.store(Type::I64, b.get(1), 24, b.get(4)); break;
            case 5: b.set(5, b.zext(Type::I64, b.icmp(Cond::LtS, b.get(4), b.get(2)))); break;
            case 6: b.set(6, b.and_(b.get(5), b.get(0))); break;
            default: b.exit_if(b.icmp(Cond::Eq, b.get(5), b.c64(99)), 0x9000); break;
        }
    }
    b.jump(0x1000);
}

template <class F>
double best_ns(F f) {
    double best = 1e12;
    for (unsigned r = 0; r < 5; ++r) {
        const auto start = std::chrono::steady_clock::now();
        for (unsigned i = 0; i < kRounds; ++i) f();
        const std::chrono::duration<double, std::nano> t = std::chrono::steady_clock::now() - start;
        best = std::min(best, t.count() / kRounds / kGuestInsns);
    }
    return best;
}

TEST(Speed, OfAnOrdinaryBlock) {
    Block block, copy;
    const double build_ns = best_ns([&] { build(block); });
    const double copy_ns = best_ns([&] { copy = block; });
    const double pass_ns = best_ns([&] {
        copy = block;
        run_tier1_passes(copy, kLayout, 0);
    });
    std::vector<u8> guest(512);
    store_raw(guest.data() + kLayout.slots[0].offset, testing::TestMemory::kBase);
    testing::TestMemory memory;
    InterpContext ctx{
        .guest = guest.data(), .fp = {}, .reservation = {}, .icount = {}, .memory = &memory, .read_time = {}};
    InterpResult result{};
    const double interp_ns = best_ns([&] { result = interpret(block, kLayout, ctx); });
    size_t live = 0;
    for (const Inst& in : copy.insts) live += in.op != Op::Nop;
    std::printf(
        "a guest instruction: %.1f IR instructions, %.1f after the passes; build %.0f ns, passes %.0f ns, "
        "interpret %.0f ns\n",
        static_cast<double>(block.insts.size()) / kGuestInsns, static_cast<double>(live) / kGuestInsns,
        build_ns, pass_ns - copy_ns, interp_ns);
    EXPECT_EQ(result.reason, ExitReason::Next);
    EXPECT_EQ(result.insns, kGuestInsns);
    EXPECT_LT(live, block.insts.size() * 3 / 4) << "the passes removed less than a quarter";
}

}  // namespace
}  // namespace vm::ir
