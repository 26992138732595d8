#include "boot/program.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cstring>

#include "boot/unpack.h"

namespace vm::boot {
namespace {

using Bytes = std::vector<u8>;

constexpr u64 kMost = u64{1} << 20;

template <class T>
void put(Bytes& b, u64 at, const T& value) {
    if (b.size() < at + sizeof value) b.resize(at + sizeof value);
    std::memcpy(b.data() + at, &value, sizeof value);
}
void put_text(Bytes& b, u64 at, std::string_view text) {
    if (b.size() < at + text.size()) b.resize(at + text.size());
    std::memcpy(b.data() + at, text.data(), text.size());
}

Bytes linux_image() {
    Bytes b(300, 0x13);
    put(b, 8, u64{0x20'0000});
    put(b, 16, u64{0x1000});
    put(b, 24, u64{0});
    put_text(b, 56, "RSC\x05");
    return b;
}

Bytes gzip(const Bytes& in) {
    Bytes out(in.size() + 1000);
    z_stream z{};
    EXPECT_EQ(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = const_cast<u8*>(in.data());
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = out.data();
    z.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}
Bytes zstd(const Bytes& in) {
    Bytes out(ZSTD_compressBound(in.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 3));
    return out;
}
Bytes xz(const Bytes& in) {
    Bytes out(lzma_stream_buffer_bound(in.size()));
    size_t used = 0;
    EXPECT_EQ(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr, in.data(), in.size(), out.data(), &used,
                                      out.size()),
              LZMA_OK);
    out.resize(used);
    return out;
}

Bytes zboot(const Bytes& packed, std::string_view packing) {
    Bytes b(64);
    put_text(b, 0, std::string_view("MZ\0\0zimg", 8));
    put(b, 8, u32{64});
    put(b, 12, static_cast<u32>(packed.size()));
    put_text(b, 24, packing);
    b.insert(b.end(), packed.begin(), packed.end());
    return b;
}

/// Two segments, the first with bss, and symbols.
Bytes elf() {
    Bytes b;
    Elf64_Ehdr e{};
    std::memcpy(e.e_ident, ELFMAG, SELFMAG);
    e.e_ident[EI_CLASS] = ELFCLASS64;
    e.e_ident[EI_DATA] = ELFDATA2LSB;
    e.e_type = ET_EXEC;
    e.e_machine = EM_RISCV;
    e.e_entry = 0xffff'ffff'0000'0010;
    e.e_phoff = 64;
    e.e_phentsize = sizeof(Elf64_Phdr);
    e.e_phnum = 2;
    e.e_shoff = 400;
    e.e_shnum = 2;
    put(b, 0, e);
    put(b, 64,
        Elf64_Phdr{.p_type = PT_LOAD,
                   .p_flags = 0,
                   .p_offset = 300,
                   .p_vaddr = 0xffff'ffff'0000'1000,
                   .p_paddr = 0x8000'1000,
                   .p_filesz = 8,
                   .p_memsz = 8,
                   .p_align = 1});
    put(b, 64 + sizeof(Elf64_Phdr),
        Elf64_Phdr{.p_type = PT_LOAD,
                   .p_flags = 0,
                   .p_offset = 310,
                   .p_vaddr = 0xffff'ffff'0000'0000,
                   .p_paddr = 0x8000'0000,
                   .p_filesz = 16,
                   .p_memsz = 32,
                   .p_align = 1});
    b.resize(400, 0x55);
    Elf64_Shdr symbols{}, names{};
    symbols.sh_type = SHT_SYMTAB;
    symbols.sh_offset = 528;
    symbols.sh_size = 3 * sizeof(Elf64_Sym);
    symbols.sh_link = 1;
    names.sh_type = SHT_STRTAB;
    names.sh_offset = 600;
    names.sh_size = 40;
    put(b, 400, symbols);
    put(b, 464, names);
    const auto symbol = [&](unsigned n, u32 name, u64 value) {
        put(b, 528 + n * sizeof(Elf64_Sym),
            Elf64_Sym{.st_name = name,
                      .st_info = 0,
                      .st_other = 0,
                      .st_shndx = 1,
                      .st_value = value,
                      .st_size = 0});
    };
    symbol(0, 0, 0xffff'ffff'0000'1000);
    symbol(1, 7, 0x8000'0000);
    symbol(2, 23, 0x8000'0010);
    b.resize(640);
    put_text(b, 600, std::string_view("tohost\0begin_signature\0end_signature\0", 37));
    return b;
}

std::string why(Bytes b, u64 most = kMost, bool flat = false) {
    const auto r = read_program("k", std::move(b), most, flat);
    return r ? "it is read" : r.error().message;
}

TEST(Program, LinuxImage) {
    const auto p = read_program("k", linux_image(), kMost, false);
    ASSERT_TRUE(p) << p.error().message;
    EXPECT_EQ(p->kind, ProgramKind::Linux);
    EXPECT_EQ(p->text_offset, 0x20'0000u);
    ASSERT_EQ(p->segments.size(), 1u);
    EXPECT_EQ(p->segments[0].memory, 0x1000u);
    EXPECT_EQ(p->segments[0].bytes.size(), 300u);
    EXPECT_EQ(p->format, "Linux image");
}

TEST(Program, PackedOnes) {
    const Bytes plain = linux_image();
    const std::pair<Bytes, const char*> packed[] = {
        {gzip(plain), "Linux image, gzip"},
        {zstd(plain), "Linux image, zstd"},
        {xz(plain), "Linux image, xz"},
        {zboot(gzip(plain), "gzip"), "Linux image, EFI zboot, gzip"},
        {zboot(zstd(plain), "zstd22"), "Linux image, EFI zboot, zstd"},
        {zboot(xz(plain), "xzkern"), "Linux image, EFI zboot, xz"},
        {gzip(elf()), "ELF program, gzip"},
    };
    for (const auto& [bytes, format] : packed) {
        const auto p = read_program("k", bytes, kMost, false);
        ASSERT_TRUE(p) << format << ": " << p.error().message;
        EXPECT_EQ(p->format, format);
        if (p->kind == ProgramKind::Linux) {
            EXPECT_EQ(p->file, plain) << format;
        }
    }
}

TEST(Program, Bombs) {
    const Bytes zeros(4 << 20);
    for (const Bytes& b : {gzip(zeros), zstd(zeros), xz(zeros), zboot(zstd(zeros), "zstd22")})
        EXPECT_EQ(why(b), "k: it unpacks to more than 1 MiB");
    EXPECT_EQ(why(gzip(zeros), 4 << 20, true), "it is read");
}

TEST(Program, DamagedPackings) {
    for (auto pack : {gzip, zstd, xz}) {
        const Bytes whole = pack(linux_image());
        for (size_t size = 8; size < whole.size(); size += 7)
            EXPECT_NE(
                why(Bytes(whole.begin(), whole.begin() + static_cast<long>(size))).find("data is damaged"),
                std::string::npos)
                << size;
    }
    Bytes outside = zboot(gzip(linux_image()), "gzip");
    put(outside, 12, u32{0xffff'ffff});
    EXPECT_EQ(why(outside), "k: its packed kernel lies outside the file");
    EXPECT_EQ(why(zboot({1, 2, 3}, "lz4")),
              "k: an EFI zboot kernel packed by 'lz4', not by gzip, zstd or xz");
    EXPECT_EQ(why(zboot({1, 2, 3}, "gzip")), "k: its gzip data is damaged");
}

TEST(Program, FlatCode) {
    EXPECT_EQ(why({1, 2, 3}), "k: no RISC-V kernel: neither a flat or packed Linux image nor an ELF program");
    EXPECT_EQ(why({}, kMost, true), "k: it is empty");
    const auto p = read_program("k", {1, 2, 3}, kMost, true);
    ASSERT_TRUE(p);
    EXPECT_EQ(p->kind, ProgramKind::Flat);
    EXPECT_EQ(p->size(), 3u);
}

TEST(Program, Elf) {
    const auto p = read_program("k", elf(), kMost, false);
    ASSERT_TRUE(p) << p.error().message;
    EXPECT_EQ(p->kind, ProgramKind::Elf);
    ASSERT_EQ(p->segments.size(), 2u);
    EXPECT_EQ(p->segments[0].address, 0x8000'0000u);
    EXPECT_EQ(p->segments[0].memory, 32u);
    EXPECT_EQ(p->segments[0].bytes.size(), 16u);
    EXPECT_EQ(p->segments[1].address, 0x8000'1000u);
    EXPECT_EQ(p->entry, 0x8000'0010u);
    EXPECT_EQ(p->tohost, 0x8000'1000u);
    EXPECT_FALSE(p->fromhost);
    ASSERT_TRUE(p->signature);
    EXPECT_EQ(p->signature->begin, 0x8000'0000u);
    EXPECT_EQ(p->signature->end, 0x8000'0010u);
}

TEST(Program, HostileElf) {
    const auto with = [](u64 at, auto value) {
        Bytes b = elf();
        put(b, at, value);
        return b;
    };
    constexpr u64 kFirst = 64;
    Bytes head = elf();
    head.resize(40);
    EXPECT_EQ(why(head), "k: an ELF file that ends in its header");
    EXPECT_EQ(why(with(offsetof(Elf64_Ehdr, e_machine), u16{62})),
              "k: an ELF file, but not for little-endian RISC-V 64");
    EXPECT_EQ(why(with(offsetof(Elf64_Ehdr, e_type), u16{ET_REL})),
              "k: an ELF file, but not an executable: link it first");
    EXPECT_EQ(why(with(offsetof(Elf64_Ehdr, e_phoff), ~u64{0} - 8)),
              "k: its program headers lie outside the file");
    EXPECT_EQ(why(with(offsetof(Elf64_Ehdr, e_phentsize), u16{8})),
              "k: its program headers have an unknown size");
    EXPECT_EQ(why(with(offsetof(Elf64_Ehdr, e_phnum), u16{0})), "k: an ELF file with nothing to load");
    EXPECT_EQ(why(with(kFirst + offsetof(Elf64_Phdr, p_offset), ~u64{0})),
              "k: a segment lies outside the file");
    EXPECT_EQ(why(with(kFirst + offsetof(Elf64_Phdr, p_filesz), u64{9})),
              "k: a segment is larger in the file than in memory");
    EXPECT_EQ(why(with(kFirst + offsetof(Elf64_Phdr, p_paddr), ~u64{0} - 2)),
              "k: a segment reaches beyond the last address");
    EXPECT_EQ(why(with(kFirst + offsetof(Elf64_Phdr, p_paddr), u64{0x8000'0008})),
              "k: two of its segments overlap");
}

TEST(Program, DamagedSymbolsAreNone) {
    const auto read = [](u64 at, auto value) {
        Bytes b = elf();
        put(b, at, value);
        auto p = read_program("k", std::move(b), kMost, false);
        EXPECT_TRUE(p);
        return p && !p->tohost && !p->signature;
    };
    EXPECT_TRUE(read(offsetof(Elf64_Ehdr, e_shoff), ~u64{0}));
    EXPECT_TRUE(read(400 + offsetof(Elf64_Shdr, sh_offset), ~u64{0}));
    EXPECT_TRUE(read(400 + offsetof(Elf64_Shdr, sh_link), u32{7}));
    EXPECT_TRUE(read(464 + offsetof(Elf64_Shdr, sh_offset), ~u64{0}));
    EXPECT_TRUE(read(464 + offsetof(Elf64_Shdr, sh_size), ~u64{0}));
}

}  // namespace
}  // namespace vm::boot
