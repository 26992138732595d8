// libFuzzer: any bytes as a bundle. The first byte of an input says what is made right before it is imported,
// so that all checks are reached; an image's own hash is out of a fuzzer's reach, so nothing may get in.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "jit/bundle.h"

namespace {
using namespace vm;
using namespace vm::jit;

void require(bool promise) {
    if (!promise) std::abort();
}

template <size_t N>
void put_text(char (&field)[N], std::string_view text) {
    std::ranges::fill(field, 0);
    std::ranges::copy(text.substr(0, N), field);
}

enum Fix : unsigned { Head = 1, Makers = 2, Lengths = 4, Table = 8, Seal = 16 };

void fix(std::span<u8> file, unsigned what) {
    static const Producer self = this_producer();
    if (file.size() < sizeof(BundleHeader)) return;
    auto& h = *reinterpret_cast<BundleHeader*>(file.data());
    if (what & Head) {
        std::ranges::copy(kBundleMagic, h.magic);
        h.format = kBundleFormat;
        h.is_signed &= 1;
    }
    if (what & Makers) {
        put_text(h.build, self.build);
        put_text(h.features, self.features);
    }
    const u64 behind = sizeof(Digest) + (h.is_signed != 0 ? sizeof(Signature) : 0);
    if (what & Lengths) h.images = 1 + h.images % 4;
    if (h.images > 4 || file.size() < sizeof h + behind + h.images * sizeof(BundleEntry)) return;
    const u64 table_at = file.size() - behind - h.images * sizeof(BundleEntry);
    if (what & Lengths) h.table_at = table_at;
    auto* table = reinterpret_cast<BundleEntry*>(file.data() + table_at);
    u64 at = sizeof h;
    for (u64 i = 0; i < h.images && (what & Table); i++) {
        put_text(table[i].name, std::string(32, static_cast<char>('a' + i)) + ".vmi");
        if (what & Lengths)
            table[i].bytes = i + 1 == h.images ? table_at - at : std::min<u64>(16, table_at - at);
        if (table[i].bytes > table_at - at) break;
        table[i].digest = digest({file.subspan(at, table[i].bytes)});
        at += table[i].bytes;
    }
    if (what & Seal)
        std::ranges::copy(
            digest({file.first(sizeof h), file.subspan(table_at, h.images * sizeof(BundleEntry))}),
            file.begin() + static_cast<std::ptrdiff_t>(table_at + h.images * sizeof(BundleEntry)));
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const int fd = ::memfd_create("bundle", 0);
    static const std::string path = "/proc/self/fd/" + std::to_string(fd);
    static const ImageStore store("/nowhere/at/all", 0);
    require(prepare_crypto().has_value());
    if (size == 0) return 0;
    alignas(8) static u8 buffer[1 << 16];
    const std::span<u8> file(buffer, std::min(size - 1, sizeof buffer) & ~std::size_t{7});
    std::copy_n(data + 1, file.size(), file.begin());
    fix(file, data[0]);
    require(::ftruncate(fd, 0) == 0 &&
            ::pwrite(fd, file.data(), file.size(), 0) == static_cast<ssize_t>(file.size()));
    const auto r = import_images(store, path, nullptr);
    require(!r && r.error().kind == ErrorKind::InvalidArgument && r.error().message.starts_with(path + ": "));
    for (const char c : r.error().message) require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
    return 0;
}
