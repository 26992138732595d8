#include "soc/given_tree.h"

#include <gtest/gtest.h>
#include <libfdt.h>

#include "soc/device_tree.h"

namespace vm::soc {
namespace {

constexpr u64 kMost = 64 << 10;

std::vector<u8> tree(bool with_chosen) {
    DeviceTree t;
    t.text("model", "toy");
    if (with_chosen) {
        t.open("chosen");
        t.text("bootargs", "own words");
        t.cells("linux,initrd-start", {0, 1});
        t.cells("linux,initrd-end", {0, 2});
        t.close();
    }
    t.open("memory@80000000");
    t.reg(0x8000'0000, 0x1000'0000);
    t.close();
    return *t.finish();
}

std::string text(const std::vector<u8>& t, const char* name) {
    int size = 0;
    const void* p = fdt_getprop(t.data(), fdt_path_offset(t.data(), "/chosen"), name, &size);
    return p != nullptr ? std::string(static_cast<const char*>(p), static_cast<size_t>(size) - 1) : "none";
}
u64 number(const std::vector<u8>& t, const char* name) {
    int size = 0;
    const void* p = fdt_getprop(t.data(), fdt_path_offset(t.data(), "/chosen"), name, &size);
    return p != nullptr && size == 8 ? fdt64_ld(static_cast<const fdt64_t*>(p)) : 0;
}

TEST(GivenTree, GetsCommandLineAndRamDisk) {
    for (const bool with_chosen : {false, true}) {
        const auto t = adopt_tree(tree(with_chosen), "console=ttyS0", 0x8800'0000, 0x8800'1234, kMost);
        ASSERT_TRUE(t) << t.error().message;
        EXPECT_EQ(fdt_check_full(t->data(), t->size()), 0);
        EXPECT_EQ(text(*t, "bootargs"), "console=ttyS0");
        EXPECT_EQ(number(*t, "linux,initrd-start"), 0x8800'0000u);
        EXPECT_EQ(number(*t, "linux,initrd-end"), 0x8800'1234u);
        EXPECT_GE(fdt_path_offset(t->data(), "/memory@80000000"), 0);
    }
}

TEST(GivenTree, KeepsItsOwnCommandLine) {
    const auto t = adopt_tree(tree(true), "", 0, 0, kMost);
    ASSERT_TRUE(t);
    EXPECT_EQ(text(*t, "bootargs"), "own words");
    EXPECT_EQ(text(*t, "linux,initrd-start"), "none");
    EXPECT_EQ(text(*t, "linux,initrd-end"), "none");
}

TEST(GivenTree, RefusesWhatIsNone) {
    const std::vector<u8> good = tree(true);
    EXPECT_EQ(adopt_tree({}, "", 0, 0, kMost).error().message, "no device tree: FDT_ERR_TRUNCATED");
    std::vector<u8> bad(100, 'x');
    EXPECT_EQ(adopt_tree(bad, "", 0, 0, kMost).error().message, "no device tree: FDT_ERR_BADMAGIC");
    for (size_t size = 0; size < good.size(); size += 3)
        EXPECT_FALSE(adopt_tree(std::span(good).first(size), "", 0, 0, kMost)) << size;
    EXPECT_NE(
        adopt_tree(good, std::string(kMost, 'x'), 0, 0, kMost).error().message.find("there is room for"),
        std::string::npos);
}

TEST(GivenTree, RefusesOldVersions) {
    for (const u32 version : {1u, 12u, 15u}) {
        std::vector<u8> old = tree(true);
        fdt_set_version(old.data(), version);
        fdt_set_last_comp_version(old.data(), std::min(version, 2u));
        const auto t = adopt_tree(old, "", 0, 0, kMost);
        ASSERT_FALSE(t);
        EXPECT_EQ(t.error().message,
                  "a device tree of version " + std::to_string(version) + "; 16 is the oldest that is read");
    }
}

/// Version 16 does not look at the size of the strings, version 17 does.
TEST(GivenTree, RefusesWhatIsDamagedInANewerVersion) {
    std::vector<u8> old = tree(true);
    fdt_set_version(old.data(), 16);
    fdt_set_last_comp_version(old.data(), 16);
    EXPECT_TRUE(adopt_tree(old, "", 0, 0, kMost));
    fdt_set_size_dt_strings(old.data(), 3);
    EXPECT_EQ(fdt_check_full(old.data(), old.size()), 0);
    EXPECT_FALSE(adopt_tree(old, "", 0, 0, kMost));
}

TEST(GivenTree, DamageIsNoticedOrHarmless) {
    const std::vector<u8> good = tree(true);
    for (size_t at = 0; at < good.size(); at++)
        for (const u8 with : {u8{0}, u8{0x7f}, u8{0xff}}) {
            std::vector<u8> bad = good;
            bad[at] = with;
            const auto t = adopt_tree(bad, "words", 1, 2, kMost);
            if (t) {
                EXPECT_EQ(fdt_check_full(t->data(), t->size()), 0) << at;
            }
        }
}

}  // namespace
}  // namespace vm::soc
