// Against qemu-img, where it is installed: images that it makes, and its check of what we made of them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/format.h"
#include "device/qcow2_test.h"

namespace vm::device {
namespace {

using testing::DiskModel;

class QemuImages : public ::testing::Test {
  protected:
    void SetUp() override {
        if (std::system("qemu-img --version >/dev/null 2>&1") != 0)
            GTEST_SKIP() << "qemu-img is not installed";
        directory =
            (::access("/dev/shm", W_OK) == 0 ? "/dev/shm/" : ::testing::TempDir()) + "vm-qcow2-XXXXXX";
        ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    }
    void TearDown() override {
        if (!directory.empty()) run("rm -rf " + directory);
    }
    static void run(const std::string& command) {
        EXPECT_EQ(std::system((command + " >/dev/null").c_str()), 0) << command;
    }
    std::string path(const char* name) const { return directory + "/" + name; }
    /// Without errors and leaks.
    void check(const char* name) const { run("qemu-img check -q " + path(name)); }
    void put_raw(const char* name, const std::vector<u8>& data) const {
        FILE* f = std::fopen(path(name).c_str(), "w");
        ASSERT_NE(f, nullptr);
        ASSERT_EQ(std::fwrite(data.data(), 1, data.size(), f), data.size());
        std::fclose(f);
    }
    void same_as(const char* name, const std::vector<u8>& data) const {
        put_raw("expected", data);
        run(fmt::format("qemu-img compare -f qcow2 -F raw {} {}", path(name), path("expected")));
    }
    std::unique_ptr<Disk> open(const char* name, const DiskOptions& options = {}) const {
        auto disk = open_disk(DiskFormat::Qcow2, path(name), options);
        if (!disk) ADD_FAILURE() << disk.error().message;
        return disk ? std::move(*disk) : nullptr;
    }
    std::string directory;
};

TEST_F(QemuImages, RandomRequests) {
    const char* const shapes[] = {"cluster_size=512",
                                  "cluster_size=512,refcount_bits=1",
                                  "cluster_size=4k,refcount_bits=4",
                                  "cluster_size=4k,compat=0.10",
                                  "cluster_size=64k,preallocation=metadata",
                                  "cluster_size=512,refcount_bits=64",
                                  "cluster_size=1k,refcount_bits=8,lazy_refcounts=on",
                                  "cluster_size=2M,refcount_bits=32"};
    u32 seed = 1;
    for (const char* shape : shapes) {
        SCOPED_TRACE(shape);
        run(fmt::format("rm -f {0}; qemu-img create -q -f qcow2 -o {1} {0} 8M", path("a"), shape));
        DiskModel model(8 << 20, ++seed);
        for (int round = 0; round < 2; ++round) {
            auto disk = open("a");
            ASSERT_NE(disk, nullptr);
            for (int i = 0; i < 150; ++i) ASSERT_NO_FATAL_FAILURE(model.step(*disk));
            ASSERT_NO_FATAL_FAILURE(model.compare(*disk));
            disk = nullptr;
            check("a");
            same_as("a", model.data());
        }
        auto disk = open("a");
        ASSERT_NE(disk, nullptr);
        ASSERT_NO_FATAL_FAILURE(model.compare(*disk));
    }
}

TEST_F(QemuImages, BackingFilesAndCompressedClusters) {
    const char* const kinds[] = {"", "-c", "-c -o compression_type=zstd", "-c -o compat=0.10",
                                 "-c -o cluster_size=512"};
    u32 seed = 100;
    for (const char* kind : kinds) {
        SCOPED_TRACE(kind);
        DiskModel model(4 << 20, ++seed);
        for (u64 i = 0; i < model.data().size(); ++i) model.data()[i] = static_cast<u8>(i / 300 * (i & 3));
        put_raw("raw", model.data());
        run(fmt::format("qemu-img convert -f raw -O qcow2 {} {} {}", kind, path("raw"), path("base")));
        model.compare(*open("base", {.read_only = true}));
        const bool old = std::string(kind).find("0.10") != std::string::npos;
        run(fmt::format(
            "rm -f {0}; qemu-img create -q -f qcow2 -F qcow2 -b base -o cluster_size=4k{1} {0} 5M",
            path("top"), old ? ",compat=0.10" : ""));
        EXPECT_FALSE(open_disk(DiskFormat::Qcow2, path("top"), {}));
        model.data().resize(5 << 20);
        for (const char* name : {"top", "base"}) {  // the base last: compressed clusters are copied
            SCOPED_TRACE(name);
            if (name[0] == 'b') {
                model.data().resize(4 << 20);
                model.compare(*open("base", {.read_only = true}));
            }
            const auto before = model.data();
            auto disk = open(name, {.backing_files = true});
            ASSERT_NE(disk, nullptr);
            for (int i = 0; i < 200; ++i) ASSERT_NO_FATAL_FAILURE(model.step(*disk));
            ASSERT_NO_FATAL_FAILURE(model.compare(*disk));
            disk = nullptr;
            check(name);
            same_as(name, model.data());
            if (name[0] == 't') model.data() = before;
        }
    }
}

TEST_F(QemuImages, Snapshots) {
    DiskModel model(4 << 20, 7);
    run(fmt::format("qemu-img create -q -f qcow2 -o cluster_size=4k {} 4M", path("a")));
    std::vector<u8> kept[2];
    for (auto& copy : kept) {
        {
            auto disk = open("a");
            for (int i = 0; i < 300; ++i) ASSERT_NO_FATAL_FAILURE(model.step(*disk));
        }
        check("a");
        copy = model.data();
        run(fmt::format("qemu-img snapshot -c s{} {}", &copy - kept, path("a")));
    }
    {
        auto disk = open("a");
        for (int i = 0; i < 300; ++i) ASSERT_NO_FATAL_FAILURE(model.step(*disk));
        ASSERT_NO_FATAL_FAILURE(model.compare(*disk));
    }
    check("a");
    same_as("a", model.data());
    for (int i = 0; i < 2; ++i) {
        DiskModel old(4 << 20, 0);
        old.data() = kept[i];
        old.compare(*open("a", {.read_only = true, .snapshot = fmt::format("s{}", i)}));
    }
    EXPECT_FALSE(open_disk(DiskFormat::Qcow2, path("a"), {.snapshot = "s0"}));
    EXPECT_FALSE(open_disk(DiskFormat::Qcow2, path("a"), {.read_only = true, .snapshot = "s9"}));
    run(fmt::format("qemu-img snapshot -a s0 {}", path("a")));
    check("a");
    same_as("a", kept[0]);
}

TEST_F(QemuImages, GrowsItsRefcountTable) {
    run(fmt::format("qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=16 {} 40M", path("a")));
    std::vector<u8> data(40 << 20);
    for (u64 i = 0; i < data.size(); ++i) data[i] = static_cast<u8>(i / 97);
    {
        auto disk = open("a");
        for (u64 at = 0; at < data.size(); at += 1 << 20) {
            const auto r = disk->write(at, &data[at], 1 << 20);
            ASSERT_TRUE(r) << r.error().message;
        }
    }
    check("a");
    same_as("a", data);
}

TEST_F(QemuImages, WhatWeCannotRead) {
    run(fmt::format("qemu-img create -q -f qcow2 -o extended_l2=on {} 1M", path("a")));
    run(fmt::format("qemu-img create -q -f qcow2 -o data_file={} {} 1M", path("data"), path("b")));
    for (const char* name : {"a", "b"}) {
        const auto disk = open_disk(DiskFormat::Qcow2, path(name), {});
        ASSERT_FALSE(disk);
        EXPECT_EQ(disk.error().kind, ErrorKind::Unsupported) << disk.error().message;
    }
    run(fmt::format("qemu-img create -q -f qcow2 {} 1M", path("c")));
    auto disk = open("c");
    EXPECT_NE(std::system(fmt::format("qemu-img resize -q {} 2M 2>/dev/null", path("c")).c_str()), 0)
        << "QEMU sees our lock";
}

}  // namespace
}  // namespace vm::device
