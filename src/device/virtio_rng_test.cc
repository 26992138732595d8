#include "device/virtio_rng.h"

#include <gtest/gtest.h>

#include "device/virtio_test.h"

namespace vm::device {
namespace {

using testing::kRamBase;
using testing::kRamBytes;

TEST(VirtioRng, FillsBuffers) {
    auto ram = mem::GuestRam::create(kRamBase, kRamBytes).value();
    VirtioRng rng(*ram);
    testing::MmioGuest guest(*ram, rng);
    guest.start();
    EXPECT_EQ(guest.get(0x08), 4u);
    auto& q = guest.queues[0];
    constexpr u64 kData = kRamBase + 0x40000;
    q.offer(0, {{kData, 16, true}, {kData + 64, 16, true}});
    guest.notify(0);
    q.wait_used(1);
    EXPECT_EQ(q.used_bytes(0), 32u);
    EXPECT_NE(q.get<u64>(kData), 0u);
    EXPECT_NE(q.get<u64>(kData + 72), q.get<u64>(kData));
    EXPECT_EQ(q.get<u64>(kData + 16), 0u);
    q.offer(2, {{kData, 0x20000, true}});
    q.offer(3, {{kData, 16, false}});
    guest.notify(0);
    q.wait_used(3);
    EXPECT_EQ(q.used_bytes(1), 0x10000u) << "less than it asked for";
    EXPECT_EQ(q.used_bytes(2), 0u) << "nothing to fill";
    EXPECT_EQ(rng.bytes(), 0x10020u);
}

}  // namespace
}  // namespace vm::device
