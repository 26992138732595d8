#include "optimizers/region_policy.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "optimizers/region_forest.h"

namespace vm::optimizers {
namespace {

/// A region that is left by an indirect jump nearly each time it is entered is no loop: the way round leads
/// through the blocks that are jumped to, and there and back it crosses pages. It pays only by what it does
/// for registers and flags.
constexpr float kJumps = 0.5f, kHomeSlots = 0.25f, kDeferred = 0.1f;

bool above_threshold(const RegionFeatures& f) {
    using F = RegionFeature;
    return f[F::Jumps] < kJumps || f[F::HomeSlots] > kHomeSlots || f[F::Deferred] > kDeferred;
}

}  // namespace

float forest_vote(const RegionFeatures& f) {
    size_t gains = 0;
    for (const u16 root : kForestRoots) {
        u16 n = root;
        while (kForest[n].feature != kForestLeaf)
            n = f.value[kForest[n].feature] <= kForest[n].limit ? kForest[n].low : kForest[n].high;
        gains += kForest[n].low;
    }
    return static_cast<float>(gains) / static_cast<float>(kForestRoots.size());
}

bool worthwhile(const RegionPolicy& policy, u64 head, const RegionFeatures& f) {
    if (std::ranges::find(policy.except, head) != policy.except.end()) return false;
    switch (policy.kind) {
        case RegionPolicy::Kind::Threshold: return above_threshold(f);
        case RegionPolicy::Kind::Forest: return forest_vote(f) >= 0.5f;
        case RegionPolicy::Kind::All: break;
    }
    return true;
}

Result<RegionPolicy> parse_region_policy(std::string_view text) {
    RegionPolicy p;
    const auto refuse = [&] {
        return fail(
            ErrorKind::InvalidArgument,
            fmt::format("--region-policy is threshold, forest, all, or not: and addresses, not '{}'", text));
    };
    if (text == "threshold") return p;
    if (text == "forest") return RegionPolicy{RegionPolicy::Kind::Forest, {}};
    p.kind = RegionPolicy::Kind::All;
    if (text == "all") return p;
    constexpr std::string_view kNot = "not:";
    if (!text.starts_with(kNot)) return refuse();
    for (std::string_view rest = text.substr(kNot.size());;) {
        const size_t comma = std::min(rest.find(','), rest.size());
        std::string_view word = rest.substr(0, comma);
        if (word.starts_with("0x")) word.remove_prefix(2);
        u64 head = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), head, 16);
        if (error != std::errc{} || end != word.data() + word.size()) return refuse();
        p.except.push_back(head);
        if (comma == rest.size()) return p;
        rest.remove_prefix(comma + 1);
    }
}

}  // namespace vm::optimizers
