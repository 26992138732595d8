// Breakpoints, watchpoints and steps of a debugger, on every tier that it may be used with.
#include "engine/run_control.h"

#include <condition_variable>
#include <thread>

#include "engine/guest_test.h"

namespace vm::engine {
namespace {

using namespace test;
using Go = RunControl::Go;
using Why = RunControl::Why;

/// A guest on a thread of its own, and the debugger's side of it.
class Debugged {
  public:
    explicit Debugged(Tier tier, bool watch_after = true)
        : control_({.wait = true, .watch_after = watch_after}), tier_(tier) {
        control_.set_listener([this] {
            const std::lock_guard lock(mutex_);
            news_ = true;
            changed_.notify_all();
        });
    }
    ~Debugged() {
        over_ = true;
        control_.detach();
        if (thread_.joinable()) thread_.join();
    }
    void start(Asm& code, u64 a0_value) {
        thread_ = std::thread([this, &code, a0_value] {
            EngineOptions o = with_tier(tier_);
            o.control = &control_;
            Guest g(o);
            TestMemory::put(kCode, code.words);
            g.set_x(a0, a0_value);
            g.set_x(t0, kData);
            g.cpu->set_pc(kCode);
            {
                RunControl::Member m(control_, 7, [&] { g.cpu->request_safepoint(); });
                control_.enter(m, *g.cpu);
                while (!over_) {
                    const Exit e = control_.run(m);
                    if (e.reason == ir::ExitReason::Safepoint || e.reason == ir::ExitReason::Next) continue;
                    last_ = e;
                    break;
                }
            }
            control_.ended({.by_signal = false, .code = 3});
        });
    }
    RunControl::Stop wait() {
        std::unique_lock lock(mutex_);
        for (;;) {
            if (const auto e = control_.event()) return e->stop;
            if (control_.ended_as()) {
                control_.ended_was_told();
                return {.why = Why::Signal, .signal = -1};
            }
            if (!changed_.wait_for(lock, std::chrono::seconds(20),
                                   [&] { return std::exchange(news_, false); }))
                return {.why = Why::Signal, .signal = -2};
        }
    }
    RunControl::Stop go(Go how, u64 begin = 0, u64 end = 0) {
        control_.resume({}, {.go = how, .begin = begin, .end = end});
        return wait();
    }
    u64 pc() {
        u64 v = 0;
        EXPECT_TRUE(control_.with(7, [&](Vcpu& c) { v = c.pc(); }));
        return v;
    }
    u64 x(unsigned r) {
        u64 v = 0;
        EXPECT_TRUE(control_.with(7, [&](Vcpu& c) { v = c.reg(rv::x_offset(r)); }));
        return v;
    }
    RunControl& control() { return control_; }
    Exit last_;

  private:
    RunControl control_;
    Tier tier_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool news_ = false;
    std::atomic<bool> over_{false};
    std::thread thread_;
};

class RunControlTest : public testing::TestWithParam<Tier> {};

/// a0 times: a1 += 2, *kData += 1; then an ebreak. `loop` and `store` are the addresses in it.
struct Loop {
    Asm code{kCode};
    u64 loop = 0, middle = 0, store = 0, end = 0;
    Loop() {
        code.addi(a1, zero, 0);
        loop = code.here();
        code.addi(a1, a1, 1);
        middle = code.here();
        code.addi(a1, a1, 1);
        code.ld(t1, t0, 0);
        code.addi(t1, t1, 1);
        store = code.here();
        code.sd(t1, t0, 0);
        code.addi(a0, a0, -1);
        code.bne(a0, zero, loop);
        end = code.here();
        code.ebreak();
    }
};

TEST_P(RunControlTest, BreakpointsInAHotLoop) {
    Loop l;
    Debugged d(GetParam());
    d.start(l.code, 1000);
    EXPECT_EQ(d.wait().why, Why::Asked);
    EXPECT_EQ(d.pc(), kCode);
    d.control().set_points({.breaks = {l.middle}, .watches = {}});
    for (u64 n = 0; n < 20; n++) {
        EXPECT_EQ(d.go(Go::Continue), (RunControl::Stop{.why = Why::Break, .address = l.middle}));
        EXPECT_EQ(d.pc(), l.middle);
        EXPECT_EQ(d.x(a1), 2 * n + 1);
        // Still there: it stops again without going on.
        EXPECT_EQ(d.go(Go::Continue).why, Why::Break);
        EXPECT_EQ(d.x(a1), 2 * n + 1);
        EXPECT_EQ(d.go(Go::Step).why, Why::Step);
        EXPECT_EQ(d.pc(), l.middle + 4);
        EXPECT_EQ(d.x(a1), 2 * n + 2);
    }
    // Set when the loop was translated.
    d.control().set_points({.breaks = {l.end}, .watches = {}});
    EXPECT_EQ(d.go(Go::Continue).why, Why::Break);
    EXPECT_EQ(d.pc(), l.end);
    EXPECT_EQ(d.x(a1), 2000u);
    EXPECT_EQ(d.go(Go::Continue).why, Why::Break);
    d.control().set_points({});
    EXPECT_EQ(d.go(Go::Continue).signal, -1);
    EXPECT_EQ(d.last_.reason, ir::ExitReason::Breakpoint);
    EXPECT_EQ(d.last_.pc, l.end);
}

TEST_P(RunControlTest, ABreakpointBecomesKnownToATranslatedLoop) {
    Loop l;
    Debugged d(GetParam());
    d.start(l.code, u64{1} << 40);
    d.wait();
    d.control().resume({}, {.go = Go::Continue});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    d.control().stop();
    EXPECT_EQ(d.wait().why, Why::Asked);
    EXPECT_GT(d.x(a1), 100u);
    d.control().set_points({.breaks = {l.middle}, .watches = {}});
    EXPECT_EQ(d.go(Go::Continue).why, Why::Break);
    EXPECT_EQ(d.pc(), l.middle);
    d.control().set_points({});
    d.control().resume({}, {.go = Go::Continue});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    d.control().stop();
    EXPECT_EQ(d.wait().why, Why::Asked);
    d.control().with(7, [](Vcpu& c) { c.set_reg(rv::x_offset(10), 1); });
    EXPECT_EQ(d.go(Go::Continue).signal, -1);
}

TEST_P(RunControlTest, StepsAndRanges) {
    Loop l;
    Debugged d(GetParam());
    d.start(l.code, 3);
    d.wait();
    while (d.pc() < l.loop) EXPECT_EQ(d.go(Go::Step).why, Why::Step);
    EXPECT_EQ(d.pc(), l.loop);
    // Through the loop and out of it.
    EXPECT_EQ(d.go(Go::Step, l.loop, l.end).why, Why::Step);
    EXPECT_EQ(d.pc(), l.end);
    EXPECT_EQ(d.x(a0), 0u);
    EXPECT_EQ(d.x(a1), 6u);
    EXPECT_EQ(d.go(Go::Step).signal, -1);  // the ebreak is the owner's
}

TEST_P(RunControlTest, ARangeEndsAtABreakpoint) {
    Loop l;
    Debugged d(GetParam());
    d.start(l.code, 3);
    d.wait();
    d.control().set_points({.breaks = {l.middle}, .watches = {}});
    EXPECT_EQ(d.go(Go::Continue).why, Why::Break);
    EXPECT_EQ(d.go(Go::Step, l.loop, l.end), (RunControl::Stop{.why = Why::Break, .address = l.middle}));
    EXPECT_EQ(d.x(a1), 3u);
}

TEST_P(RunControlTest, WatchpointsAfterTheAccess) {
    Loop l;
    Debugged d(GetParam());
    d.start(l.code, 100);
    d.wait();
    d.control().set_points(
        {.breaks = {}, .watches = {{.begin = kData + 2, .end = kData + 3, .load = false, .store = true}}});
    for (u64 n = 1; n <= 5; n++) {
        EXPECT_EQ(d.go(Go::Continue),
                  (RunControl::Stop{.why = Why::Watch, .address = kData + 2, .write = true}));
        EXPECT_EQ(d.pc(), l.store + 4);
        EXPECT_EQ(load_raw<u64>(reinterpret_cast<const void*>(kData)), n);
    }
    d.control().set_points(
        {.breaks = {}, .watches = {{.begin = kData, .end = kData + 8, .load = true, .store = false}}});
    EXPECT_EQ(d.go(Go::Continue), (RunControl::Stop{.why = Why::Watch, .address = kData, .write = false}));
    EXPECT_EQ(d.pc(), l.store - 4);
    EXPECT_EQ(d.x(t1), 5u);
    d.control().set_points(
        {.breaks = {}, .watches = {{.begin = kData + 8, .end = kData + 16, .load = true, .store = true}}});
    EXPECT_EQ(d.go(Go::Continue).signal, -1);
    EXPECT_EQ(d.last_.pc, l.end);
}

TEST_P(RunControlTest, WatchpointsBeforeTheAccess) {
    Loop l;
    Debugged d(GetParam(), false);
    d.start(l.code, 100);
    d.wait();
    const Points watch{.breaks = {},
                       .watches = {{.begin = kData, .end = kData + 1, .load = false, .store = true}}};
    for (u64 n = 0; n < 5; n++) {
        d.control().set_points(watch);
        EXPECT_EQ(d.go(Go::Continue), (RunControl::Stop{.why = Why::Watch, .address = kData, .write = true}));
        EXPECT_EQ(d.pc(), l.store);
        EXPECT_EQ(load_raw<u64>(reinterpret_cast<const void*>(kData)), n);
        d.control().set_points({});
        EXPECT_EQ(d.go(Go::Step).why, Why::Step);
        EXPECT_EQ(d.pc(), l.store + 4);
    }
    EXPECT_EQ(d.go(Go::Continue).signal, -1);
}

INSTANTIATE_TEST_SUITE_P(Tiers, RunControlTest, testing::Values(Tier::Auto, Tier::Interp, Tier::One),
                         [](const auto& info) {
                             return info.param == Tier::Auto     ? "Auto"
                                    : info.param == Tier::Interp ? "Interp"
                                                                 : "One";
                         });

TEST(BlockLimits, OfMachinesCountPlacesInPages) {
    BlockLimits limits(true);
    EXPECT_TRUE(limits.add(0xffffffff80001234));
    EXPECT_FALSE(limits.add(0x5234));
    EXPECT_TRUE(limits.add(0x10));
    EXPECT_TRUE(limits.contains(0x7f0000007234));
    EXPECT_EQ(limits.next(0x7f0000007010), 0x7f0000007234u);
    EXPECT_EQ(limits.next(0x7f0000007000), 0x7f0000007010u);
    EXPECT_EQ(limits.next(0x7f0000007234), ~u64{0});
}

}  // namespace
}  // namespace vm::engine
