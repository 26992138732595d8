#include "device/virtio_pci.h"

#include <gtest/gtest.h>

#include <thread>

#include "device/pci_test.h"
#include "device/virtio_test.h"

namespace vm::device {
namespace {

using testing::EchoDevice;
using testing::FakeSink;
using testing::GuestQueue;
using testing::kRamBase;
using testing::kRamBytes;
using testing::PciMachine;

/// A device in slot 3 behind virtio-pci, and its driver, which knows only what the capabilities say.
class VirtioPciTest : public ::testing::Test {
  protected:
    // 4.1.4.3: the common configuration
    static constexpr u64 kDeviceFeatureSelect = 0x00, kDeviceFeature = 0x04, kDriverFeatureSelect = 0x08,
                         kDriverFeature = 0x0c, kConfigVector = 0x10, kQueues = 0x12, kDeviceStatus = 0x14,
                         kGeneration = 0x15, kQueueSelect = 0x16, kQueueSize = 0x18, kQueueVector = 0x1a,
                         kQueueEnable = 0x1c, kQueueNotifyOff = 0x1e, kQueueDesc = 0x20, kQueueDriver = 0x28,
                         kQueueDevice = 0x30, kQueueReset = 0x3a;
    static constexpr u64 kNone = 0xffff;
    static constexpr u64 kData = kRamBase + 0x80000, kBar = 0x4'0010'0000, kMsixBar = 0x40000000;
    explicit VirtioPciTest(bool messages = false) : pci(device, messages ? &sink : nullptr) {
        EXPECT_TRUE(m.host.add(3, 0, pci));
        put_config(0x20, 4, kBar & 0xffffffff);
        put_config(0x24, 4, kBar >> 32);
        if (messages) put_config(0x14, 4, kMsixBar);
        put_config(4, 2, 6);
        for (unsigned n = 0; n < 5; ++n) {
            const u64 at = m.capability(3, 9, n);
            const u64 type = config(at + 3, 1);
            EXPECT_TRUE(type >= 1 && type <= 5) << type;
            if (type > 5) continue;
            where[type] = at;
            base[type] = kBar + config(at + 8, 4);
            EXPECT_EQ(config(at + 4, 1), type == 5 ? 0u : 4u) << "all in BAR 4";
            EXPECT_EQ(config(at + 2, 1), type == 2 || type == 5 ? 20u : 16u);
        }
    }
    u64 config(u64 offset, unsigned bytes) const { return m.config(3, 0, offset, bytes); }
    void put_config(u64 offset, unsigned bytes, u64 v) const { m.set_config(3, 0, offset, bytes, v); }
    static unsigned width(u64 field) {
        return field < 0x10 || field >= 0x20    ? (field >= 0x38 ? 2 : 4)
               : field == 0x14 || field == 0x15 ? 1
                                                : 2;
    }
    u64 get(u64 field) const { return m.load(base[1] + field, width(field)); }
    void put(u64 field, u64 v) const { m.store(base[1] + field, width(field), v); }
    u64 isr() const { return m.load(base[3], 1); }
    void notify(u64 queue) const {
        put(kQueueSelect, queue);
        m.store(base[2] + get(kQueueNotifyOff) * config(where[2] + 16, 4), 2, queue);
    }
    void set_up(const GuestQueue& q) const {
        put(kQueueSize, q.size());
        const u64 rings[3] = {q.descriptors(), q.driver(), q.device()};
        const u64 fields[3] = {kQueueDesc, kQueueDriver, kQueueDevice};
        for (int i = 0; i < 3; ++i) {
            put(fields[i], rings[i] & 0xffffffff);
            put(fields[i] + 4, rings[i] >> 32);
        }
    }
    void start() {
        put(kDeviceStatus, 0);
        put(kDeviceStatus, kAcknowledge | kDriver);
        put(kDriverFeatureSelect, 1);
        put(kDriverFeature, 1);
        put(kDeviceStatus, kAcknowledge | kDriver | kFeaturesOk);
        ASSERT_NE(get(kDeviceStatus) & kFeaturesOk, 0u);
        queues.clear();
        for (u64 n = 0; n < get(kQueues); ++n) {
            put(kQueueSelect, n);
            const u64 at = kRamBase + n * 0x10000;
            std::fill_n(ram->at(at, 0x10000), 0x10000, u8{0});
            set_up(queues.emplace_back(*ram, at, u16{16}));
            put(kQueueEnable, 1);
            EXPECT_EQ(get(kQueueEnable), 1u);
        }
        put(kDeviceStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
    }
    bool line() const { return m.lines[3].high; }

    std::unique_ptr<mem::GuestRam> ram = mem::GuestRam::create(kRamBase, kRamBytes).value();
    PciMachine m;
    FakeSink sink;
    EchoDevice device{*ram};
    VirtioPci pci;
    u64 where[6] = {}, base[6] = {};  ///< by type of structure: its capability, its address
    std::vector<GuestQueue> queues;
};

struct VirtioPciMsix : VirtioPciTest {
    VirtioPciMsix() : VirtioPciTest(true) {
        for (unsigned n = 0; n < 3; ++n) {
            m.store(kMsixBar + 16 * n, 8, 0x28000000);
            m.store(kMsixBar + 16 * n + 8, 8, 50 + n);
        }
        enable(true);
    }
    void enable(bool on) const { put_config(m.capability(3, 0x11) + 2, 2, on ? 0x8000 : 0); }
};

TEST_F(VirtioPciTest, Identity) {
    EXPECT_EQ(config(0, 4), (0x1040u + 77) << 16 | 0x1af4);
    EXPECT_EQ(config(8, 4) & 0xff, 1u);
    EXPECT_EQ(config(0x3d, 1), 1u);
    EXPECT_EQ(m.capability(3, 0x11), 0u) << "no sink, no MSI-X";
    EXPECT_NE(m.capability(3, 0x10), 0u);
    EXPECT_EQ(get(kQueues), 2u);
    put(kDeviceFeatureSelect, 0);
    EXPECT_EQ(get(kDeviceFeature), EchoDevice::kOwn | 3u << 28);
    put(kDeviceFeatureSelect, 1);
    EXPECT_EQ(get(kDeviceFeature), 1u);
    put(kDeviceFeatureSelect, 2);
    EXPECT_EQ(get(kDeviceFeature), 0u);
    put(kQueueSelect, 1);
    EXPECT_EQ(get(kQueueSize), 64u);
    EXPECT_EQ(get(kQueueNotifyOff), 1u);
    EXPECT_EQ(get(kQueueReset), 0u);
    put(kQueueSelect, 2);
    EXPECT_EQ(get(kQueueSize), 0u) << "no such queue";
    EXPECT_EQ(get(kQueueVector), kNone);
}

TEST_F(VirtioPciTest, BuffersAndInterrupts) {
    start();
    EXPECT_EQ(device.starts, 1);
    queues[1].offer(3, {{kData, 8, false}});
    EXPECT_EQ(queues[1].used(), 0);
    notify(1);
    EXPECT_EQ(queues[1].used(), 1);
    EXPECT_EQ(queues[1].used_head(0), 3u);
    EXPECT_TRUE(line());
    EXPECT_NE(config(6, 2) & 8, 0u);
    device.change(9);
    EXPECT_EQ(isr(), 3u);
    EXPECT_FALSE(line()) << "reading acknowledges";
    EXPECT_EQ(isr(), 0u);
    m.store(base[2] + 4 * 77, 2, 1);
    m.store(base[2] + 2, 2, 1);
    EXPECT_EQ(device.requests(), 1u);
}

TEST_F(VirtioPciTest, QueuesOfLargestSize) {
    put(kDeviceStatus, kAcknowledge | kDriver);
    put(kQueueSelect, 1);
    EXPECT_EQ(get(kQueueDesc + 4), 0u);
    const u64 rings[3] = {kRamBase, kRamBase + 0x5000, kRamBase + 0x6000};
    for (int i = 0; i < 3; ++i) m.store(base[1] + kQueueDesc + 8 * static_cast<u64>(i), 8, rings[i]);
    EXPECT_EQ(m.load(base[1] + kQueueDriver, 8), rings[1]);
    put(kQueueEnable, 0);
    EXPECT_EQ(get(kQueueEnable), 0u);
    put(kQueueEnable, 1);
    EXPECT_EQ(get(kQueueEnable), 1u) << "a driver need not choose a size";
    EXPECT_EQ(device.queue(1).state().size, 64u);
    put(kQueueEnable, 0);
    EXPECT_EQ(get(kQueueEnable), 1u) << "only a reset stops it";
    put(kQueueSize, 8);
    put(kQueueDesc, 0);
    EXPECT_EQ(get(kQueueSize), 64u);
    EXPECT_EQ(get(kQueueDesc), kRamBase);
    put(kDeviceStatus, 0);
    EXPECT_EQ(get(kQueueEnable), 0u);
}

TEST_F(VirtioPciTest, FeaturesAndStatus) {
    put(kDeviceStatus, kAcknowledge | kDriver);
    put(kDriverFeatureSelect, 1);
    put(kDriverFeature, 1);
    put(kDriverFeatureSelect, 0);
    put(kDriverFeature, 2);
    put(kDeviceStatus, kAcknowledge | kDriver | kFeaturesOk);
    EXPECT_EQ(get(kDeviceStatus), unsigned{kAcknowledge | kDriver}) << "2 is not offered";
    put(kDriverFeature, 1);
    EXPECT_EQ(get(kDriverFeature), 1u);
    put(kDeviceStatus, kAcknowledge | kDriver | kFeaturesOk);
    EXPECT_NE(get(kDeviceStatus) & kFeaturesOk, 0u);
    m.store(base[1] + kDeviceStatus, 4, 0);
    EXPECT_NE(get(kDeviceStatus), 0u) << "not as wide as the field";
    put(kDeviceStatus, 0);
    EXPECT_EQ(get(kDeviceStatus), 0u);
    EXPECT_EQ(get(kDriverFeature), 0u);
}

TEST_F(VirtioPciTest, BrokenQueueNeedsReset) {
    start();
    queues[0].offer(5, {{0, 8, false}});
    notify(0);
    EXPECT_NE(get(kDeviceStatus) & kNeedsReset, 0u);
    EXPECT_EQ(isr(), 2u);
    put(kDeviceStatus, 0);
    start();
    queues[0].offer(5, {{kData, 8, false}});
    notify(0);
    EXPECT_EQ(queues[0].used(), 1) << "and works again";
}

TEST_F(VirtioPciTest, ResetLowersTheLine) {
    start();
    device.change(7);
    EXPECT_TRUE(line());
    put(kDeviceStatus, 0);
    EXPECT_FALSE(line());
    EXPECT_EQ(isr(), 0u);
    start();
    device.change(8);
    put_config(m.capability(3, 0x10) + 9, 1, 0x80);  // function level reset
    EXPECT_FALSE(line());
    EXPECT_EQ(device.status(), 0u);
    EXPECT_EQ(config(4, 2), 0u);
}

TEST_F(VirtioPciTest, DeviceConfiguration) {
    EXPECT_EQ(m.load(base[4], 4), 0x04030201u);
    EXPECT_EQ(m.load(base[4] + 2, 1), 3u);
    EXPECT_EQ(m.load(base[4], 8), 0x04030201u);
    EXPECT_EQ(m.load(base[4] + 0xff8, 8), 0u);
    m.store(base[4], 4, 5);
    EXPECT_EQ(device.setting, 5u);
    start();
    const u64 generation = get(kGeneration);
    device.change(7);
    EXPECT_NE(get(kGeneration), generation);
}

TEST_F(VirtioPciTest, AccessThroughConfigurationSpace) {
    const auto reach = [&](u64 bar, u64 offset, u64 length) {
        put_config(where[5] + 4, 1, bar);
        put_config(where[5] + 8, 4, offset);
        put_config(where[5] + 12, 4, length);
    };
    const u64 data = where[5] + 16;
    put_config(4, 2, 0);  // works without the BAR
    reach(4, base[4] - kBar, 4);
    EXPECT_EQ(config(data, 4), 0x04030201u);
    EXPECT_EQ(config(where[5] + 8, 4), base[4] - kBar);
    reach(4, base[4] - kBar + 1, 1);
    EXPECT_EQ(config(data, 1), 2u);
    EXPECT_EQ(config(data, 4), 2u) << "as wide as was said";
    reach(4, base[1] - kBar + kDeviceStatus, 1);
    put_config(data, 1, 1);
    EXPECT_EQ(device.status(), 1u);
    const u64 bad[][3] = {{0, 0x2000, 4}, {4, 0x4000, 4}, {4, 0xfffffffc, 4},
                          {4, 0x2001, 4}, {4, 0x2000, 3}, {4, 0x2000, 0}};
    for (const auto& b : bad) {
        reach(b[0], b[1], b[2]);
        EXPECT_EQ(config(data, 4), 0u);
        put_config(data, 4, 77);
    }
    EXPECT_EQ(device.setting, 0x04030201u);
}

TEST_F(VirtioPciTest, VectorsWithoutMessages) {
    put(kConfigVector, 0);
    EXPECT_EQ(get(kConfigVector), kNone);
    put(kQueueSelect, 0);
    put(kQueueVector, 0);
    EXPECT_EQ(get(kQueueVector), kNone);
}

TEST_F(VirtioPciMsix, VectorsByQueue) {
    start();
    put(kConfigVector, 2);
    put(kQueueSelect, 0);
    put(kQueueVector, 3);
    EXPECT_EQ(get(kQueueVector), kNone) << "three vectors: one a queue, one for the configuration";
    put(kQueueVector, 1);
    EXPECT_EQ(get(kQueueVector), 1u);
    queues[0].offer(0, {{kData, 8, false}});
    notify(0);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0], (std::pair<u64, u32>(0x28000000, 51)));
    device.change(1);
    ASSERT_EQ(sink.sent.size(), 2u);
    EXPECT_EQ(sink.sent[1].second, 52u);
    queues[1].offer(0, {{kData, 8, false}});
    notify(1);
    EXPECT_EQ(queues[1].used(), 1);
    EXPECT_EQ(sink.sent.size(), 2u) << "no vector, no interrupt";
    EXPECT_FALSE(line());
    EXPECT_EQ(isr(), 0u);
    put(kDeviceStatus, 0);
    EXPECT_EQ(get(kConfigVector), kNone);
    put(kQueueSelect, 0);
    EXPECT_EQ(get(kQueueVector), kNone);
}

TEST_F(VirtioPciMsix, PinAfterMessages) {
    enable(false);
    start();
    device.change(1);
    EXPECT_TRUE(line());
    EXPECT_EQ(isr(), 2u);
    EXPECT_TRUE(sink.sent.empty());
}

TEST_F(VirtioPciMsix, ManyHarts) {
    start();
    std::thread harts[4];
    for (unsigned h = 0; h < 4; ++h)
        harts[h] = std::thread([&, h] {
            for (u64 i = 0; i < 1000; ++i) {
                if (h == 0) {
                    put(kDeviceStatus, 0);
                    start();
                } else if (h == 1) {
                    enable(i % 2 == 0);
                    put_config(4, 2, i % 3 == 0 ? 2 : 6);
                } else {
                    m.store(base[2] + 4 * (h - 2), 2, 0);
                    isr();
                    device.change(static_cast<u32>(i));
                    put(kConfigVector, i % 4);
                }
            }
        });
    for (auto& t : harts) t.join();
}

TEST_F(VirtioPciMsix, AnyAccess) {
    u64 seed = 1;
    for (int i = 0; i < 200000; ++i) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        const unsigned bytes = 1u << (seed >> 60 & 3);
        const u64 value = seed >> 20 & (seed >> 58 & 1 ? 0xf : 0x80ffffff), at = (seed >> 33) % 0x120;
        const u64 places[] = {PciMachine::config_at(3, 0, at), kBar + at, kBar + (at << 7 & 0x3fff),
                              kMsixBar + at};
        u64 unused = 0;
        if ((seed >> 59 & 1) != 0)
            m.bus.write(places[seed >> 56 & 3], bytes, value);
        else
            m.bus.read(places[seed >> 56 & 3], bytes, &unused);
    }
}

}  // namespace
}  // namespace vm::device
