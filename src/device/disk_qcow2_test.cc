#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <csignal>

#include "base/format.h"
#include "device/qcow2_test.h"

namespace vm::device {
namespace {

using testing::DiskModel;
using testing::empty_qcow2;
using testing::Qcow2Check;
using testing::Qcow2Checker;
using testing::Qcow2Shape;
using testing::TempImage;

std::unique_ptr<Disk> open_qcow2(const TempImage& image, const DiskOptions& options = {}) {
    auto disk = open_disk(DiskFormat::Qcow2, image.path(), options);
    if (!disk) ADD_FAILURE() << disk.error().message;
    return disk ? std::move(*disk) : nullptr;
}

void expect_sound(const TempImage& image, bool leaks_allowed = false) {
    const Qcow2Check check = Qcow2Checker(image).run();
    EXPECT_EQ(check.errors, 0u);
    EXPECT_TRUE(leaks_allowed || check.leaks == 0) << check.leaks;
}

TEST(Qcow2Disk, RandomRequests) {
    const Qcow2Shape shapes[] = {{1 << 20, 3, 12, 4}, {1 << 20, 3, 9, 0},  {1 << 20, 2, 9, 4},
                                 {1 << 20, 3, 9, 6},  {3 << 20, 3, 16, 3}, {5 << 20, 3, 9, 4},
                                 {1 << 20, 3, 10, 1}, {1 << 20, 3, 18, 5}};
    u32 seed = 0;
    for (const Qcow2Shape& shape : shapes) {
        SCOPED_TRACE(seed);
        TempImage image(empty_qcow2(shape));
        DiskModel model(shape.size, ++seed);
        for (int round = 0; round < 3; ++round) {
            auto disk = open_qcow2(image);
            ASSERT_NE(disk, nullptr);
            EXPECT_EQ(disk->size(), shape.size);
            ASSERT_NO_FATAL_FAILURE(model.compare(*disk));
            for (int i = 0; i < 150; ++i) ASSERT_NO_FATAL_FAILURE(model.step(*disk));
            ASSERT_NO_FATAL_FAILURE(model.compare(*disk));
            disk = nullptr;
            expect_sound(image);
        }
    }
}

TEST(Qcow2Disk, UnusedSpaceIsGivenBack) {
    TempImage image(empty_qcow2({}));
    auto disk = open_qcow2(image);
    std::vector<u8> data(512 << 10, 7);
    ASSERT_TRUE(disk->write(0, data.data(), data.size()));
    ASSERT_TRUE(disk->flush());
    const u64 full = image.bytes();
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(i % 2 == 0 ? disk->discard(0, data.size()) : disk->write_zeroes(0, data.size(), true));
        ASSERT_TRUE(disk->flush());
        ASSERT_TRUE(disk->write(0, data.data(), data.size()));
        ASSERT_TRUE(disk->flush());
    }
    EXPECT_LE(image.bytes(), full + 8192);
    disk = nullptr;
    expect_sound(image);
}

TEST(Qcow2Disk, OneWriter) {
    TempImage image(empty_qcow2({}));
    auto disk = open_qcow2(image);
    EXPECT_FALSE(open_disk(DiskFormat::Qcow2, image.path(), {}));
    u8 b[2] = {};
    EXPECT_FALSE(disk->write((1 << 20) - 1, b, 2));
    EXPECT_FALSE(disk->read(~u64{0}, b, 2));
    disk = nullptr;
    disk = open_qcow2(image, {.read_only = true});
    EXPECT_TRUE(disk->read_only());
    EXPECT_FALSE(disk->write(0, b, 2));
    EXPECT_TRUE(disk->flush());
}

// ---- killed

struct Progress {
    std::atomic<u32> started, flushed;  ///< steps
};

struct Step {
    u64 offset, bytes;
    u8 fill;
    bool zeroes;
};

Step next_step(std::mt19937& random, u64 size) {
    Step s{};
    s.offset = random() % size;
    s.bytes = random() % std::min<u64>(size - s.offset, 9000) + 1;
    s.fill = static_cast<u8>(random());
    s.zeroes = random() % 4 == 0;
    return s;
}

[[noreturn]] void write_until_killed(const std::string& path, u32 seed, u64 size, Progress& progress) {
    auto disk = open_disk(DiskFormat::Qcow2, path, {});
    std::mt19937 random(seed);
    for (u32 n = 1; disk; ++n) {
        const Step s = next_step(random, size);
        progress.started = n;
        const std::vector<u8> data(s.bytes, s.fill);
        const auto r = s.zeroes ? (*disk)->write_zeroes(s.offset, s.bytes, s.fill & 1)
                                : (*disk)->write(s.offset, data.data(), s.bytes);
        if (!r || (n % 20 == 0 && !(*disk)->flush())) break;
        if (n % 20 == 0) progress.flushed = n;
    }
    ::_exit(1);
}

/// What was flushed is there, but for what later steps touched.
void expect_flushed(const TempImage& image, u32 seed, u64 size, const Progress& progress) {
    std::vector<u8> wanted(size), touched(size), back(size);
    std::mt19937 random(seed);
    for (u32 n = 1; n <= progress.started; ++n) {
        const Step s = next_step(random, size);
        if (n <= progress.flushed)
            std::fill_n(wanted.begin() + static_cast<long>(s.offset), s.bytes, s.zeroes ? u8{0} : s.fill);
        else
            std::fill_n(touched.begin() + static_cast<long>(s.offset), s.bytes, u8{1});
    }
    auto disk = open_qcow2(image);
    ASSERT_NE(disk, nullptr);
    ASSERT_TRUE(disk->read(0, back.data(), size));
    for (u64 i = 0; i < size; ++i) ASSERT_TRUE(touched[i] != 0 || back[i] == wanted[i]) << i;
}

TEST(Qcow2Disk, KilledAtAnyTime) {
    auto* progress = static_cast<Progress*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(progress, MAP_FAILED);
    const Qcow2Shape shape{1 << 20, 3, 9, 4};
    u32 flushed = 0;
    for (u32 seed = 1; seed <= 20; ++seed) {
        TempImage image(empty_qcow2(shape));
        progress->started = progress->flushed = 0;
        const pid_t child = ::fork();
        if (child == 0) write_until_killed(image.path(), seed, shape.size, *progress);
        while (progress->started == 0) ::usleep(100);
        ::usleep(seed * 997 % 20000);
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status));
        expect_sound(image, true);
        ASSERT_NO_FATAL_FAILURE(expect_flushed(image, seed, shape.size, *progress));
        flushed += progress->flushed;
        expect_sound(image, true);
    }
    EXPECT_GT(flushed, 0u);
    ::munmap(progress, 4096);
}

// ---- compressed clusters, backing files, snapshots

/// One L2 table at cluster 4 and what its entries refer to from cluster 5 on; 4 KiB clusters, 16-bit counts.
struct HandMade {
    explicit HandMade(const std::vector<std::vector<u8>>& clusters, bool compressed)
        : image(empty_qcow2({})) {
        image.resize(5 << 12);
        store_be<u64>(&image[3 << 12], (4 << 12) | kQcow2Copied);
        for (const auto& c : clusters) {
            const u64 at = align_up(image.size(), 4096), n = (at - (4 << 12)) / 4096 - 1;
            image.resize(at + 4096);
            std::copy(c.begin(), c.end(), image.begin() + static_cast<long>(at));
            const u64 sectors = (c.size() + 511) / 512 - 1;
            entry(n, compressed ? at | sectors << (62 - 4) | kQcow2Compressed : at | kQcow2Copied);
        }
        for (u64 n = 0; n < image.size() / 4096; ++n) store_be<u16>(&image[(2 << 12) + 2 * n], 1);
    }
    void entry(u64 n, u64 value) { store_be<u64>(&image[(4 << 12) + 8 * n], value); }
    std::vector<u8> image;
};

std::vector<u8> pattern(u32 seed) {
    std::vector<u8> v(4096);
    for (u64 i = 0; i < v.size(); ++i) v[i] = static_cast<u8>(i / (seed + 3) * seed);
    return v;
}

std::vector<u8> packed(const std::vector<u8>& plain, bool zstd) {
    std::vector<u8> out(8192);
    if (zstd) {
        out.resize(::ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
        return out;
    }
    z_stream s{};
    EXPECT_EQ(::deflateInit2(&s, 9, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY), Z_OK);
    s.next_in = const_cast<u8*>(plain.data());
    s.avail_in = static_cast<uInt>(plain.size());
    s.next_out = out.data();
    s.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(::deflate(&s, Z_FINISH), Z_STREAM_END);
    out.resize(s.total_out);
    ::deflateEnd(&s);
    return out;
}

TEST(Qcow2Disk, CompressedClusters) {
    for (const bool zstd : {false, true}) {
        HandMade made({packed(pattern(1), zstd), packed(pattern(2), zstd)}, true);
        if (zstd) {
            store_be<u64>(&made.image[72], Qcow2Header::kCompressionType);
            store_be<u32>(&made.image[100], 112);
            made.image[104] = 1;
        }
        TempImage image(made.image);
        expect_sound(image);
        DiskModel model(1 << 20, 5);
        std::copy_n(pattern(1).begin(), 4096, model.data().begin());
        std::copy_n(pattern(2).begin(), 4096, model.data().begin() + 4096);
        auto disk = open_qcow2(image);
        ASSERT_NE(disk, nullptr);
        model.compare(*disk);
        ASSERT_TRUE(disk->write(4000, "across both", 11));
        std::copy_n("across both", 11, model.data().begin() + 4000);
        model.compare(*disk);
        for (int i = 0; i < 100; ++i) ASSERT_NO_FATAL_FAILURE(model.step(*disk));
        disk = nullptr;
        expect_sound(image);
    }
}

TEST(Qcow2Disk, BadCompressedClusters) {
    std::vector<u8> noise(4000);
    for (u64 i = 0; i < noise.size(); ++i) noise[i] = static_cast<u8>(i * i * 31 + 6);
    std::vector<u8> half = packed(std::vector<u8>(2048, 3), false);
    for (const auto& contents : {noise, half, std::vector<u8>(512)}) {
        TempImage image(HandMade({contents}, true).image);
        auto disk = open_qcow2(image);
        u8 b[16];
        const auto r = disk->read(0, b, sizeof b);
        ASSERT_FALSE(r);
        EXPECT_NE(r.error().message.find("decompress"), std::string::npos) << r.error().message;
        EXPECT_FALSE(disk->write(0, b, sizeof b));
        EXPECT_TRUE(disk->read(4096, b, sizeof b));
    }
}

/// An image that builds on a file `name`; no format: the header does not say one.
std::vector<u8> with_backing(const std::string& name, const std::string& format, u32 version = 3) {
    auto image = empty_qcow2({.version = version});
    u64 at = version == 3 ? 104 : 72;
    if (!format.empty()) {
        store_be<u32>(&image[at], 0xe2792aca);
        store_be<u32>(&image[at + 4], static_cast<u32>(format.size()));
        std::copy(format.begin(), format.end(), image.begin() + static_cast<long>(at + 8));
        at += 8 + align_up(format.size(), 8);
    }
    at += 8;  // the end of the extensions
    store_be<u64>(&image[8], at);
    store_be<u32>(&image[16], static_cast<u32>(name.size()));
    std::copy(name.begin(), name.end(), image.begin() + static_cast<long>(at));
    return image;
}

TEST(Qcow2Disk, BackingFiles) {
    for (const u32 version : {2u, 3u}) {
        DiskModel model(1 << 20, version);
        for (u64 i = 0; i < (512 << 10); ++i) model.data()[i] = static_cast<u8>(i / 777);
        TempImage base(512 << 10);
        base.put(0, model.data().data(), 512 << 10);
        TempImage image(with_backing(base.path().substr(base.path().rfind('/') + 1), "raw", version));
        const auto refused = open_disk(DiskFormat::Qcow2, image.path(), {});
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().message.find("builds on"), std::string::npos) << refused.error().message;
        auto disk = open_qcow2(image, {.backing_files = true});
        ASSERT_NE(disk, nullptr);
        EXPECT_FALSE(open_raw_disk(base.path(), {})) << "locked while something builds on it";
        model.compare(*disk);
        for (int i = 0; i < 300; ++i) ASSERT_NO_FATAL_FAILURE(model.step(*disk));
        model.compare(*disk);
        disk = nullptr;
        expect_sound(image);
    }
}

TEST(Qcow2Disk, BackingFilesThatAreRefused) {
    TempImage base(1 << 20);
    const auto message = [](const TempImage& image) {
        auto disk = open_disk(DiskFormat::Qcow2, image.path(), {.backing_files = true});
        return disk ? "opened" : disk.error().message;
    };
    EXPECT_NE(message(TempImage(with_backing(base.path(), ""))).find("does not say"), std::string::npos);
    EXPECT_NE(message(TempImage(with_backing(base.path(), "vmdk"))).find("does not say"), std::string::npos);
    EXPECT_NE(message(TempImage(with_backing("nbd://host/x", "raw"))).find("is no file"), std::string::npos);
    EXPECT_NE(message(TempImage(with_backing("json:{}", "raw"))).find("is no file"), std::string::npos);
    EXPECT_NE(message(TempImage(with_backing("/nowhere/x", "raw"))).find("/nowhere/x"), std::string::npos);
    TempImage loop(empty_qcow2({}));
    loop.put(0, with_backing(loop.path(), "qcow2").data(), 4096);
    auto disk = open_disk(DiskFormat::Qcow2, loop.path(), {.read_only = true, .backing_files = true});
    ASSERT_FALSE(disk);
    EXPECT_NE(disk.error().message.find("too many"), std::string::npos) << disk.error().message;
}

TEST(Qcow2Disk, SharedClustersAreCopied) {
    HandMade made({pattern(1), pattern(2)}, false);
    // A snapshot: an L1 table and a table of snapshots, at clusters 7 and 8; the rest counts twice.
    made.image.resize(9 << 12);
    auto* counts = &made.image[2 << 12];
    for (const u64 n : {4, 5, 6}) store_be<u16>(counts + 2 * n, 2);
    for (const u64 n : {7, 8}) store_be<u16>(counts + 2 * n, 1);
    store_be<u64>(&made.image[3 << 12], 4 << 12);
    store_be<u64>(&made.image[7 << 12], 4 << 12);
    made.entry(0, 5 << 12);
    made.entry(1, 6 << 12);
    store_be<u32>(&made.image[60], 1);
    store_be<u64>(&made.image[64], 8 << 12);
    u8* snapshot = &made.image[8 << 12];
    store_be<u64>(snapshot, 7 << 12);
    store_be<u32>(snapshot + 8, 1);
    store_be<u16>(snapshot + 12, 1);
    store_be<u16>(snapshot + 14, 4);
    std::copy_n("1then", 5, snapshot + 40);
    TempImage image(made.image);
    DiskModel model(1 << 20, 3);
    std::copy_n(pattern(1).begin(), 4096, model.data().begin());
    std::copy_n(pattern(2).begin(), 4096, model.data().begin() + 4096);
    const auto before = model.data();
    {
        auto disk = open_qcow2(image);
        ASSERT_NE(disk, nullptr);
        for (int i = 0; i < 300; ++i) ASSERT_NO_FATAL_FAILURE(model.step(*disk));
        model.compare(*disk);
    }
    model.compare(*open_qcow2(image));
    for (const char* name : {"1", "then"}) {
        auto disk = open_qcow2(image, {.read_only = true, .snapshot = name});
        ASSERT_NE(disk, nullptr);
        DiskModel old(1 << 20, 0);
        old.data() = before;
        old.compare(*disk);
    }
    EXPECT_EQ(open_disk(DiskFormat::Qcow2, image.path(), {.read_only = true, .snapshot = "x"}).error().kind,
              ErrorKind::NotFound);
    EXPECT_FALSE(open_disk(DiskFormat::Qcow2, image.path(), {.snapshot = "then"}));
}

// ---- malformed

TEST(Qcow2Disk, MalformedHeaders) {
    const struct {
        u64 at;
        unsigned bytes;
        u64 value;
        const char* message;
    } bad[] = {{0, 4, 0x514649fa, "does not start"},
               {4, 4, 1, "version 1"},
               {4, 4, 4, "version 4"},
               {8, 8, 50, "backing file lies nowhere"},
               {8, 8, 4096, "backing file lies nowhere"},
               {8, 8, ~0ull, "backing file lies nowhere"},
               {20, 4, 8, "clusters have 2^8"},
               {20, 4, 22, "clusters have 2^22"},
               {20, 4, 0xffffffff, "clusters have"},
               {24, 8, 0, "has 0 bytes"},
               {24, 8, 1000, "has 1000 bytes"},
               {24, 8, ~0ull - 511, "bytes"},
               {24, 8, u64{1} << 55, "L1 table"},
               {32, 4, 1, "encrypted"},
               {36, 4, 0, "L1 table"},
               {40, 8, 0, "L1 table"},
               {40, 8, 12289, "L1 table"},
               {40, 8, 1 << 20, "L1 table"},
               {48, 8, 0, "refcount table"},
               {48, 8, ~0ull, "refcount table"},
               {56, 4, 0, "refcount table"},
               {56, 4, 0xffffffff, "refcount table"},
               {60, 4, 0xffffffff, "snapshots"},
               {72, 8, 1, "not closed properly"},
               {72, 8, 2, "damaged"},
               {72, 8, 4, "external data file"},
               {72, 8, 16, "extended L2"},
               {72, 8, u64{1} << 63, "features"},
               {72, 8, 8, "compression"},
               {96, 4, 7, "64 bits"},
               {100, 4, 72, "length"},
               {100, 4, 105, "length"},
               {100, 4, 8192, "length"}};
    for (const auto& b : bad) {
        auto raw = empty_qcow2({});
        if (b.bytes == 4)
            store_be<u32>(&raw[b.at], static_cast<u32>(b.value));
        else
            store_be<u64>(&raw[b.at], b.value);
        TempImage image(raw);
        auto disk = open_disk(DiskFormat::Qcow2, image.path(), {});
        ASSERT_FALSE(disk) << b.at << " " << b.value;
        EXPECT_NE(disk.error().message.find(b.message), std::string::npos)
            << b.at << ": " << disk.error().message;
    }
    for (const u64 bytes : {0, 4, 71, 100, 4096, 12288}) {
        auto raw = empty_qcow2({});
        raw.resize(bytes);
        EXPECT_FALSE(open_disk(DiskFormat::Qcow2, TempImage(raw).path(), {})) << bytes;
    }
}

TEST(Qcow2Disk, DamagedTables) {
    const auto write = [](const HandMade& made, u64 at) {
        TempImage image(made.image);
        auto disk = open_qcow2(image);
        auto r = disk->write(at, "xyz", 3);
        if (r) r = disk->flush();
        return r ? "written" : r.error().message;
    };
    HandMade made({pattern(1)}, false);
    EXPECT_EQ(write(made, 0), "written");
    for (const u64 entry : {u64{0}, u64{1}, u64{2}, u64{3}, u64{4}}) {
        made.entry(0, entry << 12 | kQcow2Copied);
        EXPECT_NE(write(made, 0).find("damaged"), std::string::npos) << entry;
        made.entry(0, entry << 12 | kQcow2Compressed);
        EXPECT_NE(write(made, 0).find("damaged"), std::string::npos) << entry;
    }
    made.entry(0, (5 << 12) + 512);
    EXPECT_NE(write(made, 0).find("makes no sense"), std::string::npos);
    made.entry(0, 0);
    made.image[(2 << 12) + 2 * 4 + 1] = 0;  // the L2 table counts as free
    EXPECT_NE(write(made, 0).find("a table counts as free"), std::string::npos);
    HandMade far({pattern(1)}, false);
    store_be<u64>(&far.image[3 << 12], u64{1} << 40);
    EXPECT_NE(write(far, 0).find("a table would be at"), std::string::npos);
    HandMade block({pattern(1)}, false);
    store_be<u64>(&block.image[1 << 12], 0);  // no counts at all
    EXPECT_NE(write(block, 8192).find("damaged"), std::string::npos);
}

TEST(Qcow2Disk, RandomDamageDoesNoHarm) {
    HandMade made({pattern(1), pattern(2), pattern(3)}, false);
    made.entry(4, (6 << 12) | 3ull << 58 | kQcow2Compressed);
    std::mt19937 random(11);
    for (int round = 0; round < 400; ++round) {
        auto raw = made.image;
        const u64 places[] = {random() % 112, 0x1000 + random() % 16, 0x2000 + random() % 32,
                              0x3000 + random() % 8, 0x4000 + random() % 64};
        for (u64 n = random() % 3 + 1; n != 0; --n) raw[places[random() % 5]] = static_cast<u8>(random());
        TempImage image(raw);
        auto disk = open_disk(DiskFormat::Qcow2, image.path(), {.backing_files = true});
        if (!disk) continue;
        std::vector<u8> data(20000, 3);
        for (u64 at = 0; at < 60000; at += 3000) {
            const u64 offset = at % (*disk)->size();
            const u64 n = std::min<u64>(data.size(), (*disk)->size() - offset);
            (void)(*disk)->read(offset, data.data(), n);
            (void)(*disk)->write(offset, data.data(), n / 3);
            (void)(*disk)->discard(offset, n / 2);
            (void)(*disk)->write_zeroes(offset, n / 4, true);
            (void)(*disk)->flush();
        }
    }
}

}  // namespace
}  // namespace vm::device
