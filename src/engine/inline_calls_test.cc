// Functions that tier 2 makes part of the regions that call them: what can go wrong inside of one.
#include "backend/options.h"
#include "engine/guest_test.h"
#include "ir/ir.h"

namespace vm::engine::test {
namespace {

using ir::ExitReason;

constexpr u64 kFunction = kCode + 0x1000, kInner = kCode + 0x2000, kElsewhere = kCode + 0x3000;

/// Every tier; the last one is tier 2 with nothing inlined.
class InlinedCalls : public testing::TestWithParam<int> {
  protected:
    static EngineOptions options() {
        static constexpr Tier kTiers[] = {Tier::Interp, Tier::One, Tier::Two, Tier::Two};
        EngineOptions o = with_tier(kTiers[GetParam()]);
        if (GetParam() == 3) o.disabled_opts = backend::opt_bit(backend::JitOpt::InlineCalls);
        return o;
    }
    static void expect_inlined(const Guest& g) {
        if (GetParam() < 2) return;
        EXPECT_EQ(counter(*g.engine, "inlined_calls") != 0, GetParam() == 2);
    }
    /// Runs to the end; a2 must hold `sum` then.
    static void expect_sum(Guest& g, u64 sum) {
        EXPECT_EQ(g.run().reason, ExitReason::Breakpoint);
        EXPECT_EQ(g.x(a2), sum);
        expect_inlined(g);
    }
};
std::string mode_name(const testing::TestParamInfo<int>& i) {
    static constexpr const char* kNames[] = {"interp", "one", "two", "off"};
    return kNames[i.param];
}
INSTANTIATE_TEST_SUITE_P(Tiers, InlinedCalls, testing::Range(0, 4), mode_name);

/// Calls kFunction a1 times, counting down; a2 = what the calls left in a0, together.
void put_loop() {
    Asm m(kCode);
    m.addi(a2, zero, 0);
    const u64 loop = m.here();
    m.add(a0, zero, a1);
    m.jal(ra, kFunction);
    m.add(a2, a2, a0);
    m.addi(a1, a1, -1);
    m.bne(a1, zero, loop);
    m.ebreak();
    TestMemory::put(kCode, m.words);
}

template <class F>
void put_function(u64 pc, F make) {
    Asm m(pc);
    make(m);
    TestMemory::put(pc, m.words);
}

TEST_P(InlinedCalls, OfALeaf) {
    Guest g(options());
    put_loop();
    put_function(kFunction, [](Asm& m) {
        m.slli(a0, a0, 1);
        m.ret();
    });
    g.set_x(a1, 1000);
    expect_sum(g, 1000u * 1001);
    EXPECT_EQ(g.x(ra), kCode + 12);
}

TEST_P(InlinedCalls, InsideCallsAndOnTheStack) {
    Guest g(options());
    put_loop();
    put_function(kFunction, [](Asm& m) {
        m.addi(sp, sp, -16);
        m.sd(ra, sp, 8);
        m.jal(ra, kInner);
        m.jal(ra, kInner);
        m.ld(ra, sp, 8);
        m.addi(sp, sp, 16);
        m.ret();
    });
    put_function(kInner, [](Asm& m) {
        m.beq(a0, a4, kInner + 12);
        m.addi(a0, a0, 1);
        m.ret();
        m.addi(a0, a0, 100);
        m.ret();
    });
    g.set_x(sp, kData + 0x1000);
    g.set_x(a1, 1000);
    g.set_x(a4, 500);
    expect_sum(g, 500u * 1001 + 2000 + 99 + 99);  // 500 is met first, 499 on its second way
    EXPECT_EQ(g.x(sp), kData + 0x1000);
}

/// Every fourth return goes to another place than behind its call.
TEST_P(InlinedCalls, ThatReturnElsewhere) {
    Guest g(options());
    put_loop();
    put_function(kFunction, [](Asm& m) {
        m.i(0x13, 7, t0, a0, 3);  // andi
        m.bne(t0, zero, kFunction + 12);
        m.addi(ra, ra, 4);  // not added to a2
        m.ret();
    });
    g.set_x(a1, 1000);
    expect_sum(g, 500u * 1001 - 4 * 250 * 251 / 2);
}

TEST_P(InlinedCalls, FaultWhereTheyAre) {
    Guest g(options());
    put_loop();
    put_function(kFunction, [](Asm& m) {
        m.addi(t0, t0, 1);
        m.ld(a3, a4, 0);
        m.addi(t0, t0, 1);
        m.ret();
    });
    g.set_x(t0, 0);
    g.set_x(a1, 1000);
    g.set_x(a4, kData);
    EXPECT_EQ(g.run().reason, ExitReason::Breakpoint);
    expect_inlined(g);
    g.set_x(t0, 0);
    g.set_x(a1, 1000);
    g.set_x(a4, kHole);
    const Exit e = g.run();
    EXPECT_EQ(e.reason, ExitReason::MemoryFault);
    EXPECT_EQ(e.pc, kFunction + 4);
    EXPECT_EQ(g.x(t0), 1u);
    EXPECT_EQ(g.x(ra), kCode + 12);
    EXPECT_EQ(g.x(a0), 1000u);
    // And on where the fault was repaired.
    g.set_x(a4, kData);
    EXPECT_EQ(g.cpu->run().reason, ExitReason::Breakpoint);
    EXPECT_EQ(g.x(a2), 500u * 1001);
    EXPECT_EQ(g.x(t0), 2000u);
}

/// A system call, a long way round and a jump through a register inside of inlined functions: who comes back
/// from there goes on behind the call.
TEST_P(InlinedCalls, AreLeftAndComeBack) {
    Guest g(options());
    put_loop();
    put_function(kFunction, [](Asm& m) {
        m.addi(sp, sp, -16);
        m.sd(ra, sp, 8);
        m.jal(ra, kInner);
        m.ld(ra, sp, 8);
        m.addi(sp, sp, 16);
        m.ret();
    });
    put_function(kInner, [](Asm& m) {
        m.i(0x13, 7, t0, a0, 15);  // andi
        m.beq(t0, zero, kInner + 16);
        m.beq(t0, t1, kInner + 24);
        m.ret();
        m.ecall();
        m.ret();
        m.jalr(zero, t2);
    });
    put_function(kElsewhere, [](Asm& m) {
        m.addi(a0, a0, 1);
        for (int n = 0; n < 100; n++) m.addi(a3, a3, 1);
        m.ret();
    });
    g.set_x(sp, kData + 0x1000);
    g.set_x(t1, 5);
    g.set_x(t2, kElsewhere);
    for (int turn = 0; turn < 3; turn++) {
        g.set_x(a1, 1600);
        Exit e = g.run();
        unsigned calls = 0;
        for (; e.reason == ExitReason::Syscall; calls++) {
            EXPECT_EQ(e.pc, kInner + 20);
            EXPECT_EQ(g.x(a0), 1600u - 16 * calls);
            EXPECT_EQ(g.x(ra), kFunction + 12);
            e = g.cpu->run();
        }
        EXPECT_EQ(e.reason, ExitReason::Breakpoint);
        EXPECT_EQ(calls, 100u);
        EXPECT_EQ(g.x(a2), 800u * 1601 + 100);
        EXPECT_EQ(g.x(sp), kData + 0x1000);
    }
    expect_inlined(g);
}

TEST_P(InlinedCalls, ChangeWithTheirCode) {
    Guest g(options());
    put_loop();
    const auto put = [](i64 n) {
        put_function(kFunction, [n](Asm& m) {
            m.addi(a0, zero, n);
            m.ret();
        });
    };
    put_function(kElsewhere, [](Asm& m) {
        m.fence_i();
        m.jal(zero, kCode);
    });
    for (i64 n = 1; n < 5; n++) {
        put(n);
        g.set_x(a1, 1000);
        EXPECT_EQ(g.run(kElsewhere).reason, ExitReason::Breakpoint);
        EXPECT_EQ(g.x(a2), static_cast<u64>(1000 * n));
    }
    expect_inlined(g);
}

/// The loop changes the function that it calls.
TEST_P(InlinedCalls, ChangeInTheLoop) {
    Guest g(options());
    put_loop();
    put_function(kFunction, [](Asm& m) {
        m.addi(a0, zero, 0);  // the immediate grows
        m.sw(a3, a4, 0);
        m.add(a3, a3, a5);
        m.fence_i();
        m.ret();
    });
    g.set_x(a1, 20);
    g.set_x(a3, 0x00000513 + (1 << 20));
    g.set_x(a4, kFunction);
    g.set_x(a5, 1 << 20);
    EXPECT_EQ(g.run().reason, ExitReason::Breakpoint);
    EXPECT_EQ(g.x(a2), 190u);
}

TEST_P(InlinedCalls, OfAFunctionThatCallsItself) {
    Guest g(options());
    // a0 = fib(a0), s0 and ra on the stack.
    put_loop();
    put_function(kFunction, [](Asm& m) {
        m.addi(t0, zero, 2);
        m.blt(a0, t0, kFunction + 4 * 15);
        m.addi(sp, sp, -32);
        m.sd(ra, sp, 0);
        m.sd(s0, sp, 8);
        m.sd(s1, sp, 16);
        m.addi(s0, a0, -2);
        m.addi(a0, a0, -1);
        m.jal(ra, kFunction);
        m.add(s1, zero, a0);
        m.add(a0, zero, s0);
        m.jal(ra, kFunction);
        m.add(a0, a0, s1);
        m.jal(zero, kFunction + 4 * 16);
        m.ebreak();
        m.ret();
        m.ld(ra, sp, 0);
        m.ld(s0, sp, 8);
        m.ld(s1, sp, 16);
        m.addi(sp, sp, 32);
        m.ret();
    });
    g.set_x(sp, kData + 0x8000);
    g.set_x(a1, 15);
    expect_sum(g, 1596u);  // fib(17) - 1
    EXPECT_EQ(g.x(sp), kData + 0x8000);
}

/// Safepoints arrive in a loop of an inlined function, and the guest goes on.
TEST_P(InlinedCalls, HaveSafepoints) {
    Guest g(options());
    put_loop();
    put_function(kFunction, [](Asm& m) {
        m.addi(t0, zero, 3);
        m.addi(t0, t0, -1);
        m.bne(t0, zero, kFunction + 4);
        m.ret();
    });
    g.set_x(a1, 1000);
    g.cpu->set_pc(kCode);
    unsigned stops = 0;
    for (;;) {
        if (stops < 50) g.cpu->request_safepoint();
        const Exit e = g.cpu->run();
        if (e.reason != ExitReason::Safepoint) {
            EXPECT_EQ(e.reason, ExitReason::Breakpoint);
            break;
        }
        stops++;
    }
    EXPECT_EQ(stops, 50u);
    EXPECT_EQ(g.x(a2), 500u * 1001);
}

}  // namespace
}  // namespace vm::engine::test
