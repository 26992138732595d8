#include "cli/guests.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/binfmt_entry.h"
#include "cli/binfmt_probe.h"

namespace vm::cli {
namespace {

TEST(Guests, AreFoundByNameAliasAndMachine) {
    for (const GuestKind& k : guest_kinds()) {
        EXPECT_EQ(find_guest_kind(k.name()), &k);
        if (!k.alias.empty()) {
            EXPECT_EQ(find_guest_kind(k.alias), &k);
        }
        EXPECT_EQ(k.guest.isa->name, k.name());
        const linux::Guest* g = linux::find_guest(guests(), k.machine());
        ASSERT_NE(g, nullptr);
        EXPECT_EQ(g->abi, k.guest.abi);
        u64 features = 0;
        std::string error;
        EXPECT_TRUE(k.guest.isa->parse_cpu(k.cpu_example, &features, &error)) << error;
    }
    EXPECT_EQ(find_guest_kind("arm64")->name(), "aarch64");
    EXPECT_EQ(find_guest_kind("aarch64")->machine(), linux::kEmAarch64);
    EXPECT_EQ(find_guest_kind(""), nullptr);
    EXPECT_EQ(find_guest_kind("arm"), nullptr);
    EXPECT_EQ(guest_names(", "), "riscv64, aarch64");
}

TEST(Guests, ProbesAreProgramsOfTheirOwnKind) {
    for (const GuestKind& k : guest_kinds()) {
        const std::string program = probe_program(k);
        const int fd = ::memfd_create("probe", MFD_CLOEXEC);
        ASSERT_EQ(::write(fd, program.data(), program.size()), static_cast<ssize_t>(program.size()));
        const auto elf = linux::parse_elf(fd, "probe", linux::elf_targets(guests()));
        ::close(fd);
        ASSERT_TRUE(elf) << elf.error().message;
        EXPECT_EQ(elf->machine, k.machine());
        EXPECT_EQ(elf->flags, k.elf_flags());
        const Pattern p = elf_pattern(k);
        for (size_t i = 0; i < p.magic.size(); i++)
            EXPECT_EQ(static_cast<u8>(program[i]) & p.mask[i], p.magic[i] & p.mask[i]) << i;
    }
}

}  // namespace
}  // namespace vm::cli
