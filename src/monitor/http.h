// As much of HTTP/1.1 (RFC 9112) as a page that is only read needs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vm::monitor {

/// Of a request; a longer one is refused.
inline constexpr size_t kMostHead = 8192;

struct HttpRequest {
    int refuse = 0;     ///< the status that answers it, if it is not what we serve; else 0
    bool head = false;  ///< HEAD: the answer has no body
    std::string path;   ///< without the query
};

/// Request line and header lines. Nothing: more bytes are needed.
std::optional<HttpRequest> parse_http(std::string_view bytes);

/// A whole response, after which the connection ends.
std::string http_response(int status, std::string_view type, std::string_view body, bool head);

}  // namespace vm::monitor
