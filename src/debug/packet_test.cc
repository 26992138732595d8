#include "debug/packet.h"

#include <gtest/gtest.h>

#include "debug/signals.h"

namespace vm::debug {
namespace {

using Kind = PacketReader::Item::Kind;

TEST(Packet, FramesAreReadBack) {
    const std::string payload("m}#$*\0x\x80", 8);
    PacketReader r;
    r.feed("+" + frame(payload) + "\x03-");
    EXPECT_EQ(r.next()->kind, Kind::Ack);
    const auto item = r.next();
    ASSERT_TRUE(item);
    EXPECT_EQ(item->kind, Kind::Packet);
    EXPECT_EQ(item->payload, payload);
    EXPECT_EQ(r.next()->kind, Kind::Interrupt);
    EXPECT_EQ(r.next()->kind, Kind::Nak);
    EXPECT_FALSE(r.next());
}

TEST(Packet, ArrivesInPieces) {
    PacketReader r;
    const std::string bytes = frame("qSupported") + frame("g");
    std::vector<std::string> payloads;
    for (const char c : bytes) {
        r.feed(std::string_view(&c, 1));
        while (const auto item = r.next()) payloads.push_back(item->payload);
    }
    EXPECT_EQ(payloads, (std::vector<std::string>{"qSupported", "g"}));
}

TEST(Packet, DamagedOnesAreSaidToBe) {
    PacketReader r;
    r.feed("$g#00$g#67$g#zz");
    EXPECT_EQ(r.next()->kind, Kind::Damaged);
    EXPECT_EQ(r.next()->kind, Kind::Packet);
    EXPECT_EQ(r.next()->kind, Kind::Damaged);
    r.feed("noise$g$m#6d");  // the first has no end
    const auto item = r.next();
    EXPECT_EQ(item->kind, Kind::Packet);
    EXPECT_EQ(item->payload, "m");
}

TEST(Packet, TooLongOnesAreDamaged) {
    PacketReader r;
    r.feed("$" + std::string(3 * kMostPayload, 'a') + "#00" + frame("g"));
    EXPECT_EQ(r.next()->kind, Kind::Damaged);
    EXPECT_EQ(r.next()->payload, "g");
}

TEST(Packet, Numbers) {
    Scanner s("1f,ffffffffffffffff;x");
    EXPECT_EQ(s.hex(), 0x1fu);
    s.expect(",");
    EXPECT_EQ(s.hex(), ~u64{0});
    EXPECT_EQ(s.until(';'), "");
    EXPECT_FALSE(s.failed());
    EXPECT_EQ(s.hex(), 0u);
    EXPECT_TRUE(s.failed());
    Scanner big("10000000000000000");
    big.hex();
    EXPECT_TRUE(big.failed());
    EXPECT_EQ(from_hex("00fF"), std::string("\0\xff", 2));
    EXPECT_FALSE(from_hex("0"));
    EXPECT_FALSE(from_hex("0g"));
}

TEST(Signals, ThereAndBack) {
    for (int n = 1; n <= 64; n++) {
        if (n == 16) continue;  // SIGSTKFLT: GDB has none
        EXPECT_EQ(linux_signal(gdb_signal(n)), n);
    }
    EXPECT_EQ(gdb_signal(10), 30);  // SIGUSR1
    EXPECT_EQ(gdb_signal(7), 10);   // SIGBUS
    EXPECT_EQ(gdb_signal(17), 20);  // SIGCHLD
    EXPECT_EQ(gdb_signal(34), 46);
    EXPECT_EQ(linux_signal(0), 0);
    EXPECT_EQ(linux_signal(143), 0);
}

}  // namespace
}  // namespace vm::debug
