#include "device/net_user.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>

namespace vm::device {
namespace {

/// A card that keeps what it gets.
struct Card final : NetPort {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::vector<u8>> frames;
    std::vector<NetHeader> headers;
    bool up = true, room = true;
    bool receive(const NetHeader& header, std::span<const u8> frame) override {
        const std::lock_guard lock(mutex);
        if (!room) return false;
        frames.emplace_back(frame.begin(), frame.end());
        headers.push_back(header);
        changed.notify_all();
        return true;
    }
    void set_link(bool now) override {
        const std::lock_guard lock(mutex);
        up = now;
        changed.notify_all();
    }
    template <class F>
    bool wait(F condition) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, std::chrono::seconds(20), condition);
    }
};

NetUserOptions options() {
    const auto own = std::filesystem::read_symlink("/proc/self/exe");
    NetUserOptions o;
    o.program = (own.parent_path() / "vm-usernet").string();
    return o;
}

struct NetUserTest : ::testing::Test {
    Card card;
    std::string complaint;
    std::unique_ptr<NetUser> user;
    void start(const NetUserOptions& o) {
        auto r = NetUser::start_process(o, [this](const std::string& text) {
            const std::lock_guard lock(card.mutex);
            complaint = text;
            card.changed.notify_all();
        });
        ASSERT_TRUE(r) << r.error().message;
        user = std::move(*r);
        user->connect(card);
        user->start(kNetMtu);
    }
    void TearDown() override {
        if (user) user->disconnect();
    }
    /// Asks who has 10.0.2.2.
    void ask() {
        std::vector<u8> arp(42);
        const u8 head[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 8,  6, 0, 1,
                           8,    0,    6,    4,    0,    1,    0x52, 0x54, 0, 0x12, 0x34, 0x56, 10, 0, 2, 15};
        std::copy(std::begin(head), std::end(head), arp.begin());
        const u8 target[] = {10, 0, 2, 2};
        std::copy(std::begin(target), std::end(target), arp.begin() + 38);
        user->send(NetHeader{}, arp);
    }
    bool answered(size_t count) {
        return card.wait([&] {
            size_t n = 0;
            for (const auto& f : card.frames)
                n += f.size() >= 42 && f[12] == 8 && f[13] == 6 && f[21] == 2 && f[31] == 2;
            return n >= count;
        });
    }
};

TEST_F(NetUserTest, TheHostAnswers) {
    start(options());
    ask();
    EXPECT_TRUE(answered(1));
    EXPECT_EQ(card.headers[0].flags, NetHeader::kDataValid);
}

TEST_F(NetUserTest, FramesWaitForRoom) {
    start(options());
    card.room = false;
    for (int i = 0; i < 5; ++i) ask();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    {
        const std::lock_guard lock(card.mutex);
        EXPECT_TRUE(card.frames.empty());
        card.room = true;
    }
    user->receive_possible();
    EXPECT_TRUE(answered(5));
}

TEST_F(NetUserTest, AnotherMtu) {
    start(options());
    user->start(0);
    ask();
    EXPECT_TRUE(answered(1));
}

TEST_F(NetUserTest, TheProcessEnds) {
    start(options());
    // The only child of this test that runs vm-usernet.
    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    pid_t child = 0;
    ASSERT_TRUE(children >> child);
    ::kill(child, SIGKILL);
    EXPECT_TRUE(card.wait([&] { return !card.up && !complaint.empty(); }));
    EXPECT_NE(complaint.find("link is down"), std::string::npos);
    ask();  // goes nowhere
}

TEST_F(NetUserTest, RefusesAPortInUse) {
    const int s = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(s, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(s, 1), 0);
    ASSERT_EQ(::getsockname(s, reinterpret_cast<sockaddr*>(&address), &size), 0);
    NetUserOptions o = options();
    o.forwards.push_back({false, usernet::kLoopback, ntohs(address.sin_port), usernet::kFirstGuest, 22});
    const auto r = NetUser::start_process(o, [](const std::string&) {});
    ::close(s);
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().message.find("127.0.0.1:" + std::to_string(ntohs(address.sin_port))),
              std::string::npos)
        << r.error().message;
}

TEST_F(NetUserTest, RefusesAMissingProgram) {
    NetUserOptions o = options();
    o.program = "/nonexistent/vm-usernet";
    const auto r = NetUser::start_process(o, [](const std::string&) {});
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().message.find("/nonexistent/vm-usernet"), std::string::npos);
    o.program = "/bin/true";
    EXPECT_FALSE(NetUser::start_process(o, [](const std::string&) {}));
}

}  // namespace
}  // namespace vm::device
