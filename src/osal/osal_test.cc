#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "osal/fault.h"
#include "osal/guarded.h"
#include "osal/host.h"
#include "osal/memory.h"
#include "osal/private_dir.h"

namespace vm::osal {
namespace {

class Guarded : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(install_fault_handlers(nullptr));
        ASSERT_TRUE(stack_.install());
        map_ = static_cast<u8*>(
            mmap(nullptr, 3 * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        ASSERT_NE(map_, MAP_FAILED);
        ASSERT_EQ(mprotect(map_ + page_size(), page_size(), PROT_READ), 0);
        ASSERT_EQ(mprotect(map_ + 2 * page_size(), page_size(), PROT_NONE), 0);
        good_ = reinterpret_cast<u64>(map_);
        readonly_ = good_ + page_size();
        none_ = good_ + 2 * page_size();
    }
    void TearDown() override { munmap(map_, 3 * page_size()); }
    SignalStack stack_;
    u8* map_ = nullptr;
    u64 good_ = 0, readonly_ = 0, none_ = 0;
};

TEST_F(Guarded, LoadsAndStoresOfEverySize) {
    for (const unsigned size : {1u, 2u, 4u, 8u, 16u}) {
        u8 in[16], out[16] = {};
        for (unsigned i = 0; i < 16; i++) in[i] = static_cast<u8>(0x81 + i * size);
        EXPECT_FALSE(guarded_store(good_ + 3, size, in));
        EXPECT_FALSE(guarded_load(good_ + 3, size, out));
        EXPECT_EQ(std::memcmp(in, out, size), 0) << size;
        EXPECT_EQ(std::memcmp(map_ + 3, in, size), 0) << size;

        const MemFault load = guarded_load(none_ + 8, size, out);
        EXPECT_EQ(load.signal, SIGSEGV);
        EXPECT_EQ(load.code, SEGV_ACCERR);
        EXPECT_EQ(load.addr, none_ + 8);
        EXPECT_FALSE(load.write);
        const MemFault store = guarded_store(readonly_ + 16, size, in);
        EXPECT_EQ(store.signal, SIGSEGV);
        EXPECT_EQ(store.addr, readonly_ + 16);
        EXPECT_TRUE(store.write);
        EXPECT_EQ(map_[page_size() + 16], 0);
    }
    EXPECT_EQ(guarded_load(0x10, 8, map_).code, SEGV_MAPERR);
}

TEST_F(Guarded, CompareAndSwap) {
    for (const unsigned size : {1u, 2u, 4u, 8u}) {
        const u64 mask = zext(~u64{0}, size * 8);
        u64 value = 0x1122334455667788, old = 0;
        std::memcpy(map_, &value, 8);
        EXPECT_FALSE(guarded_cas(good_, size, value & mask, 0, &old));
        EXPECT_EQ(old, value & mask);
        EXPECT_EQ(load_raw<u64>(map_), value & ~mask);
        EXPECT_FALSE(guarded_cas(good_, size, 5, 7, &old));
        EXPECT_EQ(old, 0u);
        EXPECT_EQ(load_raw<u64>(map_), value & ~mask);
        EXPECT_TRUE(guarded_cas(readonly_, size, 0, 1, &old).write);
        EXPECT_EQ(guarded_cas(none_, size, 0, 1, &old).addr, none_);
    }
    u64 expected[2] = {1, 2}, desired[2] = {3, 4}, old[2] = {};
    std::memcpy(map_ + 16, expected, 16);
    EXPECT_FALSE(guarded_cas16(good_ + 16, expected, desired, old));
    EXPECT_EQ(old[1], 2u);
    EXPECT_EQ(std::memcmp(map_ + 16, desired, 16), 0);
    EXPECT_EQ(guarded_cas16(good_ + 8, expected, desired, old).signal, SIGBUS);
    EXPECT_TRUE(guarded_cas16(readonly_, expected, desired, old).write);
}

TEST_F(Guarded, CasIsAtomicBetweenThreads) {
    auto work = [&] {
        for (int i = 0; i < 20000; i++) {
            u64 seen = 0, old = 0;
            do {
                seen = std::atomic_ref<u16>(*reinterpret_cast<u16*>(map_)).load();
                ASSERT_FALSE(guarded_cas(good_, 2, seen, (seen + 1) & 0xffff, &old));
            } while (old != seen);
        }
    };
    std::thread a(work), b(work);
    a.join();
    b.join();
    EXPECT_EQ(load_raw<u16>(map_), 40000);
}

TEST_F(Guarded, CopiesStopAtTheHole) {
    std::vector<u8> buffer(2 * page_size(), 0x5a);
    EXPECT_FALSE(guarded_copy_out(good_, buffer.data(), page_size()));
    EXPECT_EQ(map_[page_size() - 1], 0x5a);
    const MemFault out = guarded_copy_out(good_ + page_size() - 4, buffer.data(), 8);
    EXPECT_EQ(out.addr, readonly_);
    EXPECT_TRUE(out.write);
    const MemFault in = guarded_copy_in(buffer.data(), none_ - 4, 8);
    EXPECT_EQ(in.addr, none_);
    EXPECT_FALSE(in.write);
    EXPECT_FALSE(guarded_zero(good_, 16));
    EXPECT_EQ(map_[15], 0);
    EXPECT_EQ(map_[16], 0x5a);
    EXPECT_TRUE(guarded_equal(good_ + 16, std::vector<u8>(1000, 0x5a).data(), 1000));
    EXPECT_FALSE(guarded_equal(good_ + 15, std::vector<u8>(1000, 0x5a).data(), 1000));
    EXPECT_FALSE(guarded_equal(none_ - 4, std::vector<u8>(8, 0).data(), 8));
}

TEST_F(Guarded, FileEndIsABusError) {
    const int fd = memfd_create("short", MFD_CLOEXEC);
    u8* p = static_cast<u8*>(mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, fd, 0));
    ASSERT_NE(p, MAP_FAILED);
    u64 out = 0;
    EXPECT_EQ(guarded_load(reinterpret_cast<u64>(p), 8, &out).signal, SIGBUS);
    munmap(p, page_size());
    close(fd);
}

TEST(CodeMemory, WritesShowInTheExecutableMapping) {
    CodeMemory m;
    ASSERT_TRUE(m.create(1 << 20));
    const u8 code[] = {0xb8, 0x2a, 0, 0, 0, 0xc3};  // mov eax, 42; ret
    std::memcpy(m.rw() + 4096, code, sizeof code);
    EXPECT_EQ(reinterpret_cast<int (*)()>(m.rx() + 4096)(), 42);
    EXPECT_TRUE(m.contains(reinterpret_cast<u64>(m.rx()) + m.size() - 1));
    EXPECT_FALSE(m.contains(reinterpret_cast<u64>(m.rx()) + m.size()));
    EXPECT_FALSE(m.contains(reinterpret_cast<u64>(m.rx()) - 1));
    m.discard(4096, 4096);
    EXPECT_EQ(m.rx()[4096], 0);
}

TEST(CodeMemory, ForkedChildHasItsOwnCopy) {
    CodeMemory m;
    ASSERT_TRUE(m.create(1 << 20));
    m.rw()[0] = 1;
    m.rw()[8192] = 2;
    ASSERT_TRUE(m.begin_fork());
    m.copy_for_fork(0, 4096);
    const pid_t pid = fork();
    if (pid == 0) {
        bool ok = m.end_fork_child().has_value();
        ok = ok && m.rx()[0] == 1 && m.rx()[8192] == 0;
        m.rw()[0] = 7;
        ok = ok && m.rx()[0] == 7;
        _exit(ok ? 0 : 1);
    }
    m.end_fork_parent();
    int status = -1;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(m.rx()[0], 1);
    EXPECT_EQ(m.rx()[8192], 2);
}

TEST(Host, FutexAndClocks) {
    std::atomic<u32> word{0};
    const u64 start = monotonic_ns();
    futex_wait(word, 0, 2'000'000);
    EXPECT_GE(monotonic_ns() - start, 1'900'000u);
    std::thread t([&] {
        word = 1;
        futex_wake(word, 1);
    });
    while (word == 0) futex_wait(word, 0, 1'000'000'000);
    t.join();
    EXPECT_FALSE(host_cpu_model().empty());
    const u64 cpu = thread_cpu_ns();
    EXPECT_GE(thread_cpu_ns(), cpu);
}

/// By the signal itself, or in the hands of a sanitizer that was there before us.
bool crashed(int status) {
#if defined(VM_SANITIZE_address) || defined(VM_SANITIZE_thread)
    return testing::KilledBySignal(SIGSEGV)(status) || !testing::ExitedWithCode(0)(status);
#else
    return testing::KilledBySignal(SIGSEGV)(status);
#endif
}

using FaultDeathTest = Guarded;
TEST_F(FaultDeathTest, OurOwnBugsStillCrash) {
    EXPECT_EXIT(*reinterpret_cast<volatile u8*>(none_) = 1, crashed, "");
    EXPECT_EXIT(raise(SIGSEGV), crashed, "");
}

bool skip_two_bytes(const Fault& f, MachineContext& context) {
    if (f.signal != SIGILL) return false;
    context.set_pc(f.pc + 2);
    return true;
}
TEST_F(Guarded, HookMayChangeThePc) {
    ASSERT_TRUE(install_fault_handlers(skip_two_bytes));
    asm volatile("ud2" ::: "memory");
    ASSERT_TRUE(install_fault_handlers(nullptr));
}

std::atomic<int> sent{0};
TEST_F(Guarded, SentSignalsGoToTheirHook) {
    set_sent_signal_hook([](int signal, siginfo_t*, void*) { sent = signal; });
    raise(SIGFPE);
    EXPECT_EQ(sent, SIGFPE);
    set_sent_signal_hook(nullptr);
}

TEST(PrivateDir, NewFilesAreSeenWholeOrNotAtAll) {
    char path[] = "/tmp/vm-osal-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    const PrivateDir dir(path);
    const auto names = [&] { return dir.list().value().size(); };
    {
        auto dropped = dir.begin("a");
        ASSERT_TRUE(dropped);
        dropped->write(0, "x", 1);
        EXPECT_EQ(names(), 0u);
    }
    EXPECT_FALSE(dir.open("a"));
    auto kept = dir.begin("a");
    ASSERT_TRUE(kept);
    kept->write(2, "cd", 2);
    kept->write(0, "ab", 2);
    ASSERT_TRUE(kept->publish());
    auto file = dir.open("a");
    ASSERT_TRUE(file);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(file->data()), file->size()), "abcd");
    {
        auto bad = dir.begin("a");
        ASSERT_TRUE(bad);
        bad->write(~u64{0} >> 1, "x", 1);  // no file is so long
        EXPECT_FALSE(bad->publish());
    }
    EXPECT_EQ(dir.open("a").value().size(), 4u);
    EXPECT_EQ(dir.sweep().value(), 0u);
    ASSERT_TRUE(dir.remove("a"));
    EXPECT_EQ(names(), 0u);
    ::rmdir(path);
}

TEST(NewFile, AppearsInAnyDirectoryAsAWhole) {
    char path[] = "/tmp/vm-osal-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    ASSERT_EQ(::chmod(path, 0777), 0);
    const std::string dir = path, name = dir + "/file";
    const auto count = [&] { return std::distance(std::filesystem::directory_iterator(dir), {}); };
    const auto text = [&] {
        const auto file = InputFile::open(name);
        std::string s(file->size(), 0);
        EXPECT_TRUE(file->read(0, s.data(), s.size()));
        return s;
    };
    {
        auto dropped = NewFile::create(name, 0600);
        ASSERT_TRUE(dropped);
        dropped->write(0, "x", 1);
        EXPECT_FALSE(std::filesystem::exists(name));
    }
    EXPECT_EQ(count(), 0);
    for (const std::string_view word : {"one", "three"}) {
        auto file = NewFile::create(name, 0600);
        ASSERT_TRUE(file);
        file->write(0, word.data(), word.size());
        ASSERT_TRUE(file->publish());
        EXPECT_EQ(text(), word);
        EXPECT_EQ(count(), 1);
    }
    EXPECT_EQ(std::filesystem::status(name).permissions(), std::filesystem::perms(0600));
    auto second = NewFile::create(name, 0600);
    ASSERT_TRUE(second);
    second->write(0, "two", 3);
    EXPECT_FALSE(second->publish_new());
    EXPECT_EQ(text(), "three");
    std::filesystem::remove(name);
    EXPECT_TRUE(second->publish_new());
    EXPECT_EQ(text(), "two");
    EXPECT_EQ(count(), 1);
    {
        auto bad = NewFile::create(name, 0600);
        bad->write(~u64{0} >> 1, "x", 1);
        EXPECT_FALSE(bad->publish());
    }
    const auto file = InputFile::open(name);
    char byte = 0;
    EXPECT_FALSE(file->read(2, &byte, 2)) << "behind the end";
    EXPECT_TRUE(file->read(2, &byte, 1));
    EXPECT_EQ(byte, 'o');
    std::filesystem::create_symlink("file", dir + "/link");
    for (const std::string& bad : {std::string(), dir, dir + "/", dir + "/.", dir + "/link", dir + "/no/file",
                                   name + "/x", std::string("/dev/null")})
        EXPECT_FALSE(NewFile::create(bad, 0600)) << bad;
    for (const std::string& bad : {dir, dir + "/none", std::string("/dev/null")})
        EXPECT_FALSE(InputFile::open(bad)) << bad;
    std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace vm::osal
