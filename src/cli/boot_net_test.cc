#include "cli/boot_net.h"

#include <gtest/gtest.h>

namespace vm::cli {
namespace {

soc::NetCard card(const std::string& text) {
    auto r = parse_nets({text});
    EXPECT_TRUE(r) << r.error().message;
    return r ? r->at(0) : soc::NetCard{};
}

std::string refusal(const std::vector<std::string>& texts) {
    const auto r = parse_nets(texts);
    return r ? "" : r.error().message;
}

TEST(BootNet, User) {
    const auto plain = card("user");
    EXPECT_EQ(plain.kind, soc::NetCard::Kind::User);
    EXPECT_FALSE(plain.restricted);
    EXPECT_FALSE(plain.mac);
    EXPECT_TRUE(plain.program.ends_with("/vm-usernet"));
    const auto all = card(
        "user,hostfwd=tcp::2222-:22,hostfwd=udp:0.0.0.0:53-10.0.2.20:5353,mac=02:00:00:00:00:aF,restrict=on,"
        "mtu=1500");
    EXPECT_TRUE(all.restricted);
    EXPECT_EQ(all.mtu, 1500);
    EXPECT_EQ(*all.mac, (std::array<u8, 6>{2, 0, 0, 0, 0, 0xaf}));
    ASSERT_EQ(all.forwards.size(), 2u);
    EXPECT_EQ(all.forwards[0].host_address, usernet::kLoopback);
    EXPECT_EQ(all.forwards[0].host_port, 2222);
    EXPECT_EQ(all.forwards[0].guest_address, usernet::kFirstGuest);
    EXPECT_EQ(all.forwards[0].guest_port, 22);
    EXPECT_TRUE(all.forwards[1].udp);
    EXPECT_EQ(all.forwards[1].host_address, 0u);
    EXPECT_EQ(all.forwards[1].guest_address, 0x0a000214u);
}

TEST(BootNet, TapAndNone) {
    EXPECT_EQ(card("tap,ifname=tap0").interface, "tap0");
    EXPECT_TRUE(parse_nets({})->empty());
    EXPECT_TRUE(parse_nets({"none"})->empty());
    EXPECT_EQ(parse_nets({"user", "tap,ifname=t"})->size(), 2u);
}

TEST(BootNet, Refusals) {
    const std::pair<const char*, const char*> wrong[] = {
        {"", "user, tap or none"},
        {"bridge", "user, tap or none"},
        {"none,mtu=1", "user, tap or none"},
        {"user,fast", "NAME=VALUE"},
        {"user,ifname=tap0", "ifname"},
        {"user,restrict=yes", "on or off"},
        {"user,mtu=100", "576 to 65520"},
        {"user,mtu=1500x", "576 to 65520"},
        {"user,mac=1:2:3:4:5:6", "address of a network card"},
        {"user,mac=52:54:00:12:34:5g", "address of a network card"},
        {"user,mac=52:54:00:12:34:-1", "address of a network card"},
        {"user,mac=01:00:00:00:00:00", "group"},
        {"user,mac=00:00:00:00:00:00", "group"},
        {"user,hostfwd=2222-22", "is not tcp|udp"},
        {"user,hostfwd=icmp::2222-:22", "is not tcp|udp"},
        {"user,hostfwd=tcp::2222:22", "is not tcp|udp"},
        {"user,hostfwd=tcp:localhost:2222-:22", "'localhost' is no IPv4 address"},
        {"user,hostfwd=tcp::0-:22", "'0' is no port"},
        {"user,hostfwd=tcp::65536-:22", "'65536' is no port"},
        {"user,hostfwd=tcp::22-:", "'' is no port"},
        {"user,hostfwd=tcp::22-192.168.1.1:22", "not in the guest's network"},
        {"tap", "ifname="},
        {"tap,ifname=", "ifname="},
        {"tap,ifname=t,hostfwd=tcp::1-:1", "hostfwd"}};
    for (const auto& [text, words] : wrong) {
        const std::string r = refusal({text});
        EXPECT_NE(r.find(words), std::string::npos) << text << ": " << r;
        EXPECT_TRUE(r.starts_with("--net ")) << r;
    }
    EXPECT_NE(refusal({"none", "user"}).find("other --net"), std::string::npos);
    EXPECT_NE(refusal({"user", "none"}).find("other --net"), std::string::npos);
}

}  // namespace
}  // namespace vm::cli
