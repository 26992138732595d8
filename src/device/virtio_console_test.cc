#include "device/virtio_console.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "device/virtio_test.h"

namespace vm::device {
namespace {

using testing::kRamBase;
using testing::kRamBytes;

struct Terminal final : ConsoleHost {
    std::mutex mutex;
    std::condition_variable changed;
    std::string text;
    bool blocked = false, entered = false;
    std::atomic<int> possible = 0;
    void output(std::span<const u8> bytes) override {
        std::unique_lock lock(mutex);
        entered = true;
        changed.notify_all();
        changed.wait(lock, [&] { return !blocked; });
        text.append(bytes.begin(), bytes.end());
        changed.notify_all();
    }
    void input_possible() override { ++possible; }
    void wait(const std::string& wanted) {
        std::unique_lock lock(mutex);
        changed.wait_for(lock, std::chrono::seconds(10), [&] { return text == wanted; });
        EXPECT_EQ(text, wanted);
    }
};

std::span<const u8> text_bytes(std::string_view s) {
    return {reinterpret_cast<const u8*>(s.data()), s.size()};
}

class VirtioConsoleTest : public ::testing::Test {
  protected:
    static constexpr u64 kData = kRamBase + 0x40000;
    std::unique_ptr<mem::GuestRam> ram = mem::GuestRam::create(kRamBase, kRamBytes).value();
    Terminal terminal;
    VirtioConsole console{*ram, terminal, 80, 25};
    testing::MmioGuest guest{*ram, console};
};

TEST_F(VirtioConsoleTest, Output) {
    guest.start();
    ASSERT_TRUE(ram->write(kData, "hello, you\n", 11));
    guest.queues[1].offer(0, {{kData, 5, false}, {kData + 5, 6, false}});
    guest.notify(1);
    guest.queues[1].wait_used(1);
    terminal.wait("hello, you\n");
    EXPECT_EQ(console.bytes_out(), 11u);
}

TEST_F(VirtioConsoleTest, InputBeforeAndAfterBuffers) {
    EXPECT_EQ(console.input(text_bytes("ab")), 2u) << "kept until the driver is there";
    guest.start();
    auto& q = guest.queues[0];
    EXPECT_EQ(console.input(text_bytes("cd")), 2u);
    q.offer(0, {{kData, 3, true}});
    guest.notify(0);
    EXPECT_EQ(q.used(), 1);
    EXPECT_EQ(q.used_bytes(0), 3u);
    q.offer(1, {{kData + 16, 8, true}});
    guest.notify(0);
    EXPECT_EQ(q.used_bytes(1), 1u);
    EXPECT_EQ(std::string(reinterpret_cast<char*>(ram->at(kData, 3)), 3), "abc");
    q.offer(2, {{kData + 32, 8, true}});
    guest.notify(0);
    EXPECT_EQ(q.used(), 2);
    EXPECT_EQ(console.input(text_bytes("xyz")), 3u);
    EXPECT_EQ(q.used(), 3) << "a buffer waited";
    EXPECT_EQ(console.bytes_in(), 7u);
    EXPECT_TRUE(guest.line.high);
}

TEST_F(VirtioConsoleTest, InputIsBounded) {
    guest.start();
    const std::string lots(VirtioConsole::kMaxInput - 1, 'x');
    EXPECT_EQ(console.input(text_bytes(lots)), lots.size());
    EXPECT_EQ(console.input(text_bytes("ab")), 1u);
    EXPECT_EQ(console.input(text_bytes("b")), 0u);
    EXPECT_EQ(terminal.possible, 0);
    guest.queues[0].offer(0, {{kData, 100, true}});
    guest.notify(0);
    EXPECT_EQ(terminal.possible, 1);
    EXPECT_EQ(console.input(text_bytes(lots)), 100u);
}

TEST_F(VirtioConsoleTest, BlockedHostDoesNotHoldAReset) {
    terminal.blocked = true;
    guest.start();
    ASSERT_TRUE(ram->write(kData, "abc", 3));
    guest.queues[1].offer(0, {{kData, 3, false}});
    guest.notify(1);
    {
        std::unique_lock lock(terminal.mutex);
        terminal.changed.wait(lock, [&] { return terminal.entered; });
    }
    guest.start();
    {
        const std::lock_guard lock(terminal.mutex);
        terminal.blocked = false;
        terminal.changed.notify_all();
    }
    terminal.wait("abc");
}

TEST_F(VirtioConsoleTest, SizeAndEmergencyWrites) {
    EXPECT_EQ(guest.get(0x10) & 5, 5u);
    EXPECT_EQ(guest.get(0x100), 80u | 25u << 16);
    console.resize(132, 50);
    EXPECT_EQ(guest.get(0x100), 132u | 50u << 16);
    for (const char c : std::string_view("oops")) guest.put(0x108, static_cast<u32>(c));
    terminal.wait("oops");
}

TEST_F(VirtioConsoleTest, TooMuchAtOnceIsRefused) {
    guest.start();
    guest.queues[1].offer(0, {{kRamBase, kRamBytes, false}, {kRamBase, 1, false}});
    guest.notify(1);
    guest.wait_status(kNeedsReset);
    EXPECT_EQ(guest.queues[1].used(), 0);
}

}  // namespace
}  // namespace vm::device
