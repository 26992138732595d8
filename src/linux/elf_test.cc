#include "linux/elf.h"

#include "base/format.h"
#include "linux/abi.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>

namespace vm::linux {
namespace {

constexpr u64 kTaskSize = u64{1} << 38;
const ElfTarget kRiscv = kRiscv64Abi.elf;

struct Image {
    std::vector<u8> bytes = std::vector<u8>(0x3000);
    template <class T>
    void put(u64 offset, T v) {
        store_raw(&bytes[offset], v);
    }
    void header(unsigned i, u32 type, u32 flags, u64 offset, u64 vaddr, u64 filesz, u64 memsz, u64 align) {
        const u64 at = 64 + 56 * i;
        put<u32>(at, type);
        put<u32>(at + 4, flags);
        put(at + 8, offset);
        put(at + 16, vaddr);
        put(at + 24, vaddr);
        put(at + 32, filesz);
        put(at + 40, memsz);
        put(at + 48, align);
    }
    /// A small, correct, dynamically linked program.
    Image() {
        const u8 ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
        std::memcpy(bytes.data(), ident, sizeof ident);
        put<u16>(16, kElfDyn);
        put<u16>(18, kEmRiscv);
        put<u32>(20, 1);
        put<u64>(24, 0x1000);
        put<u64>(32, 64);
        put<u32>(48, 5);
        put<u16>(52, 64);
        put<u16>(54, 56);
        put<u16>(56, 4);
        header(0, 3, kPfR, 0x200, 0x200, 10, 10, 1);
        header(1, 1, kPfR | kPfX, 0, 0, 0x1800, 0x1800, 0x1000);
        header(2, 1, kPfR | kPfW, 0x2000, 0x3000, 0x800, 0x5000, 0x1000);
        header(3, 0x6474e551, kPfR | kPfW, 0, 0, 0, 0, 16);
        std::memcpy(&bytes[0x200], "/lib/ld.so", 10);
        bytes[0x209] = 0;
    }
};

Result<Elf> parse(const std::vector<u8>& bytes) {
    const int fd = ::memfd_create("elf", MFD_CLOEXEC);
    EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    auto r = parse_elf(fd, "prog", {&kRiscv, 1});
    ::close(fd);
    return r;
}
std::string message(const Image& i) {
    auto r = parse(i.bytes);
    return r ? "ok" : r.error().message;
}

// PT_GNU_PROPERTY: the one property that the target asks for; a note that makes no sense says nothing.
TEST(Elf, ReadsTheFeatureProperty) {
    constexpr u32 kWanted = 0xc0000000, kOther = 0xc0000001;
    ElfTarget target = kRiscv;
    target.feature_property = kWanted;
    const auto features = [&](const Image& i) {
        const int fd = ::memfd_create("elf", MFD_CLOEXEC);
        EXPECT_EQ(::write(fd, i.bytes.data(), i.bytes.size()), static_cast<ssize_t>(i.bytes.size()));
        const auto e = parse_elf(fd, "prog", {&target, 1});
        ::close(fd);
        EXPECT_TRUE(e) << e.error().message;
        return e ? e->features : ~0u;
    };
    Image good;
    good.header(3, 0x6474e553, kPfR, 0x300, 0x300, 48, 48, 8);
    const u32 note[] = {4, 32, 5, 0x00554e47, kOther, 4, 7, 0, kWanted, 4, 3, 0};
    std::memcpy(&good.bytes[0x300], note, sizeof note);
    EXPECT_EQ(features(good), 3u);
    target.feature_property = 0;
    EXPECT_EQ(features(good), 0u);
    target.feature_property = kWanted;
    const auto damaged = [&](size_t at, u32 v) {
        Image i = good;
        i.put<u32>(at, v);
        return features(i);
    };
    EXPECT_EQ(damaged(0x300, 5), 0u);           // another owner's length
    EXPECT_EQ(damaged(0x304, 33), 0u);          // longer than the segment
    EXPECT_EQ(damaged(0x308, 1), 0u);           // another note
    EXPECT_EQ(damaged(0x30c, 0x00554e48), 0u);  // another owner
    EXPECT_EQ(damaged(0x314, 0xfffffff0), 0u);  // a property that does not end
    EXPECT_EQ(damaged(0x324, 8), 0u);           // of another size
    EXPECT_EQ(damaged(0x320, kOther), 0u);
}

TEST(Elf, ReadsAProgram) {
    auto e = parse(Image{}.bytes);
    ASSERT_TRUE(e) << e.error().message;
    EXPECT_TRUE(e->pie());
    EXPECT_EQ(e->entry, 0x1000u);
    EXPECT_EQ(e->interpreter, "/lib/ld.s");
    EXPECT_EQ(e->loads.size(), 2u);
    EXPECT_EQ(e->phdr_vaddr, 64u);
    EXPECT_EQ(e->low, 0u);
    EXPECT_EQ(e->high, 0x8000u);
    EXPECT_FALSE(e->exec_stack);
}

TEST(Elf, ASegmentOfNoBytesMayLieBehindTheFile) {
    Image i;
    i.put<u64>(64 + 56 * 2 + 8, i.bytes.size() + 0x1000);  // the second LOAD, as ld makes .bss
    i.put<u64>(64 + 56 * 2 + 32, 0);
    EXPECT_EQ(message(i), "ok");
}

TEST(Elf, SaysWhatIsWrong) {
    auto changed = [](auto change) {
        Image i;
        change(i);
        return message(i);
    };
    EXPECT_EQ(changed([](Image& i) { i.bytes[4] = 1; }),
              "prog: is a 32-bit riscv32 program; only 64-bit riscv64 programs can be run");
    EXPECT_EQ(changed([](Image& i) { i.bytes[5] = 2; }),
              "prog: is a big-endian program; only little-endian ones can be run");
    EXPECT_EQ(changed([](Image& i) { i.put<u16>(18, kEmAarch64); }),
              "prog: is an aarch64 program; this version runs riscv64 programs");
    EXPECT_EQ(changed([](Image& i) { i.put<u16>(18, host_machine()); }).find("start it directly") !=
                  std::string::npos,
              host_machine() != kEmRiscv);
    EXPECT_EQ(changed([](Image& i) { i.put<u16>(16, 1); }),
              "prog: is an object file that was not linked into a program yet");
    EXPECT_EQ(changed([](Image& i) { i.put<u32>(48, 8); }),
              "prog: is built for RV64E (16 registers), which is not supported");
    EXPECT_EQ(changed([](Image& i) { i.bytes.resize(40); }), "prog: is cut off inside its ELF header");
    EXPECT_EQ(changed([](Image& i) { i.bytes.resize(0x2100); }),
              "prog: is cut off: a segment lies beyond the end of the file");
    EXPECT_EQ(changed([](Image& i) { i.bytes.clear(); }), "prog: is empty, so it cannot be run");
    EXPECT_EQ(changed([](Image& i) { i.bytes[0] = 'x'; }),
              "prog: is neither an ELF program nor a script that starts with '#!'");
    EXPECT_EQ(changed([](Image& i) { i.put<u64>(24, 0x3000); }),
              "prog: is a damaged ELF file: its entry point 0x3000 lies outside its code");
    EXPECT_EQ(changed([](Image& i) { i.put<u64>(24, 0); }),
              "prog: is a shared library without an entry point, not a program");
    EXPECT_EQ(changed([](Image& i) { i.put<u64>(64 + 56 * 2 + 40, ~u64{0}); }).substr(0, 45),
              "prog: cannot be loaded: a segment at 0x3000 o");
    EXPECT_EQ(changed([](Image& i) { i.put<u64>(64 + 56 * 2 + 16, 0x1000); }),
              "prog: is a damaged ELF file: its segments overlap");
    EXPECT_EQ(changed([](Image& i) { i.bytes[0x209] = 'x'; }),
              "prog: is a damaged ELF file: the name of its loader does not end");
}

/// One random change: bytes, a whole field set to a nasty value, or the end cut off.
void mutate(Image& i, std::mt19937_64& rng) {
    const u64 nasty[] = {
        0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff, ~u64{0}, u64{1} << 63, kTaskSize - 1, 0x1000, 55, 57};
    switch (rng() % 4) {
        case 0: i.bytes[rng() % 0x240] = static_cast<u8>(rng()); break;
        case 1: i.bytes[rng() % i.bytes.size()] ^= static_cast<u8>(1u << rng() % 8); break;
        case 2: store_raw(&i.bytes[16 + rng() % (64 + 56 * 4 - 24)], nasty[rng() % std::size(nasty)]); break;
        default:
            if (rng() % 8 == 0)
                i.bytes.resize(std::max<u64>(0x240, rng() % i.bytes.size()));
            else
                store_raw(&i.bytes[64 + 56 * (rng() % 4) + 8 * (rng() % 7)], nasty[rng() % std::size(nasty)]);
    }
}

TEST(Elf, ThousandMutationsGiveOneSentenceEach) {
    std::mt19937_64 rng(4711);
    int refused = 0;
    for (int n = 0; n < 5000; n++) {
        Image i;
        for (u64 k = 1 + rng() % 4; k; k--) mutate(i, rng);
        if (rng() % 50 == 0) i.bytes.resize(rng() % 70);
        auto e = parse(i.bytes);
        if (e) {
            for (const ElfSegment& s : e->loads) {
                ASSERT_LE(s.filesz, s.memsz);
                ASSERT_LE(s.vaddr + s.memsz, kTaskSize);
                if (s.filesz != 0) {
                    ASSERT_LE(s.offset + s.filesz, i.bytes.size());
                }
            }
            continue;
        }
        refused++;
        const std::string& m = e.error().message;
        ASSERT_TRUE(m.starts_with("prog: ")) << m;
        ASSERT_EQ(m.find('\n'), m.npos) << m;
        ASSERT_NE(m.back(), '.') << m;
        ASSERT_LT(m.size(), 200u) << m;
        ASSERT_EQ(e.error().kind, ErrorKind::NotExecutable) << m;
    }
    EXPECT_GT(refused, 1000);
}

TEST(Elf, RandomBytesAreRefused) {
    std::mt19937_64 rng(1);
    for (int n = 0; n < 500; n++) {
        std::vector<u8> bytes(rng() % 4096);
        for (u8& b : bytes) b = static_cast<u8>(rng());
        if (bytes.size() > 7) std::memcpy(bytes.data(), Image{}.bytes.data(), 7);
        EXPECT_FALSE(parse(bytes));
    }
}

TEST(Elf, OneOfSeveralTargets) {
    const ElfTarget both[] = {kRiscv64Abi.elf, kArm64Abi.elf};
    const auto parse_for = [&](u16 machine, auto... change) {
        Image i;
        i.put<u16>(18, machine);
        i.put<u32>(48, 0);
        (change(i), ...);
        const int fd = ::memfd_create("elf", MFD_CLOEXEC);
        EXPECT_EQ(::write(fd, i.bytes.data(), i.bytes.size()), static_cast<ssize_t>(i.bytes.size()));
        auto r = parse_elf(fd, "prog", both);
        ::close(fd);
        return r ? fmt::format("{}", r->machine) : r.error().message;
    };
    EXPECT_EQ(parse_for(kEmRiscv), "243");
    EXPECT_EQ(parse_for(kEmAarch64), "183");
    EXPECT_EQ(parse_for(22), "prog: is an s390x program; this version runs riscv64 and aarch64 programs");
    EXPECT_EQ(parse_for(kEmRiscv, [](Image& i) { i.bytes[4] = 1; }),
              "prog: is a 32-bit riscv32 program; only 64-bit riscv64 and aarch64 programs can be run");
    // What is too high for one fits into the other's address space; flags mean something to one of them.
    const auto high = [](Image& i) { i.put<u64>(64 + 56 * 2 + 16, u64{1} << 40); };
    EXPECT_EQ(parse_for(kEmAarch64, high), "183");
    EXPECT_NE(parse_for(kEmRiscv, high).find("does not fit into the address space"), std::string::npos);
    const auto flags = [](Image& i) { i.put<u32>(48, 8); };
    EXPECT_EQ(parse_for(kEmAarch64, flags), "183");
    EXPECT_NE(parse_for(kEmRiscv, flags).find("RV64E"), std::string::npos);
}

TEST(Elf, Shebang) {
    std::string interpreter, argument;
    EXPECT_TRUE(parse_shebang("#!/bin/sh\necho", &interpreter, &argument));
    EXPECT_EQ(interpreter, "/bin/sh");
    EXPECT_EQ(argument, "");
    EXPECT_TRUE(parse_shebang("#! \t/usr/bin/env  python3 -u \nx", &interpreter, &argument));
    EXPECT_EQ(interpreter, "/usr/bin/env");
    EXPECT_EQ(argument, "python3 -u");
    EXPECT_TRUE(parse_shebang("#!/bin/sh", &interpreter, &argument));
    EXPECT_EQ(interpreter, "/bin/sh");
    EXPECT_FALSE(parse_shebang("#!\n/bin/sh", &interpreter, &argument));
    EXPECT_FALSE(parse_shebang("#!  ", &interpreter, &argument));
}

TEST(Elf, DescribesFiles) {
    auto self = describe_elf("/proc/self/exe", {&kRiscv, 1});
    ASSERT_TRUE(self);
    EXPECT_TRUE(self->is_64);
    EXPECT_EQ(self->machine, host_machine());
    EXPECT_EQ(describe_elf("/nonexistent", {&kRiscv, 1}).error().kind, ErrorKind::NotFound);
    EXPECT_EQ(describe_elf("/", {&kRiscv, 1}).error().message, "/: is a directory, not a program");
    EXPECT_EQ(describe_elf("/dev/null", {&kRiscv, 1}).error().kind, ErrorKind::NotExecutable);
}

}  // namespace
}  // namespace vm::linux
