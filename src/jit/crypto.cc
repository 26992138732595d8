#include "jit/crypto.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace vm::jit {
namespace {

static_assert(sizeof(PublicKey) == crypto_sign_PUBLICKEYBYTES && sizeof(Signature) == crypto_sign_BYTES &&
              sizeof(SecretKey::Seed) == crypto_sign_SEEDBYTES && crypto_sign_SECRETKEYBYTES == 64);

/// What is signed: these words and the digest, so that a signature for one purpose serves no other.
constexpr std::string_view kPurpose = "vm cache bundle\n";
using Message = std::array<u8, kPurpose.size() + sizeof(Digest)>;

Message message(const Digest& digest) {
    Message m;
    std::ranges::copy(digest, std::ranges::copy(kPurpose, m.begin()).out);
    return m;
}

}  // namespace

Result<void> prepare_crypto() {
    if (::sodium_init() < 0) return fail(ErrorKind::Resource, "libsodium cannot be initialized");
    return {};
}

Digest digest(std::initializer_list<std::span<const u8>> parts) {
    Digest d;
    crypto_generichash_state state;
    ::crypto_generichash_init(&state, nullptr, 0, d.size());
    for (const std::span<const u8> p : parts) ::crypto_generichash_update(&state, p.data(), p.size());
    ::crypto_generichash_final(&state, d.data(), d.size());
    return d;
}

SecretKey SecretKey::generate() {
    Seed seed;
    ::randombytes_buf(seed.data(), seed.size());
    SecretKey key(seed);
    wipe(seed.data(), seed.size());
    return key;
}

SecretKey::SecretKey(const Seed& seed) {
    ::crypto_sign_seed_keypair(public_.data(), secret_.data(), seed.data());
}

SecretKey::~SecretKey() { wipe(secret_.data(), secret_.size()); }

SecretKey::Seed SecretKey::seed() const {
    Seed s;
    ::crypto_sign_ed25519_sk_to_seed(s.data(), secret_.data());
    return s;
}

Signature SecretKey::sign(const Digest& digest) const {
    const Message m = message(digest);
    Signature s;
    ::crypto_sign_detached(s.data(), nullptr, m.data(), m.size(), secret_.data());
    return s;
}

bool verify(const Signature& signature, const Digest& digest, const PublicKey& key) {
    const Message m = message(digest);
    return ::crypto_sign_verify_detached(signature.data(), m.data(), m.size(), key.data()) == 0;
}

std::string to_hex(std::span<const u8> bytes) {
    std::string text(2 * bytes.size() + 1, 0);
    ::sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
    text.pop_back();
    return text;
}

bool from_hex(std::string_view text, std::span<u8> bytes) {
    size_t n = 0;
    const char* end = nullptr;
    return text.size() == 2 * bytes.size() &&
           ::sodium_hex2bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &n, &end) == 0 &&
           n == bytes.size() && end == text.data() + text.size();
}

void wipe(void* data, u64 bytes) { ::sodium_memzero(data, bytes); }

}  // namespace vm::jit
