#include "device/virtio_mmio.h"

#include <gtest/gtest.h>

#include <thread>

#include "device/virtio_test.h"

namespace vm::device {
namespace {

using testing::EchoDevice;
using testing::kRamBase;
using testing::kRamBytes;
using testing::MmioGuest;

class VirtioMmioTest : public ::testing::Test {
  protected:
    std::unique_ptr<mem::GuestRam> ram = mem::GuestRam::create(kRamBase, kRamBytes).value();
    EchoDevice device{*ram};
    MmioGuest guest{*ram, device};
    static constexpr u64 kData = kRamBase + 0x80000;
};

TEST_F(VirtioMmioTest, Identity) {
    EXPECT_EQ(guest.get(0x00), 0x74726976u);
    EXPECT_EQ(guest.get(0x04), 2u);
    EXPECT_EQ(guest.get(0x08), 77u);
    guest.put(0x14, 0);
    EXPECT_EQ(guest.get(0x10), EchoDevice::kOwn | 3u << 28);
    guest.put(0x14, 1);
    EXPECT_EQ(guest.get(0x10), 1u);
    guest.put(0x14, 2);
    EXPECT_EQ(guest.get(0x10), 0u);
    guest.put(0x30, 1);
    EXPECT_EQ(guest.get(0x34), 64u);
    guest.put(0x30, 2);
    EXPECT_EQ(guest.get(0x34), 0u);
    EXPECT_EQ(guest.get(0xb0), 0xffffffffu) << "no shared memory";
    EXPECT_EQ(guest.mmio.read(0x01, 4), 0u);
    EXPECT_EQ(guest.mmio.read(0x00, 2), 0u);
    EXPECT_EQ(guest.mmio.read(0x00, 8), 0u);
}

TEST_F(VirtioMmioTest, BuffersAndInterrupts) {
    guest.start();
    EXPECT_EQ(device.starts, 1);
    guest.queues[1].offer(3, {{kData, 8, false}});
    EXPECT_EQ(guest.queues[1].used(), 0);
    guest.notify(1);
    EXPECT_EQ(guest.queues[1].used(), 1);
    EXPECT_EQ(guest.queues[1].used_head(0), 3u);
    EXPECT_TRUE(guest.line.high);
    EXPECT_EQ(guest.get(0x60), 1u);
    guest.put(0x64, 2);
    EXPECT_TRUE(guest.line.high);
    guest.put(0x64, 1);
    EXPECT_FALSE(guest.line.high);
    EXPECT_EQ(device.interrupts(), 1u);
    EXPECT_EQ(device.requests(), 1u);
    guest.notify(2);
    guest.notify(0xffffffff);
}

TEST_F(VirtioMmioTest, BuffersOfferedBeforeDriverOk) {
    guest.start();
    guest.put(0x70, 0);
    EXPECT_EQ(guest.get(0x70), 0u);
    EXPECT_EQ(device.resets, 2);
    guest.put(0x70, kAcknowledge | kDriver);
    guest.put(0x24, 1);
    guest.put(0x20, 1);
    guest.put(0x70, kAcknowledge | kDriver | kFeaturesOk);
    guest.put(0x30, 0);
    testing::GuestQueue q(*ram, kRamBase, 16);
    guest.set_up(q);
    guest.put(0x44, 1);
    q.put<u16>(q.device() + 2, 0);
    q.offer(0, {{kData, 8, false}});
    guest.notify(0);
    EXPECT_EQ(q.used(), 0) << "3.1.1: nothing before DRIVER_OK";
    guest.put(0x70, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
    EXPECT_EQ(q.used(), 1);
}

TEST_F(VirtioMmioTest, FeaturesThatAreNotOffered) {
    guest.put(0x70, kAcknowledge | kDriver);
    guest.put(0x24, 1);
    guest.put(0x20, 1);
    guest.put(0x24, 0);
    guest.put(0x20, 2);
    guest.put(0x70, kAcknowledge | kDriver | kFeaturesOk);
    EXPECT_EQ(guest.get(0x70), unsigned{kAcknowledge | kDriver});
    guest.put(0x70, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
    EXPECT_EQ(guest.get(0x70) & kDriverOk, 0u);
    guest.put(0x20, 1);
    guest.put(0x70, kAcknowledge | kDriver | kFeaturesOk);
    EXPECT_NE(guest.get(0x70) & kFeaturesOk, 0u);
    guest.put(0x20, 0);
    EXPECT_EQ(device.state().driver_features, kVirtioVersion1 | 1) << "fixed by FEATURES_OK";
}

TEST_F(VirtioMmioTest, LegacyDriversAreRefused) {
    guest.put(0x70, kAcknowledge | kDriver | kFeaturesOk);
    EXPECT_EQ(guest.get(0x70) & kFeaturesOk, 0u);
}

TEST_F(VirtioMmioTest, BrokenQueueNeedsReset) {
    guest.start();
    guest.queues[0].offer(5, {{0, 8, false}});
    guest.notify(0);
    EXPECT_EQ(guest.get(0x70) & kNeedsReset, unsigned{kNeedsReset});
    EXPECT_EQ(guest.get(0x60), 2u) << "2.1.2: and the driver is told";
    guest.put(0x70, 0);
    EXPECT_EQ(guest.get(0x70), 0u);
    EXPECT_EQ(guest.get(0x60), 0u);
    EXPECT_FALSE(guest.line.high);
    guest.start();
    guest.queues[0].offer(5, {{kData, 8, false}});
    guest.notify(0);
    EXPECT_EQ(guest.queues[0].used(), 1) << "and works again";
}

TEST_F(VirtioMmioTest, DeviceRejects) {
    guest.start();
    guest.queues[0].offer(0, {{kData, 13, false}});
    guest.queues[0].offer(1, {{kData, 8, false}});
    guest.notify(0);
    EXPECT_EQ(guest.queues[0].used(), 0);
    EXPECT_NE(guest.get(0x70) & kNeedsReset, 0u);
}

TEST_F(VirtioMmioTest, BadRingAddressNeedsReset) {
    guest.put(0x30, 0);
    guest.put(0x38, 16);
    guest.put(0x44, 1);
    EXPECT_EQ(guest.get(0x44), 0u);
    EXPECT_NE(guest.get(0x70) & kNeedsReset, 0u);
}

TEST_F(VirtioMmioTest, QueueReadyZeroStops) {
    guest.start();
    guest.put(0x30, 0);
    guest.put(0x44, 0);
    EXPECT_EQ(guest.get(0x44), 0u);
    guest.queues[0].offer(5, {{kData, 8, false}});
    guest.notify(0);
    EXPECT_EQ(guest.queues[0].used(), 0);
}

TEST_F(VirtioMmioTest, Configuration) {
    EXPECT_EQ(guest.get(0x100), 0x04030201u);
    EXPECT_EQ(guest.mmio.read(0x102, 1), 3u);
    EXPECT_EQ(guest.mmio.read(0x102, 4), 0x0403u);
    EXPECT_EQ(guest.mmio.read(0x100, 8), 0x04030201u);
    EXPECT_EQ(guest.mmio.read(0xffffffffffffffff, 8), 0u);
    guest.put(0x100, 5);
    EXPECT_EQ(device.setting, 5u);
    guest.start();
    const u32 generation = guest.get(0xfc);
    device.change(7);
    EXPECT_NE(guest.get(0xfc), generation);
    EXPECT_EQ(guest.get(0x60), 2u);
}

TEST_F(VirtioMmioTest, AnyAccess) {
    u64 seed = 1;
    for (int i = 0; i < 200000; ++i) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        const u64 offset = (seed >> 33) % 0x120;
        const unsigned bytes = 1u << (seed >> 60 & 3);
        if ((seed >> 59 & 1) != 0)
            guest.mmio.write(offset, bytes, seed >> 20 & (seed >> 58 & 1 ? 0xf : 0x80ffffff));
        else
            guest.mmio.read(offset, bytes);
    }
}

TEST_F(VirtioMmioTest, ManyHarts) {
    guest.start();
    std::thread harts[3];
    for (int h = 0; h < 3; ++h)
        harts[h] = std::thread([&, h] {
            for (int i = 0; i < 2000; ++i) {
                if (h == 0) {
                    guest.put(0x70, 0);
                    guest.start();
                } else {
                    guest.notify(static_cast<u32>(h - 1));
                    guest.put(0x64, 3);
                    device.change(static_cast<u32>(i));
                }
            }
        });
    for (auto& t : harts) t.join();
}

}  // namespace
}  // namespace vm::device
