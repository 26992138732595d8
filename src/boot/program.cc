#include "boot/program.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/format.h"
#include "boot/unpack.h"

namespace vm::boot {
namespace {

/// The header that a flat kernel begins with (Linux, Documentation/arch/riscv/boot-image-header.rst).
struct ImageHeader {
    u32 code[2];
    u64 text_offset, image_size, flags;
    u32 version, reserved1;
    u64 reserved2;
    char magic[8];
    char magic2[4];
    u32 reserved3;
};
static_assert(sizeof(ImageHeader) == 64);
constexpr u64 kBigEndianFlag = 1;

/// The begin of an EFI application that unpacks a kernel (Linux,
/// drivers/firmware/efi/libstub/zboot-header.S).
struct ZbootHeader {
    char mz[4];
    char magic[4];
    u32 offset, size;  ///< of the packed kernel
    u32 reserved[2];
    char packing[32];
};
static_assert(sizeof(ZbootHeader) == 56);

template <class T>
std::optional<T> header_of(std::span<const u8> file) {
    if (file.size() < sizeof(T)) return std::nullopt;
    T h;
    std::memcpy(&h, file.data(), sizeof h);
    return h;
}

template <size_t N>
std::string_view text_of(const char (&field)[N]) {
    return {field, static_cast<size_t>(std::find(field, field + N, '\0') - field)};
}

std::unexpected<Error> refuse(const std::string& name, std::string_view why) {
    return fail(ErrorKind::InvalidArgument, fmt::format("{}: {}", name, why));
}

bool is_zboot(std::span<const u8> file) {
    const auto h = header_of<ZbootHeader>(file);
    return h && text_of(h->mz).starts_with("MZ") && std::string_view(h->magic, 4) == "zimg";
}
bool is_linux(std::span<const u8> file) {
    const auto h = header_of<ImageHeader>(file);
    return h && std::string_view(h->magic2, 4) == std::string_view("RSC\x05", 4);
}
bool is_elf(std::span<const u8> file) {
    return file.size() >= 4 && std::memcmp(file.data(),
                                           "\x7f"
                                           "ELF",
                                           4) == 0;
}

/// What an EFI zboot image packs.
Result<std::vector<u8>> unpack_zboot(const std::string& name, std::span<const u8> file, u64 most,
                                     Packing* packing) {
    const ZbootHeader h = *header_of<ZbootHeader>(file);
    if (h.offset > file.size() || h.size > file.size() - h.offset)
        return refuse(name, "its packed kernel lies outside the file");
    const std::span<const u8> packed = file.subspan(h.offset, h.size);
    const std::string_view method = text_of(h.packing);
    *packing = method == "gzip"             ? Packing::Gzip
               : method.starts_with("zstd") ? Packing::Zstd
               : method.starts_with("xz")   ? Packing::Xz
                                            : Packing::None;
    if (*packing == Packing::None)
        return fail(
            ErrorKind::Unsupported,
            fmt::format("{}: an EFI zboot kernel packed by '{}', not by gzip, zstd or xz", name, method));
    auto bytes = unpack(*packing, packed, most);
    if (!bytes) return refuse(name, bytes.error().message);
    return bytes;
}

Result<void> read_linux(Program& p) {
    const ImageHeader h = *header_of<ImageHeader>(p.file);
    if (h.flags & kBigEndianFlag)
        return fail(ErrorKind::Unsupported, fmt::format("{}: a big-endian kernel", p.name));
    p.kind = ProgramKind::Linux;
    p.text_offset = h.text_offset;
    p.segments = {{.memory = std::max<u64>(p.file.size(), h.image_size), .bytes = p.file}};
    return {};
}

}  // namespace

u64 Program::size() const {
    return segments.empty() ? 0 : segments.back().address + segments.back().memory - segments.front().address;
}

Result<Program> read_program(std::string name, std::vector<u8> file, u64 most, bool flat) {
    Program p;
    p.name = std::move(name);
    p.file = std::move(file);
    std::string packed;
    // At most two layers: a packed zboot image is nothing that anybody makes.
    if (const Packing packing = packing_of(p.file); packing != Packing::None) {
        auto bytes = unpack(packing, p.file, most);
        if (!bytes) return refuse(p.name, bytes.error().message);
        p.file = std::move(*bytes);
        packed = fmt::format(", {}", packing_name(packing));
    } else if (is_zboot(p.file)) {
        Packing inner{};
        auto bytes = unpack_zboot(p.name, p.file, most, &inner);
        if (!bytes) return std::unexpected(bytes.error());
        p.file = std::move(*bytes);
        packed = fmt::format(", EFI zboot, {}", packing_name(inner));
    }
    Result<void> r;
    if (is_linux(p.file)) {
        p.format = "Linux image" + packed;
        r = read_linux(p);
    } else if (is_elf(p.file)) {
        p.format = "ELF program" + packed;
        r = read_elf(p);
    } else if (flat && !p.file.empty()) {
        p.format = "flat code" + packed;
        p.segments = {{.memory = p.file.size(), .bytes = p.file}};
    } else {
        return refuse(p.name,
                      flat ? "it is empty"
                           : "no RISC-V kernel: neither a flat or packed Linux image nor an ELF program");
    }
    if (!r) return std::unexpected(r.error());
    return p;
}

}  // namespace vm::boot
