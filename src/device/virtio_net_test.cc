#include "device/virtio_net.h"

#include <gtest/gtest.h>

#include <numeric>

#include "device/virtio_test.h"

namespace vm::device {
namespace {

using testing::kRamBase;
using testing::kRamBytes;

struct Wire final : NetBackend {
    std::mutex mutex;
    std::vector<std::vector<u8>> frames;
    std::atomic<int> possible = 0;
    void send(std::span<const u8> frame) override {
        const std::lock_guard lock(mutex);
        frames.emplace_back(frame.begin(), frame.end());
    }
    void receive_possible() override { ++possible; }
    size_t count() {
        const std::lock_guard lock(mutex);
        return frames.size();
    }
};

class VirtioNetTest : public ::testing::Test {
  protected:
    static constexpr u64 kData = kRamBase + 0x40000;
    std::unique_ptr<mem::GuestRam> ram = mem::GuestRam::create(kRamBase, kRamBytes).value();
    Wire wire;
    VirtioNet net{*ram, wire, {2, 0, 0, 0, 0, 7}};
    testing::MmioGuest guest{*ram, net};
};

TEST_F(VirtioNetTest, Configuration) {
    EXPECT_EQ(guest.get(0x08), 1u);
    EXPECT_EQ(guest.mmio.read(0x105, 1), 7u);
    EXPECT_EQ(guest.mmio.read(0x106, 2), 1u);
    net.set_link(false);
    EXPECT_EQ(guest.mmio.read(0x106, 2), 0u);
}

TEST_F(VirtioNetTest, Sends) {
    guest.start();
    std::iota(ram->at(kData, 256), ram->at(kData, 256) + 256, u8{0});
    guest.queues[1].offer(0, {{kData, 10, false}, {kData + 10, 90, false}});
    guest.queues[1].offer(2, {{kData, 12 + 1519, false}});
    guest.queues[1].offer(3, {{kData, 12 + 1518, false}});
    guest.notify(1);
    guest.queues[1].wait_used(3);
    for (int i = 0; i < 10000 && wire.count() != 2; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_EQ(wire.count(), 2u);
    EXPECT_EQ(wire.frames[0].size(), 88u);
    EXPECT_EQ(wire.frames[0].front(), 12);
    EXPECT_EQ(wire.frames[1].size(), 1518u);
    EXPECT_EQ(net.dropped(), 1u);
}

TEST_F(VirtioNetTest, Receives) {
    std::vector<u8> frame(60, 9);
    EXPECT_FALSE(net.receive(frame)) << "no driver";
    guest.start();
    EXPECT_FALSE(net.receive(frame)) << "no buffer";
    auto& q = guest.queues[0];
    q.put<u64>(kData, ~u64{0});
    q.offer(0, {{kData, 12, true}, {kData + 0x100, 1518, true}});
    guest.notify(0);
    EXPECT_GE(wire.possible, 1);
    EXPECT_FALSE(net.receive(std::vector<u8>(1519)));
    EXPECT_TRUE(net.receive(frame));
    EXPECT_EQ(q.used(), 1);
    EXPECT_EQ(q.used_bytes(0), 72u);
    EXPECT_EQ(q.get<u64>(kData), 0u);
    EXPECT_EQ(q.get<u16>(kData + 10), 1) << "num_buffers";
    EXPECT_EQ(q.get<u8>(kData + 0x100 + 59), 9);
    EXPECT_TRUE(guest.line.high);
}

TEST_F(VirtioNetTest, BrokenDrivers) {
    guest.start();
    guest.queues[0].offer(0, {{kData, 20, true}});
    EXPECT_FALSE(net.receive(std::vector<u8>(60)));
    EXPECT_NE(guest.get(0x70) & kNeedsReset, 0u);
    guest.start();
    guest.queues[1].offer(0, {{kData, 11, false}});
    guest.notify(1);
    guest.wait_status(kNeedsReset);
}

}  // namespace
}  // namespace vm::device
