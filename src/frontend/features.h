// Feature sets of a CPU: names, what needs what, and the switches of --cpu MODEL[,±feature…].
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bits.h"

namespace vm::frontend {

/// The features of one ISA. A set is a mask, bit n = feature n of `names`.
struct FeatureTable {
    /// `feature` cannot be without `needs`.
    struct Need {
        u32 feature, needs;
    };
    std::span<const std::string_view> names;  ///< as in the ISA table; --cpu knows them in lower case
    std::span<const Need> needs;
    u32 base;              ///< the feature that cannot be switched off
    std::string_view isa;  ///< for messages ("RISC-V")

    std::optional<u32> find(std::string_view lower_name) const;
    /// `features` with one more and what it needs; with one less and what needs it.
    u64 with(u64 features, u32 feature) const;
    u64 without(u64 features, u32 feature) const;
    /// Applies "+a,-b,…" to `*features`. False with `*error` naming the bad word.
    bool apply(std::string_view switches, u64* features, std::string* error) const;
};

std::string to_lower(std::string_view s);
/// The next part of `*text` up to `separator`, which is removed with it.
std::string_view take_until(std::string_view* text, char separator);

}  // namespace vm::frontend
