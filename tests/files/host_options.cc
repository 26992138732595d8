#include "host_options.h"

#include "backend/options.h"

namespace vm::test {

using backend::x86_64::HostFeatures;

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto end = text.find(' ');
        if (end != 0) out.emplace_back(text.substr(0, end));
        text = end == text.npos ? std::string_view() : text.substr(end + 1);
    }
    return out;
}

bool parse_features(const std::string& text, HostFeatures& f) {
    f = HostFeatures::baseline();
    for (const std::string& w : words_of(text)) {
        if (w == "baseline") continue;
        const bool all = w == "all";
        bool known = all;
        for (const auto& [name, member] : backend::x86_64::kHostFeatures)
            if (all || w == name) f.*member = known = true;
        if (!known) return false;
    }
    return true;
}

bool parse_opts(const std::string& text, u64& disabled) {
    for (const std::string& w : words_of(text)) {
        const auto o =
            w.starts_with('-') ? backend::parse_jit_opt(std::string_view(w).substr(1)) : std::nullopt;
        if (!o) return false;
        disabled |= opt_bit(*o);
    }
    return true;
}

}  // namespace vm::test
