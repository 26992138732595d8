#include "frontend/features.h"

#include "base/format.h"

namespace vm::frontend {

std::string to_lower(std::string_view s) {
    std::string out(s);
    for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return out;
}

std::string_view take_until(std::string_view* text, char separator) {
    const auto n = text->find(separator);
    const std::string_view part = text->substr(0, n);
    text->remove_prefix(n == std::string_view::npos ? text->size() : n + 1);
    return part;
}

std::optional<u32> FeatureTable::find(std::string_view lower_name) const {
    for (u32 f = 0; f < names.size(); ++f)
        if (to_lower(names[f]) == lower_name) return f;
    return std::nullopt;
}

// Some features need each other: what is there (gone) already is not looked at again.
u64 FeatureTable::with(u64 features, u32 feature) const {
    const u64 old = features;
    features |= u64{1} << feature;
    if (features == old) return features;
    for (const Need& n : needs)
        if (n.feature == feature) features = with(features, n.needs);
    return features;
}

u64 FeatureTable::without(u64 features, u32 feature) const {
    const u64 old = features;
    features &= ~(u64{1} << feature);
    if (features == old) return features;
    for (const Need& n : needs)
        if (n.needs == feature) features = without(features, n.feature);
    return features;
}

bool FeatureTable::apply(std::string_view rest, u64* features, std::string* error) const {
    u64 f = *features;
    while (!rest.empty()) {
        const std::string_view word = take_until(&rest, ',');
        const bool on = word.starts_with('+');
        const auto feature = word.empty() ? std::nullopt : find(word.substr(1));
        if (!on && !word.starts_with('-')) {
            *error = fmt::format("unknown {} word (want +ext or -ext) \"{}\" in --cpu", isa, word);
        } else if (!feature) {
            *error = fmt::format("unknown {} extension \"{}\" in --cpu", isa, word.substr(1));
        } else if (*feature == base) {
            *error =
                fmt::format("unknown {} switch, the base ISA cannot be changed: \"{}\" in --cpu", isa, word);
        } else {
            f = on ? with(f, *feature) : without(f, *feature);
            continue;
        }
        return false;
    }
    *features = f;
    return true;
}

}  // namespace vm::frontend
