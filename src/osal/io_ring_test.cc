#include "osal/io_ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <string>
#include <thread>

#include "osal/file.h"

namespace vm::osal {
namespace {

class IoRingTest : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!ring) GTEST_SKIP() << "this host does not let us use io_uring";
        std::string path = ::testing::TempDir() + "vm-ring-XXXXXX";
        file = Fd(::mkstemp(path.data()));
        ::unlink(path.c_str());
        for (u32 n = 0; n < kNumbers; n++) numbers.push_back(n);
        ASSERT_EQ(::pwrite(file.get(), numbers.data(), 4 * kNumbers, 0), 4 * kNumbers);
    }
    static constexpr u32 kNumbers = 1 << 16;
    std::vector<u32> numbers;
    Fd file;
    std::unique_ptr<IoRing> ring = IoRing::create();
};

TEST_F(IoRingTest, ReadsInParts) {
    u32 a[4] = {}, b[8] = {};
    std::promise<int> ended;
    ASSERT_TRUE(
        ring->read(file.get(), 400, {{a, sizeof a}, {b, sizeof b}}, [&](int r) { ended.set_value(r); }));
    EXPECT_EQ(ended.get_future().get(), 48);
    EXPECT_EQ(a[0], 100u);
    EXPECT_EQ(b[7], 111u);
}

TEST_F(IoRingTest, ResultsAreThoseOfTheSystemCalls) {
    const auto result = [&](int fd, u64 offset) {
        u32 a[4];
        std::promise<int> ended;
        EXPECT_TRUE(ring->read(fd, offset, {{a, sizeof a}}, [&](int r) { ended.set_value(r); }));
        return ended.get_future().get();
    };
    EXPECT_EQ(result(file.get(), 4 * kNumbers - 4), 4);
    EXPECT_EQ(result(file.get(), 4 * kNumbers), 0);
    EXPECT_EQ(result(-1, 0), -EBADF);
    std::promise<int> synced, refused;
    ASSERT_TRUE(ring->sync(file.get(), [&](int r) { synced.set_value(r); }));
    EXPECT_EQ(synced.get_future().get(), 0);
    ASSERT_TRUE(ring->sync(-1, [&](int r) { refused.set_value(r); }));
    EXPECT_EQ(refused.get_future().get(), -EBADF);
    EXPECT_FALSE(ring->read(file.get(), 0, std::vector<iovec>(5000), [](int) { FAIL(); }));
}

TEST_F(IoRingTest, ManyThreads) {
    std::atomic<u32> ended = 0, wrong = 0;
    const auto work = [&](u64 seed) {
        for (int i = 0; i < 3000; i++) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            const u32 at = static_cast<u32>(seed >> 40) % kNumbers;
            auto to = std::make_shared<u32>(0);
            const auto done = [&, at, to](int r) {
                wrong += r != 4 || *to != at;
                ++ended;
            };
            while (!ring->read(file.get(), 4 * at, {{to.get(), 4}}, done)) std::this_thread::yield();
            if (i % 500 == 0)
                while (!ring->sync(file.get(), [&](int r) { wrong += r != 0; })) std::this_thread::yield();
        }
    };
    std::thread threads[] = {std::thread(work, 1), std::thread(work, 2), std::thread(work, 3)};
    for (std::thread& t : threads) t.join();
    ring.reset();
    EXPECT_EQ(ended, 9000u);
    EXPECT_EQ(wrong, 0u);
}

/// A pipe without data makes a read wait for as long as the test likes.
TEST_F(IoRingTest, OthersGoOnWhileOneWaits) {
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    const Fd from(pipe[0]), to(pipe[1]);
    char c = 0;
    u32 a = 0;
    std::promise<int> slow, fast;
    auto slow_end = slow.get_future();
    ASSERT_TRUE(ring->read(from.get(), ~u64{0}, {{&c, 1}}, [&](int r) { slow.set_value(r); }));
    ASSERT_TRUE(ring->read(file.get(), 40, {{&a, 4}}, [&](int r) { fast.set_value(r); }));
    EXPECT_EQ(fast.get_future().get(), 4);
    EXPECT_EQ(a, 10u);
    EXPECT_EQ(slow_end.wait_for(std::chrono::milliseconds(1)), std::future_status::timeout);
    std::thread end([&] { ring.reset(); });
    ASSERT_EQ(::write(to.get(), "x", 1), 1);
    end.join();
    EXPECT_EQ(slow_end.get(), 1) << "the end of the ring waits";
    EXPECT_EQ(c, 'x');
}

TEST_F(IoRingTest, OnlySoManyAtATime) {
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    const Fd from(pipe[0]);
    Fd to(pipe[1]);
    char c[IoRing::kDepth];
    std::atomic<unsigned> ended = 0;
    for (char& one : c)
        ASSERT_TRUE(ring->read(from.get(), ~u64{0}, {{&one, 1}}, [&](int r) { ended += r == 0; }));
    EXPECT_FALSE(ring->read(from.get(), ~u64{0}, {{c, 1}}, [](int) { FAIL(); }));
    to = Fd();
    ring.reset();
    EXPECT_EQ(ended, IoRing::kDepth);
}

}  // namespace
}  // namespace vm::osal
