// BLAKE2b and Ed25519, for what comes from other machines. The only file pair that names libsodium.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/bits.h"
#include "base/result.h"

namespace vm::jit {

using Digest = std::array<u8, 32>;
using PublicKey = std::array<u8, 32>;
using Signature = std::array<u8, 64>;

/// To be called before anything else here; more than once is fine.
Result<void> prepare_crypto();

/// BLAKE2b-256 of the parts, one after the other.
Digest digest(std::initializer_list<std::span<const u8>> parts);

/// An Ed25519 key pair. Its memory is wiped when it goes.
class SecretKey {
  public:
    using Seed = std::array<u8, 32>;  ///< what it is made from, and what a key file holds
    static SecretKey generate();
    explicit SecretKey(const Seed& seed);
    ~SecretKey();
    SecretKey(const SecretKey&) = default;
    SecretKey& operator=(const SecretKey&) = delete;
    const PublicKey& public_key() const { return public_; }
    Seed seed() const;
    Signature sign(const Digest& digest) const;

  private:
    PublicKey public_;
    std::array<u8, 64> secret_;
};
bool verify(const Signature& signature, const Digest& digest, const PublicKey& key);

std::string to_hex(std::span<const u8> bytes);
/// False: not exactly the hexadecimal digits of `bytes.size()` bytes.
bool from_hex(std::string_view text, std::span<u8> bytes);
void wipe(void* data, u64 bytes);

}  // namespace vm::jit
