#include "boot/unpack.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "base/format.h"

namespace vm::boot {
namespace {

constexpr u8 kGzipMagic[] = {0x1f, 0x8b}, kZstdMagic[] = {0x28, 0xb5, 0x2f, 0xfd},
             kXzMagic[] = {0xfd, '7', 'z', 'X', 'Z', 0};
/// What a decoder may use beside its output: kernels are packed with windows of up to 128 MiB.
constexpr u64 kDecoderMemory = u64{192} << 20;
constexpr int kZstdWindowBits = 27;
constexpr size_t kStep = size_t{1} << 20;

bool begins(std::span<const u8> data, std::span<const u8> magic) {
    return data.size() >= magic.size() && std::equal(magic.begin(), magic.end(), data.begin());
}

std::unexpected<Error> damaged(const char* how) {
    return fail(ErrorKind::InvalidArgument, fmt::format("its {} data is damaged", how));
}
std::unexpected<Error> too_large(u64 most) {
    return fail(ErrorKind::InvalidArgument, fmt::format("it unpacks to more than {} MiB", most >> 20));
}
std::unexpected<Error> no_memory() {
    return fail(ErrorKind::Resource, "there is not enough memory to unpack it");
}

/// Output that grows as it is filled, up to a limit: a bomb costs no more than that.
class Output {
  public:
    explicit Output(u64 most) : most_(most) {}
    /// Room for more. Empty: there is none.
    std::span<u8> room() {
        if (used_ == bytes_.size()) bytes_.resize(std::min(most_, used_ + std::max<u64>(kStep, used_ / 2)));
        return std::span(bytes_).subspan(used_);
    }
    void filled(u64 bytes) { used_ += bytes; }
    u64 used() const { return used_; }
    std::vector<u8> take() {
        bytes_.resize(used_);
        return std::move(bytes_);
    }

  private:
    u64 most_;
    std::vector<u8> bytes_;
    u64 used_ = 0;
};

Result<std::vector<u8>> gunzip(std::span<const u8> data, u64 most) {
    struct Ends {
        void operator()(z_stream* z) const { ::inflateEnd(z); }
    };
    z_stream z{};
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (::inflateInit2(&z, kGzipOnly) != Z_OK) return no_memory();
    const std::unique_ptr<z_stream, Ends> ends(&z);
    Output out(most);
    for (int r = Z_OK; r != Z_STREAM_END;) {
        const auto room = out.room();
        if (room.empty()) return too_large(most);
        const auto in = data.first(std::min<size_t>(data.size(), std::numeric_limits<uInt>::max()));
        const auto some = static_cast<uInt>(std::min<size_t>(room.size(), std::numeric_limits<uInt>::max()));
        z.next_in = const_cast<Bytef*>(in.data());
        z.avail_in = static_cast<uInt>(in.size());
        z.next_out = room.data();
        z.avail_out = some;
        r = ::inflate(&z, Z_NO_FLUSH);
        if (r == Z_MEM_ERROR) return no_memory();
        if (r != Z_OK && r != Z_STREAM_END) return damaged("gzip");  // Z_BUF_ERROR: it ends too early
        data = data.subspan(in.size() - z.avail_in);
        out.filled(some - z.avail_out);
    }
    return out.take();
}

Result<std::vector<u8>> unzstd(std::span<const u8> data, u64 most) {
    struct Frees {
        void operator()(ZSTD_DCtx* z) const { ::ZSTD_freeDCtx(z); }
    };
    const std::unique_ptr<ZSTD_DCtx, Frees> z(::ZSTD_createDCtx());
    if (!z) return no_memory();
    ::ZSTD_DCtx_setParameter(z.get(), ZSTD_d_windowLogMax, kZstdWindowBits);
    ZSTD_inBuffer in{data.data(), data.size(), 0};
    Output out(most);
    for (size_t hint = 1; hint != 0;) {
        const auto room = out.room();
        if (room.empty()) return too_large(most);
        ZSTD_outBuffer to{room.data(), room.size(), 0};
        const size_t before = in.pos;
        hint = ::ZSTD_decompressStream(z.get(), &to, &in);
        if (::ZSTD_isError(hint) || (hint != 0 && in.pos == before && to.pos == 0)) return damaged("zstd");
        out.filled(to.pos);
    }
    return out.take();
}

Result<std::vector<u8>> unxz(std::span<const u8> data, u64 most) {
    struct Ends {
        void operator()(lzma_stream* z) const { ::lzma_end(z); }
    };
    lzma_stream z = LZMA_STREAM_INIT;
    if (::lzma_stream_decoder(&z, kDecoderMemory, LZMA_FAIL_FAST) != LZMA_OK) return no_memory();
    const std::unique_ptr<lzma_stream, Ends> ends(&z);
    z.next_in = data.data();
    z.avail_in = data.size();
    Output out(most);
    for (lzma_ret r = LZMA_OK; r != LZMA_STREAM_END;) {
        const auto room = out.room();
        if (room.empty()) return too_large(most);
        z.next_out = room.data();
        z.avail_out = room.size();
        r = ::lzma_code(&z, LZMA_RUN);
        if (r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR) return no_memory();
        // LZMA_BUF_ERROR: it ends too early
        if (r != LZMA_OK && r != LZMA_STREAM_END) return damaged("xz");
        out.filled(room.size() - z.avail_out);
    }
    return out.take();
}

}  // namespace

std::string_view packing_name(Packing packing) {
    switch (packing) {
        case Packing::None: return "none";
        case Packing::Gzip: return "gzip";
        case Packing::Zstd: return "zstd";
        case Packing::Xz: return "xz";
    }
    return "";
}

Packing packing_of(std::span<const u8> data) {
    if (begins(data, kGzipMagic)) return Packing::Gzip;
    if (begins(data, kZstdMagic)) return Packing::Zstd;
    if (begins(data, kXzMagic)) return Packing::Xz;
    return Packing::None;
}

Result<std::vector<u8>> unpack(Packing packing, std::span<const u8> data, u64 most) {
    switch (packing) {
        case Packing::None: break;
        case Packing::Gzip: return gunzip(data, most);
        case Packing::Zstd: return unzstd(data, most);
        case Packing::Xz: return unxz(data, most);
    }
    if (data.size() > most) return too_large(most);
    return std::vector<u8>(data.begin(), data.end());
}

}  // namespace vm::boot
