// Translations on disk, seen from a vCPU: a second engine runs from the image that a first one saved.
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/guest_test.h"
#include "jit/image_store.h"

namespace vm::engine::test {
namespace {

namespace fs = std::filesystem;

class Images : public ::testing::Test {
  protected:
    Images() {
        char name[] = "/tmp/vm-images-XXXXXX";
        dir_ = ::mkdtemp(name);
    }
    ~Images() override { fs::remove_all(dir_); }

    struct FileGuest : Guest {
        explicit FileGuest(const EngineOptions& o) : Guest(o) { memory.code_is_file = true; }
        u64 stat(const char* name) { return nlohmann::json::parse(engine->stats_json())[name].get<u64>(); }
    };
    EngineOptions options() const {
        EngineOptions o = with_tier(Tier::One);
        o.image_dir = dir_;
        return o;
    }
    /// What a process leaves that ran put_program()'s program.
    void save_program() const;
    fs::path only_file() const {
        fs::path found;
        for (const auto& e : fs::directory_iterator(dir_)) {
            EXPECT_TRUE(found.empty()) << "more than one file";
            found = e.path();
        }
        return found;
    }
    static std::vector<char> contents(const fs::path& p) {
        std::ifstream in(p, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void overwrite(const fs::path& p, const std::vector<char>& bytes) {
        std::ofstream(p, std::ios::binary | std::ios::trunc)
            .write(bytes.data(), static_cast<long>(bytes.size()));
    }

    std::string dir_;
};

constexpr unsigned kImageFunctions = 40;

/// main: for i in first..last: s1 = f_i(s1), called directly (even) or through a register (odd); then ecall.
/// f_i: adds i + 1, and i once more by a branch. Every function is some blocks.
u64 put_program(unsigned first = 0, unsigned last = kImageFunctions) {
    Asm code(kCode);
    std::vector<u64> holes;
    std::vector<u64> functions;
    const u64 start = code.hole();
    for (unsigned f = 0; f < kImageFunctions; f++) {
        functions.push_back(code.here());
        code.addi(s1, s1, f + 1);
        code.beq(zero, zero, code.here() + 8);
        code.ebreak();
        code.bne(s1, zero, code.here() + 8);
        code.ebreak();
        code.addi(s1, s1, f);
        code.ret();
    }
    code.patch_jal(start, zero);
    for (unsigned f = first; f < last; f++) {
        if (f % 2 == 0) {
            code.jal(ra, functions[f]);
        } else {
            code.jal(t0, code.here() + 4);  // t0 = here
            code.addi(t0, t0, static_cast<i64>(functions[f]) - static_cast<i64>(code.here()));
            code.jalr(ra, t0);
        }
    }
    code.ecall();
    TestMemory::put(kCode, code.words);
    return code.here();
}

void Images::save_program() const {
    FileGuest g(options());
    put_program();
    g.run();
    g.engine->save_translations();
}

u64 expected(unsigned first = 0, unsigned last = kImageFunctions) {
    u64 sum = 0;
    for (unsigned f = first; f < last; f++) sum += 2 * f + 1;
    return sum;
}

TEST_F(Images, SecondEngineRunsWithoutTranslating) {
    {
        FileGuest g(options());
        put_program();
        EXPECT_EQ(g.run().reason, ir::ExitReason::Syscall);
        EXPECT_EQ(g.x(s1), expected());
        EXPECT_GT(g.stat("translations"), kImageFunctions);
        g.engine->save_translations();
        EXPECT_EQ(g.stat("images_saved"), 1u);
    }
    FileGuest g(options());
    put_program();
    for (int i = 0; i < 3; i++) {
        g.set_x(s1, 0);
        EXPECT_EQ(g.run().reason, ir::ExitReason::Syscall);
        EXPECT_EQ(g.x(s1), expected());
    }
    EXPECT_EQ(g.stat("images_loaded"), 1u);
    EXPECT_EQ(g.stat("translations"), 0u);
    g.engine->save_translations();
    EXPECT_EQ(g.stat("images_saved"), 0u) << "nothing new";
}

TEST_F(Images, NothingIsKeptOfMemoryThatIsNoFile) {
    FileGuest g(options());
    g.memory.code_is_file = false;
    put_program();
    g.run();
    g.engine->save_translations();
    EXPECT_TRUE(fs::is_empty(dir_));
}

TEST_F(Images, ExitsToWhatTheImageLacksAreLinked) {
    const auto run = [](FileGuest& g, u64 path) {
        Asm code(kCode);
        const u64 start = code.hole();
        const u64 function = code.here();
        code.addi(a3, a3, 1);
        code.ret();
        code.patch_jal(start, zero);
        const u64 loop = code.here();
        code.addi(a2, a2, -1);
        code.beq(a1, zero, code.here() + 8);
        code.jal(ra, function);
        code.bne(a2, zero, loop);
        code.ecall();
        const u64 filler = code.here();
        for (unsigned i = 0; i < 40; i++) code.jal(zero, code.here() + 4);
        code.ecall();
        TestMemory::put(kCode, code.words);
        for (unsigned i = 0; i < 40; i++) g.run(filler + 4 * i);
        g.set_x(a1, path);
        g.set_x(a2, 1000);
        g.set_x(a3, 0);
        g.run();
        EXPECT_EQ(g.x(a3), path * 1000);
    };
    {
        FileGuest g(options());
        run(g, 0);
        g.engine->save_translations();
    }
    FileGuest g(options());
    run(g, 1);
    EXPECT_EQ(g.stat("images_loaded"), 1u);
    EXPECT_GT(g.stat("translations"), 0u);
    EXPECT_LT(g.stat("enters"), 60u) << "an exit stays unlinked";
    run(g, 0);
    // And back: what they led to changes.
    g.engine->invalidate(kCode, kCode + 8);
    run(g, 1);
}

TEST_F(Images, OtherGuestBytesAreNotThoseOfTheImage) {
    save_program();
    FileGuest g(options());
    const u64 end = put_program();
    Asm patch(kCode);
    patch.addi(s1, s1, 1000);
    std::memcpy(reinterpret_cast<void*>(kCode + 4 + 28 * 7), patch.words.data(), 4);
    ASSERT_GT(end, kCode + 4 + 28 * 7);
    g.run();
    EXPECT_EQ(g.x(s1), expected() - 8 + 1000);
    EXPECT_EQ(g.stat("images_loaded"), 0u);
}

TEST_F(Images, ImagesGrowAndMerge) {
    save_program();
    const auto size = fs::file_size(only_file());
    {
        FileGuest a(options());
        put_program();
        // Entry points that nobody used: the last instruction of every function.
        for (unsigned f = 0; f < kImageFunctions; f++) {
            a.cpu->set_reg(frontend::riscv64::x_offset(ra), kCode + 4 + 28 * kImageFunctions);
            a.set_x(s1, 0);
            a.run(kCode + 4 + 28 * f + 24);
        }
        EXPECT_GE(a.stat("translations"), kImageFunctions);
        a.engine->save_translations();
        EXPECT_EQ(a.stat("images_saved"), 1u);
    }
    EXPECT_GE(fs::file_size(only_file()), size);
    FileGuest g(options());
    put_program();
    g.run();
    EXPECT_EQ(g.x(s1), expected());
    g.set_x(s1, 0);
    g.cpu->set_reg(frontend::riscv64::x_offset(ra), kCode + 4 + 28 * kImageFunctions);
    g.run(kCode + 4 + 28 * 3 + 24);
    EXPECT_EQ(g.stat("translations"), 0u);
}

TEST_F(Images, FaultsInThemArePrecise) {
    for (int round = 0; round < 2; round++) {
        FileGuest g(options());
        Asm code(kCode);
        code.addi(a1, a1, 1);
        code.add(a2, a1, a1);
        code.sd(a2, a0, 8);
        code.addi(a1, a1, 100);
        for (unsigned i = 0; i < 30; i++) code.jal(zero, code.here() + 4);
        code.ecall();
        // Many blocks, so that they are worth keeping: one for each instruction behind.
        TestMemory::put(kCode, code.words);
        for (unsigned i = 0; i < 30; i++) {
            g.run(kCode + 16 + 4 * i);
        }
        g.set_x(a0, kHole);
        g.set_x(a1, 20);
        const Exit e = g.run();
        EXPECT_EQ(e.reason, ir::ExitReason::MemoryFault);
        EXPECT_EQ(e.pc, kCode + 8);
        EXPECT_EQ(e.value, kHole + 8);
        EXPECT_TRUE(e.write);
        EXPECT_EQ(g.x(a1), 21u);
        EXPECT_EQ(g.x(a2), 42u);
        g.engine->save_translations();
        EXPECT_EQ(g.stat("translations") == 0, round == 1);
        EXPECT_EQ(g.stat("images_loaded"), static_cast<u64>(round));
    }
}

TEST_F(Images, AnInvalidatedImageIsNotUsedAgain) {
    save_program();
    FileGuest g(options());
    put_program();
    g.run();
    ASSERT_EQ(g.stat("images_loaded"), 1u);
    Asm patch(kCode);
    patch.addi(s1, s1, 1000);
    std::memcpy(reinterpret_cast<void*>(kCode + 4 + 28 * 7), patch.words.data(), 4);
    g.engine->invalidate(kCode + 4 + 28 * 7, kCode + 4 + 28 * 7 + 4);
    for (int i = 0; i < 3; i++) {
        g.set_x(s1, 0);
        g.run();
        EXPECT_EQ(g.x(s1), expected() - 8 + 1000);
    }
    EXPECT_EQ(g.stat("images_dropped"), 1u);
}

TEST_F(Images, AnImageIsDroppedUnderARunningThread) {
    const auto put_loop = [](u64 step) {
        Asm code(kCode);
        const u64 loop = code.here();
        code.ld(a1, a0, 0);
        code.beq(a1, zero, code.here() + 8);
        code.ecall();
        code.addi(a2, a2, static_cast<i64>(step));
        code.sd(a2, a0, 8);
        code.jal(zero, loop);
        for (unsigned i = 0; i < 40; i++) code.jal(zero, code.here() + 4);
        code.ecall();
        TestMemory::put(kCode, code.words);
    };
    {
        FileGuest g(options());
        put_loop(1);
        g.set_x(a0, kData);
        store_raw<u64>(reinterpret_cast<void*>(kData), 1);
        g.run();
        store_raw<u64>(reinterpret_cast<void*>(kData), 0);
        for (unsigned i = 0; i < 40; i++) g.run(kCode + 24 + 4 * i);
        std::thread stop([] {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            std::atomic_ref<u64>(*reinterpret_cast<u64*>(kData)).store(1);
        });
        g.set_x(a0, kData);
        g.run();
        stop.join();
        g.engine->save_translations();
    }
    FileGuest g(options());
    put_loop(1);
    g.set_x(a0, kData);
    store_raw<u64>(reinterpret_cast<void*>(kData), 0);
    std::thread other([&] {
        const auto progress = [] { return std::atomic_ref<u64>(*reinterpret_cast<u64*>(kData + 8)).load(); };
        for (int i = 0; i < 20; i++) {
            const u64 seen = progress();
            while (progress() == seen) std::this_thread::yield();
            g.engine->invalidate(kCode, kCode + 4);
        }
        std::atomic_ref<u64>(*reinterpret_cast<u64*>(kData)).store(1);
    });
    EXPECT_EQ(g.run().reason, ir::ExitReason::Syscall);
    other.join();
    EXPECT_EQ(g.x(a2), load_raw<u64>(reinterpret_cast<void*>(kData + 8)));
    EXPECT_GE(g.stat("images_dropped"), 1u);
}

TEST_F(Images, LoneThreadsAndSharedMemoryHaveImagesOfTheirOwn) {
    {
        FileGuest g(options());
        put_program();
        g.run();
        g.engine->memory_is_shared();  // saves what there is
        EXPECT_EQ(g.stat("images_saved"), 1u);
        g.set_x(s1, 0);
        g.run();
        g.engine->save_translations();
        EXPECT_EQ(g.stat("images_saved"), 2u);
        EXPECT_EQ(g.x(s1), expected());
    }
    FileGuest g(options());
    put_program();
    g.run();
    EXPECT_EQ(g.stat("images_loaded"), 1u);
    g.engine->memory_is_shared();
    g.set_x(s1, 0);
    g.run();
    EXPECT_EQ(g.x(s1), expected());
    EXPECT_EQ(g.stat("images_loaded"), 2u);
    EXPECT_EQ(g.stat("translations"), 0u);
}

TEST_F(Images, OtherOptionsHaveOtherImages) {
    for (const u64 disabled : {u64{0}, u64{1} << 2}) {
        EngineOptions o = options();
        o.disabled_opts = disabled;
        FileGuest g(o);
        put_program();
        g.run();
        EXPECT_EQ(g.stat("images_loaded"), 0u);
        g.engine->save_translations();
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(dir_), {}), 2);
}

TEST_F(Images, ADamagedByteAnywhereMeansTranslatingAgain) {
    save_program();
    const fs::path file = only_file();
    const std::vector<char> good = contents(file);
    const auto parses = [](const std::vector<char>& bytes) {
        const std::span<const u8> view(reinterpret_cast<const u8*>(bytes.data()), bytes.size());
        return jit::Image::parse(view, nullptr).has_value();
    };
    EXPECT_TRUE(parses(good));
    for (size_t at = 0; at < good.size(); at++) {
        std::vector<char> bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x10);
        ASSERT_FALSE(parses(bad)) << at;
    }
    for (size_t size = 0; size < good.size(); size += size < 1024 ? 1 : 509)
        ASSERT_FALSE(parses({good.begin(), good.begin() + static_cast<long>(size)})) << size;
    for (size_t at = 0; at < good.size(); at += good.size() / 60) {
        std::vector<char> bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 1);
        overwrite(file, bad);
        FileGuest g(options());
        put_program();
        g.run();
        ASSERT_EQ(g.x(s1), expected()) << at;
        ASSERT_EQ(g.stat("images_loaded"), 0u) << at;
        ASSERT_EQ(g.stat("images_rejected"), 1u) << at;
    }
}

TEST_F(Images, FilesThatOthersCouldHaveWrittenAreNotTrusted) {
    save_program();
    const fs::path file = only_file();
    const auto loaded = [&] {
        FileGuest g(options());
        put_program();
        g.run();
        EXPECT_EQ(g.x(s1), expected());
        return g.stat("images_loaded");
    };
    EXPECT_EQ(loaded(), 1u);
    fs::permissions(file, fs::perms::group_write, fs::perm_options::add);
    EXPECT_EQ(loaded(), 0u);
    fs::permissions(file, fs::perms::group_write, fs::perm_options::remove);
    EXPECT_EQ(loaded(), 1u);
    fs::permissions(dir_, fs::perms::others_write, fs::perm_options::add);
    EXPECT_EQ(loaded(), 0u);
    fs::permissions(dir_, fs::perms::others_write, fs::perm_options::remove);
    const fs::path target = fs::path(dir_ + "-elsewhere");
    fs::rename(file, target);
    fs::create_symlink(target, file);
    EXPECT_EQ(loaded(), 0u) << "a symbolic link";
    fs::remove(file);
    fs::rename(target, file);
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(file.c_str(), 12345, 12345), 0);
        EXPECT_EQ(loaded(), 0u);
    }
}

TEST_F(Images, TheDirectoryStaysBelowItsLimit) {
    EngineOptions o = options();
    u64 one = 0;
    for (u64 variant = 0; variant < 6; variant++) {
        o.disabled_opts = variant;
        o.image_limit = one == 0 ? ~u64{0} : 3 * one + one / 2;
        FileGuest g(o);
        put_program();
        g.run();
        g.engine->save_translations();
        if (one == 0) one = fs::file_size(only_file());
    }
    EXPECT_EQ(std::distance(fs::directory_iterator(dir_), {}), 3);
}

TEST_F(Images, AForkedChildKeepsRunningInThem) {
    save_program();
    FileGuest g(options());
    put_program();
    g.run();
    ASSERT_EQ(g.stat("images_loaded"), 1u);
    g.engine->fork_prepare();
    const pid_t pid = ::fork();
    if (pid == 0) {
        bool ok = g.engine->fork_child(*g.cpu).has_value();
        g.set_x(s1, 0);
        g.run();
        ok &= g.x(s1) == expected() && g.stat("translations") == 0;
        ::_exit(ok ? 0 : 1);
    }
    g.engine->fork_parent();
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace vm::engine::test
