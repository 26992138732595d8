#include "device/virtio_blk.h"

#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <numeric>

#include "device/disk_test.h"
#include "device/virtio_test.h"

namespace vm::device {
namespace {

using testing::kRamBase;
using testing::kRamBytes;
using testing::MmioGuest;

constexpr u64 kBlkFlush = 1 << 9, kBlkDiscard = 1 << 13, kBlkZeroes = 1 << 14;

/// A disk in memory that counts, and fails where it is told to.
class MemoryDisk final : public Disk {
  public:
    std::vector<u8> data = std::vector<u8>(64 * kSector);
    std::atomic<int> flushes = 0, discards = 0;
    std::atomic<bool> fails = false, locked = false;

    u64 size() const override { return data.size(); }
    bool read_only() const override { return locked; }
    Result<void> read(u64 offset, Parts to) override {
        if (fails) return fail(ErrorKind::Io, "it broke");
        copy_to(to, 0, data.data() + offset, bytes_of(to));
        return check(offset, bytes_of(to), false);
    }
    Result<void> write(u64 offset, Parts from) override {
        if (fails) return fail(ErrorKind::Io, "it broke");
        copy_from(from, 0, data.data() + offset, bytes_of(from));
        return check(offset, bytes_of(from), true);
    }
    Result<void> flush() override {
        ++flushes;
        return {};
    }
    /// While held, requests begin, and end when release() is called.
    void start(DiskOperation operation, u64 offset, std::vector<iovec> parts, Done done) override {
        if (!held) return Disk::start(operation, offset, std::move(parts), std::move(done));
        const std::lock_guard lock(mutex);
        waiting.push_back(
            [this, operation, offset, parts, done] { Disk::start(operation, offset, parts, done); });
    }
    size_t begun() {
        const std::lock_guard lock(mutex);
        return waiting.size();
    }
    /// The last one first.
    void release() {
        const std::lock_guard lock(mutex);
        while (!waiting.empty()) {
            waiting.back()();
            waiting.pop_back();
        }
    }
    std::atomic<bool> held = false;
    std::mutex mutex;
    std::vector<std::function<void()>> waiting;

    Result<void> discard(u64, u64) override {
        ++discards;
        return {};
    }
    Result<void> write_zeroes(u64 offset, u64 bytes, bool) override {
        std::fill_n(data.begin() + static_cast<long>(offset), bytes, u8{0});
        return {};
    }
};

class VirtioBlkTest : public ::testing::Test {
  protected:
    static constexpr u64 kHeader = kRamBase + 0x80000, kStatus = kHeader + 0x100, kData = kHeader + 0x1000;

    explicit VirtioBlkTest(unsigned queues = 1) {
        auto owned = std::make_unique<MemoryDisk>();
        disk = owned.get();
        blk = std::make_unique<VirtioBlk>(*ram, std::move(owned), "serial-1", queues);
        guest = std::make_unique<MmioGuest>(*ram, *blk);
        std::iota(disk->data.begin(), disk->data.end(), u8{3});
    }
    /// Does one request; returns its status.
    int request(u32 type, u64 sector, const std::vector<testing::GuestQueue::Part>& data) {
        auto& q = guest->queues[0];
        q.put<u32>(kHeader, type);
        q.put<u32>(kHeader + 4, 0);
        q.put<u64>(kHeader + 8, sector);
        q.put<u8>(kStatus, 0xee);
        std::vector<testing::GuestQueue::Part> parts = {{kHeader, 16, false}};
        parts.insert(parts.end(), data.begin(), data.end());
        parts.push_back({kStatus, 1, true});
        q.offer(0, parts);
        guest->notify(0);
        q.wait_used(++done);
        return q.get<u8>(kStatus);
    }
    u32 written() { return guest->queues[0].used_bytes(static_cast<u16>(done - 1)); }

    std::unique_ptr<mem::GuestRam> ram = mem::GuestRam::create(kRamBase, kRamBytes).value();
    MemoryDisk* disk = nullptr;
    std::unique_ptr<VirtioBlk> blk;
    std::unique_ptr<MmioGuest> guest;
    u16 done = 0;
};

TEST_F(VirtioBlkTest, Configuration) {
    EXPECT_EQ(guest->get(0x08), 2u);
    EXPECT_EQ(guest->mmio.read(0x100, 8), 64u);
    EXPECT_EQ(guest->get(0x10c), 254u);
    EXPECT_EQ(guest->get(0x114), 512u);
    EXPECT_EQ(guest->get(0x10) & 1u << 5, 0u);
    disk->locked = true;
    EXPECT_EQ(guest->get(0x10) & 1u << 5, 1u << 5);
    EXPECT_EQ(guest->get(0x10) & kBlkDiscard, 0u);
}

TEST_F(VirtioBlkTest, ReadsAndWrites) {
    guest->start(kBlkFlush);
    EXPECT_EQ(request(0, 2, {{kData, 512, true}, {kData + 0x1000, 1024, true}}), 0);
    EXPECT_EQ(written(), 1537u);
    EXPECT_EQ(std::memcmp(ram->at(kData, 512), disk->data.data() + 1024, 512), 0);
    EXPECT_EQ(std::memcmp(ram->at(kData + 0x1000, 1024), disk->data.data() + 1536, 1024), 0);
    std::fill_n(ram->at(kData, 512), 512, u8{0xab});
    EXPECT_EQ(request(1, 63, {{kData, 100, false}, {kData + 100, 412, false}}), 0);
    EXPECT_EQ(written(), 1u);
    EXPECT_EQ(disk->data.back(), 0xab);
    EXPECT_EQ(disk->data[63 * 512], 0xab);
    EXPECT_NE(disk->data[63 * 512 - 1], 0xab);
    EXPECT_EQ(disk->flushes, 0);
    EXPECT_EQ(request(4, 0, {}), 0);
    EXPECT_EQ(disk->flushes, 1);
    EXPECT_EQ(blk->requests(), 3u);
    EXPECT_EQ(blk->bytes(), 2048u);
}

TEST_F(VirtioBlkTest, WithoutFlushWritesThrough) {
    guest->start();
    EXPECT_EQ(request(1, 0, {{kData, 512, false}}), 0);
    EXPECT_EQ(disk->flushes, 1);
}

TEST_F(VirtioBlkTest, GetId) {
    guest->start();
    EXPECT_EQ(request(8, 0, {{kData, 20, true}}), 0);
    EXPECT_STREQ(reinterpret_cast<char*>(ram->at(kData, 20)), "serial-1");
    EXPECT_EQ(request(8, 0, {{kData, 19, true}}), 1);
}

TEST_F(VirtioBlkTest, DiscardAndZeroes) {
    guest->start(kBlkDiscard | kBlkZeroes | kBlkFlush);
    auto& q = guest->queues[0];
    q.put<u64>(kData, 8);
    q.put<u32>(kData + 8, 4);
    q.put<u32>(kData + 12, 0);
    EXPECT_EQ(request(11, 0, {{kData, 16, false}}), 0);
    EXPECT_EQ(disk->discards, 1);
    EXPECT_EQ(request(13, 0, {{kData, 16, false}}), 0);
    EXPECT_EQ(disk->data[8 * 512], 0);
    EXPECT_EQ(disk->data[12 * 512 - 1], 0);
    q.put<u32>(kData + 12, 1);
    EXPECT_EQ(request(13, 0, {{kData, 16, false}}), 0);
    EXPECT_EQ(request(11, 0, {{kData, 16, false}}), 2) << "unmap is no flag of discard";
    q.put<u32>(kData + 12, 2);
    EXPECT_EQ(request(13, 0, {{kData, 16, false}}), 2);
    q.put<u32>(kData + 12, 0);
    q.put<u32>(kData + 8, 57);
    EXPECT_EQ(request(13, 0, {{kData, 16, false}}), 1) << "over the end";
    q.put<u64>(kData, ~u64{0});
    EXPECT_EQ(request(11, 0, {{kData, 16, false}}), 1);
    EXPECT_EQ(request(11, 0, {{kData, 15, false}}), 1);
    EXPECT_EQ(request(11, 0, {{kData, 16 * 17, false}}), 1);
    EXPECT_EQ(request(11, 0, {}), 1);
}

TEST_F(VirtioBlkTest, OutsideTheDisk) {
    guest->start(kBlkFlush);
    EXPECT_EQ(request(0, 64, {{kData, 512, true}}), 1);
    EXPECT_EQ(written(), 0u);
    EXPECT_EQ(request(0, 63, {{kData, 1024, true}}), 1);
    EXPECT_EQ(request(1, ~u64{0}, {{kData, 512, false}}), 1);
    EXPECT_EQ(request(1, u64{1} << 55, {{kData, 512, false}}), 1);
    EXPECT_EQ(request(0, 0, {{kData, 511, true}}), 1) << "no whole sectors";
    EXPECT_EQ(request(0, 64, {}), 0) << "nothing, at the end";
    EXPECT_EQ(request(99, 0, {}), 2);
    EXPECT_EQ(request(11, 0, {{kData, 16, false}}), 2) << "not negotiated";
}

TEST_F(VirtioBlkTest, FailuresOfTheDisk) {
    guest->start(kBlkFlush);
    disk->fails = true;
    EXPECT_EQ(request(0, 0, {{kData, 512, true}}), 1);
    EXPECT_EQ(blk->failed(), 1u);
    EXPECT_EQ(blk->last_error(), "it broke");
    disk->fails = false;
    disk->locked = true;
    EXPECT_EQ(request(1, 0, {{kData, 512, false}}), 1);
}

TEST_F(VirtioBlkTest, HeaderInPiecesAndStatusBehindData) {
    guest->start(kBlkFlush);
    auto& q = guest->queues[0];
    q.put<u32>(kHeader, 0);
    q.put<u64>(kHeader + 8, 1);
    q.offer(0, {{kHeader, 3, false}, {kHeader + 3, 13, false}, {kData, 500, true}, {kData + 500, 13, true}});
    guest->notify(0);
    q.wait_used(1);
    EXPECT_EQ(q.get<u8>(kData + 512), 0);
    EXPECT_EQ(q.get<u8>(kData + 511), disk->data[1023]);
}

TEST_F(VirtioBlkTest, NoHeaderOrNoStatus) {
    for (const auto& parts : std::vector<std::vector<testing::GuestQueue::Part>>{
             {{kHeader, 15, false}, {kStatus, 1, true}}, {{kHeader, 16, false}}, {{kStatus, 1, true}}}) {
        guest->start();
        guest->queues[0].offer(0, parts);
        guest->notify(0);
        guest->wait_status(kNeedsReset);
        EXPECT_EQ(guest->queues[0].used(), 0);
    }
}

TEST_F(VirtioBlkTest, ManyRequestsWithEventIndexAndIndirect) {
    guest->start(kBlkFlush | kRingEventIdx | kRingIndirectDesc);
    auto& q = guest->queues[0];
    u16 offered = 0;
    for (int round = 0; round < 200; ++round) {
        for (u16 n = 0; n < q.size(); ++n) {
            const u64 at = kData + n * 0x400, table = at + 0x100;
            q.put<u32>(at, 0);
            q.put<u64>(at + 8, n);
            q.describe(table, 0, at, 16, testing::kDescNext, 1);
            q.describe(table, 1, at + 0x200, 512 / 2, testing::kDescNext | testing::kDescWrite, 2);
            q.describe(table, 2, at + 0x300, 255, testing::kDescNext | testing::kDescWrite, 3);
            q.describe(table, 3, at + 0x20, 2, testing::kDescWrite);
            q.describe(n, table, 64, testing::kDescIndirect);
            q.offer(n);
            ++offered;
            if (n % 5 == 0) guest->notify(0);
        }
        q.set_used_event(static_cast<u16>(offered - 1));
        guest->notify(0);
        q.wait_used(offered);
    }
    EXPECT_EQ(blk->requests(), 200u * 16);
    EXPECT_TRUE(guest->line.high);
    EXPECT_LE(blk->interrupts(), 400u);
}

TEST_F(VirtioBlkTest, ResetInTheMiddle) {
    for (int i = 0; i < 300; ++i) {
        guest->start(kBlkFlush);
        done = 0;
        auto& q = guest->queues[0];
        for (u16 n = 0; n < 5; ++n)
            q.offer(static_cast<u16>(3 * n), {{kHeader, 16, false}, {kData, 513, true}});
        guest->notify(0);
        guest->put(0x70, 0);
        const u16 used = q.used();
        EXPECT_FALSE(guest->line.high);
        EXPECT_LE(used, 5);
        q.put<u8>(kData, 0x5a);
        std::this_thread::yield();
        EXPECT_EQ(q.get<u8>(kData), 0x5a) << "nothing is written behind a reset";
        EXPECT_EQ(q.used(), used);
    }
}

TEST_F(VirtioBlkTest, RequestsRunBesideEachOther) {
    guest->start(kBlkFlush);
    disk->held = true;
    auto& q = guest->queues[0];
    for (u16 n = 0; n < 4; ++n) {
        const u64 at = kData + n * 0x1000;
        q.put<u32>(at, n == 3 ? 4 : 0);  // the last one is a flush
        q.put<u64>(at + 8, n);
        q.offer(static_cast<u16>(4 * n),
                {{at, 16, false}, {at + 0x200, n == 3 ? 0u : 512u, true}, {at + 0x100, 1, true}});
    }
    guest->notify(0);
    for (int i = 0; i < 10000 && disk->begun() != 4; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_EQ(disk->begun(), 4u) << "none waits for another";
    EXPECT_EQ(q.used(), 0);
    disk->release();
    q.wait_used(4);
    for (u16 n = 0; n < 4; ++n) EXPECT_EQ(q.used_head(n), 4u * (3 - n)) << "in the order in which they end";
    EXPECT_EQ(q.get<u8>(kData + 2 * 0x1000 + 0x200), disk->data[2 * 512]);
    EXPECT_EQ(disk->flushes, 1);
}

TEST_F(VirtioBlkTest, ResetWaitsForWhatRuns) {
    guest->start(kBlkFlush);
    disk->held = true;
    auto& q = guest->queues[0];
    q.put<u32>(kHeader, 0);
    q.put<u64>(kHeader + 8, 0);
    q.offer(0, {{kHeader, 16, false}, {kData, 513, true}});
    guest->notify(0);
    for (int i = 0; i < 10000 && disk->begun() != 1; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::atomic<bool> reset = false;
    std::thread hart([&] {
        guest->put(0x70, 0);
        reset = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_FALSE(reset);
    disk->release();
    hart.join();
    EXPECT_EQ(guest->get(0x70), 0u);
}

struct VirtioBlkQueues : VirtioBlkTest {
    VirtioBlkQueues() : VirtioBlkTest(3) {}
};

TEST_F(VirtioBlkQueues, EachHasItsRequests) {
    constexpr u32 kBlkMq = 1 << 12;
    EXPECT_NE(guest->get(0x10) & kBlkMq, 0u);
    EXPECT_EQ(guest->mmio.read(0x122, 2), 3u);
    guest->start(kBlkFlush | kBlkMq);
    ASSERT_EQ(guest->queues.size(), 3u);
    for (u32 n = 0; n < 3; ++n) {
        auto& q = guest->queues[n];
        const u64 at = kData + n * 0x1000;
        q.put<u32>(at, 0);
        q.put<u64>(at + 8, n);
        q.offer(0, {{at, 16, false}, {at + 0x200, 513, true}});
        guest->notify(n);
        q.wait_used(1);
        EXPECT_EQ(std::memcmp(ram->at(at + 0x200, 512), disk->data.data() + n * 512, 512), 0);
    }
    EXPECT_EQ(blk->requests(), 3u);
}

}  // namespace
}  // namespace vm::device
