#include "usernet/bridge.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace vm::usernet {
namespace {

std::string refusal(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (std::string& w : words) arguments.push_back(w.data());
    const auto r = parse_arguments(arguments);
    return r ? "" : r.error().message;
}

TEST(Usernet, Arguments) {
    char mtu[] = "1500", access[] = "restricted", forward[] = "udp:7f000001:53:a00020f:5353";
    char* all[] = {mtu, access, forward};
    const auto o = parse_arguments(all);
    ASSERT_TRUE(o) << o.error().message;
    EXPECT_EQ(o->mtu, 1500);
    EXPECT_TRUE(o->restricted);
    ASSERT_EQ(o->forwards.size(), 1u);
    EXPECT_TRUE(o->forwards[0].udp);
    EXPECT_EQ(o->forwards[0].host_address, kLoopback);
    EXPECT_EQ(o->forwards[0].host_port, 53);
    EXPECT_EQ(o->forwards[0].guest_address, kFirstGuest);
    EXPECT_EQ(o->forwards[0].guest_port, 5353);
    EXPECT_NE(refusal({}), "");
    EXPECT_NE(refusal({"100", "open"}), "");
    EXPECT_NE(refusal({"1500x", "open"}), "");
    EXPECT_NE(refusal({"1500", "closed"}), "");
    for (const char* f :
         {"", "tcp:", "icmp:1:1:1:1", "tcp:1:1:1", "tcp:1:1:1:1:1", "tcp:1:99999:1:1", "tcp:1:1:1:1x"})
        EXPECT_NE(refusal({"1500", "open", f}), "") << f;
}

/// vm's end of the socket.
class BridgeTest : public ::testing::Test {
  protected:
    void start(const StackOptions& options) {
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        vm_ = pair[0];
        thread_ = std::thread([this, options, fd = pair[1]] {
            served_ = serve(fd, options);
            ::close(fd);
        });
        timeval limit{20, 0};
        ::setsockopt(vm_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    void TearDown() override { stop(); }
    void stop() {
        if (vm_ >= 0) ::close(vm_);
        vm_ = -1;
        if (thread_.joinable()) thread_.join();
    }
    std::vector<u8> get() {
        std::vector<u8> m(kMaxMessage);
        const ssize_t n = ::recv(vm_, m.data(), m.size(), 0);
        m.resize(n > 0 ? static_cast<size_t>(n) : 0);
        return m;
    }
    void put(Message kind, std::vector<u8> bytes) {
        bytes.insert(bytes.begin(), static_cast<u8>(kind));
        ASSERT_EQ(::send(vm_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    /// The next frame of this Ethernet type and length.
    std::vector<u8> frame(u16 type, size_t least) {
        for (;;) {
            std::vector<u8> m = get();
            if (m.empty()) return m;
            if (m[0] == static_cast<u8>(Message::Frame) && m.size() > least && (m[13] << 8 | m[14]) == type)
                return {m.begin() + 1, m.end()};
        }
    }
    int vm_ = -1;
    std::thread thread_;
    Result<void> served_;
};

/// A DHCP request for an address (RFC 2131), without checksum for UDP.
std::vector<u8> discover() {
    std::vector<u8> f(14 + 20 + 8 + 244);
    const u8 mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    std::fill_n(f.begin(), 6, u8{0xff});
    std::copy_n(mac, 6, f.begin() + 6);
    f[12] = 8;
    u8* ip = &f[14];
    const size_t size = f.size() - 14;
    const u8 head[] = {0x45, 0, static_cast<u8>(size >> 8), static_cast<u8>(size), 0, 0, 0, 0, 64, 17};
    std::copy_n(head, sizeof head, ip);
    std::fill_n(ip + 16, 4, u8{0xff});
    u32 sum = 0;
    for (int i = 0; i < 20; i += 2) sum += static_cast<u32>(ip[i] << 8 | ip[i + 1]);
    sum = ~((sum & 0xffff) + (sum >> 16));
    ip[10] = static_cast<u8>(sum >> 8);
    ip[11] = static_cast<u8>(sum);
    u8* udp = ip + 20;
    udp[1] = 68;
    udp[3] = 67;
    udp[4] = static_cast<u8>((size - 20) >> 8);
    udp[5] = static_cast<u8>(size - 20);
    u8* bootp = udp + 8;
    const u8 start[] = {1, 1, 6, 0, 1, 2, 3, 4};
    std::copy_n(start, sizeof start, bootp);
    std::copy_n(mac, 6, bootp + 28);
    const u8 end[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255};
    std::copy_n(end, sizeof end, bootp + 236);
    return f;
}

TEST_F(BridgeTest, GivesAnAddress) {
    start({});
    EXPECT_EQ(get(), std::vector<u8>{static_cast<u8>(Message::Ready)});
    put(Message::Frame, discover());
    std::vector<u8> offer = frame(0x800, 14 + 20 + 8 + 240);
    ASSERT_FALSE(offer.empty());
    const std::vector<u8> address(offer.begin() + 14 + 20 + 8 + 16, offer.begin() + 14 + 20 + 8 + 20);
    EXPECT_EQ(address, (std::vector<u8>{10, 0, 2, 15}));
    put(Message::Mtu, {0xdc, 0x05});  // 1500
    put(Message::Frame, discover());
    EXPECT_FALSE(frame(0x800, 14 + 20 + 8 + 240).empty());
    stop();
    EXPECT_TRUE(served_) << served_.error().message;
}

TEST_F(BridgeTest, RefusesWhatVmDoesNotSend) {
    start({});
    get();
    put(Message::Frame, {});
    put(Message::Frame, {1, 2, 3});
    put(Message::Mtu, {1, 0});
    thread_.join();
    EXPECT_FALSE(served_);
    stop();
    start({});
    get();
    put(Message::Ready, {1});
    thread_.join();
    EXPECT_FALSE(served_);
}

TEST_F(BridgeTest, SaysThatAPortIsTaken) {
    const int s = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(s, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::getsockname(s, reinterpret_cast<sockaddr*>(&address), &size), 0);
    StackOptions o;
    o.forwards.push_back({true, kLoopback, ntohs(address.sin_port), kFirstGuest, 53});
    start(o);
    const std::vector<u8> m = get();
    ::close(s);
    ASSERT_FALSE(m.empty());
    EXPECT_EQ(m[0], static_cast<u8>(Message::Failed));
    EXPECT_NE(std::string(m.begin() + 1, m.end()).find("UDP port 127.0.0.1:"), std::string::npos);
    stop();
    EXPECT_TRUE(served_);
}

TEST_F(BridgeTest, ForwardsAPort) {
    // A port that is free now.
    const int s = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(s, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::getsockname(s, reinterpret_cast<sockaddr*>(&address), &size), 0);
    ::close(s);
    StackOptions o;
    o.forwards.push_back({false, kLoopback, ntohs(address.sin_port), kFirstGuest, 22});
    start(o);
    ASSERT_EQ(get().size(), 1u);
    put(Message::Mtu, {0xdc, 0x05});  // the stack begins anew, the port stays
    const int c = ::socket(AF_INET, SOCK_STREAM, 0);
    for (int i = 0; i < 1000 && ::connect(c, reinterpret_cast<sockaddr*>(&address), size) != 0; ++i)
        ::usleep(1000);
    EXPECT_FALSE(frame(0x806, 41).empty()) << "somebody looks for the guest";
    ::close(c);
}

}  // namespace
}  // namespace vm::usernet
