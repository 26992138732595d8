// What run() promises, on every tier.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <unistd.h>

#include "backend/vcpu_state.h"
#include "engine/guest_test.h"
#include "ir/ir.h"
#include "jit/jit.h"

namespace vm::engine::test {
namespace {

using ir::ExitReason;

class EveryTier : public testing::TestWithParam<Tier> {};
constexpr const char* kTierNames[] = {"auto", "interp", "one", "two"};
INSTANTIATE_TEST_SUITE_P(Tiers, EveryTier, testing::Values(Tier::Interp, Tier::Auto, Tier::One, Tier::Two),
                         [](const auto& i) {
                             return std::string(kTierNames[static_cast<unsigned>(i.param)]);
                         });

/// a0 = 1 + 2 + … + n, n in a1.
void put_sum_loop() {
    Asm a(kCode);
    a.addi(a0, zero, 0);
    const u64 loop = a.here();
    a.add(a0, a0, a1);
    a.addi(a1, a1, -1);
    a.bne(a1, zero, loop);
    a.ecall();
    TestMemory::put(kCode, a.words);
}

TEST_P(EveryTier, Loop) {
    Guest g(with_tier(GetParam()));
    put_sum_loop();
    g.set_x(a1, 100000);
    const Exit e = g.run();
    EXPECT_EQ(e.reason, ExitReason::Syscall);
    EXPECT_EQ(e.pc, kCode + 20);
    EXPECT_EQ(g.x(a0), 5000050000u);
    EXPECT_EQ(g.cpu->pc(), e.pc);
}

/// fib(n) by recursion: calls, returns and a guest stack.
void put_fib() {
    Asm a(kCode);
    const u64 call_main = a.hole();  // jal ra, fib
    a.ecall();
    a.patch_jal(call_main, ra);
    const u64 fib = a.here();
    a.addi(t0, zero, 2);
    const u64 branch_at = a.here();
    a.hole();
    a.ret();  // n < 2: fib = n
    const u64 deeper = a.here();
    a.addi(sp, sp, -32);
    a.sd(ra, sp, 0);
    a.sd(s0, sp, 8);
    a.sd(s1, sp, 16);
    a.addi(s0, a0, 0);
    a.addi(a0, s0, -1);
    a.jal(ra, fib);
    a.addi(s1, a0, 0);
    a.addi(a0, s0, -2);
    a.jal(ra, fib);
    a.add(a0, a0, s1);
    a.ld(ra, sp, 0);
    a.ld(s0, sp, 8);
    a.ld(s1, sp, 16);
    a.addi(sp, sp, 32);
    a.ret();
    Asm b(branch_at);
    b.branch(5, a0, t0, deeper);  // bge
    a.words[(branch_at - kCode) / 4] = b.words[0];
    TestMemory::put(kCode, a.words);
}

TEST_P(EveryTier, Recursion) {
    Guest g(with_tier(GetParam()));
    put_fib();
    g.set_x(a0, 18);
    g.set_x(sp, kData + kDataBytes);
    EXPECT_EQ(g.run().reason, ExitReason::Syscall);
    EXPECT_EQ(g.x(a0), 2584u);
    EXPECT_EQ(g.x(sp), kData + kDataBytes);
}

/// Deeper than the return stack has entries: it wraps, results stay right.
TEST_P(EveryTier, RecursionBeyondTheReturnStack) {
    Guest g(with_tier(GetParam()));
    Asm a(kCode);
    const u64 call_main = a.hole();
    a.ecall();
    a.patch_jal(call_main, ra);
    const u64 down = a.here();
    a.addi(sp, sp, -8);
    a.sd(ra, sp, 0);
    a.addi(a1, a1, 1);
    a.addi(a0, a0, -1);
    a.beq(a0, zero, a.here() + 8);
    a.jal(ra, down);
    a.addi(a2, a2, 3);
    a.ld(ra, sp, 0);
    a.addi(sp, sp, 8);
    a.ret();
    TestMemory::put(kCode, a.words);
    constexpr u64 kDepth = 200000;
    TestMemory::map(kStack, align_up(8 * kDepth, 4096));
    for (int round = 0; round < 2; round++) {
        g.set_x(a0, kDepth);
        g.set_x(a1, 0);
        g.set_x(a2, 0);
        g.set_x(sp, kStack + align_up(8 * kDepth, 4096));
        EXPECT_EQ(g.run().reason, ExitReason::Syscall);
        EXPECT_EQ(g.x(a1), kDepth);
        EXPECT_EQ(g.x(a2), 3 * kDepth);
    }
    munmap(reinterpret_cast<void*>(kStack), align_up(8 * kDepth, 4096));
}

TEST_P(EveryTier, ExitsAreValues) {
    Guest g(with_tier(GetParam()));
    Asm a(kCode);
    a.addi(a0, zero, 7);
    a.ebreak();
    TestMemory::put(kCode, a.words);
    for (int i = 0; i < 3; i++) {
        const Exit e = g.run();
        EXPECT_EQ(e.reason, ExitReason::Breakpoint);
        EXPECT_EQ(e.pc, kCode + 4);
    }
    store_raw<u32>(reinterpret_cast<void*>(kCode + 4), 0);
    g.engine->invalidate(kCode + 4, kCode + 8);
    for (int i = 0; i < 3; i++) {
        const Exit e = g.run();
        EXPECT_EQ(e.reason, ExitReason::Illegal);
        EXPECT_EQ(e.pc, kCode + 4);
    }
    const Exit e = g.run(kHole + 0x456000);
    EXPECT_EQ(e.reason, ExitReason::FetchFault);
    EXPECT_EQ(e.pc, kHole + 0x456000);
    EXPECT_EQ(e.value, kHole + 0x456000);
}

/// The page behind a block appears after the block was translated.
TEST_P(EveryTier, LateMappedCode) {
    Guest g(with_tier(GetParam()));
    constexpr u64 kEdge = kCode + kCodeBytes;
    Asm a(kEdge - 8);
    a.addi(a0, a0, 1);
    a.addi(a0, a0, 1);
    TestMemory::put(kEdge - 8, a.words);
    for (int i = 0; i < 3; i++) {
        const Exit e = g.run(kEdge - 8);
        EXPECT_EQ(e.reason, ExitReason::FetchFault);
        EXPECT_EQ(e.pc, kEdge);
    }
    EXPECT_EQ(g.x(a0), 6u);
    TestMemory::map(kEdge, 4096);
    Asm b(kEdge);
    b.ecall();
    TestMemory::put(kEdge, b.words);
    for (int i = 0; i < 3; i++) EXPECT_EQ(g.run(kEdge - 8).reason, ExitReason::Syscall);
    EXPECT_EQ(g.x(a0), 12u);
    munmap(reinterpret_cast<void*>(kEdge), 4096);
}

/// Loads and stores of one block, each faulting in turn: the PC, the address and every register are those of
/// that access.
TEST_P(EveryTier, FaultsArePrecise) {
    Guest g(with_tier(GetParam()));
    constexpr unsigned kAccesses = 12;
    Asm a(kCode);
    std::vector<u64> pcs;
    for (unsigned i = 0; i < kAccesses; i++) {
        a.addi(s2, s2, 1);  // counts what was executed
        a.addi(t0, t0, 3);
        a.slli(t1, t0, 1);
        pcs.push_back(a.here());
        const unsigned base = s3;  // s3 good; the faulting access uses s4
        (void)base;
        if (i % 2 == 0)
            a.ld(t2, s3, 8 * i);
        else
            a.sd(t1, s3, 8 * i);
        a.add(s5, s5, t1);
    }
    a.ecall();
    const std::vector<u32> good = a.words;
    for (unsigned bad = 0; bad < kAccesses; bad++) {
        std::vector<u32> words = good;
        u32& w = words[(pcs[bad] - kCode) / 4];
        w = (w & ~(31u << 15)) | u32{s4} << 15;
        TestMemory::put(kCode, words);
        g.engine->invalidate(kCode, kCode + 4 * words.size());
        for (int round = 0; round < 3; round++) {  // interpreted, then compiled
            for (const unsigned reg : {s2, t0, t1, t2, s5}) g.set_x(reg, 0);
            g.set_x(s3, kData);
            g.set_x(s4, kHole);
            const Exit e = g.run();
            ASSERT_EQ(e.reason, ExitReason::MemoryFault) << bad;
            EXPECT_EQ(e.pc, pcs[bad]);
            EXPECT_EQ(e.value, kHole + 8 * bad);
            EXPECT_EQ(e.write, bad % 2 == 1);
            EXPECT_EQ(e.host_signal, SIGSEGV);
            EXPECT_EQ(e.host_code, SEGV_MAPERR);
            EXPECT_EQ(g.x(s2), bad + 1);
            EXPECT_EQ(g.x(t0), 3 * (bad + 1));
            EXPECT_EQ(g.x(t1), 6 * (bad + 1));
            EXPECT_EQ(g.x(s5), 3 * bad * (bad + 1));
        }
    }
}

TEST_P(EveryTier, NonCanonicalAddressIsReported) {
    Guest g(with_tier(GetParam()));
    Asm a(kCode);
    a.ld(a0, a1, 16);
    a.ecall();
    TestMemory::put(kCode, a.words);
    for (int i = 0; i < 3; i++) {
        g.set_x(a1, 0x8000000000000000);
        const Exit e = g.run();
        EXPECT_EQ(e.reason, ExitReason::MemoryFault);
        EXPECT_EQ(e.value, 0x8000000000000010u);
        EXPECT_EQ(e.host_code, SEGV_MAPERR);
        EXPECT_EQ(e.pc, kCode);
    }
}

TEST_P(EveryTier, OwnerMayRepairAFault) {
    Guest g(with_tier(GetParam()));
    Asm a(kCode);
    a.addi(a0, a0, 1);
    a.sd(a0, a1, 0);
    a.addi(a0, a0, 1);
    a.ecall();
    TestMemory::put(kCode, a.words);
    int asked = 0;
    g.memory.on_fault = [&](u64 addr, bool write) {
        asked++;
        EXPECT_EQ(addr, kData + 8192);
        EXPECT_TRUE(write);
        return mprotect(reinterpret_cast<void*>(kData + 8192), 4096, PROT_READ | PROT_WRITE) == 0;
    };
    for (int i = 0; i < 4; i++) {
        ASSERT_EQ(mprotect(reinterpret_cast<void*>(kData + 8192), 4096, PROT_READ), 0);
        g.set_x(a0, 10);
        g.set_x(a1, kData + 8192);
        EXPECT_EQ(g.run().reason, ExitReason::Syscall);
        EXPECT_EQ(g.x(a0), 12u);
        EXPECT_EQ(asked, i + 1);
        EXPECT_EQ(load_raw<u64>(reinterpret_cast<void*>(kData + 8192)), 11u);
    }
}

TEST_P(EveryTier, StepIsOneInstruction) {
    Guest g(with_tier(GetParam()));
    put_sum_loop();
    g.set_x(a1, 2);
    g.cpu->set_pc(kCode);
    const u64 pcs[] = {4, 8, 12, 4, 8, 12, 16};
    for (const u64 pc : pcs) {
        const Exit e = g.cpu->step();
        EXPECT_EQ(e.reason, ExitReason::Next);
        EXPECT_EQ(e.pc, kCode + pc);
    }
    EXPECT_EQ(g.cpu->step().reason, ExitReason::Syscall);
    EXPECT_EQ(g.x(a0), 3u);
}

TEST_P(EveryTier, ExactInstructionCount) {
    EngineOptions o = with_tier(GetParam());
    o.exact_icount = true;
    Guest g(o);
    put_sum_loop();
    g.set_x(a1, 1000);
    g.run();
    EXPECT_EQ(g.cpu->icount(), 1 + 3 * 1000 + 1u);
}

TEST_P(EveryTier, FenceIShowsNewCode) {
    Guest g(with_tier(GetParam()));
    // A loop that rewrites `addi a0, a0, 1` to other immediates, fence.i, and runs it.
    Asm a(kCode);
    const u64 loop = a.here();
    a.sw(a2, a3, 0);
    a.fence_i();
    const u64 patched = a.here();
    a.addi(a0, a0, 1);
    a.add(a2, a2, a4);  // immediate grows
    a.addi(a1, a1, -1);
    a.bne(a1, zero, loop);
    a.ecall();
    TestMemory::put(kCode, a.words);
    g.set_x(a0, 0);
    g.set_x(a1, 20);
    g.set_x(a2, 0x00050513);  // addi a0, a0, 0
    g.set_x(a3, patched);
    g.set_x(a4, 1 << 20);
    EXPECT_EQ(g.run().reason, ExitReason::Syscall);
    EXPECT_EQ(g.x(a0), 190u);
}

TEST_P(EveryTier, SafepointRequestIsStickyAndReturnsOnce) {
    Guest g(with_tier(GetParam()));
    put_sum_loop();
    g.set_x(a1, 10);
    g.cpu->request_safepoint();
    Exit e = g.run();
    EXPECT_EQ(e.reason, ExitReason::Safepoint);
    EXPECT_EQ(e.pc, kCode);
    EXPECT_EQ(g.x(a1), 10u);
    e = g.cpu->run();
    EXPECT_EQ(e.reason, ExitReason::Syscall);
    EXPECT_EQ(g.x(a0), 55u);
}

/// A signal handler: run() returns between an exit that is not linked yet and its target, and is called again
/// with another pc. The exit must not be linked to that. The guest makes the request itself, so that it comes
/// at this very place.
TEST_P(EveryTier, ExitIsLinkedToItsOwnTargetOnly) {
    if (GetParam() == Tier::Two) GTEST_SKIP() << "the branch does not leave its region";
    Guest g(with_tier(GetParam()));
    constexpr u64 kHandler = kCode + 0x100, kTarget = kCode + 0x200;
    Asm code(kCode), handler(kHandler), target(kTarget);
    code.sw(t0, t1, 0);
    code.bne(t0, zero, kTarget);
    code.ebreak();
    handler.li(a1, 7);
    handler.ebreak();
    target.li(a2, 9);
    target.ebreak();
    TestMemory::put(kCode, code.words);
    TestMemory::put(kHandler, handler.words);
    TestMemory::put(kTarget, target.words);
    const u64 request = reinterpret_cast<u64>(g.cpu->guest()) - offsetof(backend::VcpuState, guest) +
                        offsetof(backend::VcpuState, safepoint_request);
    for (int i = 0; i < 4; i++) {  // compiled, the branch not taken
        g.set_x(t1, kData);
        EXPECT_EQ(g.run().pc, kCode + 8);
        EXPECT_EQ(g.run(kHandler).reason, ExitReason::Breakpoint);
    }
    g.set_x(t0, jit::kRequestOwner);
    g.set_x(t1, request);
    Exit e = g.run();
    EXPECT_EQ(e.reason, ExitReason::Safepoint);
    EXPECT_EQ(e.pc, kTarget);
    EXPECT_EQ(g.run(kHandler).reason, ExitReason::Breakpoint);
    g.set_x(t1, kData);
    for (int i = 0; i < 3; i++) {
        g.set_x(a2, 0);
        EXPECT_EQ(g.run().pc, kTarget + 8);
        EXPECT_EQ(g.x(a2), 9u);
    }
}

/// Another thread asks again and again; every request arrives, in a tight loop, soon.
TEST_P(EveryTier, SafepointReachesARunningLoop) {
    Guest g(with_tier(GetParam()));
    Asm a(kCode);
    const u64 loop = a.here();
    a.addi(a0, a0, 1);
    a.jal(zero, loop);
    TestMemory::put(kCode, a.words);
    constexpr int kRequests = 100;
    std::atomic<int> served{0};
    std::atomic<bool> done{false};
    u64 worst = 0;
    std::thread asker([&] {
        for (int i = 0; i < kRequests; i++) {
            const auto start = std::chrono::steady_clock::now();
            g.cpu->request_safepoint();
            while (served.load() <= i) std::this_thread::yield();
            const auto ns = std::chrono::steady_clock::now() - start;
            worst = std::max(worst, static_cast<u64>(ns.count()));
        }
        done = true;
    });
    g.cpu->set_pc(kCode);
    u64 last = 0;
    for (int i = 0; i < kRequests; i++) {
        const Exit e = g.cpu->run();
        ASSERT_EQ(e.reason, ExitReason::Safepoint);
        EXPECT_GE(g.x(a0), last);
        last = g.x(a0);
        served++;
    }
    asker.join();
    EXPECT_TRUE(done);
    RecordProperty("worst_ns", static_cast<int>(worst));
}

TEST(EngineOptionsTest, DumpShowsGuestIrAndHost) {
    EngineOptions o = with_tier(Tier::One);
    o.dump_guest = o.dump_ir = o.dump_host = true;
    testing::internal::CaptureStderr();
    {
        Guest g(o);
        put_sum_loop();
        g.set_x(a1, 3);
        g.run();
    }
    const std::string text = testing::internal::GetCapturedStderr();
    for (const char* part :
         {"translation 0x", "add a0,a0,a1", "ir:", "ir after passes:", "host:", "; guest 0x"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " not in\n" << text;
    o.dump_addr = kCode + 0x5000;
    testing::internal::CaptureStderr();
    {
        Guest g(o);
        put_sum_loop();
        g.set_x(a1, 3);
        g.run();
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

std::string file_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(EngineOptionsTest, ProfilersGetNames) {
    char directory[] = "/tmp/vm-engine-test-XXXXXX";
    ASSERT_NE(mkdtemp(directory), nullptr);
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(directory);  // jitdump writes where it is started
    for (const auto perf : {EngineOptions::Perf::Map, EngineOptions::Perf::Jitdump}) {
        EngineOptions o = with_tier(Tier::One);
        o.perf = perf;
        Guest g(o);
        put_sum_loop();
        g.set_x(a1, 3);
        g.run();
        const bool map = perf == EngineOptions::Perf::Map;
        const std::string path =
            (map ? "/tmp/perf-" : "jit-") + std::to_string(getpid()) + (map ? ".map" : ".dump");
        const std::string text = file_text(path);
        EXPECT_NE(text.find("vm:0x200"), std::string::npos) << path;
        if (!map) {
            ASSERT_GT(text.size(), 40u);
            EXPECT_EQ(text.substr(0, 4), "DTiJ");
        }
        std::filesystem::remove(path);
    }
    std::filesystem::current_path(before);
    std::filesystem::remove_all(directory);
}

TEST(EngineOptionsTest, RefusesWhatItCannotDo) {
    TestMemory memory;
    EngineOptions o = with_tier(Tier::Interp);
    o.dump_host = true;
    EXPECT_FALSE(Engine::create(rv::kRiscv64, memory, o).has_value());
    o = with_tier(Tier::Auto);
    o.code_cache_bytes = 1000;
    EXPECT_FALSE(Engine::create(rv::kRiscv64, memory, o).has_value());
}

/// A loop that is entered in its middle first: the block of its head goes on to its end, although one begins
/// in the middle.
TEST(Engine, LoopIsNotCutWhereItWasEntered) {
    Guest g(with_tier(Tier::One));
    Asm a(kCode);
    const u64 to_entry = a.hole();
    const u64 head = a.here();
    for (int i = 0; i < 10; i++) a.addi(a1, a1, 1);
    const u64 middle = a.here();
    for (int i = 0; i < 10; i++) a.addi(a2, a2, 1);
    a.addi(a0, a0, -1);
    a.bne(a0, zero, head);
    a.ecall();
    a.patch_jal(to_entry, zero);
    a.jal(zero, middle);
    TestMemory::put(kCode, a.words);
    g.set_x(a0, 5);
    EXPECT_EQ(g.run().reason, ExitReason::Syscall);
    EXPECT_EQ(g.x(a1), 40u);
    EXPECT_EQ(g.x(a2), 50u);
    // The two jumps, from the middle to the end, all of it; the ECALL each time.
    EXPECT_EQ(counter(*g.engine, "translated_insns"), 2 + (12 + 1) + (22 + 1u));
}

TEST(Engine, MemoryOfDeadTranslationsIsReused) {
    EngineOptions o = with_tier(Tier::One);
    o.code_cache_bytes = u64{4} << 20;
    Guest g(o);
    for (u64 i = 0; i < 40000; i++) {
        Asm code(kCode);
        code.addi(a0, zero, static_cast<i64>(i % 2000));
        code.ecall();
        TestMemory::put(kCode, code.words);
        g.engine->invalidate(kCode, kCode + 8);
        g.run();
        ASSERT_EQ(g.x(a0), i % 2000);
    }
    EXPECT_EQ(counter(*g.engine, "translations"), 40000u);
    EXPECT_GE(counter(*g.engine, "evicted_segments"), 2u);
    EXPECT_LT(counter(*g.engine, "code_bytes_used"), u64{3} << 19);  // segments of half a MiB
}

}  // namespace
}  // namespace vm::engine::test
