#include "cli/key_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/format.h"
#include "osal/file.h"

namespace vm::cli {
namespace {

constexpr std::string_view kSecret = "vm-cache-secret-key ", kPublic = "vm-cache-public-key ";

/// A line of text that is wiped when it goes.
struct KeyText {
    char data[128];
    u64 size = 0;
    KeyText() = default;
    ~KeyText() { jit::wipe(data, sizeof data); }
    KeyText(const KeyText&) = delete;
    KeyText& operator=(const KeyText&) = delete;
    std::string_view line() const {
        const std::string_view all(data, size);
        return all.ends_with('\n') ? all.substr(0, size - 1) : all;
    }
};

Result<void> read(const std::string& path, KeyText& text) {
    const osal::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd.get() < 0) return osal::fail_errno(fmt::format("{}: cannot be opened", path));
    while (text.size < sizeof text.data) {
        const ssize_t n = ::read(fd.get(), text.data + text.size, sizeof text.data - text.size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return osal::fail_errno(fmt::format("{}: cannot be read", path));
        if (n == 0) break;
        text.size += static_cast<u64>(n);
    }
    return {};
}

Result<void> read_key(const std::string& path, std::string_view word, std::span<u8> key) {
    if (auto r = jit::prepare_crypto(); !r) return r;
    KeyText text;
    if (auto r = read(path, text); !r) return r;
    const std::string_view line = text.line();
    if (line.starts_with(word) && jit::from_hex(line.substr(word.size()), key)) return {};
    return fail(ErrorKind::InvalidArgument, fmt::format("{}: is no {} key made by vm cache keygen", path,
                                                        word == kSecret ? "secret" : "public"));
}

Result<void> write_key(const std::string& path, unsigned mode, std::string_view word,
                       std::span<const u8> key) {
    auto file = osal::NewFile::create(path, mode);
    if (!file) return std::unexpected(file.error());
    std::string hex = jit::to_hex(key);
    file->write(0, word.data(), word.size());
    file->write(word.size(), hex.data(), hex.size());
    file->write(word.size() + hex.size(), "\n", 1);
    jit::wipe(hex.data(), hex.size());
    return file->publish_new();
}

}  // namespace

Result<jit::PublicKey> make_key_files(const std::string& name) {
    if (name.empty() || name.ends_with('/'))
        return fail(ErrorKind::InvalidArgument, fmt::format("'{}' is no name for key files", name));
    if (auto r = jit::prepare_crypto(); !r) return std::unexpected(r.error());
    const jit::SecretKey key = jit::SecretKey::generate();
    jit::SecretKey::Seed seed = key.seed();
    auto r = write_key(name + ".key", 0600, kSecret, seed);
    jit::wipe(seed.data(), seed.size());
    if (!r) return std::unexpected(r.error());
    r = write_key(name + ".pub", 0666, kPublic, key.public_key());
    if (r) return key.public_key();
    ::unlink((name + ".key").c_str());
    return std::unexpected(r.error());
}

Result<jit::SecretKey> read_secret_key(const std::string& path) {
    jit::SecretKey::Seed seed{};
    auto r = read_key(path, kSecret, seed);
    if (!r) return std::unexpected(r.error());
    Result<jit::SecretKey> key(jit::SecretKey{seed});
    jit::wipe(seed.data(), seed.size());
    return key;
}

Result<jit::PublicKey> read_public_key(const std::string& path) {
    jit::PublicKey key{};
    if (auto r = read_key(path, kPublic, key); !r) return std::unexpected(r.error());
    return key;
}

}  // namespace vm::cli
