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
    std::vector<NetHeader> headers;
    std::atomic<int> possible = 0;
    std::atomic<u64> can = 0, accepted = 0;
    NetPort* port = nullptr;
    u64 features() const override { return can; }
    u16 mtu() const override { return 9000; }
    void connect(NetPort& p) override { port = &p; }
    void disconnect() override { port = nullptr; }
    void start(u64 features) override { accepted = features; }
    void send(const NetHeader& header, std::span<u8> frame) override {
        const std::lock_guard lock(mutex);
        frames.emplace_back(frame.begin(), frame.end());
        headers.push_back(header);
    }
    void receive_possible() override { ++possible; }
    void wait(size_t count) {
        for (int i = 0; i < 10000; ++i) {
            {
                const std::lock_guard lock(mutex);
                if (frames.size() >= count) break;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        const std::lock_guard lock(mutex);
        ASSERT_EQ(frames.size(), count);
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
    EXPECT_EQ(guest.mmio.read(0x10a, 2), 9000u);
    wire.port->set_link(false);
    EXPECT_EQ(guest.mmio.read(0x106, 2), 0u);
    wire.can = kNetCsum | kNetMtu;
    guest.put(0x14, 0);
    EXPECT_EQ(guest.get(0x10) & 0x1fff, kNetCsum | kNetMtu | 1 << 5);
    guest.start(kNetMtu);
    EXPECT_EQ(wire.accepted, kNetMtu | kVirtioVersion1);
}

TEST_F(VirtioNetTest, Sends) {
    guest.start();
    std::iota(ram->at(kData, 256), ram->at(kData, 256) + 256, u8{0});
    guest.queues[1].offer(0, {{kData, 10, false}, {kData + 10, 90, false}});
    guest.queues[1].offer(2, {{kData, 12 + 1519, false}});
    guest.queues[1].offer(3, {{kData, 12 + 1518, false}});
    guest.notify(1);
    guest.queues[1].wait_used(3);
    wire.wait(2);
    EXPECT_EQ(wire.frames[0].size(), 88u);
    EXPECT_EQ(wire.frames[0].front(), 12);
    EXPECT_EQ(wire.headers[0].flags, 0) << "no offload was accepted";
    EXPECT_EQ(wire.frames[1].size(), 1518u);
    EXPECT_EQ(net.dropped(), 1u);
}

TEST_F(VirtioNetTest, SendsWhatWasNegotiatedOnly) {
    wire.can = kNetCsum | kNetHostTso4 | kNetHostTso6;
    guest.start(kNetCsum | kNetHostTso4);
    const auto offer = [&](u16 n, u8 flags, u8 gso, u32 bytes) {
        const u64 at = kData + 0x10 * n;
        guest.queues[1].put<NetHeader>(at, {flags, gso, 54, 1460, 34, 16, 77});
        guest.queues[1].offer(static_cast<u16>(2 * n), {{at, 12, false}, {kData + 0x100, bytes, false}});
    };
    offer(0, NetHeader::kNeedsCsum, NetHeader::kGsoTcp4, 60000);
    offer(1, NetHeader::kNeedsCsum, NetHeader::kGsoTcp6, 6000);
    offer(2, NetHeader::kNeedsCsum, NetHeader::kGsoNone, 6000);
    offer(3, 0, NetHeader::kGsoTcp4, 6000);
    offer(4, NetHeader::kNeedsCsum | NetHeader::kDataValid, NetHeader::kGsoNone, 60);
    guest.notify(1);
    guest.queues[1].wait_used(5);
    wire.wait(2);
    EXPECT_EQ(wire.frames[0].size(), 60000u);
    EXPECT_EQ(wire.headers[0].gso_size, 1460);
    EXPECT_EQ(wire.headers[0].num_buffers, 0);
    EXPECT_EQ(wire.headers[1].flags, NetHeader::kNeedsCsum);
    EXPECT_EQ(net.dropped(), 3u);
}

TEST_F(VirtioNetTest, Receives) {
    const std::vector<u8> frame(60, 9);
    const NetHeader checked{NetHeader::kDataValid, 0, 0, 0, 0, 0, 0};
    EXPECT_TRUE(wire.port->receive(checked, frame)) << "no driver: lost";
    guest.start();
    EXPECT_FALSE(wire.port->receive(checked, frame)) << "no buffer: kept";
    auto& q = guest.queues[0];
    q.put<u64>(kData, ~u64{0});
    q.offer(0, {{kData, 12, true}, {kData + 0x100, 1518, true}});
    guest.notify(0);
    EXPECT_GE(wire.possible, 1);
    EXPECT_TRUE(wire.port->receive(checked, std::vector<u8>(1519)));
    EXPECT_EQ(net.dropped(), 2u);
    EXPECT_TRUE(wire.port->receive(checked, frame));
    EXPECT_EQ(q.used(), 1);
    EXPECT_EQ(q.used_bytes(0), 72u);
    EXPECT_EQ(q.get<u64>(kData), 0u) << "no offload was accepted";
    EXPECT_EQ(q.get<u16>(kData + 10), 1) << "num_buffers";
    EXPECT_EQ(q.get<u8>(kData + 0x100 + 59), 9);
    EXPECT_TRUE(guest.line.high);
}

TEST_F(VirtioNetTest, ReceivesIntoSeveralBuffers) {
    wire.can = kNetMtu | kNetGuestCsum;
    guest.start(kNetMtu | kNetGuestCsum | 1 << 15);
    auto& q = guest.queues[0];
    std::vector<u8> frame(300);
    std::iota(frame.begin(), frame.end(), u8{0});
    const NetHeader checked{NetHeader::kDataValid, 0, 0, 0, 0, 0, 0};
    for (u16 n = 0; n < 3; ++n) {
        EXPECT_FALSE(wire.port->receive(checked, frame)) << "kept until there is room for all of it";
        q.offer(n, {{kData + 0x100 * n, 112, true}});
    }
    EXPECT_EQ(q.used(), 0);
    EXPECT_TRUE(wire.port->receive(checked, frame));
    ASSERT_EQ(q.used(), 3);
    EXPECT_EQ(q.get<u8>(kData), NetHeader::kDataValid);
    EXPECT_EQ(q.get<u16>(kData + 10), 3);
    for (u16 n = 0; n < 3; ++n) EXPECT_EQ(q.used_bytes(n), n == 2 ? 88u : 112u);
    EXPECT_EQ(q.get<u8>(kData + 0x100), 100);
    EXPECT_EQ(q.get<u8>(kData + 0x200 + 87), static_cast<u8>(299));
    EXPECT_TRUE(wire.port->receive(checked, std::vector<u8>(9019))) << "longer than the MTU: lost";
    EXPECT_EQ(net.dropped(), 1u);
}

TEST_F(VirtioNetTest, BrokenDrivers) {
    guest.start();
    guest.queues[0].offer(0, {{kData, 20, true}});
    EXPECT_TRUE(wire.port->receive(NetHeader{}, std::vector<u8>(60)));
    EXPECT_NE(guest.get(0x70) & kNeedsReset, 0u);
    guest.start(1 << 15);
    guest.queues[0].offer(0, {{kData, 70, true}});
    guest.queues[0].offer(1, {{kData, 11, true}});
    EXPECT_TRUE(wire.port->receive(NetHeader{}, std::vector<u8>(60))) << "no room for a header";
    EXPECT_NE(guest.get(0x70) & kNeedsReset, 0u);
    guest.start();
    guest.queues[1].offer(0, {{kData, 11, false}});
    guest.notify(1);
    guest.wait_status(kNeedsReset);
}

}  // namespace
}  // namespace vm::device
