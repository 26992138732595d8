// Threads, changing code, little code memory, fork: what must hold while everything happens at once.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include "engine/guest_test.h"

namespace vm::engine::test {
namespace {

using ir::ExitReason;

constexpr u64 kFunctions = kCode + 0x1000;
constexpr u64 kFunctionBytes = 64;

/// `count` functions of 16 instructions, function i adds i + 15 to a0 in its own way; and a main program at
/// kCode that calls them through a table of s1 entries at s0, a1 times over.
void put_many_functions(u64 count) {
    for (u64 i = 0; i < count; i++) {
        Asm f(kFunctions + i * kFunctionBytes);
        f.li(t0, static_cast<i32>(i));
        f.add(a0, a0, t0);
        for (int k = 0; k < 12; k++) f.addi(a0, a0, k < 11 ? 1 : 4);
        f.ret();
        ASSERT_LE(4 * f.words.size(), kFunctionBytes);
        TestMemory::put(kFunctions + i * kFunctionBytes, f.words);
    }
    Asm m(kCode);
    m.addi(a0, zero, 0);
    const u64 round = m.here();
    m.addi(s2, s0, 0);
    m.addi(s3, s1, 0);
    const u64 next = m.here();
    m.ld(t1, s2, 0);
    m.jalr(ra, t1);
    m.addi(s2, s2, 8);
    m.addi(s3, s3, -1);
    m.bne(s3, zero, next);
    m.addi(a1, a1, -1);
    m.bne(a1, zero, round);
    m.ecall();
    TestMemory::put(kCode, m.words);
}

u64 expected_sum(const std::vector<u64>& table, u64 rounds) {
    u64 sum = 0;
    for (const u64 f : table) sum += (f - kFunctions) / kFunctionBytes + 15;
    return sum * rounds;
}

std::vector<u64> shuffled_table(u64 count, unsigned seed) {
    std::vector<u64> table(count);
    for (u64 i = 0; i < count; i++) table[i] = kFunctions + i * kFunctionBytes;
    std::shuffle(table.begin(), table.end(), std::minstd_rand(seed));
    return table;
}

Exit run_table(Vcpu& v, const std::vector<u64>& table, u64 rounds) {
    v.set_reg(rv::x_offset(s0), reinterpret_cast<u64>(table.data()));
    v.set_reg(rv::x_offset(s1), table.size());
    v.set_reg(rv::x_offset(a1), rounds);
    v.set_pc(kCode);
    return v.run();
}

/// Runs the table in a child of fork(), which exits with 0 if that came out right and so did f().
template <class F>
pid_t fork_and_run(Guest& g, const std::vector<u64>& table, u64 rounds, F f) {
    g.engine->fork_prepare();
    const pid_t pid = fork();
    if (pid != 0) {
        g.engine->fork_parent();
        return pid;
    }
    const bool ok = g.engine->fork_child(*g.cpu).has_value() &&
                    run_table(*g.cpu, table, rounds).reason == ExitReason::Syscall &&
                    g.x(a0) == expected_sum(table, rounds);
    _exit(ok && f() ? 0 : 1);
}

void expect_success(pid_t pid) {
    int status = -1;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
}

/// What happens when the code cache is full: each policy, in the smallest cache and in a small one.
class TinyCache : public testing::TestWithParam<std::tuple<gc::Policy, u64>> {
  protected:
    static EngineOptions options(Tier tier) {
        EngineOptions o = with_tier(tier);
        o.cache_policy = std::get<0>(GetParam());
        o.code_cache_bytes = std::get<1>(GetParam()) << 10;
        return o;
    }
    static bool generations() { return std::get<0>(GetParam()) == gc::Policy::Generations; }
};

std::string policy_and_size(const testing::TestParamInfo<std::tuple<gc::Policy, u64>>& p) {
    static constexpr const char* kNames[] = {"Generations", "Fifo", "Flush"};
    return kNames[static_cast<unsigned>(std::get<0>(p.param))] + std::to_string(std::get<1>(p.param)) + "K";
}

#if defined(VM_SANITIZE_address) || defined(VM_SANITIZE_thread)
constexpr bool kForks = false;  // the sanitizers' locks are not held over fork(2)
const auto kPolicies = testing::Values(gc::Policy::Generations);  // each takes seconds
const auto kKilobytes = testing::Values(300);
#else
constexpr bool kForks = true;
const auto kPolicies = testing::Values(gc::Policy::Generations, gc::Policy::Fifo, gc::Policy::Flush);
const auto kKilobytes = testing::Values(300, 400);
#endif

INSTANTIATE_TEST_SUITE_P(Stress, TinyCache, testing::Combine(kPolicies, kKilobytes), policy_and_size);

TEST_P(TinyCache, EvictsAndStaysRight) {
    const EngineOptions o = options(Tier::One);
    Guest g(o);
    constexpr u64 kCount = 6000;
    put_many_functions(kCount);
    for (unsigned seed = 1; seed <= 3; seed++) {
        const std::vector<u64> table = shuffled_table(kCount, seed);
        EXPECT_EQ(run_table(*g.cpu, table, 3).reason, ExitReason::Syscall);
        EXPECT_EQ(g.x(a0), expected_sum(table, 3));
    }
    EXPECT_GT(counter(*g.engine, "evicted_segments"), 5u);
    EXPECT_GT(counter(*g.engine, "evicted_translations"), kCount / 2);
    EXPECT_LE(counter(*g.engine, "code_bytes_used"), o.code_cache_bytes);
    EXPECT_EQ(counter(*g.engine, "promoted_translations") != 0, generations());
}

/// A loop's region goes with all other code when memory becomes shared, and is made again for several vCPUs.
TEST(Background, MakesARegionAgainThatWasDropped) {
    Guest g(with_tier(Tier::Auto));
    Asm m(kCode);
    const u64 loop = m.here();
    m.addi(a0, a0, 1);
    m.xor_(a2, a2, a0);
    m.addi(a1, a1, -1);
    m.bne(a1, zero, loop);
    m.ecall();
    TestMemory::put(kCode, m.words);
    const auto run_until = [&](u64 regions) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (counter(*g.engine, "regions") < regions && std::chrono::steady_clock::now() < limit) {
            g.set_x(a1, 20'000'000);
            ASSERT_EQ(g.run(kCode).reason, ExitReason::Syscall);
        }
        EXPECT_EQ(counter(*g.engine, "regions"), regions);
    };
    run_until(1);
    g.engine->memory_is_shared();
    run_until(2);
}

TEST_P(TinyCache, RegionsAndTheirBlocksStayRight) {
    Guest g(options(Tier::Two));
    constexpr u64 kCount = 6000;
    put_many_functions(kCount);
    const std::vector<u64> table = shuffled_table(kCount, 1);
    EXPECT_EQ(run_table(*g.cpu, table, 3).reason, ExitReason::Syscall);
    EXPECT_EQ(g.x(a0), expected_sum(table, 3));
    EXPECT_GT(counter(*g.engine, "evicted_segments"), 5u);
}

/// A few functions are called all the time, the others once in a while: only generations keep the few.
TEST_P(TinyCache, HotFunctionsAreTranslatedOnceByGenerationsOnly) {
    Guest g(options(Tier::One));
    constexpr u64 kCount = 6000, kHot = 40;
    put_many_functions(kCount);
    std::vector<u64> table;
    for (u64 i = kHot; i < kCount; i++) {
        table.push_back(kFunctions + i * kFunctionBytes);
        table.push_back(kFunctions + i % kHot * kFunctionBytes);
    }
    const u64 rounds = 6;
    EXPECT_EQ(run_table(*g.cpu, table, rounds).reason, ExitReason::Syscall);
    EXPECT_EQ(g.x(a0), expected_sum(table, rounds));
    const u64 made = counter(*g.engine, "translations");
    const u64 cold = (kCount - kHot) * rounds;
    if (generations()) {
        EXPECT_LT(made, cold + kHot + 100);
        EXPECT_GT(counter(*g.engine, "promoted_translations"), kHot / 2);
    }
}

/// Functions change, announced by the owner of memory or by the guest's FENCE.I; what lies on probation, too,
/// is never run with its old bytes.
TEST_P(TinyCache, ChangedCodeDoesNotComeBack) {
    Guest g(options(Tier::One));
    constexpr u64 kCount = 1500;
    put_many_functions(kCount);
    Asm fence(kCode + 0x800);
    fence.fence_i();
    fence.ecall();
    TestMemory::put(kCode + 0x800, fence.words);
    std::minstd_rand random(7);
    std::vector<u64> table = shuffled_table(kCount, 1);
    u64 added = 0;  // by changes, in one round
    for (int i = 0; i < 150; i++) {
        for (int n = 0; n < 5; n++) {
            const u64 at = kFunctions + random() % kCount * kFunctionBytes + 12;  // its first addi a0, a0, n
            auto* word = reinterpret_cast<u32*>(at);
            const u32 by = 1 + random() % 500;
            added += u64{by} - u64{*word >> 20};
            *word = 0x00050513u | by << 20;
            if (i % 2) g.engine->invalidate(at, at + 4);
        }
        if (i % 2 == 0) {
            EXPECT_EQ(g.run(kCode + 0x800).reason, ExitReason::Syscall);
        }
        std::shuffle(table.begin(), table.end(), random);
        ASSERT_EQ(run_table(*g.cpu, table, 1).reason, ExitReason::Syscall);
        ASSERT_EQ(g.x(a0), expected_sum(table, 1) + added) << i;
    }
}

/// Threads call functions in a cache that is much too small, while code is dropped, safepoints are asked for
/// as by signals, and children are forked that go on with a copy of whatever state the collection is in.
TEST_P(TinyCache, ThreadsInvalidationsSafepointsAndForks) {
    Guest g(options(Tier::Auto));
    constexpr u64 kCount = 3000;
    put_many_functions(kCount);
    std::atomic<Vcpu*> cpus[3] = {};
    std::atomic<int> right{0}, running{3};
    std::atomic<bool> requesting{true};
    std::vector<std::thread> threads;
    for (unsigned n = 0; n < 3; n++)
        threads.emplace_back([&, n] {
            const auto v = g.make_vcpu();
            cpus[n] = v.get();
            for (unsigned i = 0; i < 3; i++) {
                const std::vector<u64> table = shuffled_table(kCount, 10 * n + i + 1);
                Exit e = run_table(*v, table, 2);
                while (e.reason == ExitReason::Safepoint) e = v->run();
                right += e.reason == ExitReason::Syscall && Guest::x(*v, a0) == expected_sum(table, 2);
            }
            running--;
            while (requesting) std::this_thread::yield();  // the vCPU must outlive the requests
        });
    const std::vector<u64> few = shuffled_table(200, 3);
    std::minstd_rand random(5);
    for (int i = 0; running != 0; i++) {
        for (auto& slot : cpus)
            if (Vcpu* v = slot) v->request_safepoint();
        const u64 at = kFunctions + random() % (kCount * kFunctionBytes);
        g.engine->invalidate(at, at + 1 + random() % 2000);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        if (!kForks || i % 64 != 0) continue;
        expect_success(fork_and_run(g, few, 3, [] { return true; }));
    }
    requesting = false;
    for (auto& t : threads) t.join();
    EXPECT_EQ(right, 9);
}

TEST_P(TinyCache, IsSharedByThreads) {
    Guest g(options(Tier::Auto));
    constexpr u64 kCount = 6000;
    put_many_functions(kCount);
    std::vector<std::thread> threads;
    std::atomic<int> right{0};
    for (unsigned n = 0; n < 3; n++)
        threads.emplace_back([&, n] {
            const auto v = g.make_vcpu();
            for (unsigned i = 0; i < 3; i++) {
                const std::vector<u64> table = shuffled_table(kCount, 10 * n + i + 1);
                if (run_table(*v, table, 2).reason == ExitReason::Syscall &&
                    Guest::x(*v, a0) == expected_sum(table, 2))
                    right++;
            }
        });
    for (auto& t : threads) t.join();
    EXPECT_EQ(right, 9);
    EXPECT_GT(counter(*g.engine, "evicted_segments"), 3u);
}

/// Blocks are dropped at random while three threads run chains of them: links come and go, results stay.
TEST(Stress, LinksComeAndGoUnderRunningThreads) {
    Guest g(with_tier(Tier::One));
    constexpr u64 kCount = 50, kRounds = 20000;
    put_many_functions(kCount);
    std::vector<std::thread> threads;
    std::atomic<int> right{0}, running{3};
    for (unsigned n = 0; n < 3; n++)
        threads.emplace_back([&, n] {
            const auto v = g.make_vcpu();
            const std::vector<u64> table = shuffled_table(kCount, n + 1);
            for (unsigned i = 0; i < 20; i++)
                if (run_table(*v, table, kRounds).reason == ExitReason::Syscall &&
                    Guest::x(*v, a0) == expected_sum(table, kRounds))
                    right++;
            running--;
        });
    std::minstd_rand random(5);
    while (running != 0) {
        const u64 at = random() % 4 == 0 ? kCode + 4 * (random() % 12)
                                         : kFunctions + random() % (kCount * kFunctionBytes);
        g.engine->invalidate(at, at + 1 + random() % 100);
        std::this_thread::yield();
    }
    for (auto& t : threads) t.join();
    EXPECT_EQ(right, 60);
    EXPECT_GT(counter(*g.engine, "invalidated"), 50u);
    EXPECT_GT(counter(*g.engine, "links"), 50u);
    EXPECT_GE(counter(*g.engine, "links"), counter(*g.engine, "unlinks"));
}

/// A function is rewritten while a loop calls it: after invalidate() the runner soon shows every new version.
TEST(Stress, PatchedCodeShowsInARunningThread) {
    Guest g(with_tier(Tier::Auto));
    Asm m(kCode);
    const u64 loop = m.here();
    m.addi(a0, zero, 0);
    m.jal(ra, kFunctions);
    m.sd(a0, s0, 0);
    m.beq(zero, zero, loop);
    TestMemory::put(kCode, m.words);
    auto body = [](u32 version) { return 0x00050513u | version << 20; };  // addi a0, a0, version
    auto* patched = reinterpret_cast<u32*>(kFunctions);
    Asm f(kFunctions);
    f.words.push_back(body(1));
    f.ret();
    TestMemory::put(kFunctions, f.words);
    std::atomic<Vcpu*> runner{nullptr};
    std::atomic<bool> requested{false};
    std::thread thread([&] {
        const auto v = g.make_vcpu();
        v->set_reg(rv::x_offset(s0), kData);
        v->set_pc(kCode);
        runner = v.get();
        EXPECT_EQ(v->run().reason, ExitReason::Safepoint);
        while (!requested) std::this_thread::yield();  // whoever asks still holds the vCPU
    });
    const std::atomic_ref<u64> shown(*reinterpret_cast<u64*>(kData));
    for (u32 version = 1; version < 150; version++) {
        std::atomic_ref<u32>(*patched).store(body(version));
        g.engine->invalidate(kFunctions, kFunctions + 4);
        while (shown.load() != version) std::this_thread::yield();
    }
    runner.load()->request_safepoint();
    requested = true;
    thread.join();
}

/// Threads add to one word with amoadd while they are interrupted and their code is dropped.
TEST(Stress, AtomicsSignalsOfSafepointsAndInvalidation) {
    Guest g(with_tier(Tier::Auto));
    Asm m(kCode);
    const u64 loop = m.here();
    m.amoadd_d(zero, a2, s0);
    m.addi(a1, a1, -1);
    m.bne(a1, zero, loop);
    m.ecall();
    TestMemory::put(kCode, m.words);
    constexpr u64 kAdds = 300000;
    std::atomic<Vcpu*> cpus[2] = {};
    std::atomic<int> running{2};
    std::atomic<bool> requesting{true};
    std::vector<std::thread> threads;
    std::atomic<u64> stops{0};
    for (auto& slot : cpus)
        threads.emplace_back([&] {
            const auto v = g.make_vcpu();
            slot = v.get();
            v->set_reg(rv::x_offset(s0), kData);
            v->set_reg(rv::x_offset(a1), kAdds);
            v->set_reg(rv::x_offset(a2), 1);
            v->set_pc(kCode);
            while (v->run().reason == ExitReason::Safepoint) stops++;
            running--;
            while (requesting) std::this_thread::yield();  // the vCPU must outlive the requests
        });
    while (running == 2) {
        for (auto& slot : cpus)
            if (Vcpu* v = slot) v->request_safepoint();
        g.engine->invalidate(kCode, kCode + 16);
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    requesting = false;
    for (auto& t : threads) t.join();
    EXPECT_EQ(load_raw<u64>(reinterpret_cast<void*>(kData)), 2 * kAdds);
}

TEST(Stress, ForkedChildRunsOnItsOwnCode) {
    Guest g(with_tier(Tier::One));
    constexpr u64 kCount = 300;
    put_many_functions(kCount);
    const std::vector<u64> table = shuffled_table(kCount, 1);
    ASSERT_EQ(run_table(*g.cpu, table, 2).reason, ExitReason::Syscall);
    const u64 before = counter(*g.engine, "translations");
    const pid_t pid = fork_and_run(g, table, 2, [&] {
        if (counter(*g.engine, "translations") != before) return false;  // nothing had to be made again
        // New code in the child only.
        TestMemory::put(kFunctions, {0x00000513u | 7u << 20, 0x00008067u});  // li a0, 7; ret
        g.engine->invalidate(kFunctions, kFunctions + 8);
        const std::vector<u64> one{kFunctions};
        return run_table(*g.cpu, one, 5).reason == ExitReason::Syscall && g.x(a0) == 7;
    });
    for (int i = 0; i < 50; i++) {
        ASSERT_EQ(run_table(*g.cpu, table, 2).reason, ExitReason::Syscall);
        EXPECT_EQ(g.x(a0), expected_sum(table, 2));
        g.engine->invalidate(kFunctions + 64 * i, kFunctions + 64 * i + 64);
    }
    expect_success(pid);
}

}  // namespace
}  // namespace vm::engine::test
