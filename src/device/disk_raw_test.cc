#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <numeric>
#include <thread>

#include "device/disk.h"
#include "device/disk_test.h"

namespace vm::device {
namespace {

using testing::TempImage;

TEST(RawDisk, ReadsAndWrites) {
    TempImage image(1 << 20);
    auto disk = open_raw_disk(image.path(), {});
    ASSERT_TRUE(disk) << disk.error().message;
    EXPECT_EQ((*disk)->size(), 1u << 20);
    EXPECT_FALSE((*disk)->read_only());
    std::vector<u8> data(5000);
    std::iota(data.begin(), data.end(), u8{1});
    const iovec parts[3] = {{data.data(), 1000}, {data.data() + 1000, 0}, {data.data() + 1000, 4000}};
    ASSERT_TRUE((*disk)->write(777, Parts(parts)));
    std::vector<u8> back(5000);
    ASSERT_TRUE((*disk)->read(777, back.data(), back.size()));
    EXPECT_EQ(back, data);
    ASSERT_TRUE((*disk)->write_zeroes(1777, 1000, true));
    ASSERT_TRUE((*disk)->write_zeroes(2777, 1000, false));
    std::fill_n(data.begin() + 1000, 2000, u8{0});
    ASSERT_TRUE((*disk)->read(777, back.data(), back.size()));
    EXPECT_EQ(back, data);
    EXPECT_TRUE((*disk)->discard(0, 8192));
    EXPECT_TRUE((*disk)->flush());
    EXPECT_EQ(image.bytes(), 1u << 20);
}

TEST(RawDisk, ManyParts) {
    TempImage image(1 << 20);
    auto disk = open_raw_disk(image.path(), {}).value();
    std::vector<u8> data(3000), back(3000);
    std::iota(data.begin(), data.end(), u8{1});
    std::vector<iovec> parts;
    for (u8& b : data) parts.push_back({&b, 1});
    ASSERT_TRUE(disk->write(100, Parts(parts)));
    ASSERT_TRUE(disk->read(100, back.data(), back.size()));
    EXPECT_EQ(back, data);
}

TEST(RawDisk, OnlyInside) {
    TempImage image(4096);
    auto disk = open_raw_disk(image.path(), {}).value();
    u8 b[2] = {};
    EXPECT_TRUE(disk->read(4094, b, 2));
    EXPECT_FALSE(disk->read(4095, b, 2));
    EXPECT_FALSE(disk->write(4096, b, 1));
    EXPECT_FALSE(disk->write(~u64{0}, b, 2));
    EXPECT_FALSE(disk->discard(4096, 1));
    EXPECT_FALSE(disk->write_zeroes(1, ~u64{0}, true));
    EXPECT_TRUE(disk->write_zeroes(4096, 0, true));
    EXPECT_EQ(image.bytes(), 4096u);
}

TEST(RawDisk, ReadOnly) {
    TempImage image(4096);
    auto disk = open_raw_disk(image.path(), {.read_only = true}).value();
    u8 b = 0;
    EXPECT_TRUE(disk->read_only());
    EXPECT_TRUE(disk->read(0, &b, 1));
    EXPECT_FALSE(disk->write(0, &b, 1));
    EXPECT_FALSE(disk->discard(0, 1));
    EXPECT_FALSE(disk->write_zeroes(0, 1, true));
    EXPECT_TRUE(disk->flush());
}

TEST(RawDisk, OneWriterOrManyReaders) {
    TempImage image(4096);
    {
        auto writer = open_raw_disk(image.path(), {}).value();
        const auto second = open_raw_disk(image.path(), {});
        ASSERT_FALSE(second);
        EXPECT_NE(second.error().message.find("in use"), std::string::npos) << second.error().message;
        EXPECT_FALSE(open_raw_disk(image.path(), {.read_only = true}));
    }
    auto reader = open_raw_disk(image.path(), {.read_only = true});
    auto other = open_raw_disk(image.path(), {.read_only = true});
    EXPECT_TRUE(reader);
    EXPECT_TRUE(other);
    EXPECT_FALSE(open_raw_disk(image.path(), {}));
}

TEST(RawDisk, Refused) {
    TempImage odd(1000), empty(0);
    EXPECT_FALSE(open_raw_disk(odd.path(), {}));
    EXPECT_FALSE(open_raw_disk(empty.path(), {}));
    EXPECT_FALSE(open_raw_disk("/dev/zero", {}));
    EXPECT_FALSE(open_raw_disk("/tmp", {.read_only = true}));
    EXPECT_EQ(open_raw_disk(odd.path() + ".none", {}).error().kind, ErrorKind::NotFound);
}

TEST(RawDisk, FileThatBecameShorter) {
    TempImage image(8192);
    auto disk = open_raw_disk(image.path(), {}).value();
    ASSERT_EQ(::truncate(image.path().c_str(), 4096), 0);
    u8 b[16];
    EXPECT_FALSE(disk->read(8000, b, 16));
}

/// Requests of several threads; what the page cache has forgotten takes another way than what it has.
TEST(RawDisk, ManyAtATime) {
    constexpr u64 kBlock = 4096, kBlocks = 512;
    TempImage image(kBlock * kBlocks);
    for (u64 n = 0; n < kBlocks; ++n) {
        const std::vector<u64> data(kBlock / 8, n);
        image.put(n * kBlock, data.data(), kBlock);
    }
    auto disk = open_raw_disk(image.path(), {}).value();
    std::atomic<u64> ended = 0, wrong = 0;
    const auto work = [&](u64 seed) {
        for (int i = 0; i < 1000; ++i) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            const u64 n = (seed >> 40) % kBlocks;
            auto data = std::make_shared<std::vector<u64>>(kBlock / 8, n);
            const auto what = i % 7 == 0    ? DiskOperation::Write
                              : i % 50 == 1 ? DiskOperation::Flush
                                            : DiskOperation::Read;
            std::vector<iovec> parts = {{data->data(), 1000}, {data->data() + 125, kBlock - 1000}};
            if (what == DiskOperation::Flush) parts.clear();
            if (what == DiskOperation::Read) std::fill(data->begin(), data->end(), ~u64{0});
            disk->start(what, n * kBlock, parts, [&, n, data](Result<void> r) {
                wrong += !r || data->front() != n || data->back() != n;
                ++ended;
            });
            if (i % 100 == 0) ::posix_fadvise(image.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
        }
    };
    std::thread threads[] = {std::thread(work, 1), std::thread(work, 2)};
    for (std::thread& t : threads) t.join();
    disk.reset();
    EXPECT_EQ(ended, 2000u) << "the end of the disk waits";
    EXPECT_EQ(wrong, 0u);
}

TEST(RawDisk, StartedRequestsThatCannotBe) {
    TempImage image(8192);
    auto disk = open_raw_disk(image.path(), {}).value();
    std::vector<u8> data(16);
    const auto failed = [&](DiskOperation what, u64 offset) {
        std::promise<bool> ended;
        disk->start(what, offset, {{data.data(), data.size()}}, [&](Result<void> r) { ended.set_value(!r); });
        return ended.get_future().get();
    };
    EXPECT_FALSE(failed(DiskOperation::Read, 8176));
    EXPECT_TRUE(failed(DiskOperation::Read, 8177));
    EXPECT_TRUE(failed(DiskOperation::Write, ~u64{0}));
    ASSERT_EQ(::truncate(image.path().c_str(), 4096), 0);
    EXPECT_TRUE(failed(DiskOperation::Read, 8000)) << "the file became shorter";
    EXPECT_TRUE(failed(DiskOperation::Read, 4088)) << "in the middle";
    EXPECT_FALSE(failed(DiskOperation::Flush, 0));
    std::vector<iovec> many;
    std::vector<u8> bytes(3000, 1);
    for (u8& b : bytes) many.push_back({&b, 1});
    std::promise<bool> ended;
    disk->start(DiskOperation::Read, 5, many, [&](Result<void> r) { ended.set_value(!!r); });
    EXPECT_TRUE(ended.get_future().get());
    EXPECT_EQ(bytes.back(), 0);
}

}  // namespace
}  // namespace vm::device
