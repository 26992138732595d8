#include "engine/exposed.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <thread>

#include "engine/guest_test.h"

namespace vm::engine::test {
namespace {

long listed() {
    return std::ranges::count_if(exposed().vcpus, [](const ExposedVcpu& v) { return v.tid != 0; });
}
const ExposedVcpu* of_thread(int tid) {
    const auto at = std::ranges::find(exposed().vcpus, tid, &ExposedVcpu::tid);
    return at != std::end(exposed().vcpus) ? at : nullptr;
}
const Stats& stats_of(const ExposedVcpu& v) { return *reinterpret_cast<const Stats*>(v.stats); }

TEST(Exposed, SaysWhereTheCountersOfAnEngineLie) {
    EXPECT_EQ(exposed().magic, Exposed::kMagic);
    EXPECT_EQ(exposed().layout, Exposed::layout_of_this_build());
    EXPECT_EQ(exposed().engine.jit_stats, 0u);
    {
        Guest g(with_tier(Tier::One));
        const ExposedEngine& e = exposed().engine;
        EXPECT_EQ(exposed().pid, ::getpid());
        EXPECT_STREQ(e.isa, "riscv64");
        EXPECT_EQ(e.tier, Tier::One);
        EXPECT_EQ(e.places, 0u);
        EXPECT_EQ(e.code_limit, EngineOptions().code_cache_bytes);
        ASSERT_EQ(listed(), 1);
        const ExposedVcpu* v = of_thread(::gettid());
        ASSERT_NE(v, nullptr);
        Asm code(kCode);
        code.addi(a0, a0, 5);
        code.ecall();
        TestMemory::put(kCode, code.words);
        g.run();
        EXPECT_EQ(stats_of(*v).runs, 1u);
        EXPECT_EQ(reinterpret_cast<const jit::Stats*>(e.jit_stats)->translations, 1u);
        EXPECT_GT(*reinterpret_cast<const u64*>(e.code_bytes), 0u);
        g.cpu.reset();
        EXPECT_EQ(listed(), 0);
        EXPECT_EQ(reinterpret_cast<const Stats*>(e.ended_stats)->runs, 1u);
    }
    EXPECT_EQ(exposed().engine.jit_stats, 0u);
    EXPECT_EQ(exposed().sequence % 2, 0u);
}

TEST(Exposed, ThePlacesOfTier2AreThereWhereItRuns) {
    const Guest g(with_tier(Tier::Auto));
    EXPECT_NE(exposed().engine.places, 0u);
}

TEST(Exposed, ASecondEngineIsNotSeen) {
    const Guest first(with_tier(Tier::One));
    const u64 stats = exposed().engine.jit_stats;
    {
        auto second =
            Engine::create(rv::kRiscv64, const_cast<TestMemory&>(first.memory), with_tier(Tier::One));
        ASSERT_TRUE(second);
        auto vcpu = (*second)->create_vcpu();
        ASSERT_TRUE(vcpu);
        EXPECT_EQ(listed(), 1);
    }
    EXPECT_EQ(exposed().engine.jit_stats, stats);
    EXPECT_EQ(listed(), 1);
}

TEST(Exposed, AChildOfAForkHasOneVcpu) {
    Guest g(with_tier(Tier::One));
    std::barrier<> made(2), done(2);
    std::thread other([&] {
        const auto vcpu = g.make_vcpu();
        made.arrive_and_wait();
        done.arrive_and_wait();
    });
    made.arrive_and_wait();
    EXPECT_EQ(listed(), 2);
    g.engine->fork_prepare();
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        const bool ok = g.engine->fork_child(*g.cpu).has_value();
        const ExposedVcpu* v = of_thread(::gettid());
        ::_exit(ok && listed() == 1 && v != nullptr && exposed().pid == ::getpid() ? 0 : 1);
    }
    g.engine->fork_parent();
    int status = -1;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(listed(), 2);
    EXPECT_EQ(exposed().pid, ::getpid());
    done.arrive_and_wait();
    other.join();
    EXPECT_EQ(listed(), 1);
}

TEST(Exposed, MoreVcpusThanItHasRoomForAreCounted) {
    Exposure exposure;
    exposure.take({.jit_stats = 1});
    ASSERT_TRUE(exposure.holds());
    std::vector<Stats> stats(Exposed::kMost + 3);
    const u64 icount = 0;
    for (const Stats& s : stats) ExposedChange(exposure).add(s, icount);
    EXPECT_EQ(listed(), Exposed::kMost);
    EXPECT_EQ(exposed().unlisted, 3u);
    ExposedChange(exposure).remove(stats.back());
    EXPECT_EQ(exposed().unlisted, 2u);
    const u32 serial = exposed().vcpus[0].serial;
    ExposedChange(exposure).remove(stats[0]);
    EXPECT_EQ(exposed().vcpus[0].tid, 0);
    ExposedChange(exposure).add(stats[0], icount);
    EXPECT_NE(exposed().vcpus[0].serial, serial);
    ExposedChange(exposure).forked(stats[5], icount);
    EXPECT_EQ(listed(), 1);
    EXPECT_EQ(exposed().unlisted, 0u);
}

}  // namespace
}  // namespace vm::engine::test
