#include "monitor/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

#include "base/bits.h"

namespace vm::monitor {
namespace {

std::string directory() {
    char name[] = "/tmp/vm-monitor-XXXXXX";
    return ::mkdtemp(name);
}

osal::Fd connect_unix(const std::string& path) {
    osal::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    path.copy(a.sun_path, sizeof a.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) return osal::Fd();
    return fd;
}

void say(const osal::Fd& fd, std::string_view text) {
    ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

/// All that comes until the other end closes; "late" if it does not.
std::string hear(const osal::Fd& fd) {
    std::string out;
    char buffer[4096];
    for (;;) {
        pollfd p{fd.get(), POLLIN, 0};
        if (::poll(&p, 1, 20'000) <= 0) return "late";
        const ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
        if (n <= 0) return n < 0 ? "reset" : out;
        out.append(buffer, static_cast<size_t>(n));
    }
}

constexpr std::string_view kGet = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

class ServerTest : public testing::Test {
  protected:
    void SetUp() override {
        dir_ = directory();
        path_ = dir_ + "/socket";
        auto endpoint = Endpoint::listen("unix:" + path_);
        ASSERT_TRUE(endpoint) << endpoint.error().message;
        auto server =
            Server::start(std::move(*endpoint), [this] { return page_; }, {.read_ms = 300, .drain_ms = 100});
        ASSERT_TRUE(server);
        server_ = std::move(*server);
    }
    void TearDown() override {
        server_.reset();
        EXPECT_EQ(::rmdir(dir_.c_str()), 0) << "the socket was left";
    }
    std::string ask(std::string_view request) {
        const osal::Fd fd = connect_unix(path_);
        say(fd, request);
        return hear(fd);
    }
    std::string dir_, path_;
    Result<std::string> page_ = "a 1\n";
    std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, ServesThePage) {
    const std::string answer = ask(kGet);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\na 1\n")) << answer;
    EXPECT_NE(answer.find("text/plain; version=0.0.4"), std::string::npos);
    EXPECT_TRUE(ask("GET /other HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 404 "));
    EXPECT_TRUE(ask("DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 405 "));
    EXPECT_TRUE(ask("nonsense\n").starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n\r\n"));
}

TEST_F(ServerTest, AnErrorIsAnAnswer) {
    page_ = fail(ErrorKind::NotFound, "there is nothing");
    const std::string answer = ask(kGet);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("there is nothing\n")) << answer;
}

TEST_F(ServerTest, LargePages) {
    page_ = std::string(8 << 20, 'x');
    EXPECT_GT(ask(kGet).size(), size_t{8} << 20);
}

TEST_F(ServerTest, TheSocketIsTheUsersOnly) {
    struct stat st {};
    ASSERT_EQ(::stat(path_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_F(ServerTest, MoreThanWasAskedForStillGetsTheAnswer) {
    const std::string answer = ask(std::string(kGet) + std::string(20'000, 'x'));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
}

TEST_F(ServerTest, TooLongARequest) {
    const std::string answer = ask("GET /" + std::string(20'000, 'x'));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 431 ")) << answer;
}

TEST_F(ServerTest, SilentClientsDoNotKeepOthersAway) {
    std::vector<osal::Fd> silent;
    for (int n = 0; n < 12; n++) silent.push_back(connect_unix(path_));
    say(silent[0], "GET /met");
    EXPECT_TRUE(ask(kGet).starts_with("HTTP/1.1 200 OK\r\n"));
    for (int n = 0; n < 12; n++) silent.push_back(connect_unix(path_));  // more than are served at a time
    EXPECT_TRUE(ask(kGet).starts_with("HTTP/1.1 200 OK\r\n"));           // after their time
    EXPECT_TRUE(hear(silent[0]).starts_with("HTTP/1.1 408 "));
}

TEST(Endpoint, Addresses) {
    for (const char* where : {":0", "localhost:0", "127.0.0.1:0"}) {
        const auto e = Endpoint::listen(where);
        ASSERT_TRUE(e) << e.error().message;
        EXPECT_FALSE(e->is_public());
        EXPECT_FALSE(e->name().ends_with(":0"));
    }
    const auto open = Endpoint::listen("0.0.0.0:0");
    ASSERT_TRUE(open) << open.error().message;
    EXPECT_TRUE(open->is_public());
    const auto again = Endpoint::listen(open->name());
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().message.find(open->name()), std::string::npos);
    for (const char* where : {"", ":", "9100", "host.example:80", "1.2.3:80", "127.0.0.1:", "127.0.0.1:65536",
                              "127.0.0.1:-1", "127.0.0.1:9x", "[::1:80", "::1:80", "unix:"})
        EXPECT_EQ(Endpoint::listen(where).error().kind, ErrorKind::InvalidArgument) << where;
}

TEST(Endpoint, SocketFiles) {
    const std::string dir = directory(), path = dir + "/s";
    {
        auto first = Endpoint::listen("unix:" + path);
        ASSERT_TRUE(first);
        EXPECT_FALSE(Endpoint::listen("unix:" + path)) << "somebody listens there";
        EXPECT_EQ(::access(path.c_str(), F_OK), 0);
        first->abandon();  // as if it had been killed
    }
    EXPECT_EQ(::access(path.c_str(), F_OK), 0);
    EXPECT_TRUE(Endpoint::listen("unix:" + path)) << "nobody does any more";
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
    FILE* file = std::fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fclose(file);
    EXPECT_FALSE(Endpoint::listen("unix:" + path)) << "no socket";
    EXPECT_EQ(::unlink(path.c_str()), 0);
    EXPECT_FALSE(Endpoint::listen("unix:" + std::string(200, 'x')));
    EXPECT_FALSE(Endpoint::listen("unix:" + dir + "/none/s"));
    EXPECT_EQ(::rmdir(dir.c_str()), 0);
}

}  // namespace
}  // namespace vm::monitor
