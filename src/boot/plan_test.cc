#include "boot/plan.h"

#include <gtest/gtest.h>

namespace vm::boot {
namespace {

constexpr u64 kRam = 0x8000'0000, kMiB = u64{1} << 20, kRamSize = 64 * kMiB;

const std::vector<u8> kBytes(4096, 7);

Program linux(u64 text_offset = 2 * kMiB, u64 memory = 4 * kMiB) {
    Program p;
    p.name = "k";
    p.kind = ProgramKind::Linux;
    p.text_offset = text_offset;
    p.segments = {{.memory = memory, .bytes = kBytes}};
    return p;
}
Program flat(u64 size) {
    Program p;
    p.name = "f";
    p.segments = {{.memory = size, .bytes = kBytes}};
    return p;
}
Program elf(u64 address, u64 entry) {
    Program p;
    p.name = "e";
    p.kind = ProgramKind::Elf;
    p.segments = {{.address = address, .memory = 8192, .bytes = kBytes}};
    p.entry = entry;
    return p;
}

std::string why(const Request& r) {
    const auto p = plan(r);
    return p ? "it fits" : p.error().message;
}

TEST(Plan, KernelOfTheBuiltInFirmware) {
    const Program k = linux();
    const std::vector<u8> disk(5000, 1);
    const auto p = plan({.ram = kRam, .ram_size = kRamSize, .kernel = &k, .initrd = disk});
    ASSERT_TRUE(p) << p.error().message;
    EXPECT_FALSE(p->machine_mode);
    EXPECT_EQ(p->entry, 0x8020'0000u);
    EXPECT_EQ(p->tree, 0x83f0'0000u);
    EXPECT_EQ(p->initrd, 0x83ef'e000u);
    EXPECT_EQ(p->dynamic_info, 0u);
    EXPECT_EQ(p->places.size(), 3u);
    EXPECT_EQ(p->places.at(0x8020'0000).end, 0x8060'0000u);

    auto ram = mem::GuestRam::create(kRam, kRamSize);
    ASSERT_TRUE(ram);
    put(*p, **ram);
    EXPECT_EQ(*(*ram)->at(0x8020'0fff, 1), 7);
    EXPECT_EQ(*(*ram)->at(0x8020'1000, 1), 0);
    EXPECT_EQ(*(*ram)->at(0x83ef'e000 + 4999, 1), 1);
}

TEST(Plan, Firmware) {
    const Program f = flat(4096), k = linux();
    const auto p = plan({.ram = kRam,
                         .ram_size = kRamSize,
                         .firmware = Firmware::File,
                         .firmware_file = &f,
                         .kernel = &k,
                         .initrd = {}});
    ASSERT_TRUE(p) << p.error().message;
    EXPECT_TRUE(p->machine_mode);
    EXPECT_EQ(p->entry, kRam);
    EXPECT_EQ(p->kernel_entry, 0x8020'0000u);
    auto ram = mem::GuestRam::create(kRam, kRamSize);
    ASSERT_TRUE(ram);
    put(*p, **ram);
    const u64 info[] = {0x4942534f, 2, 0x8020'0000, 1, 0, 0};
    EXPECT_EQ(std::memcmp((*ram)->at(p->dynamic_info, sizeof info), info, sizeof info), 0);
    EXPECT_EQ(*(*ram)->at(kRam, 1), 7);
}

TEST(Plan, FlatKernelAndNoKernelBehindFirmware) {
    const Program f = flat(4096), k = flat(100);
    Request r{.ram = kRam,
              .ram_size = kRamSize,
              .firmware = Firmware::File,
              .firmware_file = &f,
              .kernel = &k,
              .initrd = {}};
    EXPECT_EQ(plan(r)->kernel_entry, 0x8020'0000u);
    r.kernel = nullptr;
    EXPECT_EQ(plan(r)->entry, kRam);
    EXPECT_EQ(plan(r)->kernel_entry, 0u);
}

TEST(Plan, BareElf) {
    const Program k = elf(0x8000'1000, 0x8000'1010), flat_one = flat(4);
    const auto p =
        plan({.ram = kRam, .ram_size = kRamSize, .firmware = Firmware::None, .kernel = &k, .initrd = {}});
    ASSERT_TRUE(p);
    EXPECT_TRUE(p->machine_mode);
    EXPECT_EQ(p->entry, 0x8000'1010u);
    EXPECT_EQ(why({.ram = kRam,
                   .ram_size = kRamSize,
                   .firmware = Firmware::None,
                   .kernel = &flat_one,
                   .initrd = {}}),
              "f: without firmware only an ELF program can be started");
}

TEST(Plan, LinuxAtItsVirtualAddresses) {
    const Program k = elf(0xffff'ffff'8000'0000, 0xffff'ffff'8000'0100);
    const auto p = plan({.ram = kRam, .ram_size = kRamSize, .kernel = &k, .initrd = {}});
    ASSERT_TRUE(p) << p.error().message;
    EXPECT_EQ(p->entry, 0x8020'0100u);
    EXPECT_EQ(p->copies[0].address, 0x8020'0000u);
}

TEST(Plan, WhatDoesNotFit) {
    const Program low = elf(0x1000, 0x1000), big = linux(0, 65 * kMiB), far = linux(~u64{0} - 4095),
                  wide = linux(0, ~u64{0}), top = linux(0, 64 * kMiB), k = linux(), fw = flat(3 * kMiB);
    const auto of = [](const Program& p) {
        return Request{.ram = kRam, .ram_size = kRamSize, .kernel = &p, .initrd = {}};
    };
    EXPECT_EQ(why(of(low)), "the kernel takes 8192 bytes at 0x1000, but memory is 64 MiB at 0x80000000");
    EXPECT_EQ(why(of(big)),
              "the kernel takes 68157440 bytes at 0x80000000, but memory is 64 MiB at 0x80000000");
    EXPECT_EQ(why(of(far)), "the kernel asks for 0xfffffffffffff000 bytes of memory before it, of 64 MiB");
    EXPECT_EQ(why(of(wide)).substr(0, 38), "the kernel takes 18446744073709551615 ");
    EXPECT_EQ(
        why(of(top)),
        "the device tree at 0x83f00000 to 0x83fff000 lies on the kernel at 0x80000000 to 0x84000000; memory "
        "is 64 MiB");
    const std::vector<u8> disk(63 * kMiB), huge(65 * kMiB);
    EXPECT_EQ(
        why({.ram = kRam, .ram_size = kRamSize, .kernel = &k, .initrd = disk}),
        "the initial RAM disk at 0x80000000 to 0x83f00000 lies on the kernel at 0x80200000 to 0x80600000; "
        "memory is 64 MiB");
    EXPECT_EQ(why({.ram = kRam, .ram_size = kRamSize, .kernel = &k, .initrd = huge}),
              "64 MiB of memory do not hold an initial RAM disk of 68157440 bytes");
    EXPECT_EQ(
        why({.ram = kRam,
             .ram_size = kRamSize,
             .firmware = Firmware::File,
             .firmware_file = &fw,
             .kernel = &k,
             .initrd = {}}),
        "the kernel at 0x80200000 to 0x80600000 lies on the firmware at 0x80000000 to 0x80300000; memory is "
        "64 MiB");
}

}  // namespace
}  // namespace vm::boot
