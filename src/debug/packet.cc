#include "debug/packet.h"

namespace vm::debug {
namespace {

constexpr char kDigits[] = "0123456789abcdef";
constexpr char kEscape = '}';
constexpr char kEscapeBit = 0x20;

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string unescape(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (size_t i = 0; i < raw.size(); i++) {
        if (raw[i] == kEscape && i + 1 < raw.size())
            out += static_cast<char>(raw[++i] ^ kEscapeBit);
        else
            out += raw[i];
    }
    return out;
}

}  // namespace

void PacketReader::feed(std::string_view bytes) {
    pending_.erase(0, at_);
    at_ = 0;
    pending_ += bytes;
}

std::optional<PacketReader::Item> PacketReader::next() {
    constexpr char kInterrupt = 3;
    while (at_ < pending_.size()) {
        const char c = pending_[at_++];
        switch (state_) {
            case State::Between:
                if (c == '+') return Item{Item::Kind::Ack, {}};
                if (c == '-') return Item{Item::Kind::Nak, {}};
                if (c == kInterrupt) return Item{Item::Kind::Interrupt, {}};
                if (c != '$') break;  // noise
                state_ = State::Payload;
                raw_.clear();
                too_long_ = false;
                sum_ = 0;
                break;
            case State::Payload:
                if (c == '#') {
                    state_ = State::Check;
                    check_.clear();
                    break;
                }
                if (c == '$') {  // a new one begins: the end of the last is lost
                    raw_.clear();
                    too_long_ = false;
                    sum_ = 0;
                    break;
                }
                sum_ = static_cast<u8>(sum_ + static_cast<u8>(c));
                if (raw_.size() >= 2 * kMostPayload)
                    too_long_ = true;
                else
                    raw_ += c;
                break;
            case State::Check: {
                check_ += c;
                if (check_.size() < 2) break;
                state_ = State::Between;
                const auto sum = from_hex(check_);
                if (too_long_ || !sum || static_cast<u8>((*sum)[0]) != sum_)
                    return Item{Item::Kind::Damaged, {}};
                return Item{Item::Kind::Packet, unescape(raw_)};
            }
        }
    }
    return std::nullopt;
}

std::string frame(std::string_view payload) {
    std::string out = "$";
    u8 sum = 0;
    const auto put = [&](char c) {
        out += c;
        sum = static_cast<u8>(sum + static_cast<u8>(c));
    };
    for (const char c : payload) {
        if (c == '$' || c == '#' || c == kEscape || c == '*') {
            put(kEscape);
            put(static_cast<char>(c ^ kEscapeBit));
        } else {
            put(c);
        }
    }
    out += '#';
    out += to_hex(&sum, 1);
    return out;
}

std::string to_hex(const void* bytes, size_t size) {
    const u8* const p = static_cast<const u8*>(bytes);
    std::string out;
    out.reserve(2 * size);
    for (size_t i = 0; i < size; i++) {
        out += kDigits[p[i] >> 4];
        out += kDigits[p[i] & 15];
    }
    return out;
}

std::optional<std::string> from_hex(std::string_view digits) {
    if (digits.size() % 2 != 0) return std::nullopt;
    std::string out;
    out.reserve(digits.size() / 2);
    for (size_t i = 0; i < digits.size(); i += 2) {
        const int high = digit(digits[i]), low = digit(digits[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high << 4 | low);
    }
    return out;
}

u64 Scanner::hex() {
    u64 v = 0;
    size_t n = 0;
    for (; n < text_.size() && digit(text_[n]) >= 0; n++) {
        if (v >> 60 != 0) failed_ = true;
        v = v << 4 | static_cast<u64>(digit(text_[n]));
    }
    if (n == 0) failed_ = true;
    text_.remove_prefix(n);
    return failed_ ? 0 : v;
}

bool Scanner::skip(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
}

std::string_view Scanner::until(char end) {
    const size_t n = text_.find(end);
    const std::string_view out = text_.substr(0, n);
    text_.remove_prefix(n == std::string_view::npos ? text_.size() : n + 1);
    return out;
}

std::string_view Scanner::rest() {
    const std::string_view out = text_;
    text_ = {};
    return out;
}

}  // namespace vm::debug
