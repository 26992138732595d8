#include "monitor/http.h"

#include <algorithm>

#include "base/format.h"

namespace vm::monitor {
namespace {

/// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
    const auto good = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    };
    return !text.empty() && std::ranges::all_of(text, good);
}

bool is_visible(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

bool same_word(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

/// "/path?query" or "http://host/path?query".
std::optional<std::string> path_of(std::string_view target) {
    constexpr std::string_view kScheme = "http://";
    if (target.size() > kScheme.size() && same_word(target.substr(0, kScheme.size()), kScheme)) {
        target.remove_prefix(kScheme.size());
        const size_t slash = target.find_first_of("/?");
        target = slash == std::string_view::npos || target[slash] == '?' ? "/" : target.substr(slash);
    }
    if (target.empty() || target[0] != '/' || !is_visible(target)) return {};
    return std::string(target.substr(0, target.find('?')));
}

/// The status of a wrong line, else 0.
int parse_request_line(std::string_view line, HttpRequest& out, int* minor) {
    const size_t a = line.find(' '), b = line.rfind(' ');
    if (a == std::string_view::npos || a == b) return 400;
    const std::string_view method = line.substr(0, a), version = line.substr(b + 1);
    if (!is_token(method)) return 400;
    const auto path = path_of(line.substr(a + 1, b - a - 1));
    if (!path) return 400;
    if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') return 400;
    if (version[5] != '1' || version[7] < '0' || version[7] > '9') return 505;
    *minor = version[7] - '0';
    out.path = *path;
    out.head = method == "HEAD";
    return out.head || method == "GET" ? 0 : 405;
}

const char* reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 400: return "Bad Request";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 431: return "Request Header Fields Too Large";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
        default: return "Error";
    }
}

}  // namespace

std::optional<HttpRequest> parse_http(std::string_view bytes) {
    HttpRequest out;
    const auto refused = [&](int status) {
        out.refuse = status;
        return out;
    };
    int minor = 0, hosts = 0, first = 0;
    for (size_t at = 0, lines = 0;; lines++) {
        const size_t end = bytes.find('\n', at);
        if (end == std::string_view::npos || end >= kMostHead) {
            if (bytes.size() >= kMostHead) return refused(431);
            return {};
        }
        std::string_view line = bytes.substr(at, end - at);
        if (line.ends_with('\r')) line.remove_suffix(1);
        at = end + 1;
        if (lines == 0) {
            first = parse_request_line(line, out, &minor);
            if (first == 400) return refused(400);
            continue;
        }
        if (line.empty()) break;
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return refused(400);
        if (std::ranges::any_of(line, [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; }))
            return refused(400);
        hosts += same_word(line.substr(0, colon), "host");
    }
    if (first == 0 && (hosts > 1 || (minor > 0 && hosts == 0))) return refused(400);  // RFC 9112, 3.2
    return refused(first);
}

std::string http_response(int status, std::string_view type, std::string_view body, bool head) {
    return fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}", status,
        reason(status), type, body.size(), status == 405 ? "Allow: GET, HEAD\r\n" : "",
        head ? std::string_view() : body);
}

}  // namespace vm::monitor
