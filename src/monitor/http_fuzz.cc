// libFuzzer: any bytes as an HTTP request. What is accepted keeps the parser's promises, and how the bytes
// are cut makes no difference.
#include <cstdint>
#include <cstdlib>

#include "monitor/http.h"

namespace {
using namespace vm::monitor;

void require(bool promise) {
    if (!promise) std::abort();
}
void check(const HttpRequest& r) {
    constexpr int kKnown[] = {0, 400, 405, 431, 505};
    bool known = false;
    for (const int status : kKnown) known |= r.refuse == status;
    require(known);
    if (r.refuse != 0) return;
    require(r.path.starts_with('/') && r.path.size() < kMostHead && r.path.find('?') == std::string::npos);
    for (const char c : r.path) require(c > ' ' && c < 0x7f);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const auto whole = parse_http(all);
    if (whole) check(*whole);
    if (size >= kMostHead) require(whole.has_value());
    // As a server sees it: more and more of the same bytes.
    for (size_t n = 0; n <= size; n += 1 + size / 64) {
        const auto part = parse_http(all.substr(0, n));
        if (!part) continue;
        require(whole.has_value());
        if (part->refuse == 0)
            require(whole->refuse == 0 && whole->path == part->path && whole->head == part->head);
        break;
    }
    return 0;
}
