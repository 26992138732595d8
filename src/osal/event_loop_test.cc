#include "osal/event_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "osal/file.h"

namespace vm::osal {
namespace {

constexpr u64 kMillisecond = 1'000'000, kLong = 3'600'000 * kMillisecond;

std::unique_ptr<EventLoop> start_loop() {
    auto loop = EventLoop::start("test loop");
    EXPECT_TRUE(loop);
    return std::move(*loop);
}

/// Until everything that the loop was asked before has been done.
void settle(EventLoop& loop) {
    std::promise<void> done;
    loop.post([&] { done.set_value(); });
    done.get_future().wait();
}

struct SocketPair {
    Fd a, b;
    SocketPair() {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        a = Fd(fds[0]);
        b = Fd(fds[1]);
    }
};

TEST(EventLoop, PostedFunctionsRunInOrderOnItsThread) {
    auto loop = start_loop();
    std::vector<int> seen;
    bool inside = false;
    sigset_t blocked;
    for (int i = 0; i < 100; i++)
        loop->post([&, i] {
            seen.push_back(i);
            inside = loop->on_its_thread();
            pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        });
    loop->post([&] { loop->post([&] { seen.push_back(100); }); });
    settle(*loop);
    settle(*loop);
    ASSERT_EQ(seen.size(), 101u);
    for (int i = 0; i <= 100; i++) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
    EXPECT_TRUE(inside);
    EXPECT_FALSE(loop->on_its_thread());
    for (const int s : {SIGINT, SIGTERM, SIGUSR1, SIGALRM, SIGCHLD}) EXPECT_EQ(sigismember(&blocked, s), 1);
    EXPECT_EQ(sigismember(&blocked, SIGSEGV), 0) << "guarded accesses would kill the process";
}

TEST(EventLoop, StopRunsWhatWasPostedAndThenNothing) {
    auto loop = start_loop();
    int ran = 0;
    for (int i = 0; i < 1000; i++) loop->post([&] { ran++; });
    loop->stop();
    EXPECT_EQ(ran, 1000);
    loop->post([&] { ran++; });
    loop->stop();
    EXPECT_EQ(ran, 1000);
}

TEST(EventLoop, TimersFireInOrderOfTheirDeadlinesAndOnce) {
    auto loop = start_loop();
    const u64 start = loop->now_ns();
    std::vector<unsigned> seen;
    std::vector<u64> early;
    std::counting_semaphore<> fired(0);
    std::vector<std::unique_ptr<Timer>> timers;
    const auto deadline = [&](unsigned i) { return start + (5 + i * 7 % 20) * kMillisecond; };
    for (unsigned i = 0; i < 20; i++)
        timers.push_back(loop->timer([&, i] {
            seen.push_back(i * 7 % 20);
            if (loop->now_ns() < deadline(i)) early.push_back(i);
            fired.release();
        }));
    for (unsigned i = 0; i < 20; i++) timers[i]->arm(start + kLong);
    for (unsigned i = 0; i < 20; i++) timers[i]->arm(deadline(i));
    for (unsigned i = 0; i < 20; i++) fired.acquire();
    settle(*loop);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
    EXPECT_EQ(seen.size(), 20u);
    EXPECT_TRUE(early.empty());
}

TEST(EventLoop, AnEarlierDeadlineWakesALoopThatWaitsForALaterOne) {
    auto loop = start_loop();
    std::binary_semaphore fired(0);
    auto late = loop->timer([] {});
    auto early = loop->timer([&] { fired.release(); });
    late->arm(loop->now_ns() + kLong);
    settle(*loop);
    early->arm(loop->now_ns() + kMillisecond);
    fired.acquire();
    early->arm(0);
    fired.acquire();
}

TEST(EventLoop, DisarmedAndRearmedTimers) {
    auto loop = start_loop();
    std::atomic<int> never = 0;
    std::binary_semaphore fired(0);
    auto a = loop->timer([&] { never++; });
    auto b = loop->timer([&] { fired.release(); });
    a->arm(loop->now_ns() + kMillisecond);
    a->disarm();
    a->disarm();
    b->arm(loop->now_ns() + kLong);
    b->arm(loop->now_ns() + 3 * kMillisecond);
    fired.acquire();
    a->arm(~u64{0});
    b->arm(loop->now_ns() + kMillisecond);
    fired.acquire();
    settle(*loop);
    EXPECT_EQ(never, 0);
}

TEST(EventLoop, ATimerRearmsItselfForThePastAndOthersGetTheirTurn) {
    auto loop = start_loop();
    std::atomic<u64> turns = 0;
    Timer* itself = nullptr;
    auto timer = loop->timer([&] {
        turns++;
        itself->arm(1);
    });
    itself = timer.get();
    timer->arm(1);
    for (int i = 0; i < 10; i++) settle(*loop);
    while (turns < 100) std::this_thread::yield();
    timer.reset();
    const u64 then = turns;
    settle(*loop);
    EXPECT_EQ(turns, then);
}

TEST(EventLoop, DestroyingATimerWaitsForItsCallback) {
    auto loop = start_loop();
    std::binary_semaphore begun(0);
    std::atomic<bool> over = false;
    auto timer = loop->timer([&] {
        begun.release();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        over = true;
    });
    timer->arm(0);
    begun.acquire();
    timer.reset();
    EXPECT_TRUE(over);
}

TEST(EventLoop, ATimerThatIsBeingDestroyedIsArmedInVain) {
    auto loop = start_loop();
    std::binary_semaphore begun(0);
    std::atomic<int> calls = 0;
    Timer* itself = nullptr;
    auto timer = loop->timer([&] {
        calls++;
        begun.release();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        itself->arm(0);
    });
    itself = timer.get();
    timer->arm(0);
    begun.acquire();
    timer.reset();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    settle(*loop);
    EXPECT_EQ(calls, 1);
}

TEST(EventLoop, ATimerDestroysItselfAndAnother) {
    auto loop = start_loop();
    std::unique_ptr<Timer> self, other;
    std::binary_semaphore fired(0);
    std::atomic<bool> wrong = false;
    std::string text(100, 'x');
    self = loop->timer([&, text] {
        other.reset();
        self.reset();
        wrong = text != std::string(100, 'x');
        fired.release();
    });
    other = loop->timer([&] { wrong = true; });
    other->arm(2);
    self->arm(1);
    fired.acquire();
    settle(*loop);
    EXPECT_FALSE(wrong);
}

TEST(EventLoop, TimersAndWatchesOutliveTheLoop) {
    SocketPair s;
    auto loop = start_loop();
    auto timer = loop->timer([] {});
    auto watch = loop->watch(s.a.get(), true, false, [](EventLoop::Ready) {});
    ASSERT_TRUE(watch);
    timer->arm(loop->now_ns() + kLong);
    loop.reset();
    timer->arm(0);
    EXPECT_TRUE((*watch)->want(false, true));
}

TEST(EventLoop, ThreadsArmOneTimerWhileItFires) {
    auto loop = start_loop();
    std::atomic<u64> fired = 0;
    std::vector<std::unique_ptr<Timer>> timers;
    for (int i = 0; i < 8; i++) timers.push_back(loop->timer([&] { fired++; }));
    std::vector<std::thread> threads;
    for (u64 t = 0; t < 3; t++)
        threads.emplace_back([&, t] {
            for (u64 i = 0; i < 20'000; i++) {
                Timer& timer = *timers[(i * 5 + t) % 8];
                if (i % 7 == t)
                    timer.disarm();
                else
                    timer.arm(loop->now_ns() + (i * 2654435761 + t) % 50'000);
            }
        });
    for (auto& t : threads) t.join();
    EXPECT_GT(fired, 0u);
    timers.clear();
    const u64 then = fired;
    settle(*loop);
    EXPECT_EQ(fired, then);
}

TEST(EventLoop, DescriptorsCallBackForWhatIsWanted) {
    SocketPair s;
    auto loop = start_loop();
    std::atomic<int> reads = 0, writes = 0, hangups = 0;
    std::counting_semaphore<> called(0);
    std::unique_ptr<EventLoop::Watch> watch;
    auto r = loop->watch(s.a.get(), false, false, [&](EventLoop::Ready ready) {
        reads += ready.read;
        writes += ready.write;
        hangups += ready.hangup;
        if (ready.read) {
            char c[64];
            (void)!::read(s.a.get(), c, sizeof c);
        }
        if (ready.write || ready.hangup) {
            EXPECT_TRUE(watch->want(!ready.hangup, false));
        }
        called.release();
    });
    ASSERT_TRUE(r);
    watch = std::move(*r);
    ASSERT_EQ(::write(s.b.get(), "a", 1), 1);
    settle(*loop);
    EXPECT_EQ(reads, 0) << "not wanted yet";
    ASSERT_TRUE(watch->want(true, false));
    called.acquire();
    EXPECT_EQ(reads, 1);
    EXPECT_EQ(writes, 0);
    ASSERT_TRUE(watch->want(true, true));
    called.acquire();
    EXPECT_EQ(writes, 1);
    s.b = Fd();
    while (hangups == 0) called.acquire();
    settle(*loop);
    const int then = hangups;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    settle(*loop);
    EXPECT_EQ(hangups, then) << "nothing is wanted";
    watch.reset();
}

TEST(EventLoop, DestroyingAWatchWaitsForItsCallback) {
    SocketPair s;
    auto loop = start_loop();
    std::binary_semaphore begun(0);
    std::atomic<bool> over = false, first = true;
    auto watch = loop->watch(s.a.get(), false, true, [&](EventLoop::Ready) {
        if (first.exchange(false)) begun.release();
        over = false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        over = true;
    });
    ASSERT_TRUE(watch);
    begun.acquire();
    watch->reset();
    EXPECT_TRUE(over);
}

TEST(EventLoop, WhatCannotBeWatched) {
    auto loop = start_loop();
    const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    const auto plain = loop->watch(file.get(), true, false, [](EventLoop::Ready) {});
    ASSERT_FALSE(plain);
    EXPECT_EQ(plain.error().kind, ErrorKind::InvalidArgument);
    EXPECT_NE(plain.error().message.find("plain file"), std::string::npos) << plain.error().message;
    EXPECT_FALSE(loop->watch(-1, true, false, [](EventLoop::Ready) {}));
    SocketPair s;
    const auto one = loop->watch(s.a.get(), true, false, [](EventLoop::Ready) {});
    ASSERT_TRUE(one);
    EXPECT_FALSE(loop->watch(s.a.get(), true, false, [](EventLoop::Ready) {}));
}

}  // namespace
}  // namespace vm::osal
