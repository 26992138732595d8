#include "linux/vdso.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <string>

#include "linux/elf.h"
#include "linux/guest_test.h"

namespace vm::linux {
namespace {

class VdsoTest : public testing::TestWithParam<const Abi*> {
  protected:
    const VdsoDescription& description() const { return *GetParam()->vdso; }
    const VdsoImage& image() const { return image_; }
    template <class T>
    T at(u64 offset) const {
        EXPECT_LE(offset + sizeof(T), image().bytes.size());
        T v{};
        std::memcpy(&v, &image().bytes[offset], sizeof v);
        return v;
    }
    std::map<i64, u64> dynamic() const;
    u64 look_up(std::string_view name) const;

  private:
    VdsoImage image_ = build_vdso(*GetParam()->vdso, GetParam()->elf.machine);
};
INSTANTIATE_TEST_SUITE_P(Every, VdsoTest, testing::Values(&kRiscv64Abi, &kArm64Abi), abi_name);

std::map<i64, u64> VdsoTest::dynamic() const {
    std::map<i64, u64> found;
    const auto e = at<Elf64_Ehdr>(0);
    for (unsigned i = 0; i < e.e_phnum; i++) {
        const auto p = at<Elf64_Phdr>(e.e_phoff + i * sizeof(Elf64_Phdr));
        if (p.p_type != PT_DYNAMIC) continue;
        for (u64 o = p.p_offset; at<Elf64_Dyn>(o).d_tag; o += sizeof(Elf64_Dyn))
            found[at<Elf64_Dyn>(o).d_tag] = at<Elf64_Dyn>(o).d_un.d_val;
    }
    return found;
}
/// What a C library does: hash, chain, name, version.
u64 VdsoTest::look_up(std::string_view name) const {
    auto d = dynamic();
    u32 h = 0;
    for (const char c : name) {
        h = (h << 4) + static_cast<u8>(c);
        h = (h ^ (h & 0xf0000000) >> 24) & 0x0fffffff;
    }
    const u64 hash = d[DT_HASH];
    const u32 buckets = at<u32>(hash);
    for (u32 i = at<u32>(hash + 8 + 4 * (h % buckets)); i; i = at<u32>(hash + 8 + 4 * (buckets + i))) {
        const auto s = at<Elf64_Sym>(d[DT_SYMTAB] + i * sizeof(Elf64_Sym));
        if (name != reinterpret_cast<const char*>(&image().bytes[d[DT_STRTAB] + s.st_name])) continue;
        EXPECT_EQ(at<u16>(d[DT_VERSYM] + 2 * i), 2);
        return s.st_value;
    }
    return 0;
}

TEST_P(VdsoTest, IsAnObjectThatTheElfReaderAccepts) {
    const int fd = ::memfd_create("vdso", MFD_CLOEXEC);
    ASSERT_EQ(::write(fd, image().bytes.data(), image().bytes.size()),
              static_cast<ssize_t>(image().bytes.size()));
    auto e = parse_elf(fd, "vdso", {&GetParam()->elf, 1});
    ::close(fd);
    ASSERT_TRUE(e) << e.error().message;
    EXPECT_TRUE(e->pie());
    ASSERT_EQ(e->loads.size(), 1u);
    EXPECT_EQ(e->loads[0].flags, kPfR | kPfX);
    EXPECT_LE(image().bytes.size(), 4096u);
}

TEST_P(VdsoTest, EverySymbolIsFoundByItsHash) {
    for (const VdsoFunction& f : description().functions) {
        const u64 where = look_up(f.name);
        ASSERT_GE(where, image().text_begin) << f.name;
        ASSERT_LE(where + f.code.size(), image().text_end) << f.name;
        EXPECT_TRUE(std::equal(f.code.begin(), f.code.end(), &image().bytes[where])) << f.name;
    }
    EXPECT_EQ(look_up("__vdso_nothing"), 0u);
    EXPECT_EQ(look_up(description().functions[0].name), image().sigreturn);
    const bool riscv = GetParam() == &kRiscv64Abi;
    for (const char* name : {"rt_sigreturn", "clock_gettime", "gettimeofday", "clock_getres"})
        EXPECT_NE(look_up(std::string(riscv ? "__vdso_" : "__kernel_") + name), 0u) << name;
}

TEST_P(VdsoTest, VersionIsTheKernels) {
    auto d = dynamic();
    const u64 second = d[DT_VERDEF] + at<Elf64_Verdef>(d[DT_VERDEF]).vd_next;
    const auto v = at<Elf64_Verdef>(second);
    const bool riscv = GetParam() == &kRiscv64Abi;
    // glibc, sysdeps/unix/sysv/linux/{riscv,aarch64}/sysdep.h, VDSO_HASH
    EXPECT_EQ(v.vd_hash, riscv ? 182943605u : 123718537u);
    const auto name = at<Elf64_Verdaux>(second + v.vd_aux).vda_name;
    EXPECT_STREQ(reinterpret_cast<const char*>(&image().bytes[d[DT_STRTAB] + name]),
                 riscv ? "LINUX_4.15" : "LINUX_2.6.39");
}

TEST_P(VdsoTest, TheFrameTableCoversEveryDescribedFunctionInOrder) {
    const auto e = at<Elf64_Ehdr>(0);
    u64 header = 0;
    for (unsigned i = 0; i < e.e_phnum; i++) {
        const auto p = at<Elf64_Phdr>(e.e_phoff + i * sizeof(Elf64_Phdr));
        if (p.p_type == PT_GNU_EH_FRAME) header = p.p_offset;
    }
    ASSERT_NE(header, 0u);
    const u32 count = at<u32>(header + 8);
    std::vector<VdsoFunction> described(description().functions.begin(), description().functions.end());
    // arm64's trampoline has no description, as in Linux.
    if (description().signal_cfi.empty())
        std::erase_if(described, [](const auto& f) { return f.signal_return; });
    ASSERT_EQ(count, described.size());
    i64 previous = -1;
    for (u32 i = 0; i < count; i++) {
        const i64 begin = static_cast<i64>(header) + at<i32>(header + 12 + 8 * i);
        const u64 fde = header + static_cast<u64>(at<i32>(header + 16 + 8 * i));
        EXPECT_GT(begin, previous);
        previous = begin;
        EXPECT_EQ(static_cast<i64>(fde + 8) + at<i32>(fde + 8), begin);
        const VdsoFunction& f = described[i];
        // The byte before the signal trampoline belongs to it as well.
        EXPECT_EQ(static_cast<u64>(begin), look_up(f.name) - (f.signal_return ? 4 : 0)) << f.name;
        EXPECT_EQ(static_cast<u64>(begin) + at<u32>(fde + 12), look_up(f.name) + f.code.size());
    }
}

}  // namespace
}  // namespace vm::linux
