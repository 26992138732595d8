// Calls through registers that tier 2 guesses the targets of, from samples.
#include <chrono>

#include "backend/options.h"
#include "engine/guest_test.h"
#include "ir/ir.h"

namespace vm::engine::test {
namespace {

using ir::ExitReason;

constexpr u64 kAdds = kCode + 0x1000, kSubtracts = kCode + 0x2000;

/// Calls a3 in a loop, a1 times; each call does something with a2.
struct GuessedCalls : testing::Test {
    GuessedCalls() : g(with_tier(Tier::Auto)) {
        Asm m(kCode);
        const u64 loop = m.here();
        m.jalr(ra, a3);
        m.addi(a1, a1, -1);
        m.bne(a1, zero, loop);
        m.ebreak();
        TestMemory::put(kCode, m.words);
        Asm add(kAdds), sub(kSubtracts);
        for (int n = 0; n < 4; n++) add.addi(a2, a2, 1);
        add.ret();
        sub.addi(a2, a2, -3);
        sub.ret();
        TestMemory::put(kAdds, add.words);
        TestMemory::put(kSubtracts, sub.words);
    }
    void call(u64 target, u64 times, i64 each) {
        g.set_x(a1, times);
        g.set_x(a2, 0);
        g.set_x(a3, target);
        ASSERT_EQ(g.run().reason, ExitReason::Breakpoint);
        ASSERT_EQ(static_cast<i64>(g.x(a2)), each * static_cast<i64>(times));
    }
    /// Calls until so many calls were inlined. False: that takes too long.
    bool call_until(u64 target, i64 each, u64 inlined) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (counter(*g.engine, "inlined_calls") < inlined) {
            if (std::chrono::steady_clock::now() > limit) return false;
            call(target, 1'000'000, each);
        }
        return true;
    }
    Guest g;
};

TEST_F(GuessedCalls, AreInlined) {
    EXPECT_TRUE(call_until(kAdds, 4, 1));
    call(kAdds, 1000, 4);
    call(kSubtracts, 1000, -3);  // not what was guessed
    call(kAdds + 4, 1000, 3);
}

/// The target changes for good: the region is made anew for the other one.
TEST_F(GuessedCalls, AreGuessedAnew) {
    EXPECT_TRUE(call_until(kAdds, 4, 1));
    const u64 regions = counter(*g.engine, "regions");
    EXPECT_TRUE(call_until(kSubtracts, -3, 2));
    EXPECT_GT(counter(*g.engine, "regions"), regions);
    call(kAdds, 1000, 4);
    call(kSubtracts, 1000, -3);
}

TEST_F(GuessedCalls, FaultWhereTheyAre) {
    EXPECT_TRUE(call_until(kAdds, 4, 1));
    g.set_x(a3, kHole);
    g.set_x(a1, 5);
    const Exit e = g.run();
    EXPECT_EQ(e.reason, ExitReason::FetchFault);
    EXPECT_EQ(e.pc, kHole);
    EXPECT_EQ(g.x(ra), kCode + 4);
}

}  // namespace
}  // namespace vm::engine::test
