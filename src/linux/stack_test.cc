#include "linux/stack.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <map>

#include "linux/guest_test.h"
#include "osal/fault.h"

namespace vm::linux {
namespace {

class StackTest : public testing::TestWithParam<const Abi*> {
  protected:
    void SetUp() override {
        ASSERT_TRUE(
            osal::install_fault_handlers([](const osal::Fault&, osal::MachineContext&) { return false; }));
        r.top = mm.layout().stack_top;
        r.size = 1 << 20;
        ASSERT_GT(mm.mmap(r.top - r.size, r.size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                  0);
        r.exec_name = "/bin/prog";
        for (u8 i = 0; i < 16; i++) r.random[i] = static_cast<u8>(i + 1);
        r.auxv = {{6, 4096}, {9, 0x1234}};
    }
    u64 word(u64 addr) {
        u64 v = 0;
        EXPECT_TRUE(mm.read(addr, &v, 8));
        return v;
    }
    std::string text(u64 addr) {
        std::string s;
        EXPECT_TRUE(mm.read_string(addr, &s));
        return s;
    }
    AddressSpace mm{GetParam()->elf.task_size, GetParam()->elf.page_size};
    StackRequest r;
};

INSTANTIATE_TEST_SUITE_P(Every, StackTest, testing::Values(&kRiscv64Abi, &kArm64Abi), abi_name);

TEST_P(StackTest, LaysOutArgumentsEnvironmentAndAuxv) {
    for (size_t n = 0; n < 20; n++) {  // every alignment of the table
        r.argv.assign(n, "arg");
        if (n) r.argv[0] = "";
        r.env = {"A=1", "LONG=" + std::string(n * 7, 'x')};
        r.platform = n % 2 ? "plat" : "";
        auto s = build_stack(mm, r);
        ASSERT_TRUE(s);
        EXPECT_EQ(s->sp % 16, 0u);
        u64 at = s->sp;
        EXPECT_EQ(word(at), n);
        at += 8;
        for (size_t i = 0; i < n; i++, at += 8) EXPECT_EQ(text(word(at)), r.argv[i]);
        EXPECT_EQ(word(at), 0u);
        at += 8;
        EXPECT_EQ(text(word(at)), "A=1");
        EXPECT_EQ(word(at), s->env_start);
        EXPECT_EQ(text(word(at + 8)), r.env[1]);
        EXPECT_EQ(word(at + 16), 0u);
        at += 24;
        EXPECT_EQ(at, s->auxv_addr);
        std::map<u64, u64> aux;
        for (; word(at); at += 16) aux[word(at)] = word(at + 8);
        EXPECT_EQ(at + 16 - s->auxv_addr, s->auxv.size() * 8);
        EXPECT_EQ(aux[6], 4096u);
        EXPECT_EQ(aux[9], 0x1234u);
        EXPECT_EQ(text(aux[31]), "/bin/prog");
        EXPECT_EQ(aux[31] + r.exec_name.size() + 1 + 8, r.top);
        EXPECT_EQ(word(aux[25]), 0x0807060504030201u);
        EXPECT_EQ(aux.count(15), n % 2);
        EXPECT_TRUE(n % 2 == 0 || text(aux[15]) == "plat");
        EXPECT_EQ(word(r.top - 8), 0u);
        EXPECT_EQ(s->arg_end, s->env_start);
        EXPECT_GE(aux[25], at + 16);
        // The strings of the arguments lie together, in order: /proc/self/cmdline is these bytes.
        std::string expected, found(s->arg_end - s->arg_start, 0);
        for (const std::string& a : r.argv) expected += a + '\0';
        ASSERT_TRUE(mm.read(s->arg_start, found.data(), found.size()));
        EXPECT_EQ(found, expected);
    }
}

TEST_P(StackTest, RefusesMoreThanAQuarter) {
    r.argv = {"prog", std::string(r.size / 4, 'x')};
    auto s = build_stack(mm, r);
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().kind, ErrorKind::Resource);
    EXPECT_EQ(s.error().os_errno, E2BIG);
    r.argv[1].resize(r.size / 4 - 4096);
    EXPECT_TRUE(build_stack(mm, r));
}

}  // namespace
}  // namespace vm::linux
