// The address space against the real kernel: the same calls at another base, same results, same bytes.
#include "linux/address_space.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <random>

#include "linux/vma_tree.h"
#include "osal/fault.h"
#include "osal/guarded.h"

namespace vm::linux {
namespace {

constexpr u64 kPage = 4096, kTask = u64{1} << 38;
constexpr u32 kAnon = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr u32 kRw = PROT_READ | PROT_WRITE;

class AddressSpaceTest : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        ASSERT_TRUE(
            osal::install_fault_handlers([](const osal::Fault&, osal::MachineContext&) { return false; }));
    }
    AddressSpace mm{kTask, kPage};
    u64 base = mm.layout().mmap_low + (u64{1} << 32);
};

i64 result(void* p) { return p == MAP_FAILED ? -errno : reinterpret_cast<i64>(p); }
i64 result(int r) { return r < 0 ? -errno : r; }
void* at(u64 a) { return reinterpret_cast<void*>(a); }

TEST_F(AddressSpaceTest, RefusesWhatLinuxRefuses) {
    EXPECT_EQ(mm.mmap(0, 0, kRw, kAnon, -1, 0), -EINVAL);
    EXPECT_EQ(mm.mmap(base + 1, kPage, kRw, kAnon | MAP_FIXED, -1, 0), -EINVAL);
    EXPECT_EQ(mm.mmap(0, kPage, kRw, MAP_ANONYMOUS, -1, 0), -EINVAL);
    EXPECT_EQ(mm.mmap(0, kPage, kRw, MAP_PRIVATE, 99, 1), -EINVAL);
    EXPECT_EQ(mm.mmap(0, kPage, kRw, MAP_PRIVATE, 999, 0), -EBADF);
    EXPECT_EQ(mm.mmap(0, ~u64{0}, kRw, kAnon, -1, 0), -ENOMEM);
    EXPECT_EQ(mm.mmap(mm.task_size() - kPage, 2 * kPage, kRw, kAnon | MAP_FIXED, -1, 0), -ENOMEM);
    EXPECT_EQ(mm.munmap(base + 1, kPage), -EINVAL);
    EXPECT_EQ(mm.munmap(base, 0), -EINVAL);
    EXPECT_EQ(mm.munmap(mm.task_size(), kPage), -EINVAL);
    EXPECT_EQ(mm.munmap(base, kPage), 0);  // nothing there is fine
    EXPECT_EQ(mm.mprotect(base, kPage, kRw), -ENOMEM);
    EXPECT_EQ(mm.mprotect(base, kPage, 0x40), -EINVAL);
    EXPECT_EQ(mm.madvise(base, kPage, MADV_DONTNEED), -ENOMEM);
    EXPECT_EQ(mm.msync(base, kPage, MS_SYNC), -ENOMEM);
    EXPECT_EQ(mm.msync(base, kPage, MS_SYNC | MS_ASYNC), -EINVAL);
    EXPECT_EQ(mm.mremap(base, kPage, 2 * kPage, MREMAP_MAYMOVE, 0), -EFAULT);
}

TEST_F(AddressSpaceTest, TouchesNothingOfTheHost) {
    void* host = ::mmap(at(base), kPage, kRw, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    ASSERT_EQ(host, at(base));
    *static_cast<int*>(host) = 42;
    EXPECT_EQ(mm.munmap(base, kPage), 0);
    EXPECT_EQ(mm.mprotect(base, kPage, PROT_NONE), -ENOMEM);
    EXPECT_EQ(mm.mmap(base, kPage, kRw, kAnon | MAP_FIXED, -1, 0), -ENOMEM);
    EXPECT_EQ(mm.mmap(base - kPage, kPage, kRw, kAnon | MAP_FIXED, -1, 0), static_cast<i64>(base - kPage));
    EXPECT_EQ(mm.mmap(base - kPage, 2 * kPage, kRw, kAnon | MAP_FIXED, -1, 0), -ENOMEM);
    const i64 other = mm.mmap(base, kPage, kRw, kAnon, -1, 0);  // a wish that cannot be had
    EXPECT_GT(other, 0);
    EXPECT_NE(other, static_cast<i64>(base));
    EXPECT_EQ(*static_cast<int*>(host), 42);
    ::munmap(host, kPage);
}

TEST_F(AddressSpaceTest, ChoosesFromTheTopAndReusesHoles) {
    const i64 a = mm.mmap(0, 4 * kPage, kRw, kAnon, -1, 0);
    const i64 b = mm.mmap(0, 2 * kPage, PROT_READ, kAnon, -1, 0);
    ASSERT_GT(a, 0);
    EXPECT_EQ(a, static_cast<i64>(mm.layout().mmap_top - 4 * kPage));
    EXPECT_EQ(b, a - static_cast<i64>(2 * kPage));
    EXPECT_EQ(mm.munmap(static_cast<u64>(a), 4 * kPage), 0);
    EXPECT_EQ(mm.mmap(0, kPage, kRw, kAnon, -1, 0), a + static_cast<i64>(3 * kPage));
    EXPECT_EQ(mm.mmap(base, kPage, kRw, kAnon, -1, 0), static_cast<i64>(base));
    const u64 top = mm.layout().mmap_top;
    EXPECT_LT(mm.mmap(top - kPage, kPage, kRw, kAnon, -1, 0),
              static_cast<i64>(top - kPage));  // taken: elsewhere
}

TEST_F(AddressSpaceTest, GuestCodeIsNotExecutableOnTheHostAndFetchHonoursPermissions) {
    ASSERT_GT(mm.mmap(base, 3 * kPage, kRw | PROT_EXEC, kAnon | MAP_FIXED, -1, 0), 0);
    const u32 word = 0x12345678;
    ASSERT_TRUE(mm.write(base + kPage - 2, &word, 4));
    u8 out[8]{};
    EXPECT_EQ(mm.fetch(base + kPage - 2, out, 4), 4u);
    EXPECT_EQ(load_raw<u32>(out), word);
    EXPECT_EQ(mm.mprotect(base + kPage, kPage, kRw), 0);
    EXPECT_EQ(mm.fetch(base + kPage - 2, out, 4), 2u);
    EXPECT_EQ(mm.fetch(base + kPage, out, 4), 0u);
    EXPECT_EQ(mm.fetch(base + 2 * kPage, out, 4), 4u);
    EXPECT_EQ(mm.mprotect(base + kPage, kPage, PROT_EXEC), 0);  // execute only: data to us
    EXPECT_EQ(mm.fetch(base + kPage - 2, out, 4), 4u);
    EXPECT_FALSE(mm.write(base + kPage, &word, 4));
    EXPECT_EQ(mm.munmap(base + kPage, kPage), 0);
    EXPECT_EQ(mm.fetch(base + kPage - 2, out, 4), 2u);
    EXPECT_EQ(mm.fetch(base + 3 * kPage, out, 4), 0u);
    EXPECT_EQ(mm.prot_at(base), PROT_READ | PROT_WRITE | PROT_EXEC);
    EXPECT_EQ(mm.prot_at(base + kPage), -1);
}

TEST_F(AddressSpaceTest, FetchStopsAtTheEndOfAFile) {
    const int fd = ::memfd_create("code", MFD_CLOEXEC);
    ASSERT_EQ(::ftruncate(fd, 100), 0);
    ASSERT_GT(mm.mmap(base, 2 * kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0), 0);
    u8 out[64];
    EXPECT_EQ(mm.fetch(base + kPage - 16, out, 64), 16u);
    EXPECT_EQ(mm.fetch(base + kPage, out, 4), 0u);
    std::string s;
    EXPECT_TRUE(mm.read_string(base + 4000, &s));
    EXPECT_FALSE(mm.read_string(base + kPage, &s));
    ::close(fd);
}

TEST_F(AddressSpaceTest, BreakGrowsShrinksAndStopsAtNeighbours) {
    mm.set_brk(base + 100);
    EXPECT_EQ(mm.brk(0), static_cast<i64>(base + 100));
    EXPECT_EQ(mm.brk(base + 5 * kPage + 3), static_cast<i64>(base + 5 * kPage + 3));
    const int v = 7;
    EXPECT_TRUE(mm.write(base + 5 * kPage, &v, 4));
    EXPECT_FALSE(mm.write(base + 6 * kPage, &v, 4));
    EXPECT_EQ(mm.brk(base + 2 * kPage), static_cast<i64>(base + 2 * kPage));
    EXPECT_FALSE(mm.write(base + 2 * kPage, &v, 4));
    EXPECT_EQ(mm.brk(base + 99), static_cast<i64>(base + 2 * kPage));
    ASSERT_GT(mm.mmap(base + (4 << 20), kPage, kRw, kAnon | MAP_FIXED, -1, 0), 0);
    EXPECT_EQ(mm.brk(base + (4 << 20)), static_cast<i64>(base + 2 * kPage));
    EXPECT_EQ(mm.brk(base + (2 << 20)), static_cast<i64>(base + (2 << 20)));
}

TEST_F(AddressSpaceTest, LimitCountsWhatIsMapped) {
    mm.set_memory_limit(10 * kPage);
    ASSERT_GT(mm.mmap(base, 8 * kPage, kRw, kAnon | MAP_FIXED, -1, 0), 0);
    EXPECT_EQ(mm.mmap(0, 3 * kPage, kRw, kAnon, -1, 0), -ENOMEM);
    EXPECT_GT(mm.mmap(base, 10 * kPage, kRw, kAnon | MAP_FIXED, -1, 0), 0);  // replaces eight of them
    EXPECT_EQ(mm.mremap(base, 10 * kPage, 11 * kPage, 0, 0), -ENOMEM);
    mm.set_brk(base + (1 << 20));
    EXPECT_EQ(mm.brk(base + (1 << 20) + 1), static_cast<i64>(base + (1 << 20)));
    EXPECT_EQ(mm.mapped_bytes(), 10 * kPage);
}

TEST_F(AddressSpaceTest, MapsTextNamesFilesAndPermissions) {
    const int fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ASSERT_GT(mm.mmap(base, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, kPage), 0);
    ::close(fd);
    ASSERT_GT(mm.mmap(base + kPage, kPage, kRw, kAnon | MAP_FIXED, -1, 0, "[stack]"), 0);
    const std::string text = mm.maps_text();
    char exe[4096]{};
    ASSERT_GT(::readlink("/proc/self/exe", exe, sizeof exe - 1), 0);
    EXPECT_NE(text.find(" r-xp 00001000 "), text.npos) << text;
    EXPECT_NE(text.find(std::string(exe) + "\n"), text.npos) << text;
    EXPECT_NE(text.find("rw-p 00000000 00:00 0 "), text.npos) << text;
    EXPECT_NE(text.find(" [stack]\n"), text.npos) << text;
    const std::string dir = std::string(exe).substr(0, std::string(exe).rfind('/'));
    EXPECT_NE(mm.maps_text(dir).find(" " + std::string(exe).substr(dir.size()) + "\n"), text.npos);
}

/// Pages of the same window in our address space and in the kernel's own, at another base.
struct Twin {
    static constexpr u64 kPages = 48;
    AddressSpace& mm;
    u64 base;
    u64 oracle =
        base +
        (u64{1}
         << 36);  ///< where guests may lie, hence nothing of a sanitizer's; our tree knows nothing of it
    std::mt19937_64 rng{20240601};
    u64 pick(u64 n) { return rng() % n; }

    i64 relative(i64 r, u64 from) const { return r < 0 && r > -4096 ? r : r - static_cast<i64>(from); }

    /// One random call on both; returns "name result result" when they differ.
    std::string step() {
        const u64 page = pick(kPages), len = (1 + pick(kPages - page > 12 ? 12 : kPages - page)) * kPage;
        const u64 ours = base + page * kPage, theirs = oracle + page * kPage;
        const u32 prots[] = {PROT_NONE, PROT_READ, kRw, PROT_READ | PROT_EXEC, kRw | PROT_EXEC};
        const u32 prot = prots[pick(5)];
        i64 a = 0, b = 0;
        const char* name = "";
        switch (pick(8)) {
            case 0:
            case 1: {
                const u32 flags = kAnon | (pick(3) ? MAP_FIXED : MAP_FIXED_NOREPLACE);
                name = flags & MAP_FIXED ? "mmap" : "mmap noreplace";
                a = relative(mm.mmap(ours, len, prot, flags, -1, 0), base);
                b = relative(
                    result(::mmap(at(theirs), len, static_cast<int>(prot), static_cast<int>(flags), -1, 0)),
                    oracle);
                break;
            }
            case 2:
                name = "munmap";
                a = mm.munmap(ours, len);
                b = result(::munmap(at(theirs), len));
                break;
            case 3:
            case 4:
                name = "mprotect";
                a = mm.mprotect(ours, len, prot);
                b = result(::mprotect(at(theirs), len, static_cast<int>(prot)));
                break;
            case 5:
                name = "madvise";
                a = mm.madvise(ours, len, MADV_DONTNEED);
                b = result(::madvise(at(theirs), len, MADV_DONTNEED));
                break;
            case 6: {  // shrink, or grow in place; only inside the window
                name = "mremap";
                const u64 len2 = (1 + pick(kPages - page)) * kPage;
                a = relative(mm.mremap(ours, len, len2, 0, 0), base);
                b = relative(result(::mremap(at(theirs), len, len2, 0)), oracle);
                break;
            }
            default: {  // one page to anywhere: kernels differ about ranges of several mappings
                name = "mremap fixed";
                const u64 target = pick(kPages) * kPage;
                a = relative(mm.mremap(ours, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, base + target),
                             base);
                b = relative(result(::mremap(at(theirs), kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED,
                                             at(oracle + target))),
                             oracle);
                break;
            }
        }
        // Which of two reasons mremap gives depends on what the kernel happened to merge.
        if (a == b || (std::string_view(name) == "mremap" && a < 0 && b < 0)) return {};
        return std::string(name) + " page " + std::to_string(page) + " pages " + std::to_string(len / kPage) +
               ": " + std::to_string(a) + " instead of " + std::to_string(b);
    }

    /// Same pages readable, writable, same contents; writes a mark into some.
    std::string compare() {
        for (u64 i = 0; i < kPages; i++) {
            u64 a = 0, b = 0;
            const bool ra = mm.read(base + i * kPage, &a, 8),
                       rb = !osal::guarded_copy_in(&b, oracle + i * kPage, 8);
            if (ra != rb || a != b) return "page " + std::to_string(i) + " reads differently";
            const u64 mark = rng();
            const bool wa = mm.write(base + i * kPage, &mark, 8),
                       wb = !osal::guarded_copy_out(oracle + i * kPage, &mark, 8);
            if (wa != wb) return "page " + std::to_string(i) + " is writable for one";
            const int prot = mm.prot_at(base + i * kPage);
            if ((prot > 0) != rb && prot != -1)
                return "page " + std::to_string(i) + " has other permissions in the tree";
            if (wb && !(prot & PROT_WRITE))
                return "page " + std::to_string(i) + " is writable but not in the tree";
        }
        return {};
    }
};

TEST_F(AddressSpaceTest, RandomCallsDoWhatTheKernelDoes) {
    Twin twin{mm, base};
    for (int i = 0; i < 6000; i++) {
        const std::string difference = twin.step();
        ASSERT_EQ(difference, "") << "step " << i;
        if (i % 4 == 0) {
            const std::string where = twin.compare();
            ASSERT_EQ(where, "") << "after step " << i;
        }
    }
    ::munmap(at(twin.oracle), Twin::kPages * kPage);
}

TEST(VmaTree, MergesWhatIsEqualAndCountsBytes) {
    VmaTree tree(0x10000, 0x1000000);
    auto vma = [](u64 b, u64 e, u32 prot) {
        Vma v;
        v.begin = b;
        v.end = e;
        v.prot = prot;
        return v;
    };
    tree.insert(vma(0x20000, 0x21000, 3));
    tree.insert(vma(0x22000, 0x23000, 3));
    tree.insert(vma(0x21000, 0x22000, 3));
    EXPECT_EQ(tree.all().size(), 1u);
    tree.split(0x21000);
    EXPECT_EQ(tree.all().size(), 2u);
    tree.merge(0x21000, 0x21000);
    EXPECT_EQ(tree.all().size(), 1u);
    tree.insert(vma(0x23000, 0x24000, 1));
    EXPECT_EQ(tree.all().size(), 2u);
    EXPECT_EQ(tree.bytes(), 0x4000u);
    EXPECT_EQ(tree.first_hole(0x20000, 0x30000), 0x24000u);
    EXPECT_EQ(tree.covered(0x1f000, 0x21000), 0x1000u);
    tree.erase(0x20000, 0x24000);
    EXPECT_EQ(tree.bytes(), 0u);
}

TEST(VmaTree, ChoosesEveryHoleBeforeItGivesUp) {
    VmaTree tree(0x10000, 0x10000 + 64 * kPage);
    std::mt19937_64 rng(7);
    std::vector<u64> taken;
    for (int round = 0; round < 20000; round++) {
        if (!taken.empty() && rng() % 2) {
            const u64 i = rng() % taken.size();
            tree.erase(taken[i], taken[i] + kPage);
            taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(i));
            continue;
        }
        const u64 p = tree.choose(kPage, kPage);
        ASSERT_EQ(p == 0, taken.size() == 64);
        if (!p) continue;
        ASSERT_FALSE(tree.any_in(p, p + kPage));
        Vma v;
        v.begin = p;
        v.end = p + kPage;
        v.file_id = static_cast<u64>(round) + 1;
        tree.insert(std::move(v));
        taken.push_back(p);
    }
}

}  // namespace
}  // namespace vm::linux
