#include "monitor/http.h"

#include <gtest/gtest.h>

namespace vm::monitor {
namespace {

int status(std::string_view bytes) {
    const auto r = parse_http(bytes);
    return r ? r->refuse : -1;
}

TEST(Http, GetAndHead) {
    const auto get = parse_http("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
    ASSERT_TRUE(get);
    EXPECT_EQ(get->refuse, 0);
    EXPECT_EQ(get->path, "/metrics");
    EXPECT_FALSE(get->head);
    const auto head = parse_http("HEAD http://a:1/metrics?x=1 HTTP/1.1\nhOST: a\n\n");
    ASSERT_TRUE(head);
    EXPECT_EQ(head->refuse, 0);
    EXPECT_EQ(head->path, "/metrics");
    EXPECT_TRUE(head->head);
    EXPECT_EQ(parse_http("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n")->path, "/");
    EXPECT_EQ(status("GET / HTTP/1.0\r\n\r\n"), 0);  // needs no host
}

TEST(Http, WaitsForMore) {
    const std::string_view whole = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    for (size_t n = 0; n < whole.size(); n++) EXPECT_EQ(status(whole.substr(0, n)), -1) << n;
    EXPECT_EQ(status(whole), 0);
}

TEST(Http, Refused) {
    const struct {
        const char* bytes;
        int status;
    } cases[] = {
        {"\r\n", 400},
        {"GET\r\n", 400},
        {"GET /\r\n", 400},
        {"GET  HTTP/1.1\r\n", 400},
        {"GET metrics HTTP/1.1\r\n", 400},
        {"GET /a b HTTP/1.1\r\n", 400},
        {"GET /\x80 HTTP/1.1\r\n", 400},
        {"G(T / HTTP/1.1\r\n", 400},
        {"GET / HTTP/1.\r\n", 400},
        {"GET / JTTP/1.1\r\n", 400},
        {"GET / HTTP/2.0\r\n\r\n", 505},
        {"POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 405},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost a\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\x01\r\n", 400},
        {"GET / HTTP/1.1\r\n Host: a\r\n", 400},
    };
    for (const auto& c : cases) EXPECT_EQ(status(c.bytes), c.status) << c.bytes;
    EXPECT_EQ(status("GET /" + std::string(kMostHead, 'a')), 431);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(kMostHead, 'a') + "\r\n\r\n"), 431);
}

TEST(Http, Responses) {
    EXPECT_EQ(
        http_response(200, "text/plain", "hello", false),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    EXPECT_EQ(
        http_response(405, "text/plain", "hello", true),
        "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nAllow: GET, "
        "HEAD\r\nConnection: close\r\n\r\n");
}

}  // namespace
}  // namespace vm::monitor
