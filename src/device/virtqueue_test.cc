#include "device/virtqueue.h"

#include <gtest/gtest.h>

#include <thread>

#include "device/virtio_test.h"

namespace vm::device {
namespace {

using testing::GuestQueue;
using testing::kDescIndirect;
using testing::kDescNext;
using testing::kDescWrite;
using testing::kRamBase;
using testing::kRamBytes;

class Virtqueues : public ::testing::Test {
  protected:
    void start(u64 features = 0, u16 size = 8) {
        queue.set_features(features);
        set_addresses(guest.descriptors(), guest.driver(), guest.device());
        queue.set_size(size);
        queue.start();
    }
    void set_addresses(u64 descriptors, u64 driver, u64 device) {
        using enum Virtqueue::Ring;
        for (const auto& [ring, a] :
             {std::pair{Descriptors, descriptors}, {Driver, driver}, {Device, device}}) {
            queue.set_address(ring, false, static_cast<u32>(a));
            queue.set_address(ring, true, static_cast<u32>(a >> 32));
        }
    }
    void expect_broken() {
        EXPECT_FALSE(queue.pop());
        EXPECT_EQ(broken, 1);
        EXPECT_TRUE(queue.state().broken);
        EXPECT_FALSE(queue.pop()) << "gives nothing more";
        EXPECT_FALSE(queue.listen());
        EXPECT_EQ(broken, 1) << "and says so once";
        queue.reset();
        EXPECT_FALSE(queue.state().broken);
    }

    std::unique_ptr<mem::GuestRam> ram = mem::GuestRam::create(kRamBase, kRamBytes).value();
    GuestQueue guest{*ram, kRamBase, 8};
    int broken = 0;
    Virtqueue queue{*ram, 256, [this] { ++broken; }};
    static constexpr u64 kData = kRamBase + 0x20000, kTable = kRamBase + 0x30001;
};

TEST_F(Virtqueues, ChainOfSeveralParts) {
    start();
    EXPECT_FALSE(queue.pop()) << "empty";
    guest.offer(2,
                {{kData, 5, false}, {kData + 100, 0, false}, {kData + 10, 3, false}, {kData + 20, 7, true}});
    ASSERT_TRUE(ram->write(kData, "hello", 5));
    ASSERT_TRUE(ram->write(kData + 10, "you", 3));
    auto chain = queue.pop();
    ASSERT_TRUE(chain);
    EXPECT_EQ(bytes_of(chain->readable()), 8u);
    EXPECT_EQ(bytes_of(chain->writable()), 7u);
    char text[9] = {};
    EXPECT_EQ(copy_from(chain->readable(), 0, text, 9), 8u);
    EXPECT_STREQ(text, "helloyou");
    EXPECT_EQ(copy_from(chain->readable(), 4, text, 2), 2u);
    EXPECT_EQ(std::string(text, 2), "oy");
    EXPECT_EQ(copy_to(chain->writable(), 5, "abc", 3), 2u);
    EXPECT_EQ(guest.get<u8>(kData + 26), 'b');
    EXPECT_TRUE(queue.push(*chain, 7));
    EXPECT_EQ(guest.used(), 1);
    EXPECT_EQ(guest.used_head(0), 2u);
    EXPECT_EQ(guest.used_bytes(0), 7u);
    EXPECT_FALSE(queue.pop());
    EXPECT_EQ(broken, 0);
}

TEST_F(Virtqueues, RingsWrap) {
    start();
    for (u16 n = 0; n < 40; ++n) {
        guest.offer(n % 8, {{kData + n, 1, true}});
        auto chain = queue.pop();
        ASSERT_TRUE(chain);
        EXPECT_EQ(chain->writable()[0].iov_base, ram->at(kData + n, 1));
        queue.push(*chain, n);
        EXPECT_EQ(guest.used(), n + 1);
        EXPECT_EQ(guest.used_bytes(n), n);
    }
}

TEST_F(Virtqueues, InterruptsAsTheDriverWants) {
    start();
    guest.offer(0, {{kData, 1, true}});
    guest.put<u16>(guest.driver(), 1);  // VIRTQ_AVAIL_F_NO_INTERRUPT
    auto chain = queue.pop();
    EXPECT_FALSE(queue.push(*chain, 0));
    queue.hush();
    EXPECT_EQ(guest.get<u16>(guest.device()), 1);
    EXPECT_FALSE(queue.listen());
    EXPECT_EQ(guest.get<u16>(guest.device()), 0);
    guest.offer(0);
    EXPECT_TRUE(queue.listen());
}

TEST_F(Virtqueues, EventIndex) {
    start(kRingEventIdx);
    const u64 avail_event = guest.device() + 4 + 8 * 8;
    guest.set_used_event(1);
    for (u16 n = 0; n < 3; ++n) {
        guest.offer(n, {{kData, 1, true}});
        auto chain = queue.pop();
        EXPECT_EQ(queue.push(*chain, 0), n == 1) << n;
    }
    EXPECT_FALSE(queue.listen());
    EXPECT_EQ(guest.get<u16>(avail_event), 3);
}

TEST_F(Virtqueues, SeveralAtOnceAndPutBack) {
    start(kRingEventIdx);
    for (u16 n = 0; n < 3; ++n) guest.offer(n, {{kData + 16 * n, 4, true}});
    std::vector<Chain> chains;
    for (int n = 0; n < 3; ++n) chains.push_back(std::move(*queue.pop()));
    EXPECT_FALSE(queue.pop());
    queue.put_back(std::move(chains.back()));
    chains.pop_back();
    EXPECT_EQ(queue.state().next_available, 2);
    guest.set_used_event(0);
    const u32 written[] = {4, 3};
    EXPECT_TRUE(queue.push(chains, written)) << "the driver waits for the first of them";
    EXPECT_EQ(guest.used(), 2);
    EXPECT_EQ(guest.used_head(1), 1u);
    EXPECT_EQ(guest.used_bytes(1), 3u);
    chains.clear();
    auto again = queue.pop();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->writable()[0].iov_base, ram->at(kData + 32, 4));
    guest.set_used_event(3);
    EXPECT_FALSE(queue.push(*again, 0));
}

TEST_F(Virtqueues, ListenForMoreIsNotToldOfWhatIsThere) {
    start(kRingEventIdx);
    const u64 avail_event = guest.device() + 4 + 8 * 8;
    guest.offer(0, {{kData, 1, true}});
    EXPECT_TRUE(queue.listen());
    EXPECT_FALSE(queue.listen_for_more());
    EXPECT_EQ(guest.get<u16>(avail_event), 1) << "the next is the second";
    guest.set_available(20);
    EXPECT_FALSE(queue.listen_for_more()) << "broken";
    EXPECT_EQ(broken, 1);
}

TEST_F(Virtqueues, IndirectTables) {
    start(kRingIndirectDesc);
    guest.describe(kTable, 0, kData, 4, kDescNext, 2);
    guest.describe(kTable, 2, kData + 8, 4, kDescWrite);
    guest.describe(0, kData + 32, 1, kDescNext, 1);
    guest.describe(1, kTable, 48, kDescIndirect | kDescWrite);
    guest.offer(0);
    auto chain = queue.pop();
    ASSERT_TRUE(chain);
    EXPECT_EQ(bytes_of(chain->readable()), 5u);
    EXPECT_EQ(bytes_of(chain->writable()), 4u);
}

TEST_F(Virtqueues, StopWaitsForChains) {
    start();
    guest.offer(0, {{kData, 1, true}});
    auto chain = queue.pop();
    ASSERT_TRUE(chain);
    std::atomic<bool> stopped = false;
    std::thread t([&] {
        queue.stop();
        stopped = true;
    });
    while (queue.state().ready) std::this_thread::yield();
    EXPECT_FALSE(stopped);
    EXPECT_FALSE(queue.push(*chain, 1)) << "the rings are not ours any more";
    EXPECT_EQ(guest.used(), 0);
    { const Chain gone = std::move(*chain); }
    t.join();
    EXPECT_TRUE(stopped);
}

TEST_F(Virtqueues, NothingChangesWhileReady) {
    start();
    queue.set_size(2);
    queue.set_features(kRingEventIdx);
    set_addresses(0, 0, 0);
    EXPECT_EQ(queue.state().size, 8);
    EXPECT_EQ(queue.state().features, 0u);
    EXPECT_EQ(queue.state().driver, guest.driver());
}

// ---- hostile set-ups

TEST_F(Virtqueues, BadRings) {
    const u64 d = guest.descriptors(), a = guest.driver(), u = guest.device(), end = kRamBase + kRamBytes;
    const struct {
        u16 size;
        u64 descriptors, driver, device;
    } bad[] = {{0, d, a, u},
               {3, d, a, u},
               {512, d, a, u},
               {0xffff, d, a, u},
               {8, d + 8, a, u},
               {8, d, a + 1, u},
               {8, d, a, u + 2},
               {8, 0, a, u},
               {8, d, 0, u},
               {8, d, a, ~3ull},
               {8, end - 16 * 7, a, u},
               {8, d, end - 20, u},
               {8, d, a, end - 4 * 17},
               {8, ~15ull, a, u},
               {8, d, kRamBase - 2, u}};
    for (const auto& b : bad) {
        broken = 0;
        set_addresses(b.descriptors, b.driver, b.device);
        queue.set_size(b.size);
        queue.start();
        EXPECT_FALSE(queue.state().ready);
        expect_broken();
    }
    set_addresses(end - 16 * 8, a, u);
    queue.set_size(8);
    queue.start();
    EXPECT_TRUE(queue.state().ready) << "up to the last byte";
}

// ---- hostile chains

TEST_F(Virtqueues, IndexTooFar) {
    start();
    guest.set_available(9);
    expect_broken();
}

TEST_F(Virtqueues, IndexGoesBack) {
    start();
    guest.set_available(0xffff);
    expect_broken();
}

TEST_F(Virtqueues, HeadOutsideTheTable) {
    start();
    guest.offer(8);
    expect_broken();
}

TEST_F(Virtqueues, NextOutsideTheTable) {
    start();
    guest.describe(0, kData, 1, kDescNext, 0x8000);
    guest.offer(0);
    expect_broken();
}

TEST_F(Virtqueues, Loops) {
    for (const u32 bytes : {1u, 0u}) {
        broken = 0;
        start();
        for (u16 n = 0; n < 8; ++n) guest.describe(n, kData, bytes, kDescNext, (n + 1) % 8);
        guest.set_available(0);
        guest.offer(0);
        expect_broken();
    }
}

TEST_F(Virtqueues, DescriptorOfItself) {
    start();
    guest.describe(0, kData, 1, kDescNext | kDescWrite, 0);
    guest.offer(0);
    expect_broken();
}

TEST_F(Virtqueues, DataOutsideRam) {
    const u64 end = kRamBase + kRamBytes;
    const std::pair<u64, u32> bad[] = {{0, 1},           {kRamBase - 1, 2},        {end, 1},
                                       {end - 1, 2},     {kData, 0xffffffff},      {~0ull, 2},
                                       {~0ull - 15, 16}, {kRamBase, kRamBytes + 1}};
    for (const auto& [address, bytes] : bad) {
        broken = 0;
        start();
        guest.set_available(0);
        guest.offer(0, {{kData, 16, false}, {address, bytes, true}});
        expect_broken();
    }
}

TEST_F(Virtqueues, WholeRamOverlappingIsFine) {
    start();
    guest.offer(0, {{kRamBase, kRamBytes, false}, {kRamBase, kRamBytes, true}, {kRamBase, kRamBytes, true}});
    auto chain = queue.pop();
    ASSERT_TRUE(chain);
    EXPECT_EQ(bytes_of(chain->writable()), 2 * kRamBytes);
}

TEST_F(Virtqueues, ReadableBehindWritable) {
    start();
    guest.offer(0, {{kData, 1, true}, {kData, 1, false}});
    expect_broken();
}

TEST_F(Virtqueues, HostileIndirectTables) {
    const auto attempt = [&](u64 features, u64 table, u32 bytes, u16 flags) {
        broken = 0;
        start(features);
        guest.set_available(0);
        guest.describe(0, table, bytes, flags, 1);
        guest.describe(1, kData, 1, 0);
        guest.offer(0);
        expect_broken();
    };
    guest.describe(kTable, 0, kData, 1, 0);
    attempt(0, kTable, 16, kDescIndirect);  // not negotiated
    attempt(kRingIndirectDesc, kTable, 16, kDescIndirect | kDescNext);
    attempt(kRingIndirectDesc, kTable, 0, kDescIndirect);
    attempt(kRingIndirectDesc, kTable, 17, kDescIndirect);
    attempt(kRingIndirectDesc, kRamBase + kRamBytes - 16, 32, kDescIndirect);
    attempt(kRingIndirectDesc, 0, 16, kDescIndirect);
    attempt(kRingIndirectDesc, kTable, 0xfffffff0, kDescIndirect);
    guest.describe(kTable, 0, kTable, 16, kDescIndirect);
    attempt(kRingIndirectDesc, kTable, 16, kDescIndirect);  // nested
    guest.describe(kTable, 0, kData, 1, kDescNext, 1);
    attempt(kRingIndirectDesc, kTable, 16, kDescIndirect);  // next behind its end
    guest.describe(kTable, 0, kData, 1, kDescNext, 0);
    attempt(kRingIndirectDesc, kTable, 0x10000, kDescIndirect);  // loop
}

TEST_F(Virtqueues, ChainOfMoreThan32Bits) {
    auto large = mem::GuestRam::create(0, u64{1} << 30).value();  // never touched
    Virtqueue q(*large, 8, [this] { ++broken; });
    GuestQueue g(*large, 0x10000, 8);
    using enum Virtqueue::Ring;
    q.set_address(Descriptors, false, static_cast<u32>(g.descriptors()));
    q.set_address(Driver, false, static_cast<u32>(g.driver()));
    q.set_address(Device, false, static_cast<u32>(g.device()));
    q.set_size(8);
    q.start();
    g.offer(0, {{0, 1 << 30, true}, {0, 1 << 30, true}, {0, 1 << 30, true}});
    EXPECT_TRUE(q.pop());
    g.offer(4, {{0, 1 << 30, true}, {0, 1 << 30, true}, {0, 1 << 30, true}, {0, 1 << 30, true}});
    EXPECT_FALSE(q.pop());
    EXPECT_EQ(broken, 1);
}

}  // namespace
}  // namespace vm::device
