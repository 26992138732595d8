// A sample of `vm top` as text and as JSON.
#pragma once

#include <string>
#include <string_view>

#include "cli/top_sample.h"

namespace vm::cli {

/// At most `columns` characters of `text`. Whatever a terminal might obey is shown as '?', an end of a word
/// as a blank.
std::string printable(std::string_view text, size_t columns);
/// At most 6 characters: "99999", "123k", "1.23M".
std::string short_count(double value);
/// "850 ns", "12.3 us", "4.56 ms", "1.23 s"
std::string short_time(u64 ns);
/// "512 B", "12.3 MiB"
std::string short_bytes(u64 bytes);
/// "0:01:23", "2d 03:04:05"
std::string clock_text(double seconds);

struct TextSize {
    size_t columns = ~size_t{0}, lines = ~size_t{0};
};
/// Lines, each with its end. Rates are since `before`; without it there are none.
std::string top_text(const TopSample& now, const TopSample* before, const TextSize& size);
/// One object on one line.
std::string top_json(const TopSample& now, const TopSample* before);

}  // namespace vm::cli
