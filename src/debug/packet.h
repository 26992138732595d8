// Packets of GDB's remote serial protocol: "$payload#checksum" (GDB manual, "Remote Protocol", "Overview").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bits.h"

namespace vm::debug {

/// The longest payload that is taken or sent, as PacketSize says.
inline constexpr size_t kMostPayload = 0x8000;

/// Finds the packets in what arrives. Any bytes may come.
class PacketReader {
  public:
    struct Item {
        enum class Kind : u8 { Packet, Damaged, Ack, Nak, Interrupt } kind;
        std::string payload;  ///< of a packet: without escapes
    };
    void feed(std::string_view bytes);
    /// The next one, in order; nothing: more bytes are needed.
    std::optional<Item> next();

  private:
    std::string pending_;
    size_t at_ = 0;  ///< of what is not looked at yet
    enum class State : u8 { Between, Payload, Check } state_ = State::Between;
    std::string raw_;
    bool too_long_ = false;
    u8 sum_ = 0;
    std::string check_;
};

/// A packet with this payload: escaped, with its checksum.
std::string frame(std::string_view payload);

// --- numbers and bytes in payloads
std::string to_hex(const void* bytes, size_t size);
inline std::string to_hex(std::string_view text) { return to_hex(text.data(), text.size()); }
/// Nothing: an odd number of digits, or no digits.
std::optional<std::string> from_hex(std::string_view digits);

/// Takes a payload apart from its front. What is not there makes it fail, and it stays so.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : text_(text) {}
    /// A hexadecimal number of at most 64 bits.
    u64 hex();
    /// False: something else comes next (that is no failure).
    bool skip(std::string_view word);
    void expect(std::string_view word) {
        if (!skip(word)) failed_ = true;
    }
    /// Up to the next `end`, or all; `end` is taken, too.
    std::string_view until(char end);
    std::string_view rest();
    bool empty() const { return text_.empty(); }
    bool failed() const { return failed_; }
    /// All was taken, and all of it was right.
    bool done() const { return !failed_ && text_.empty(); }

  private:
    std::string_view text_;
    bool failed_ = false;
};

}  // namespace vm::debug
