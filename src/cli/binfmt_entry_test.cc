#include "cli/binfmt_entry.h"

#include <gtest/gtest.h>

namespace vm::cli {
namespace {

const GuestKind& riscv64() { return *find_guest_kind("riscv64"); }

TEST(Binfmt, WritesARule) {
    const auto line = register_line(riscv64(), "/usr/bin/vm-user", "FPO");
    ASSERT_TRUE(line);
    EXPECT_EQ(
        *line,
        R"(:vm-riscv64:M:0:\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:)"
        R"(\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/vm-user:FPO)");
    EXPECT_TRUE(register_line(riscv64(), "/opt/a:b/vm-user", "F")->starts_with("|vm-riscv64|M|0|"));
    EXPECT_FALSE(register_line(riscv64(), "/a:b|c,d;e", "F"));
    EXPECT_FALSE(register_line(riscv64(), "/" + std::string(127, 'x'), "F"));
    EXPECT_TRUE(register_line(riscv64(), "/" + std::string(126, 'x'), "F"));
}

TEST(Binfmt, ReadsAnEntry) {
    const auto e =
        parse_entry("qemu-riscv64",
                    "enabled\ninterpreter /usr/libexec/qemu-binfmt/riscv64-binfmt-P\nflags: POCF\noffset 0\n"
                    "magic 7f454c460201010000000000000000000200f300\n"
                    "mask ffffffffffffff00fffffffffffffffffeffffff\n");
    ASSERT_TRUE(e);
    EXPECT_TRUE(e->enabled);
    EXPECT_EQ(e->interpreter, "/usr/libexec/qemu-binfmt/riscv64-binfmt-P");
    EXPECT_EQ(e->flags, "POCF");
    EXPECT_EQ(e->pattern, elf_pattern(riscv64()));
    EXPECT_TRUE(takes(*e, riscv64()));
    const auto no_mask = parse_entry("x", "disabled\ninterpreter /x y\nflags: \noffset 1\nmagic 454c46\n");
    ASSERT_TRUE(no_mask);
    EXPECT_FALSE(no_mask->enabled);
    EXPECT_EQ(no_mask->interpreter, "/x y");
    EXPECT_EQ(no_mask->flags, "");
    EXPECT_TRUE(takes(*no_mask, riscv64()));
}

TEST(Binfmt, KnowsWhomAnEntryTakes) {
    const auto jar = parse_entry("jar", "enabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n");
    ASSERT_TRUE(jar);
    EXPECT_FALSE(takes(*jar, riscv64()));
    const auto arm = parse_entry(
        "arm",
        "enabled\ninterpreter /x\nflags: F\noffset 0\nmagic 7f454c460201010000000000000000000200b700\n"
        "mask ffffffffffffff00fffffffffffffffffeffffff\n");
    ASSERT_TRUE(arm);
    EXPECT_FALSE(takes(*arm, riscv64()));
    EXPECT_TRUE(takes(*arm, *find_guest_kind("arm64")));
    EXPECT_EQ(arm->pattern, elf_pattern(*find_guest_kind("aarch64")));
}

TEST(Binfmt, RefusesWhatItCannotRead) {
    EXPECT_FALSE(parse_entry("x", ""));
    EXPECT_FALSE(parse_entry("x", "enabled\n"));
    EXPECT_FALSE(parse_entry("x", "interpreter /x\n"));
    EXPECT_FALSE(parse_entry("x", "enabled\ninterpreter /x\nmagic 7f4\n"));
    EXPECT_FALSE(parse_entry("x", "enabled\ninterpreter /x\nmagic zz\n"));
    EXPECT_FALSE(parse_entry("x", "enabled\ninterpreter /x\noffset q\n"));
}

TEST(Binfmt, OrdersFlagsAsTheKernelDoes) {
    EXPECT_EQ(kernel_order("FPO"), "POF");
    EXPECT_EQ(kernel_order("FPC"), "POCF");  // C implies O
    EXPECT_EQ(kernel_order(""), "");
}

}  // namespace
}  // namespace vm::cli
