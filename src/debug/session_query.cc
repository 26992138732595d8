// Packets q, Q and vFile.
#include <algorithm>

#include "base/format.h"
#include "debug/session.h"
#include "debug/signals.h"

namespace vm::debug {
namespace {

constexpr int kNoSuchThread = 3, kBadAddress = 14, kInvalid = 22;

/// CRC-32 as the packet qCRC has it: polynomial 0x04c11db7, not reflected, starts with ones.
u32 crc32(u32 crc, std::span<const u8> bytes) {
    constexpr u32 kPolynomial = 0x04c1'1db7;
    for (const u8 byte : bytes) {
        crc ^= u32{byte} << 24;
        for (int n = 0; n < 8; n++) crc = crc << 1 ^ (crc >> 31 != 0 ? kPolynomial : 0);
    }
    return crc;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const size_t begin = text.find_first_not_of(" \t\n");
        if (begin == std::string_view::npos) break;
        const size_t end = std::min(text.find_first_of(" \t\n", begin), text.size());
        words.emplace_back(text.substr(begin, end - begin));
        text.remove_prefix(end);
    }
    return words;
}

}  // namespace

bool Session::query(Scanner s) {
    if (s.skip("qSupported")) {
        supported(s);
    } else if (s.skip("qXfer:")) {
        return transfer(s);
    } else if (s.skip("qfThreadInfo")) {
        thread_list();
    } else if (s.skip("qsThreadInfo")) {
        reply("l");
    } else if (s.skip("qThreadExtraInfo,")) {
        const u64 thread = s.hex();
        if (!s.done() || !exists(thread)) return reply_error(kNoSuchThread), true;
        reply(to_hex(target_.thread_text(thread)));
    } else if (s.skip("qCRC:")) {
        crc(s);
    } else if (s.skip("qC")) {
        reply(fmt::format("QC{:x}", current_));
    } else if (s.skip("qAttached")) {
        reply(target_.was_running() ? "1" : "0");
    } else if (s.skip("qSymbol")) {
        reply("OK");
    } else if (s.skip("qRcmd,")) {
        monitor(s.rest());
    } else if (s.skip("vFile:")) {
        const auto answer = target_.file(s.rest());
        reply(answer.value_or(""));
    } else {
        return false;
    }
    return true;
}

bool Session::setting(Scanner s) {
    if (s.skip("QStartNoAckMode")) {
        reply("OK");
        acks_ = false;
        return true;
    }
    if (!s.skip("QPassSignals:")) return false;
    u64 set = 0;
    while (!s.empty()) {
        const int n = linux_signal(static_cast<int>(s.hex() & 0xff));
        if (n != 0) set |= u64{1} << (n - 1);
        if (!s.empty()) s.expect(";");
        if (s.failed()) return reply_error(kInvalid), true;
    }
    target_.pass_signals(set);
    reply("OK");
    return true;
}

void Session::supported(Scanner& s) {
    s.skip(":");
    while (!s.empty()) {
        const std::string_view word = s.until(';');
        swbreak_ |= word == "swbreak+";
        hwbreak_ |= word == "hwbreak+";
    }
    std::string out = fmt::format(
        "PacketSize={:x};QStartNoAckMode+;swbreak+;hwbreak+;vContSupported+;QPassSignals+;"
        "binary-upload+;qXfer:features:read+",
        kMostPayload);
    for (const char* object : {"auxv", "exec-file"})
        if (target_.object(object)) out += fmt::format(";qXfer:{}:read+", object);
    reply(out);
}

/// "OBJECT:read:ANNEX:OFFSET,LENGTH"
bool Session::transfer(Scanner& s) {
    const std::string_view object = s.until(':'), how = s.until(':'), annex = s.until(':');
    if (how != "read") return false;
    if (object == "features") {
        annex == "target.xml" ? reply_object(xml_, s) : reply("E00");
        return true;
    }
    const auto text = target_.object(object);
    if (!text) return false;
    reply_object(*text, s);
    return true;
}

void Session::thread_list() {
    std::string out = "m";
    for (const u64 thread : target_.threads())
        out += fmt::format("{}{:x}", out.size() > 1 ? "," : "", thread);
    reply(out.size() > 1 ? out : "l");
}

/// "ADDRESS,LENGTH" of qCRC.
void Session::crc(Scanner& s) {
    u64 address = s.hex();
    s.expect(",");
    u64 length = s.hex();
    constexpr u64 kMost = u64{64} << 20;
    if (!s.done() || length > kMost) return reply_error(kInvalid);
    u32 sum = ~u32{0};
    std::vector<u8> bytes(4096);
    while (length != 0) {
        const size_t want = std::min<u64>(length, bytes.size());
        if (target_.read_memory(thread(), address, std::span(bytes).first(want)) != want)
            return reply_error(kBadAddress);
        sum = crc32(sum, std::span(bytes).first(want));
        address += want;
        length -= want;
    }
    reply(fmt::format("C{:x}", sum));
}

/// A command of the debugger's `monitor`.
void Session::monitor(std::string_view hex) {
    const auto text = from_hex(hex);
    if (!text) return reply_error(kInvalid);
    const std::vector<std::string> words = words_of(*text);
    std::string out;
    if (words.empty() || (words.size() == 1 && words[0] == "help")) {
        out = "help: this list\n";
        for (const Command& c : target_.commands()) out += fmt::format("{}: {}\n", c.usage, c.help);
    } else {
        out = target_.command(thread(), words)
                  .value_or(fmt::format("no command '{}'; 'monitor help' lists them\n", *text));
    }
    if (over_) return;
    constexpr size_t kPart = kMostPayload / 2 - 16;
    for (size_t at = 0; at < out.size(); at += kPart)
        reply("O" + to_hex(std::string_view(out).substr(at, kPart)));
    reply("OK");
}

}  // namespace vm::debug
